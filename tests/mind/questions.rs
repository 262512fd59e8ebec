//! Typed questions with the real model: several in one pass answer as each of them alone.

use outpost::limits;
use outpost::mind::client::{DecideRequest, MindEvent};
use outpost::mind::protocol::Answer;
use outpost::mind::questions::{Kind, Typed};
use outpost::mind::score::{Normalisation, Question};

use super::process::{Mind, request};
use super::{PREFIX, candidates, model, model_path, near, scorer, scorer_of, texts};

const STATE: &str = "Now: air temperature 29.1 °C high, rising; it is night.\n";

/// One of each kind, and one that begins with the very words of another.
fn asked() -> Vec<(Kind, Question)> {
    let kinds = [
        (Kind::Choose(candidates()), "Do:"),
        (Kind::YesNo, "Is the air too hot, yes or no:"),
        (Kind::Score(0, 10), "How urgent is it, from 0 to 10:"),
        (Kind::Rank(texts(&["open valve one", "open valve two", "open window"])), "Do:"),
        (Kind::YesNo, "Is the air too hot, yes or no: no. Is it too cold, yes or no:"),
    ];
    let question = |kind: &Kind, text| kind.question(text).expect("a question");
    kinds.into_iter().map(|(kind, text)| (kind.clone(), question(&kind, text))).collect()
}

#[test]
fn questions_in_one_pass_are_answered_as_each_of_them_alone() {
    let model = model();
    let questions: Vec<Question> = asked().into_iter().map(|(_, question)| question).collect();
    let mut shared = model.tokenize(PREFIX, true, false).expect("tokens");
    shared.extend(model.tokenize(STATE.trim_end(), false, false).expect("tokens"));
    let shared = shared.len() as u32;
    for normalisation in [Normalisation::Parting, Normalisation::Sum, Normalisation::MeanToken] {
        let mut scorer = scorer_of(&model, 512, normalisation);
        let together = scorer.ask(PREFIX, STATE, &questions).expect("scores");
        assert_eq!(together.len(), questions.len());
        let mut alone_read = 0;
        for (question, together) in questions.iter().zip(&together) {
            // By the other way of asking, with the question as a part of the state.
            let mut fresh = scorer_of(&model, 512, normalisation);
            let state = format!("{}\n{}", STATE.trim_end(), question.text);
            let alone = fresh.score(PREFIX, &state, &question.candidates).expect("scores");
            near(&alone.p, &together.p);
            assert!((alone.mass - together.mass).abs() < 0.02, "{}", question.text);
            alone_read += alone.tokens_read;
        }
        // What is before the questions is read once, not five times. Alone, a token may join the
        // state's end and the question's beginning.
        let (read, others) = (together[0].tokens_read, questions.len() as u32 - 1);
        let saved = alone_read - read + others;
        assert!(saved >= others * shared, "{read} together, {alone_read} alone, {shared} shared");
    }
}

#[test]
fn many_questions_are_read_in_rounds_and_answered_alike() {
    let mut scorer = scorer(&model(), 512);
    let number = limits::MIND_QUESTIONS_MAX;
    let questions: Vec<Question> = (0..number)
        .map(|n| Kind::Score(0, 10).question(&format!("Valve {n}, from 0 to 10:")).expect("one"))
        .collect();
    let together = scorer.ask(PREFIX, STATE, &questions).expect("scores");
    for n in [0, number / 2, number - 1] {
        let alone = scorer.ask(PREFIX, STATE, &questions[n..=n]).expect("scores");
        near(&alone[0].p, &together[n].p);
    }
    // What is in the cache after several sequences is whole: the next one reads the state's last
    // token, the question, and what lies before the partings of its numbers (` ` and `1`).
    let again = scorer.ask(PREFIX, STATE, &questions[..1]).expect("scores");
    near(&again[0].p, &together[0].p);
    let text = format!("\n{}", questions[0].text);
    let stem = scorer.model().tokenize(&text, false, false).expect("tokens").len() as u32;
    assert!(again[0].tokens_read <= 1 + stem + 2, "{} of {stem}", again[0].tokens_read);
}

#[test]
fn what_cannot_be_asked_is_refused_by_its_number() {
    let mut scorer = scorer(&model(), 512);
    let question =
        |text: &str, list: &[&str]| Question { text: text.into(), candidates: texts(list) };
    let refused = |scorer: &mut super::Scorer, questions: &[Question]| {
        scorer.ask(PREFIX, STATE, questions).expect_err("refused").to_string()
    };
    let good = question("Do:", &["a", "b"]);
    let two = [good.clone(), question(" ", &["a"])];
    assert_eq!(refused(&mut scorer, &two), "question 1: the text is empty");
    let two = [good.clone(), question("Do:", &["a", ""])];
    assert_eq!(refused(&mut scorer, &two), "question 1: candidate 1 is empty");
    let long = question(&"the fan is loud ".repeat(200), &["a", "b"]);
    assert_eq!(refused(&mut scorer, &[long]), "question 0: the text is too long");
    let none = question("Do:", &[]);
    assert_eq!(refused(&mut scorer, &[none]), "0 candidates, allowed are 1 to 256");
    assert_eq!(refused(&mut scorer, &[]), "0 questions, allowed are 1 to 16");
    let many = vec![good.clone(); 17];
    assert_eq!(refused(&mut scorer, &many), "17 questions, allowed are 1 to 16");
    scorer.ask(PREFIX, STATE, &[good]).expect("it goes on");
}

