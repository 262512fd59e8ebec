//! Texts with a real model: the same words whatever way they are found, forms that are kept, and
//! texts beside decisions in the mind's process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use outpost::limits;
use outpost::mind::client::{WriteEvent, WriteRequest, Written};
use outpost::mind::ggml::{Adapter, Model};
use outpost::mind::protocol::{FailureKind, Finish, Form, Prompt, Sampling, Speech};
use outpost::mind::write::{Admitted, News, WriteError, Writer, WriterOptions};

use super::adapter::{load, ours};
use super::book::Book;
use super::process::Mind;
use super::{PREFIX, THREADS, model, model_path};

const TOOL: &str = r#"{"type":"object","properties":{
    "tool":{"enum":["set_heater","set_fan","open_roof_vent"]},
    "arguments":{"type":"object","properties":{"state":{"enum":["on","off"]}},
        "required":["state"],"additionalProperties":false}},
    "required":["tool","arguments"],"additionalProperties":false}"#;

pub(super) fn writer(model: &Arc<Model>, context_tokens: u32) -> Writer {
    let options = WriterOptions {
        context_tokens,
        // As in the tests of scores: one pass and one by one agree to the last digit.
        ubatch_tokens: 60,
        threads_decode: THREADS,
        threads_prefill: THREADS,
    };
    Writer::new(model, options).expect("a writer")
}

pub(super) fn request(id: u64, prompt: &str, form: Form) -> WriteRequest {
    WriteRequest {
        id,
        prompt: Prompt::Text(prompt.to_owned()),
        form,
        sampling: Sampling::default(),
        stop: Vec::new(),
        tokens_max: 40,
        priority: 0,
        within_ms: 120_000,
        adapter: None,
    }
}

/// Writes all of them side by side, by id, without an adapter.
pub(super) fn write(
    writer: &mut Writer,
    requests: Vec<WriteRequest>,
) -> HashMap<u64, (String, Written)> {
    write_with(writer, requests.into_iter().map(|request| (request, None)).collect())
}

/// The same, each with its adapter.
fn write_with(
    writer: &mut Writer,
    requests: Vec<(WriteRequest, Option<Arc<Adapter>>)>,
) -> HashMap<u64, (String, Written)> {
    let (mut texts, mut done) = (HashMap::<u64, String>::new(), HashMap::new());
    let mut take = |news: Vec<News>| {
        for one in news {
            match one {
                News::Piece { id, text } => texts.entry(id).or_default().push_str(&text),
                News::Written(written) => {
                    let text = texts.remove(&written.id).unwrap_or_default();
                    done.insert(written.id, (text, written));
                }
                News::Failed { id, error } => panic!("{id}: {error}"),
            }
        }
    };
    for (request, adapter) in requests {
        match writer.admit(request, adapter, Instant::now()).expect("taken") {
            Admitted::Taken(news) => take(news),
            Admitted::Later(write) => panic!("no room for {}", write.id),
        }
    }
    while writer.is_busy() {
        take(writer.step());
    }
    done
}

/// The slow way: one token at a time, always the most probable.
fn one_by_one(model: &Arc<Model>, prompt: &str, count: usize) -> String {
    let mut book = Book::new(model).begun(prompt);
    let (mut text, mut count_left) = (Vec::new(), count);
    while count_left > 0 {
        let row = book.row();
        let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a)));
        let best = best.expect("a word") as i32;
        if model.is_end(best) {
            break;
        }
        text.extend(model.token_to_piece(best, false).expect("a word"));
        book.read(best);
        count_left -= 1;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// How much less probable than the most probable one the least probable word of a text is, by the
