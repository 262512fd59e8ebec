//! Tests of the agent's core against faults that the simulation or a reader found; each names one.

use std::time::Duration;

use super::tests::*;
use super::*;
use crate::config::*;
use crate::domain::Fault;
use crate::domain::*;
use crate::expr::{Names, compile};
use crate::limits;

impl Bench {
    /// The message that an event makes goes, and no answer comes: its token.
    pub(super) fn goes(&mut self, event: Event) -> u64 {
        let echoes = std::mem::take(&mut self.echo);
        let sent = self.on(event).into_iter().find_map(|effect| match effect {
            Effect::Send { token, .. } => Some(token),
            _ => None,
        });
        self.agent.went(sent.expect("a message"));
        self.echo = echoes;
        sent.expect("a message")
    }

    /// It goes, and nobody knows whether it came.
    pub(super) fn lose(&mut self, event: Event) {
        let token = self.goes(event);
        self.on(Event::Lost { token, why: None });
    }
}

#[test]
fn an_id_is_not_forgotten_by_a_jump_of_the_wall_clock() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, true));
    bench.now.unix_ms += 200 * 24 * 3_600_000;
    bench.steady(22.0, 120);
    let effects = bench.on(set("a", 0, true));
    assert_eq!((sends(&effects).len(), states(&effects, "a")), (0, vec![CommandState::Succeeded]));
}

#[test]
fn an_echo_of_before_does_not_prove_that_older_messages_have_arrived() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.goes(set("heat", 2, true));
    bench.goes(set("off", 2, false));
    // The heater has spoken before it got either message.
    bench.on(Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::Off), retained: false });
    let effects = bench.on(set("cool", 1, true));
    assert_eq!(states(&effects, "cool"), [CommandState::Rejected]);
}

/// The room whose heater must not run without the fan.
pub(super) fn room_with_a_fan_that_must_run() -> Config {
    let mut config = room();
    let names = crate::expr::Names::of(&config.sensors, &config.actuators);
    let forbid = "fan == 'off' && heater == 'on'";
    config.interlocks[0].forbid = crate::expr::compile(forbid, &names).expect("a good expression");
    config
}

/// Also one of which nothing is known any more goes once an interlock lets it (seed 17748 of the
/// simulation).
#[test]
fn a_stop_hands_over_what_is_unknown_once_an_interlock_lets_it() {
    let mut bench = Bench::new(room_with_a_fan_that_must_run()).up();
    bench.steady(22.0, 60);
    bench.on(set("fan", 0, true));
    bench.on(set("heat", 2, true));
    bench.lose(set("again", 0, true));
    assert_eq!(bench.agent.world().actuator(ActuatorId(0)).confirmed, None);
    let sent = sends(&bench.on(Event::Stop));
    assert_eq!(sent, [(2, "OFF".into()), (0, "OFF".into())]);
    assert!(bench.effects.contains(&Effect::Stopped));
}

#[test]
fn a_stop_hands_over_in_the_order_that_an_interlock_leaves() {
    let mut bench = Bench::new(room_with_a_fan_that_must_run()).up();
    bench.steady(22.0, 60);
    bench.on(set("fan", 0, true));
    bench.on(set("heat", 2, true));
    let sent = sends(&bench.on(Event::Stop));
    assert_eq!(sent, [(2, "OFF".into()), (0, "OFF".into())]);
    assert!(bench.effects.contains(&Effect::Stopped));
}

#[test]
fn a_rule_starts_nothing_while_the_agent_stops() {
    let mut config = room();
    config.rules[0].set = vec![(ActuatorId(0), Setting::On)];
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    bench.on(reading(1, 0.9));
    let sent = sends(&bench.on(Event::Stop));
    assert_eq!(sent, [(0, "OFF".to_string())]);
}

/// Ends `observe` after a minute; and what is sent then.
fn begun_after_observe(mut config: Config, words: &[u16]) -> (Bench, Vec<(u16, String)>) {
    config.mode = Mode::Observe;
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    for actuator in words {
        let (actuator, setting) = (ActuatorId(*actuator), Ok(Setting::On));
        bench.on(Event::Echo { actuator, setting, retained: false });
    }
    let act = Event::Command(Box::new(DeviceCommand {
        kind: "mode".into(),
        id: "act".into(),
        body: Ok(Body::Mode { mode: Mode::Act, actuator: None }),
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    }));
    let sent = sends(&bench.on(act));
    (bench, sent)
}

#[test]
fn at_start_is_done_when_observe_ends() {
    let (_, sent) = begun_after_observe(room(), &[]);
    assert_eq!(sent, [(0, "OFF".into()), (1, "OFF".into()), (2, "OFF".into())]);
    // In the order that an interlock leaves, where it is known how they are set (seed 9374 of the
    // simulation).
    let (_, sent) = begun_after_observe(room_with_a_fan_that_must_run(), &[0, 2]);
    assert_eq!(sent, [(1, "OFF".into()), (2, "OFF".into()), (0, "OFF".into())]);
}

/// Nobody has set it in this life, but it was to begin at `safe` (seeds 3470 and 18245 of the
/// simulation).
#[test]
fn a_stop_hands_over_what_an_interlock_kept_from_its_start() {
    let mut config = room_with_a_fan_that_must_run();
    config.actuators.iter_mut().for_each(|one| one.start_safe &= one.name != "heater");
    let (mut bench, sent) = begun_after_observe(config, &[0, 2]);
    assert_eq!(sent, [(1, "OFF".into())], "the heater keeps what it is set to");
    bench.on(set("heat", 2, true));
    let sent = sends(&bench.on(Event::Stop));
    assert_eq!(sent, [(2, "OFF".into()), (0, "OFF".into())]);
    assert!(bench.effects.contains(&Effect::Stopped));
}

