//! The model in the cloud: asked about what was decided already, and what its answer may do.

use std::time::Duration;

use url::Url;

use super::tests::*;
use super::*;
use crate::config::{Config, Escalate};
use crate::domain::*;

fn cloud() -> Escalate {
    Escalate {
        url: Url::parse("https://far.example/v1").expect("a url"),
        model: "large".into(),
        key_file: None,
        ca_file: None,
        timeout: Duration::from_secs(30),
        withhold_notes: false,
        withhold_names: false,
        calls_per_day: 50,
        money_per_day: Some(1.0),
        price_read: 100.0,
        price_written: 1000.0,
        answer_tokens: 16,
    }
}

fn place(change: impl Fn(&mut Escalate)) -> Config {
    let mut escalate = cloud();
    change(&mut escalate);
    Config { escalate: Some(escalate), ..room() }
}

/// A mind that is sure of nothing, asked for the first time.
fn unsure(bench: &mut Bench) -> Vec<Effect> {
    bench.on(ready());
    let asked = question(&bench.steady(27.0, 20));
    nothing_sure(bench, &asked)
}

fn nothing_sure(bench: &mut Bench, asked: &Question) -> Vec<Effect> {
    let p = vec![1.0 / asked.candidates.len() as f64; asked.candidates.len()];
    bench.on(Event::Mind(MindNews::Scores { id: asked.id, p, tokens: 60, ms: 5.0 }))
}

fn out(effects: &[Effect]) -> Option<CloudQuestion> {
    effects.iter().find_map(|effect| match effect {
        Effect::Escalate(question) => Some(question.clone()),
        _ => None,
    })
}

fn notes(effects: &[Effect]) -> Vec<Escalated> {
    let notes = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry: Entry::Escalated(one), .. } => Some((**one).clone()),
        _ => None,
    });
    notes.collect()
}

fn answer(id: u64, option: Option<usize>) -> Event {
    let answer = CloudAnswer { option, tokens: Some((200, 1)) };
    Event::CloudAnswered { id, result: Ok(answer), ms: 700.0 }
}

fn failure(id: u64, cost: bool, wait: Option<Duration>) -> Event {
    let failure = CloudFailure { text: "HTTP 429".into(), cost, late: false, wait };
    Event::CloudAnswered { id, result: Err(failure), ms: 20.0 }
}

#[test]
fn what_nobody_is_sure_of_is_done_and_asked_about_and_the_answer_changes_it() {
    let mut bench = Bench::new(place(|_| {})).up();
    let effects = unsure(&mut bench);
    assert_eq!(sends(&effects), [(0, "ON".into())], "the planner's choice does not wait");
    let asked = out(&effects).expect("a question");
    let place_of = |found: fn(&Effect) -> bool| effects.iter().position(found);
    let send = place_of(|one| matches!(one, Effect::Send { .. }));
    assert!(send < place_of(|one| matches!(one, Effect::Escalate(_))), "{effects:?}");
    let begun = &notes(&effects)[0];
    assert_eq!((begun.state.as_str(), begun.why.as_str(), begun.calls), ("asked", "unsure", 1));
    assert!(begun.cost > 0.0 && begun.cost == begun.spent, "{begun:?}");
    let stored = Effect::Record { seq: asked.after, entry: Entry::Escalated(begun.clone().into()) };
    assert!(effects.contains(&stored), "what it may cost is stored first");
    for part in
        ["- temperature 27.0 °C high", "- Prefer the chiller.", "A: fan on", "B: chiller on"]
    {
        assert!(asked.text.contains(part), "{part} in {}", asked.text);
    }
    assert!(!asked.text.contains("heater on") && asked.options == 3, "{}", asked.text);
    assert!(asked.text.contains("C: call the keeper; foreseen: "), "{}", asked.text);
    let effects = bench.on(answer(asked.id, Some(1)));
    assert_eq!(sends(&effects), [(1, "ON".into()), (0, "OFF".into())]);
    let decision = &decisions(&effects)[0];
    assert_eq!((decision.by, decision.guard.as_str()), (Decider::Cloud, "passed"));
    assert_eq!(decision.candidates[decision.chosen].text, "chiller on");
    let voice = decision.model.as_ref().expect("the cloud's part");
    assert_eq!((voice.id.as_str(), voice.prompt_tokens), ("large", 200));
    assert_eq!(voice.cost, Some(0.021), "200 tokens at 100 and one at 1000, a million");
    let end = notes(&effects).pop().expect("an end");
    assert_eq!((end.state.as_str(), &end.text), ("changed", &decision.id));
    assert!((end.spent - 0.021).abs() < 1e-9 && end.calls == 1, "{end:?}");
    assert_eq!(bench.agent.counters().by_cloud, 1);
    assert!(notes(&bench.on(answer(asked.id, Some(0)))).is_empty(), "an answer counts once");
}