/// slow way; in natural logarithms. Nought, but where two words are as good as each other.
fn short_of_the_best(
    model: &Arc<Model>,
    adapter: Option<Arc<Adapter>>,
    prompt: &str,
    text: &str,
) -> f32 {
    let mut book = Book::new(model).put_on(adapter).begun(prompt);
    let (mut left, mut short) = (text.as_bytes(), 0.0_f32);
    let pieces: Vec<_> = (0..book.row().len() as i32)
        .map(|token| model.token_to_piece(token, false).expect("a word"))
        .collect();
    while !left.is_empty() {
        let row = book.row();
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let fits = |token: &usize| !pieces[*token].is_empty() && left.starts_with(&pieces[*token]);
        let next = (0..row.len()).filter(fits).max_by(|a, b| row[*a].total_cmp(&row[*b]));
        let next = next.expect("a byte at least");
        short = short.max(most - row[next]);
        left = &left[pieces[next].len()..];
        book.read(next as i32);
    }
    short
}

#[test]
fn guesses_and_company_change_the_time_and_never_the_text() {
    let model = model();
    let mut writer = writer(&model, 1024);
    // Repeats itself, so that guesses are made.
    let list = "heater on, fan off; heater on, fan off; heater on, fan off; heater on,";
    let prompts = [list, PREFIX, "The capital of France is"];
    let right: Vec<_> = prompts.iter().map(|prompt| one_by_one(&model, prompt, 40)).collect();
    let requests = (0..3).map(|n| request(n as u64, prompts[n], Form::Free)).collect::<Vec<_>>();
    let together = write(&mut writer, requests.clone());
    for (n, right) in right.iter().enumerate() {
        assert_eq!(&together[&(n as u64)].0, right, "{}", prompts[n]);
    }
    assert!(together[&0].1.guessed_tokens > 0, "{:?}", together[&0].1);
    for (n, request) in requests.into_iter().enumerate() {
        let again = write(&mut writer, vec![request]);
        let (text, written) = &again[&(n as u64)];
        assert_eq!(text, &right[n]);
        // All of the prompt but its last token was still there.
        assert_eq!(written.kept_tokens, written.prompt_tokens - 1);
    }
}

#[test]
fn a_beginning_that_prompts_have_in_common_is_read_once_though_they_come_together() {
    let model = model();
    let mut writer = writer(&model, 1024);
    let prompts = [format!("{PREFIX}It is hot."), format!("{PREFIX}The tank is empty.")];
    let requests = (0..2).map(|n| request(n as u64, &prompts[n], Form::Free)).collect();
    let done = write(&mut writer, requests);
    let common = model.tokenize(PREFIX, true, false).expect("tokens").len() as u32;
    let mut kept = [done[&0].1.kept_tokens, done[&1].1.kept_tokens];
    kept.sort_unstable();
    // A word at the border may be another one with what follows it.
    assert!(kept[0] == 0 && kept[1] + 2 >= common, "{kept:?} of {common}");
    for (n, prompt) in prompts.iter().enumerate() {
        assert_eq!(done[&(n as u64)].0, one_by_one(&model, prompt, 40));
    }
}

#[test]
fn a_text_keeps_its_form_and_what_the_form_forces_is_not_written_one_by_one() {
    let model = model();
    let mut writer = writer(&model, 1024);
    let prompt = format!("{PREFIX}It is too hot. Call a tool.\n");
    let lark = "start: \"level \" NUMBER\nNUMBER: /[0-9]{2}/".to_owned();
    let done = write(
        &mut writer,
        vec![
            request(1, &prompt, Form::JsonSchema(TOOL.to_owned())),
            request(2, "The date is ", Form::Regex("[0-9]{4}-[0-9]{2}-[0-9]{2}".to_owned())),
            request(3, "Set the ", Form::Lark(lark)),
        ],
    );
    let (text, written) = &done[&1];
    let call: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let tool = call["tool"].as_str().expect("a name");
    assert!(["set_heater", "set_fan", "open_roof_vent"].contains(&tool), "{text}");
    assert!(["on", "off"].contains(&call["arguments"]["state"].as_str().expect("a state")));
    assert_eq!(written.finish, Finish::Stop);
    assert!(written.forced_tokens * 3 > written.tokens * 2, "{written:?}");
    let date = &done[&2].0;
    assert!(date.len() == 10 && date.split('-').count() == 3, "{date}");
    assert!(done[&3].0.starts_with("level ") && done[&3].0.len() == 8, "{}", done[&3].0);
}

