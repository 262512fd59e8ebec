//! Tests of rules and notes that operators change at run time.

use std::sync::Arc;

use super::tests::{Bench, room, sends};
use super::*;
use crate::domain::{CommandState, Entry};

fn send(bench: &mut Bench, kind: &str, id: &str, payload: &str) -> (Vec<Effect>, String) {
    let inbox = Inbox::new(Arc::new(room()));
    let event = inbox.command(kind, id, payload.as_bytes(), false).expect("a command");
    let effects = bench.on(event);
    let mut ends = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::CommandState { id: of, state, reason, .. }, .. }
            if of == id =>
        {
            state.filter(|state| state.is_terminal()).map(|state| (state, reason.clone()))
        }
        _ => None,
    });
    let (state, reason) = ends.next_back().expect("it ends at once");
    let reason = if state == CommandState::Succeeded { String::new() } else { reason };
    (effects, reason)
}

/// The changes that a journal would give the next start.
fn kept(bench: &Bench) -> Vec<Kept> {
    let mut last = std::collections::BTreeMap::new();
    for (at, effect) in bench.effects.iter().enumerate() {
        if let Effect::Record { entry: Entry::Goal { name, put }, .. } = effect {
            last.insert(name.clone(), (at, put.clone()));
        }
    }
    let mut last: Vec<_> = last.into_iter().collect();
    last.sort_by_key(|(_, (at, _))| *at);
    let read = |(name, (_, put)): (String, (usize, Option<String>))| {
        Kept::read(&name, put.as_deref(), &room()).expect("an edit").expect("in order")
    };
    last.into_iter().map(read).collect()
}

const HOT: &str = r#"{"put":{"name":"hot","when":"temperature > 24","set":{"fan":"on"}}}"#;

#[test]
fn a_rule_that_is_put_acts_and_one_taken_away_does_not() {
    let mut bench = Bench::new(room()).up();
    bench.steady(23.0, 60);
    assert_eq!(send(&mut bench, "rule", "a", HOT).1, "");
    assert!(sends(&bench.steady(25.0, 20)).contains(&(0, "ON".into())));
    let (effects, _) = send(&mut bench, "rule", "b", r#"{"remove":"hot"}"#);
    assert!(effects.iter().any(|effect| matches!(effect,
        Effect::Record { entry: Entry::Event { kind, .. }, .. } if kind == "rule")));
    assert_eq!(bench.agent.config().rules, room().rules);
    assert!(send(&mut bench, "rule", "c", r#"{"remove":"hot"}"#).1.contains("fire"));
    let typo = r#"{"put":{"name":"hot","when":"temprature > 24","set":{"fan":"on"}}}"#;
    assert!(send(&mut bench, "rule", "d", typo).1.contains("temprature"));
    let key = r#"{"put":{"name":"hot","forbid":"smoke > 1"}}"#;
    assert!(send(&mut bench, "rule", "e", key).1.contains("forbid"));
}

/// Whoever asks: there is no way to an interlock, and a rule does not get past one.
#[test]
fn an_interlock_is_neither_changed_nor_passed() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    for kind in ["interlock", "preference"] {
        let reason = send(&mut bench, kind, "a", r#"{"remove":"both"}"#).1;
        assert!(reason.contains("unknown kind"), "{reason}");
    }
    let both = r#"{"put":{"name":"both","when":"smoke < 9","set":{"chiller":"on","heater":"on"}}}"#;
    assert_eq!(send(&mut bench, "rule", "b", both).1, "");
    bench.steady(22.0, 60);
    let on =
        |id: usize| bench.agent.world().actuators[id].confirmed == Some(crate::domain::Setting::On);
    assert!(!(on(1) && on(2)), "the interlock holds");
    assert_eq!(bench.agent.config().interlocks.len(), 1);
}

#[test]
fn rules_and_notes_of_operators_survive_a_restart_beside_those_of_the_file() {
    let mut bench = Bench::new(room()).up();
    let fire = r#"{"put":{"name":"fire","when":"smoke > 0.9","set":{"heater":"off"}}}"#;
    let quiet = r#"{"put":"Be quiet.","instead_of":"Prefer the chiller."}"#;
    for (kind, id, payload) in [
        ("rule", "a", HOT),
        ("rule", "b", fire),
        ("note", "c", quiet),
        ("note", "d", r#"{"put":"The vent squeaks."}"#),
    ] {
        assert_eq!(send(&mut bench, kind, id, payload).1, "", "{payload}");
    }
    let again = |file: crate::config::Config, bench: &Bench| {
        let resumed = Resumed { next_seq: 90, edits: kept(bench), ..Resumed::default() };
        Bench::resumed(file, resumed).up().agent.config().as_ref().clone()
    };
    let after = again(room(), &bench);
    assert_eq!(after.rules, bench.agent.config().rules);
    let names: Vec<_> = after.rules.iter().map(|rule| (&*rule.name, rule.when.source())).collect();
    assert_eq!(names, [("fire", "smoke > 0.9"), ("hot", "temperature > 24")]);
    assert_eq!(after.notes, ["Be quiet.", "The vent squeaks."]);
    // A note that is new in the file is added; the one that was replaced stays replaced.
    let mut file = room();
    file.notes.push("Doors open at noon.".into());
    let after = again(file, &bench);
    assert_eq!(after.notes, ["Be quiet.", "The vent squeaks.", "Doors open at noon."]);
    // One that came from the file and is gone from it goes.
    assert_eq!(send(&mut bench, "note", "e", r#"{"put":"Prefer the chiller."}"#).1, "");
    let mut file = room();
    file.notes.clear();
    assert_eq!(again(file, &bench).notes, ["Be quiet.", "The vent squeaks."]);
    assert_eq!(send(&mut bench, "note", "f", r#"{"remove":"Be quiet."}"#).1, "");
    let reason = send(&mut bench, "note", "g", r#"{"remove":"Be quiet."}"#).1;
    assert!(reason.contains("no note"), "{reason}");
    let twice = send(&mut bench, "note", "h", r#"{"put":"The vent squeaks."}"#).1;
    assert!(twice.contains("already"), "{twice}");
}

#[test]
fn a_goal_takes_no_name_of_a_record_that_is_not_a_goals() {
    let mut bench = Bench::new(room()).up();
    let goal = r#"{"put":{"name":"[[note]]","keep":{"sensor":"temperature","max":20}}}"#;
    assert!(send(&mut bench, "goal", "a", goal).1.contains("[["));
}