#[test]
fn a_dead_device_raises_one_alarm_and_few_messages() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let mut effects = bench.on(set("a", 0, true));
    effects.extend(bench.steady(22.0, 6 * 3600));
    let alarms = effects.iter().filter(|effect| {
        matches!(effect, Effect::Report { report: Report::Event { text, .. }, .. }
            if text == "fan is not responding")
    });
    assert_eq!(alarms.count(), 1);
    let messages = sends(&effects).len();
    assert!(messages < 100, "{messages} messages in six hours");
}

#[test]
fn what_runs_for_a_goal_ends_when_the_goal_is_no_longer_in_force() {
    let mut config = room();
    let names = crate::expr::Names::of(&config.sensors, &config.actuators);
    let when = crate::expr::compile("smoke < 0.3", &names).expect("a good expression");
    config.goals[0].when = Some(when);
    let mut bench = Bench::new(config).up();
    bench.steady(27.0, 60);
    assert_eq!(bench.agent.world().actuators[0].confirmed, Some(Setting::On));
    bench.pass(10);
    let mut sent = sends(&bench.on(reading(1, 0.4)));
    sent.extend(sends(&bench.on(reading(0, 27.0))));
    bench.pass(10);
    sent.extend(sends(&bench.on(reading(1, 0.4))));
    assert_eq!(sent, [(0, "OFF".into()), (1, "OFF".into())]);
}

#[test]
fn a_pulse_is_not_made_longer_by_asking_again() {
    let mut bench = Bench::new(room_with_pulse(0, 60)).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, true));
    bench.pass(40);
    bench.on(set("b", 0, true));
    bench.pass(20);
    assert_eq!(sends(&bench.on(Event::Wake)), [(0, "OFF".to_string())]);
}

/// Rated doubtful by a reader: after a long outage the last echo was believed until the next.
#[test]
fn a_bus_that_was_away_for_long_makes_what_it_knew_unknown_until_an_echo() {
    let away = |seconds| {
        let mut bench = Bench::new(room()).up();
        bench.steady(22.0, 60);
        bench.on(Event::LinkDown { reason: "test".into() });
        bench.pass(seconds);
        let effects = bench.on(Event::LinkUp);
        (bench, effects)
    };
    let known =
        |bench: &Bench, index: usize| bench.agent.world().actuators[index].confirmed.clone();
    let (bench, effects) = away(limits::ECHO_BELIEVED_MS / 1000 - 1);
    assert_eq!(known(&bench, 0), Some(Setting::Off));
    assert!(sends(&effects).is_empty(), "{effects:?}");

    let (mut bench, effects) = away(limits::ECHO_BELIEVED_MS / 1000);
    assert_eq!(known(&bench, 0), None);
    assert!(sends(&effects).is_empty(), "it may speak by itself first: {effects:?}");
    // The room forbids heater and chiller together: the unknown chiller forbids.
    let effects = bench.on(set("a", 2, true));
    assert_eq!(states(&effects, "a"), [CommandState::Rejected]);
    let echo = |index| Event::Echo {
        actuator: ActuatorId(index),
        setting: Ok(Setting::Off),
        retained: false,
    };
    bench.on(echo(1));
    let effects = bench.on(set("b", 2, true));
    assert_eq!(states(&effects, "b").last(), Some(&CommandState::Succeeded));
    // Who says nothing is sent to safe once its time to speak is over.
    bench.steady(22.0, 10);
    assert_eq!(known(&bench, 0), Some(Setting::Off));
}

#[test]
fn faults_are_counted_and_said_once_in_a_while() {
    let mut bench = Bench::new(room()).up();
    let fault = || Event::Reading {
        sensor: SensorId(0),
        value: Err(Fault { kind: FaultKind::NotJson, found: "x".into() }),
        retained: false,
    };
    for _ in 0..1000 {
        bench.on(fault());
    }
    let said = |effects: &[Effect]| {
        let faults = effects.iter().filter_map(|effect| match effect {
            Effect::Record { entry: Entry::Faults { count, .. }, .. } => Some(*count),
            _ => None,
        });
        faults.collect::<Vec<_>>()
    };
    assert_eq!(said(&bench.effects), [1]);
    bench.pass(601);
    assert_eq!(said(&bench.on(fault())), [1000]);
    assert_eq!(bench.agent.counters().faults, 1001);
}

/// The end of a pulse is a safety act: it goes out also where `off` makes an interlock true.
#[test]
fn a_pulse_ends_even_where_its_off_is_forbidden() {
    let mut config = room_with_pulse(0, 20);
    let names = Names::of(&config.sensors, &config.actuators);
    let forbid = compile("fan == 'off' && smoke > 0.2", &names).expect("a good expression");
    config.interlocks.push(Interlock { name: "keep blowing".into(), forbid });
    config.rules.clear();
    let mut bench = Bench::new(config).up();
    bench.on(reading(1, 0.0));
    bench.on(reading(0, 22.0));
    assert_eq!(sends(&bench.on(set("a", 0, true))), [(0, "ON".into())]);
    bench.on(reading(1, 0.3));
    let effects = bench.on(set("b", 0, false));
    assert_eq!(states(&effects, "b"), [CommandState::Rejected], "an operator's off is refused");
    bench.pass(20);
    let sent = sends(&bench.on(Event::Wake));
    assert_eq!(sent.first(), Some(&(0, "OFF".into())), "a pulse is never longer than its max");
}