#[test]
fn an_answer_that_agrees_says_nothing_or_comes_too_late_changes_nothing() {
    type Case = (&'static str, fn(&mut Bench, u64) -> Vec<Effect>);
    let cases: [Case; 5] = [
        ("agreed", |bench, id| bench.on(answer(id, Some(0)))),
        ("unreadable", |bench, id| bench.on(answer(id, None))),
        ("unreadable", |bench, id| bench.on(answer(id, Some(3)))),
        ("moved on", |bench, id| {
            bench.steady(22.0, 30);
            bench.on(answer(id, Some(1)))
        }),
        ("late", |bench, id| {
            bench.pass(33);
            let mut effects = bench.on(Event::Wake);
            effects.extend(bench.on(answer(id, Some(1))));
            effects
        }),
    ];
    for (state, answered) in cases {
        let mut bench = Bench::new(place(|_| {})).up();
        let asked = out(&unsure(&mut bench)).expect("a question");
        let effects = answered(&mut bench, asked.id);
        assert!(!sends(&effects).contains(&(1, "ON".into())), "{state}: {effects:?}");
        assert!(decisions(&effects).iter().all(|one| one.by != Decider::Cloud), "{state}");
        let ends: Vec<_> = notes(&effects).into_iter().map(|one| one.state).collect();
        assert_eq!(ends, [state]);
    }
}

#[test]
fn what_an_operator_changed_meanwhile_is_left_to_the_operator() {
    let mut bench = Bench::new(place(|_| {})).up();
    let asked = out(&unsure(&mut bench)).expect("a question");
    bench.on(set("a", 2, false));
    let effects = bench.on(answer(asked.id, Some(1)));
    assert_eq!((sends(&effects), notes(&effects)[0].state.as_str()), (vec![], "moved on"));
}

#[test]
fn the_guard_has_the_last_word_on_the_cloud_too() {
    let mut bench = Bench::new(place(|_| {})).up();
    let asked = out(&unsure(&mut bench)).expect("a question");
    // Somebody switched the heater on by hand: beside it the chiller is forbidden.
    bench.on(Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::On), retained: false });
    let effects = bench.on(answer(asked.id, Some(1)));
    assert!(!sends(&effects).contains(&(1, "ON".into())), "{effects:?}");
    assert_eq!(decisions(&effects)[0].guard, "interlock both");
    assert_eq!(notes(&effects)[0].state, "refused");
}

#[test]
fn a_budget_of_calls_holds_for_the_day_and_over_a_restart() {
    let one_call = || place(|escalate| escalate.calls_per_day = 1);
    let mut bench = Bench::new(one_call()).up();
    let begun = notes(&unsure(&mut bench)).remove(0);
    // The power went before the answer came: what it may have cost stays spent.
    let next_seq = 1000;
    let left = Resumed { next_seq, escalated: Some(begun.clone()), ..Resumed::default() };
    let mut bench = Bench::resumed(one_call(), left).up();
    let effects = unsure(&mut bench);
    assert_eq!((out(&effects), sends(&effects)), (None, vec![(0, "ON".into())]));
    let said = |effects: &[Effect]| {
        let events = effects.iter().filter(|effect| {
            matches!(effect, Effect::Record { entry: Entry::Event { kind, .. }, .. }
                if kind == "escalate")
        });
        events.count()
    };
    assert_eq!(said(&effects), 1);
    assert_eq!(bench.agent.counters().escalations.held, 1);
    // The next day is another one.
    let left = Resumed { next_seq, escalated: Some(begun), ..Resumed::default() };
    let mut bench = Bench::resumed(one_call(), left).up();
    bench.now.unix_ms += 24 * 3600 * 1000;
    let effects = unsure(&mut bench);
    assert!(out(&effects).is_some() && said(&effects) == 0);
    assert_eq!(notes(&effects)[0].calls, 1);
}

#[test]
fn a_budget_of_money_counts_the_most_that_a_question_can_cost() {
    let mut bench = Bench::new(place(|escalate| escalate.money_per_day = Some(0.05))).up();
    assert_eq!(out(&unsure(&mut bench)), None, "some 700 bytes at 100 a million");
    let mut bench = Bench::new(place(|escalate| escalate.money_per_day = Some(0.2))).up();
    assert!(out(&unsure(&mut bench)).is_some());
}