#[test]
fn texts_end_at_their_bounds_and_senseless_wishes_are_refused() {
    let model = model();
    let mut first = writer(&model, 1024);
    let stop = WriteRequest {
        stop: vec![" fan".to_owned()],
        ..request(1, "heater on, fan off; heater on, fan off; heater on,", Form::Free)
    };
    let short = WriteRequest { tokens_max: 3, ..request(2, "One, two, three,", Form::Free) };
    let done = write(&mut first, vec![stop, short]);
    assert_eq!((done[&1].0.as_str(), done[&1].1.finish), ("", Finish::Stop));
    assert_eq!((done[&2].1.tokens, done[&2].1.finish), (3, Finish::Length));

    let refuse = |request: WriteRequest, words: &str| {
        let mut fresh = writer(&model, 1024);
        let error = fresh.admit(request, None, Instant::now()).err().expect("refused");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!fresh.is_busy());
    };
    let plain = || request(9, "x", Form::Free);
    refuse(WriteRequest { tokens_max: 2000, ..plain() }, "there are 1024");
    refuse(WriteRequest { tokens_max: 0, ..plain() }, "found 0, allowed 1 to");
    refuse(WriteRequest { stop: vec![String::new()], ..plain() }, "stop string");
    let hot = Sampling { temperature: f32::NAN, ..Sampling::default() };
    refuse(WriteRequest { sampling: hot, ..plain() }, "temperature: found NaN");
    refuse(request(9, "x", Form::JsonSchema("{".to_owned())), "no JSON");
    refuse(request(9, "x", Form::Regex("(".to_owned())), "cannot be used");
    refuse(request(9, "x", Form::Lark("start: nothing".to_owned())), "cannot be used");
    refuse(request(9, "x", Form::Regex("a".repeat(70_000))), "bytes of a schema");

    let late = WriteRequest { within_ms: 1, ..request(3, PREFIX, Form::Free) };
    let long_ago = Instant::now() - std::time::Duration::from_secs(1);
    assert!(matches!(first.admit(late, None, long_ago), Ok(Admitted::Taken(_))));
    let news = first.step();
    assert!(matches!(&news[..], [News::Failed { id: 3, error: WriteError::Late }]), "{news:?}");
}

#[test]
fn words_in_a_chat_never_become_words_of_the_template() {
    let model = model();
    let mut writer = writer(&model, 1024);
    let mut chat = |text: &str| {
        let speech =
            |role: &str, text: &str| Speech { role: role.to_owned(), text: text.to_owned() };
        let prompt = Prompt::Chat(vec![speech("system", "Be short."), speech("user", text)]);
        let request = WriteRequest { prompt, tokens_max: 1, ..request(1, "", Form::Free) };
        write(&mut writer, vec![request])[&1].1.prompt_tokens
    };
    // One token where it is the template's word; seven where it is text.
    let plain = model.tokenize("<|im_end|>", false, false).expect("tokens").len() as u32;
    assert!(plain > 3);
    assert_eq!(chat("<|im_end|>") - chat("x"), plain - 1);
}

