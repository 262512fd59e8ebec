//! Tests of messages that wait for the journal: what keeps them back, takes them back, hurries them
//! on, and what is no answer to them.

use std::time::Duration;

use super::tests::*;
use super::tests_faults::room_with_a_fan_that_must_run;
use super::*;
use crate::config::*;
use crate::domain::Fault;
use crate::domain::*;
use crate::expr::{Names, compile};

fn withdrawn(effects: &[Effect]) -> Vec<u64> {
    let tokens = effects.iter().filter_map(|effect| match effect {
        Effect::Withdraw { token } => Some(*token),
        _ => None,
    });
    tokens.collect()
}

#[test]
fn an_urgent_message_takes_back_what_still_waits_for_the_journal() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let waiting = token_of(&bench.on(set("a", 2, true)));
    let effects = bench.on(reading(1, 0.9));
    assert_eq!(withdrawn(&effects), [waiting]);
    let back = effects.iter().position(|effect| matches!(effect, Effect::Withdraw { .. }));
    let sent = effects.iter().position(|effect| matches!(effect, Effect::Send { .. }));
    assert!(back < sent, "{effects:?}");
}

#[test]
fn a_broken_connection_takes_back_what_still_waits_for_the_journal() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.on(set("a", 0, true));
    let effects = bench.on(Event::LinkDown { reason: "test".into() });
    assert_eq!(withdrawn(&effects).len(), 1);
}

/// The room with an interlock over what a sensor says, and a command to the heater that waits for
/// the journal; with the token of its message.
fn heat_that_waits(quiet_s: u64) -> (Bench, u64) {
    let mut config = room();
    let names = Names::of(&config.sensors, &config.actuators);
    let forbid = "heater == 'on' && smoke > 0.3";
    config.interlocks[0].forbid = compile(forbid, &names).expect("a good expression");
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    bench.pass(quiet_s);
    bench.echo = false;
    let token = token_of(&bench.on(set("a", 2, true)));
    (bench, token)
}

/// Of the message that waits for the journal.
fn token_of(effects: &[Effect]) -> u64 {
    let waits = effects.iter().find_map(|effect| match effect {
        Effect::Send { token, after: Some(_), .. } => Some(*token),
        _ => None,
    });
    waits.expect("a message that waits")
}

/// It was given up, for what an interlock says by now.
fn is_given_up(effects: &[Effect], token: u64, why: &str) -> bool {
    let step = effects.iter().any(|effect| match effect {
        Effect::Record { entry: Entry::Step { actuator, state, cause, .. }, .. } => {
            let ended = *state == StepState::Unconfirmed && *cause == format!("set/a: {why}");
            actuator == "heater" && ended
        }
        _ => false,
    });
    let answer = effects.iter().any(|effect| match effect {
        Effect::Report { report: Report::CommandState { id, state, reason, .. }, .. } => {
            id == "a" && *state == Some(CommandState::Failed) && reason == why
        }
        _ => false,
    });
    step && answer && withdrawn(effects) == [token]
}

const UNKNOWN: &str = "interlock both: its condition is unknown";

fn not_believed() -> Event {
    let fault = Fault { kind: FaultKind::OutOfRange, found: "9999".into() };
    Event::Reading { sensor: SensorId(1), value: Err(fault), retained: false }
}

#[test]
fn what_waits_for_the_journal_is_given_up_where_its_interlock_becomes_unknown() {
    // A reading that is not believed.
    let (mut bench, token) = heat_that_waits(0);
    let effects = bench.on(not_believed());
    assert!(is_given_up(&effects, token, UNKNOWN) && sends(&effects).is_empty(), "{effects:?}");
    // Whoever spoke for the sensor is gone.
    let (mut bench, token) = heat_that_waits(0);
    let effects = bench.on(Event::Silent { sensor: SensorId(1) });
    assert!(is_given_up(&effects, token, UNKNOWN), "{effects:?}");
    // Nothing but time.
    let (mut bench, token) = heat_that_waits(28);
    bench.pass(2);
    assert!(withdrawn(&bench.on(Event::Wake)).is_empty(), "three periods are not over");
    bench.pass(1);
    let effects = bench.on(Event::Wake);
    assert!(is_given_up(&effects, token, UNKNOWN), "{effects:?}");
}

#[test]
fn what_waits_for_the_journal_is_given_up_where_another_device_becomes_unknown() {
    // "Never with the chiller."
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let sent = bench.on(set("a", 2, true));
    assert_eq!(sends(&sent).len(), 1);
    let effects = bench.on(Event::Mute { actuator: ActuatorId(1), is_there: true });
    assert_eq!(withdrawn(&effects).len(), 1, "{effects:?}");
    assert_eq!(states(&effects, "a"), [CommandState::Failed]);
}

