//! What the board's effort changes: whether the mind is asked, and nothing else. And that the same
//! events have the same effects.

use super::tests::*;
use super::*;
use crate::domain::*;

fn asks(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Ask(_))).count()
}

fn effort(effort: Effort) -> Event {
    Event::Effort { effort, reason: "a test".into() }
}

#[test]
fn a_hot_board_asks_no_mind_and_acts_all_the_same() {
    let mut bench = Bench::new(room()).up();
    bench.on(ready());
    assert_eq!(asks(&bench.steady(27.0, 20)), 1, "two moves are near each other");

    let mut bench = Bench::new(room()).up();
    bench.on(ready());
    bench.on(effort(Effort::ReflexOnly));
    let effects = bench.steady(27.0, 20);
    assert_eq!(asks(&effects), 0);
    assert_eq!(sends(&effects), [(0, "ON".into())], "the planner decides alone");

    let mut bench = Bench::new(room()).up();
    bench.on(ready());
    bench.on(effort(Effort::ReflexOnly));
    bench.on(effort(Effort::Saving));
    assert_eq!(asks(&bench.steady(27.0, 20)), 1, "a mind that takes less is asked");
}

#[test]
fn a_change_is_written_down_said_and_shown_once() {
    let mut bench = Bench::new(room()).up();
    let effects = bench.on(effort(Effort::Saving));
    let said = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry: Entry::Event { kind, text, .. }, .. } => Some((kind, text)),
        _ => None,
    });
    let said: Vec<_> = said.collect();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].0, "board");
    assert!(said[0].1.starts_with("saving, the mind takes less: a test"), "{}", said[0].1);
    let status = effects.iter().find_map(|effect| match effect {
        Effect::Report { report: Report::Status(status), .. } => Some(status.effort),
        _ => None,
    });
    assert_eq!(status, Some(Effort::Saving));
    assert_eq!(bench.on(effort(Effort::Saving)), [], "nothing has changed");
}

#[test]
fn the_same_events_give_the_same_effects() {
    let run = || {
        let mut bench = Bench::new(room()).up();
        bench.on(ready());
        bench.steady(27.0, 600);
        bench.on(set("a", 2, true));
        bench.steady(15.0, 600);
        bench.effects
    };
    assert_eq!(run(), run());
}