#[tokio::test]
async fn the_minds_process_answers_typed_questions_and_remembers_each() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let asked = asked();
    let of = |id, range: std::ops::Range<usize>| DecideRequest {
        adapter: None,
        state: STATE.to_owned(),
        candidates: Vec::new(),
        questions: asked[range].iter().map(|(_, question)| question.clone()).collect(),
        ..request(id, PREFIX)
    };
    let mut told: Vec<(u32, bool, Vec<Answer>)> = Vec::new();
    for (id, range) in [(1, 0..2), (2, 0..4), (3, 0..4)] {
        mind.handle.decide(of(id, range)).expect("taken");
        match mind.event().await {
            MindEvent::Answer(decided) => {
                assert!(decided.id == id && decided.p.is_empty());
                told.push((decided.tokens_read, decided.remembered, decided.answers));
            }
            other => panic!("no answer: {other:?}"),
        }
    }
    let [(first_read, false, first), (more_read, false, more), (0, true, same)] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(more_read < first_read, "{more_read} and {first_read}: the state is in the cache");
    assert_eq!((first.as_slice(), more), (&more[..2], same), "what was known stays");
    let typed: Vec<_> =
        asked.iter().zip(more).map(|((kind, _), answer)| kind.typed(answer)).collect();
    let [chosen, said, scored, ranked] = &typed[..] else { panic!("{typed:?}") };
    assert!(matches!(chosen, Some(Typed::Chosen { chosen: 0..5, .. })), "{chosen:?}");
    assert!(matches!(said, Some(Typed::Said { .. })), "{said:?}");
    let Some(Typed::Scored { best: 0..=10, mean }) = scored else { panic!("{scored:?}") };
    assert!((0.0..=10.0).contains(mean), "{mean}");
    let Some(Typed::Ranked(order)) = ranked else { panic!("{ranked:?}") };
    let mut places = order.clone();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2]);
    assert!(order.windows(2).all(|pair| more[3].p[pair[0]] >= more[3].p[pair[1]]), "{order:?}");
}

#[test]
fn decide_answers_lines_of_questions_and_judges_each_that_has_its_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cases, wrong) = (folder.path().join("cases.jsonl"), folder.path().join("wrong.jsonl"));
    let question = |kind: &str, rest: &str| {
        format!(r#"{{"id":"{kind}","kind":"{kind}","text":"Do, or how it is:",{rest}}}"#)
    };
    let questions = [
        question("choose", r#""candidates":["fan on","heater on"],"want":0"#),
        question("rank", r#""candidates":["vent","fan","pump"],"want":2"#),
        question("yes_no", r#""want":true"#),
        question("score", r#""scale":[0,10]"#),
    ];
    let line = |id: u8, questions: &[String]| {
        let questions = questions.join(",");
        let (prefix, state) = (serde_json::json!(PREFIX), serde_json::json!(STATE));
        format!(r#"{{"id":{id},"prefix":{prefix},"state":{state},"questions":[{questions}]}}"#)
    };
    let lines = [line(1, &questions), line(2, &questions[1..3]), line(3, &questions[..1])];
    std::fs::write(&cases, lines.join("\n")).expect("written");
    let wanted = question("yes_no", r#""want":"yes""#);
    std::fs::write(&wrong, line(1, &[wanted])).expect("written");
    let run = |cases: &std::path::Path| {
        std::process::Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(["decide", "--no-prefix-cache", "--threads", "1", "--model"])
            .arg(model_path())
            .arg("--cases")
            .arg(cases)
            .output()
            .expect("it runs")
    };
    let output = run(&cases);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let told: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [first, second, third, summary] = &told[..] else { panic!("{text}") };
    let [choose, rank, yes_no, score] = &first["answers"].as_array().expect("answers")[..] else {
        panic!("{first}")
    };
    assert!(choose["chosen"].as_u64() < Some(2) && rank["order"][2].as_u64() < Some(3), "{first}");
    assert!(yes_no["yes"].is_boolean() && score["mean"].as_f64() <= Some(10.0), "{first}");
    assert!(first["mass"].is_number() && first["ms"].is_number() && first["id"] == 1, "{first}");
    // What was answered before is remembered, each question by itself.
    assert_eq!(second["answers"], serde_json::json!([rank, yes_no]));
    assert!(second["remembered"] == true && third["remembered"] == true, "{text}");
    assert_eq!((&summary["cases"], &summary["tokens_written"]), (&3.into(), &0.into()));
    let kinds = summary["accuracy_by_kind"].as_object().expect("judged").keys();
    assert_eq!(kinds.collect::<Vec<_>>(), ["choose", "rank", "yes_no"]);

    let refused = run(&wrong);
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && reason.contains("question 0: want: found"), "{reason}");
}