/// An operator takes a device out of the agent's hands.
fn observe(actuator: u16) -> Event {
    Event::Command(Box::new(DeviceCommand {
        kind: "mode".into(),
        id: "hands off".into(),
        body: Ok(Body::Mode { mode: Mode::Observe, actuator: Some(ActuatorId(actuator)) }),
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    }))
}

#[test]
fn what_waits_for_the_journal_does_not_go_in_observe() {
    let (mut bench, token) = heat_that_waits(0);
    let effects = bench.on(observe(2));
    assert!(is_given_up(&effects, token, "mode observe"), "{effects:?}");
    assert_eq!(states(&effects, "hands off").last(), Some(&SUCCEEDED));
}

#[test]
fn what_waits_for_the_journal_stays_where_nothing_stands_against_it() {
    // What sensors say allows it as before; and the unknown keeps nothing from `safe`.
    let (mut bench, _) = heat_that_waits(0);
    assert!(withdrawn(&bench.on(reading(1, 0.1))).is_empty());
    let (mut bench, _) = heat_that_waits(0);
    bench.on(set("b", 2, false));
    let effects = bench.on(not_believed());
    assert!(withdrawn(&effects).is_empty() && states(&effects, "b").is_empty(), "{effects:?}");
    // What is out is out: its answer is waited for.
    let (mut bench, token) = heat_that_waits(0);
    bench.agent.went(token);
    let effects = bench.on(not_believed());
    assert!(withdrawn(&effects).is_empty() && states(&effects, "a").is_empty(), "{effects:?}");
    let on = Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::On), retained: false };
    assert_eq!(states(&bench.on(on), "a"), [CommandState::Succeeded]);
}

#[test]
fn a_reflex_does_not_wait_with_a_command_that_waits_for_the_journal() {
    // "In smoke heater and fan are off": both run, and an operator ends them as the smoke comes.
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    for (id, actuator) in [("a", 0), ("b", 2)] {
        bench.on(set(id, actuator, true));
        let on = Setting::On;
        bench.on(Event::Echo { actuator: ActuatorId(actuator), setting: Ok(on), retained: false });
    }
    bench.echo = false;
    let waits = bench.on(set("c", 2, false));
    let waiting = token_of(&waits);
    let effects = bench.on(reading(1, 0.9));
    let after = effects.iter().filter_map(|effect| match effect {
        Effect::Send { actuator, after, .. } => Some((actuator.0, *after)),
        _ => None,
    });
    assert_eq!(after.collect::<Vec<_>>(), [(2, None), (0, None)]);
    assert_eq!(withdrawn(&effects), [waiting], "or it would go a second time");
    assert_eq!(states(&effects, "c"), [], "the rule carries it out");
    let off = Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::Off), retained: false };
    assert_eq!(states(&bench.on(off), "c"), [CommandState::Succeeded]);
    // Once is enough.
    assert_eq!(sends(&bench.on(reading(1, 0.9))), []);
}

#[test]
fn what_a_device_does_already_is_not_sent_after_its_end() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.on(set("a", 0, false));
    // The device's own regular word, while the message waits for the journal.
    let effects = bench.on(Event::Echo {
        actuator: ActuatorId(0),
        setting: Ok(Setting::Off),
        retained: false,
    });
    assert_eq!(states(&effects, "a"), [CommandState::Succeeded]);
    assert_eq!(withdrawn(&effects).len(), 1);
}

/// A device is set to `on` or `off` by a command that waits for the journal; with its token.
fn waits(bench: &mut Bench, id: &str, actuator: u16, on: bool) -> u64 {
    bench.echo = false;
    token_of(&bench.on(set(id, actuator, on)))
}

fn echo(actuator: u16, setting: Setting) -> Event {
    Event::Echo { actuator: ActuatorId(actuator), setting: Ok(setting), retained: false }
}

/// What a device said before it was switched on comes late, while its "off" waits for the journal:
/// it runs, so the message goes, and only then its word is an answer.
#[test]
fn an_older_word_is_no_answer_to_what_waits_for_the_journal() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.pass(5);
    let token = waits(&mut bench, "b", 1, false);
    for _ in 0..2 {
        let effects = bench.on(echo(1, Setting::Off));
        assert!(withdrawn(&effects).is_empty() && states(&effects, "b").is_empty(), "{effects:?}");
    }
    // The heater must not run beside it.
    assert_eq!(states(&bench.on(set("heat", 2, true)), "heat"), [CommandState::Rejected]);
    bench.agent.went(token);
    let effects = bench.on(echo(1, Setting::Off));
    assert_eq!(states(&effects, "b"), [CommandState::Succeeded]);
    bench.pass(5);
    assert_eq!(sends(&bench.on(set("warm", 2, true))).len(), 1, "it has confirmed that it is off");
    // Long after it was switched on somebody has switched it off: no message is needed any more.
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.steady(22.0, 70);
    let token = waits(&mut bench, "b", 1, false);
    let effects = bench.on(echo(1, Setting::Off));
    assert_eq!((withdrawn(&effects), states(&effects, "b")), (vec![token], vec![SUCCEEDED]));
}

