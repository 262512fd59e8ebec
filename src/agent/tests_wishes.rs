//! Tests of what operators wish and think: preferences, which forbid candidates to everybody who
//! plans, and ratings.

use super::tests::{Bench, reading, ready, room, sends, states};
use super::*;
use crate::config::{Config, Preference};
use crate::domain::{ActuatorId, CommandState, Decider, Decision, Entry, Setting};
use crate::expr::{Names, compile};

const FAN: ActuatorId = ActuatorId(0);
const CHILLER: ActuatorId = ActuatorId(1);

fn with(prefer: Option<ActuatorId>, over: ActuatorId, when: Option<&str>) -> Config {
    let mut config = room();
    let names = Names::of(&config.sensors, &config.actuators);
    let when = when.map(|when| compile(when, &names).expect("a good expression"));
    config.preferences = vec![Preference { prefer, over, when, of_note: None }];
    config
}

fn decisions(effects: &[Effect]) -> Vec<Decision> {
    let decisions = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::Decision { decision, .. }, .. } => {
            Some((**decision).clone())
        }
        _ => None,
    });
    decisions.filter(|one: &Decision| one.by == Decider::Planner).collect()
}

fn raises(decision: &Decision, name: &str) -> bool {
    decision.candidates.iter().any(|one| one.set == [(name.to_owned(), Setting::On)])
}

#[test]
fn the_preferred_one_goes_first_and_the_other_when_it_gives_all_it_has() {
    let mut bench = Bench::new(with(Some(CHILLER), FAN, None)).up();
    let effects = bench.steady(27.0, 60);
    assert_eq!(sends(&effects).first(), Some(&(1, "ON".into())));
    let first = &decisions(&effects)[0];
    assert!(!raises(first, "fan") && raises(first, "chiller"), "{first:?}");
    assert!(first.notes.contains(&"preference: chiller over fan".into()), "{:?}", first.notes);
    // It runs, and the room stays hot: now the other one is free.
    let mut sent = sends(&effects);
    sent.extend(sends(&bench.steady(28.0, 900)));
    assert!(sent.contains(&(0, "ON".into())), "{sent:?}");
}

#[test]
fn of_two_that_want_the_opposite_the_later_one_counts_and_three_in_a_row_wait_for_each_other() {
    const HEATER: ActuatorId = ActuatorId(2);
    let order = |prefer, over| Preference { prefer: Some(prefer), over, when: None, of_note: None };
    let ban = Preference { prefer: None, over: CHILLER, when: None, of_note: None };
    for (preferences, wanted) in [
        (vec![order(FAN, CHILLER), order(CHILLER, FAN)], 1),
        (vec![order(CHILLER, FAN), order(FAN, CHILLER)], 0),
        // What is avoided may not move, whatever stands before it: then the second is free.
        (vec![order(CHILLER, FAN), ban.clone()], 0),
        (vec![ban, order(CHILLER, FAN)], 0),
        (vec![order(HEATER, CHILLER), order(CHILLER, FAN)], 2),
        (vec![order(CHILLER, FAN), order(HEATER, CHILLER)], 2),
        // In a ring the later ones count, and one device is left.
        (vec![order(CHILLER, FAN), order(FAN, HEATER), order(HEATER, CHILLER)], 0),
        (vec![order(HEATER, CHILLER), order(CHILLER, FAN), order(FAN, HEATER)], 1),
    ] {
        let mut config = Config { preferences, ..room() };
        if config.preferences.iter().any(|one| one.prefer == Some(HEATER)) {
            // A third cooler.
            config.actuators[2].effects = config.actuators[0].effects.clone();
            config.interlocks.clear();
        }
        let mut bench = Bench::new(config).up();
        let first = sends(&bench.steady(27.0, 60)).first().cloned();
        assert_eq!(first, Some((wanted, "ON".into())), "{:?}", bench.agent.config().preferences);
    }
}