#[test]
fn a_server_that_says_no_is_left_alone_for_as_long_as_it_asks_and_costs_nothing() {
    let mut bench = Bench::new(place(|_| {})).up();
    let asked = out(&unsure(&mut bench)).expect("a question");
    let effects = bench.on(failure(asked.id, false, Some(Duration::from_secs(600))));
    let end = &notes(&effects)[0];
    assert_eq!((end.state.as_str(), end.calls, end.spent), ("failed", 0, 0.0));
    // The same doubt again and again, and the mind unsure each time.
    let begun = bench.now.tick;
    let asked_again = (0..720).find_map(|n| {
        // Both are believed to do the same, whatever came of them.
        for id in [ActuatorId(0), ActuatorId(1)] {
            bench.agent.world.sensors[0].filter_mut().expect("a number").believe_again(id, None);
        }
        let mut effects = bench.steady(if n / 30 % 2 == 0 { 22.0 } else { 28.0 }, 10);
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::Ask(question) => Some(question.clone()),
            _ => None,
        });
        effects.extend(asked.into_iter().flat_map(|asked| nothing_sure(&mut bench, &asked)));
        out(&effects)
    });
    let waited = bench.now.tick.since(begun).as_secs();
    assert!(asked_again.is_some() && waited >= 600, "after {waited} s");
    assert!(bench.agent.counters().escalations.held > 0);
}

#[test]
fn what_is_withheld_does_not_go_out() {
    let mut config = place(|escalate| escalate.withhold_notes = true);
    let mut bench = Bench::new(config.clone()).up();
    let text = out(&unsure(&mut bench)).expect("a question").text;
    assert!(!text.contains("Prefer") && text.contains("fan on"), "{text}");
    config = place(|escalate| escalate.withhold_names = true);
    let mut bench = Bench::new(config).up();
    let text = out(&unsure(&mut bench)).expect("a question").text;
    for name in ["temperature", "smoke", "fan", "chiller", "room", "climate"] {
        assert!(!text.contains(name), "{name} in {text}");
    }
    for part in ["sensor 1 27.0 °C high", "A: device 1 on", "Prefer the device 2."] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_person_is_always_among_the_candidates_and_first_where_nothing_else_mends() {
    let mut config = place(|_| {});
    // More than the list has places for.
    let kind = crate::config::ActuatorKind::Level { min: 0.0, max: 8.0, step: 1.0 };
    config.actuators[0].kind = kind;
    config.actuators[0].safe = Setting::Level(0.0);
    let mut bench = Bench::new(config).up();
    bench.on(Event::Echo {
        actuator: ActuatorId(0),
        setting: Ok(Setting::Level(0.0)),
        retained: false,
    });
    let made = decisions(&bench.steady(27.0, 60));
    let texts: Vec<_> = made[0].candidates.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts.len(), crate::limits::CANDIDATES_MAX, "{texts:?}");
    assert_eq!(texts.iter().filter(|one| **one == NOTHING).count(), 1, "{texts:?}");
    assert_eq!(texts.iter().filter(|one| **one == CALL).count(), 1, "{texts:?}");
    assert!(!made[0].candidates[made[0].chosen].calls(), "{texts:?}");
    // Eight levels of one device leave room for the other.
    assert!(texts.contains(&"chiller on"), "{texts:?}");
    let order = made[0].candidates.iter().map(|one| one.utility);
    assert!(order.is_sorted_by(|a, b| a >= b), "{made:?}");

    // What is left would only make it warmer, and what nobody far away could change is not asked.
    for (left, asks) in [(true, true), (false, false)] {
        let mut config = place(|_| {});
        config.actuators.drain(..2);
        config.rules.clear();
        config.interlocks.clear();
        if !left {
            config.actuators[0].effects.clear();
        }
        let mut bench = Bench::new(config).up();
        let effects = bench.steady(30.0, 20);
        let made = decisions(&effects);
        let chosen = &made[0].candidates[made[0].chosen];
        assert!(chosen.calls() && made[0].by == Decider::Planner, "{made:?}");
        assert_eq!(made[0].candidates[1].text, NOTHING);
        let asked = out(&effects);
        assert_eq!(asked.is_some(), asks, "{effects:?}");
        assert!(made.len() == 1 && sends(&effects).is_empty(), "{made:?}");
        // The call went out: neither to call nor to do nothing changes anything.
        if let Some(asked) = asked {
            let effects = bench.on(answer(asked.id, Some(1)));
            assert_eq!(notes(&effects)[0].state, "agreed", "{effects:?}");
            assert_eq!(decisions(&effects), []);
        }
        assert_eq!(decisions(&bench.steady(30.0, 300)), [], "once an hour");
    }
}

#[test]
fn without_a_cloud_it_is_counted_and_nothing_else() {
    let mut bench = Bench::new(room()).up();
    let effects = unsure(&mut bench);
    assert_eq!((out(&effects), notes(&effects).len()), (None, 0));
    let counted = Escalations { wanted: 1, ..Escalations::default() };
    assert_eq!(bench.agent.counters().escalations, counted);
}

#[test]
fn what_waits_for_a_person_is_not_asked_about() {
    let mut config = place(|_| {});
    config.mode = crate::config::Mode::Advise;
    let mut bench = Bench::new(config).up();
    assert_eq!(out(&unsure(&mut bench)), None);
}