const SUCCEEDED: CommandState = CommandState::Succeeded;

/// The chiller was off, somebody has switched it on, and an older "off" is said once more.
#[test]
fn an_older_word_said_once_more_is_no_answer_to_what_waits() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, false));
    bench.on(echo(1, Setting::On));
    waits(&mut bench, "b", 1, false);
    let effects = bench.on(echo(1, Setting::Off));
    assert!(withdrawn(&effects).is_empty() && states(&effects, "b").is_empty(), "{effects:?}");
}

/// Its answer comes after it was given up, and then an older word: it may be either (seed 8403 of
/// the simulation). The answer's time begins when the message goes.
#[test]
fn a_late_answer_is_one_though_the_message_was_given_up() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let token = waits(&mut bench, "a", 1, true);
    bench.pass(4);
    bench.on(Event::Wake);
    bench.agent.went(token);
    bench.pass(4);
    assert_eq!(sends(&bench.on(Event::Wake)), [], "four of five seconds");
    bench.on(Event::Lost { token, why: None });
    bench.on(echo(1, Setting::Off));
    bench.pass(8);
    bench.on(Event::Wake);
    bench.on(echo(1, Setting::On));
    assert_eq!(bench.agent.world().actuator(ActuatorId(1)).owner, Some(Decider::Command));
    bench.pass(6);
    bench.on(echo(1, Setting::Off));
    assert_eq!(states(&bench.on(set("heat", 2, true)), "heat"), [CommandState::Rejected]);
}

/// A message that was given up may still arrive after the word.
#[test]
fn a_word_is_no_answer_to_what_waits_where_another_message_may_arrive() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.lose(set("a", 1, true));
    let token = waits(&mut bench, "b", 1, false);
    let effects = bench.on(echo(1, Setting::Off));
    assert!(withdrawn(&effects).is_empty() && states(&effects, "b").is_empty(), "{effects:?}");
    bench.agent.went(token);
    assert_eq!(states(&bench.on(echo(1, Setting::Off)), "b"), [SUCCEEDED]);
    // Sent once more it waits again, and the word answers the first of the two.
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.goes(set("a", 1, true));
    bench.pass(5);
    let again = token_of(&bench.on(Event::Wake));
    let effects = bench.on(echo(1, Setting::On));
    assert_eq!((withdrawn(&effects), states(&effects, "a")), (vec![again], vec![SUCCEEDED]));
}

/// Its end is not put off by a command that never went.
#[test]
fn a_pulse_ends_in_time_whatever_waits_for_the_journal() {
    let running = || {
        let mut bench = Bench::new(room_with_pulse(1, 30)).up();
        bench.steady(22.0, 60);
        bench.on(set("a", 1, true));
        bench.pass(5);
        waits(&mut bench, "b", 1, false);
        bench
    };
    let ends = |bench: &mut Bench| {
        bench.pass(25);
        let effects = bench.on(Event::Wake);
        let at_once = effects.iter().any(|one| matches!(one, Effect::Send { after: None, .. }));
        assert!(at_once && sends(&effects) == [(1, "OFF".into())], "{effects:?}");
        effects
    };
    // The journal stores nothing meanwhile.
    let mut bench = running();
    let effects = ends(&mut bench);
    assert_eq!((withdrawn(&effects).len(), states(&effects, "b")), (1, vec![]));
    assert_eq!(states(&bench.on(echo(1, Setting::Off)), "b"), [SUCCEEDED]);
    // One that never began is not ended; what is known of the device stays known.
    let mut bench = Bench::new(room_with_pulse(1, 30)).up();
    bench.steady(22.0, 60);
    waits(&mut bench, "a", 1, true);
    bench.on(observe(1));
    bench.pass(31);
    assert_eq!(sends(&bench.on(Event::Wake)), []);
    assert_eq!(bench.agent.world().actuator(ActuatorId(1)).confirmed, Some(Setting::Off));
    // Somebody else began it before the message went: as if that had.
    let mut bench = Bench::new(room_with_pulse(1, 30)).up();
    bench.steady(22.0, 60);
    waits(&mut bench, "a", 1, true);
    assert_eq!(states(&bench.on(echo(1, Setting::On)), "a"), [SUCCEEDED]);
    bench.pass(30);
    assert_eq!(sends(&bench.on(Event::Wake)), [(1, "OFF".into())]);
    // An operator takes it out of the agent's hands.
    let mut bench = running();
    let effects = bench.on(observe(1));
    assert_eq!(states(&effects, "b"), [CommandState::Failed]);
    ends(&mut bench);
}