#[test]
fn while_the_preferred_one_is_on_its_way_the_other_waits() {
    let mut bench = Bench::new(with(Some(CHILLER), FAN, None)).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let mut sent = Vec::new();
    for _ in 0..5 {
        bench.pass(3);
        sent.extend(sends(&bench.on(reading(1, 0.0))));
        sent.extend(sends(&bench.on(reading(0, 28.0))));
    }
    // Sent once more for lack of an answer; nothing else is.
    let ours = |(id, payload): &(u16, String)| *id == 1 && payload == "ON";
    assert!(!sent.is_empty() && sent.iter().all(ours), "{sent:?}");
}

#[test]
fn what_is_avoided_is_never_raised_and_what_runs_goes_to_safe() {
    // The bench begins at 08:00 UTC.
    let mut bench = Bench::new(with(None, FAN, Some("hour >= 9"))).up();
    let sent = sends(&bench.steady(27.0, 600));
    assert!(sent.contains(&(0, "ON".into())), "before nine it is free: {sent:?}");
    let effects = bench.steady(27.0, 3000);
    assert!(sends(&effects).contains(&(0, "OFF".into())), "at nine it ends");
    let effects = bench.steady(28.0, 1800);
    assert!(decisions(&effects).iter().all(|one| !raises(one, "fan")));
    assert!(!sends(&effects).contains(&(0, "ON".into())));
}

#[test]
fn the_mind_is_asked_what_to_begin_and_not_what_to_end() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    for id in [FAN, CHILLER] {
        bench.on(Event::Echo { actuator: id, setting: Ok(Setting::On), retained: false });
    }
    bench.on(ready());
    let asks = |effects: &[Effect]| effects.iter().any(|one| matches!(one, Effect::Ask(_)));
    let effects = bench.steady(20.0, 600);
    let sent = sends(&effects);
    assert!(sent.contains(&(0, "OFF".into())) && sent.contains(&(1, "OFF".into())), "{sent:?}");
    assert!(!asks(&effects), "a note for the chiller is none for ending it");
    assert!(asks(&bench.steady(27.0, 60)));
}

#[test]
fn a_condition_that_is_unknown_does_not_hold() {
    let mut bench = Bench::new(with(None, FAN, Some("smoke > 0.1"))).up();
    let mut sent = Vec::new();
    for _ in 0..20 {
        bench.pass(10);
        sent.extend(sends(&bench.on(reading(0, 28.0))));
    }
    assert!(sent.contains(&(0, "ON".into())), "{sent:?}");
}

fn rate(id: &str, decision: &str, good: bool) -> Event {
    let inbox = Inbox::new(std::sync::Arc::new(room()));
    let payload = format!(r#"{{"decision":"{decision}","good":{good}}}"#);
    inbox.command("rate", id, payload.as_bytes(), false).expect("a command")
}

#[test]
fn a_rating_is_written_down_once_and_one_of_no_decision_is_refused() {
    let mut bench = Bench::new(room()).up();
    let made = decisions(&bench.steady(27.0, 60))[0].id.clone();
    let ratings = |effects: &[Effect]| -> Vec<String> {
        let said = effects.iter().filter_map(|effect| match effect {
            Effect::Record { entry: Entry::Event { kind, text, .. }, .. } if kind == "rating" => {
                Some(text.clone())
            }
            _ => None,
        });
        said.collect()
    };
    let effects = bench.on(rate("a", &made, false));
    assert_eq!(states(&effects, "a").last(), Some(&CommandState::Succeeded));
    assert_eq!(ratings(&effects), [format!("{made} bad")]);
    assert!(ratings(&bench.on(rate("a", &made, false))).is_empty(), "an id is carried out once");
    // Of an earlier start nobody knows here.
    let effects = bench.on(rate("b", "0badcafe-7", true));
    assert_eq!(states(&effects, "b").last(), Some(&CommandState::Succeeded));
    for (id, decision) in
        [("c", "00000007-999"), ("d", "7"), ("e", "0badcafe-x"), ("f", "0badcafe-0")]
    {
        let effects = bench.on(rate(id, decision, true));
        assert_eq!(states(&effects, id), [CommandState::Rejected], "{decision}");
        assert!(ratings(&effects).is_empty());
    }
}