#[test]
fn texts_of_several_adapters_side_by_side_are_each_its_adapters_own() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let mut writer = writer(&model, 1024);
    let real = Some(Arc::new(Adapter::load(&model, &ours()).expect("loaded")));
    let adapters = [None, load(&model, folder.path(), 5.0), real];
    let hot = format!("{PREFIX}It is too hot. The keeper says:");
    // The same prompts for all, so that cells of another adapter would be found.
    let all = || {
        let both = [PREFIX, &hot].into_iter().flat_map(|prompt| {
            adapters.iter().map(move |adapter| (prompt.to_owned(), adapter.clone()))
        });
        let texts = (0..).zip(both).map(|(id, (prompt, adapter))| {
            (WriteRequest { tokens_max: 24, ..request(id, &prompt, Form::Free) }, adapter)
        });
        texts.collect::<Vec<_>>()
    };
    let together = write_with(&mut writer, all());
    let begin = model.tokenize(PREFIX, true, false).expect("tokens").len() as u32;
    for (id, (request, adapter)) in (0..).zip(all()) {
        let Prompt::Text(prompt) = request.prompt else { panic!("a text") };
        let (text, written) = &together[&id];
        // Rounding differs by company; what follows another way would be short by whole numbers.
        let short = short_of_the_best(&model, adapter, &prompt, text);
        assert!(short < 0.5, "text {id} is short of the best by {short}: {text:?}");
        // The beginning is read once for each adapter.
        let kept = written.kept_tokens;
        assert!(kept == 0 || kept + 2 >= begin, "{kept} of {begin}");
        assert!(id < 3 || kept + together[&(id - 3)].1.kept_tokens >= begin - 2, "{id}: {kept}");
    }
    let (bare, taught) = (&together[&0].0, &together[&2].0);
    assert!(short_of_the_best(&model, adapters[2].clone(), PREFIX, bare) > 1.0, "{bare:?}");
    assert!(short_of_the_best(&model, None, PREFIX, taught) > 1.0, "{taught:?}");
    // Each of them finds its own cells again, and only those.
    for (id, text) in (0..).zip(all()) {
        let again = write_with(&mut writer, vec![text]);
        let written = &again[&id].1;
        assert!(written.kept_tokens + 2 >= begin, "{id}: {written:?}");
    }
}

#[test]
fn a_text_with_another_adapter_does_not_wait_for_the_end_of_a_long_one() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let mut writer = writer(&model, 1024);
    let long = WriteRequest { tokens_max: 400, ..request(1, "One, two, three,", Form::Free) };
    let short = WriteRequest { tokens_max: 4, ..request(2, "The vent is", Form::Free) };
    let adapter = load(&model, folder.path(), 0.05);
    assert!(matches!(writer.admit(long, None, Instant::now()), Ok(Admitted::Taken(_))));
    let ended = |news: &[News]| news.iter().any(|one| matches!(one, News::Written(_)));
    for _ in 0..4 {
        assert!(!ended(&writer.step()));
    }
    assert!(matches!(writer.admit(short, adapter, Instant::now()), Ok(Admitted::Taken(_))));
    // What is left of the long one's turn, the prompt, and a pass a token.
    let most = limits::MIND_ADAPTER_PASSES + 1 + 4;
    let passes = (1..=most).find(|_| ended(&writer.step()));
    assert!(passes.is_some(), "not within {most} passes");
    assert!(writer.cancel(1), "the long one is still in hand");
}

#[test]
fn a_full_cache_makes_a_text_wait_and_not_fail() {
    let model = model();
    let mut writer = writer(&model, 1024);
    let long = |id| WriteRequest { tokens_max: 600, ..request(id, "One, two,", Form::Free) };
    assert!(matches!(writer.admit(long(1), None, Instant::now()), Ok(Admitted::Taken(_))));
    assert!(matches!(writer.admit(long(2), None, Instant::now()), Ok(Admitted::Later(_))));
    assert!(writer.cancel(1) && !writer.is_busy());
    assert!(matches!(writer.admit(long(2), None, Instant::now()), Ok(Admitted::Taken(_))));
}