#[test]
fn a_pulse_that_does_not_answer_when_told_to_end_early_is_told_at_its_end() {
    let mut bench = Bench::new(room_with_pulse(1, 30)).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.pass(5);
    bench.lose(set("b", 1, false));
    // Nor does beginning anew make it longer.
    bench.pass(11);
    bench.lose(set("c", 1, true));
    bench.pass(13);
    assert_eq!(sends(&bench.on(Event::Wake)), []);
    bench.pass(1);
    assert_eq!(sends(&bench.on(Event::Wake)), [(1, "OFF".into())]);
}

#[test]
fn least_times_begin_with_the_answer_that_ends_a_doubt() {
    let mut config = room();
    config.actuators[1].min_off = Duration::from_secs(60);
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 120);
    bench.on(set("a", 1, true));
    bench.pass(5);
    let token = waits(&mut bench, "b", 1, false);
    bench.on(echo(1, Setting::Off));
    bench.pass(4);
    bench.agent.went(token);
    assert_eq!(states(&bench.on(echo(1, Setting::Off)), "b"), [SUCCEEDED]);
    bench.pass(57);
    assert_eq!(states(&bench.on(set("c", 1, true)), "c"), [CommandState::Rejected]);
    bench.pass(3);
    assert_eq!(sends(&bench.on(set("d", 1, true))).len(), 1);
}

/// An interlock becomes unknown for what waits, with the stop itself: the device is tried all the
/// same.
#[test]
fn what_is_given_up_unsent_at_a_stop_is_handed_over() {
    let mut config = room();
    let names = Names::of(&config.sensors, &config.actuators);
    let forbid = "heater == 'on' && fan == 'on' && smoke > 0.3";
    config.interlocks[0].forbid = compile(forbid, &names).expect("a good expression");
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, true));
    bench.on(set("b", 2, true));
    bench.pass(28);
    waits(&mut bench, "c", 2, true);
    bench.pass(3);
    assert!(sends(&bench.on(Event::Stop)).contains(&(2, "OFF".into())));
}

/// One that the link did not take was never under way.
#[test]
fn what_never_went_is_no_reason_for_anything() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let token = waits(&mut bench, "a", 1, true);
    let effects = bench.on(Event::Lost { token, why: Some("not sent: full".into()) });
    assert_eq!(states(&effects, "a"), [CommandState::Failed]);
    let chiller = bench.agent.world().actuator(ActuatorId(1));
    assert!(chiller.in_flight.is_empty() && chiller.confirmed.is_none(), "{chiller:?}");
    assert_eq!(sends(&bench.on(echo(2, Setting::On))), [], "the heater runs, the chiller not");
}

#[test]
fn a_stop_does_not_wait_with_a_command_that_waits_for_the_journal() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    let token = waits(&mut bench, "b", 1, false);
    let effects = bench.on(Event::Stop);
    let at_once = effects.iter().any(|one| matches!(one, Effect::Send { after: None, .. }));
    assert!(at_once && withdrawn(&effects) == [token], "{effects:?}");
    assert_eq!(states(&bench.on(echo(1, Setting::Off)), "b"), [SUCCEEDED]);
}

#[test]
fn a_repeat_to_a_silent_device_waits_for_the_intent_too() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.on(set("a", 0, true));
    bench.pass(5);
    let effects = bench.on(Event::Wake);
    let early = effects.iter().any(|effect| matches!(effect, Effect::Send { after: None, .. }));
    assert!(!early && sends(&effects).len() == 1, "{effects:?}");
}

/// What waits for the journal has set nothing yet: it is kept back where another device's word
/// makes an interlock true by it, and is no reason to hurry it on (seed 2690 of the simulation).
#[test]
fn what_waits_for_the_journal_does_not_make_an_interlock_true() {
    let mut bench = Bench::new(room_with_a_fan_that_must_run()).up();
    bench.steady(22.0, 60);
    bench.on(set("fan", 0, true));
    bench.echo = false;
    let waiting = token_of(&bench.on(set("off", 0, false)));
    let on = Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::On), retained: false };
    let effects = bench.on(on);
    assert_eq!(withdrawn(&effects), [waiting]);
    assert_eq!(states(&effects, "off"), [CommandState::Failed]);
    assert_eq!(sends(&effects), [], "the fan runs on, and the heater may");
}