#[tokio::test]
async fn decisions_are_answered_while_texts_are_written() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let request = |id| WriteRequest { tokens_max: 200, ..request(id, PREFIX, Form::Free) };
    let mut first = mind.handle.write(request(1)).expect("taken");
    let second = mind.handle.write(request(2)).expect("taken");
    match first.recv().await.expect("a part") {
        WriteEvent::Piece(text) => assert!(!text.is_empty()),
        other => panic!("{other:?}"),
    }
    mind.answer(7).await;
    // Nobody reads this one any more: it ends, and the first goes on.
    drop(second);
    let mut parts = 0;
    let written = loop {
        match first.recv().await.expect("a text") {
            WriteEvent::Piece(_) => parts += 1,
            WriteEvent::Written(written) => break written,
            WriteEvent::Failed(error) => panic!("{error}"),
        }
    };
    assert!(parts > 1, "{written:?}");
    let decided = mind.handle.ask(super::process::request(9, PREFIX)).await.expect("scores");
    assert_eq!(decided.p.len(), super::candidates().len());
}

#[tokio::test]
async fn more_texts_than_may_wait_are_refused_as_busy() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let request = |id| WriteRequest { tokens_max: 400, ..request(id, PREFIX, Form::Free) };
    let most = limits::MIND_WRITERS as usize + limits::MIND_WRITES_WAITING_MAX;
    let mut texts = Vec::new();
    let mut busy = 0;
    for id in 0..most as u64 + 8 {
        match mind.handle.write(request(id)) {
            Ok(text) => texts.push(text),
            Err(error) => {
                assert_eq!(error.kind, FailureKind::Busy);
                busy += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    // Those that were refused by the mind itself say so at once.
    for text in &mut texts {
        if let Ok(WriteEvent::Failed(error)) = text.try_recv() {
            assert_eq!(error.kind, FailureKind::Busy);
            busy += 1;
        }
    }
    assert!(busy >= 8, "{busy}");
}

/// A whole text of the mind's process, or why there is none.
async fn written(mind: &Mind, adapter: Option<String>) -> Result<String, String> {
    let request = WriteRequest { tokens_max: 12, adapter, ..request(1, PREFIX, Form::Free) };
    let (mut parts, mut text) = (mind.handle.write(request).expect("taken"), String::new());
    loop {
        match parts.recv().await.expect("a text") {
            WriteEvent::Piece(piece) => text.push_str(&piece),
            WriteEvent::Written(_) => return Ok(text),
            WriteEvent::Failed(error) => return Err(error.reason),
        }
    }
}

#[tokio::test]
async fn the_minds_process_writes_with_the_adapter_that_a_text_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let text = |path: std::path::PathBuf| Some(path.to_str().expect("text").to_owned());
    super::adapter::write(&path("made.gguf"), "llama", 5.0);
    super::adapter::write(&path("foreign.gguf"), "qwen2", 0.3);
    let mut mind = Mind::start_as(&model_path(), None, 100, Some(ours()));
    mind.ready().await;
    let process = mind.handle.process_id();
    let decided = mind.handle.ask(super::process::request(1, PREFIX)).await.expect("scores");
    let (usual, none) = (written(&mind, None), written(&mind, Some(String::new())));
    let made = written(&mind, text(path("made.gguf")));
    let (usual, none, made) = tokio::join!(usual, none, made);
    let (usual, none) = (usual.expect("a text"), none.expect("a text"));
    assert!(usual != none && made.is_ok(), "{usual:?} {none:?} {made:?}");
    assert_eq!(written(&mind, text(ours())).await.as_deref(), Ok(usual.as_str()));
    let refused = written(&mind, text(path("foreign.gguf"))).await.expect_err("foreign");
    assert!(refused.contains("\"qwen2\""), "{refused}");
    super::adapter::write_invoked(&path("activated.gguf"), "llama", 0.3, &[10, 11]);
    let refused = written(&mind, text(path("activated.gguf"))).await.expect_err("activated");
    assert!(refused.contains("aLoRA"), "{refused}");
    // The decisions' adapter is the one it was, and so is what is remembered of it.
    let again = mind.handle.ask(super::process::request(2, PREFIX)).await.expect("scores");
    assert!(again.remembered && again.p == decided.p);
    assert_eq!(mind.handle.process_id(), process, "all of it in one process");
}
