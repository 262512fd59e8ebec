//! Tests of two words of a device that may have come in the wrong order.

use std::time::Duration;

use super::lives::ResumedStep;
use super::tests::*;
use super::*;
use crate::config::*;
use crate::domain::*;
use crate::expr::{Names, compile};

fn word(actuator: u16, on: bool, retained: bool) -> Event {
    let setting = if on { Setting::On } else { Setting::Off };
    Event::Echo { actuator: ActuatorId(actuator), setting: Ok(setting), retained }
}

fn says(actuator: u16, on: bool) -> Event {
    word(actuator, on, false)
}

/// The same word once more, as the broker had kept it.
fn kept(actuator: u16, on: bool) -> Event {
    word(actuator, on, true)
}

/// The room whose chiller is a level in steps of ten.
fn room_with_levels() -> Config {
    let mut config = room();
    config.actuators[1].kind = ActuatorKind::Level { min: 0.0, max: 100.0, step: 10.0 };
    config.actuators[1].safe = Setting::Level(0.0);
    config
}

fn set_chiller(level: f64) -> Event {
    let (actuator, setting) = (ActuatorId(1), Setting::Level(level));
    Event::Command(Box::new(DeviceCommand {
        kind: "set".into(),
        id: "a".into(),
        body: Ok(Body::Set { actuator, setting, hold: Duration::from_secs(600) }),
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    }))
}

/// The chiller was switched on by an operator, confirmed it, and said "off" eight seconds later.
fn in_doubt(config: Config) -> Bench {
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.pass(8);
    bench.on(says(1, false));
    bench
}

fn room_that_forbids(condition: &str) -> Config {
    forbids(room(), condition)
}

fn forbids(mut config: Config, condition: &str) -> Config {
    let names = Names::of(&config.sensors, &config.actuators);
    let forbid = compile(condition, &names).expect("a good expression");
    config.interlocks = vec![Interlock { name: "own".into(), forbid }];
    config.rules.clear();
    config
}

fn owner(bench: &Bench, actuator: u16) -> Option<Decider> {
    bench.agent.world().actuator(ActuatorId(actuator)).owner
}

/// Whether the heater, which must not run beside the chiller, may be switched on.
fn heater_may_run(bench: &mut Bench, id: &str) -> bool {
    let may = states(&bench.on(set(id, 2, true)), id).last() == Some(&CommandState::Succeeded);
    bench.on(set(&format!("{id}-off"), 2, false));
    may
}

#[test]
fn a_word_that_takes_back_what_was_confirmed_just_now_may_be_the_older_one() {
    let chiller_says = |on| says(1, on);
    let begun = || in_doubt(room());
    let mut bench = begun();
    assert!(!heater_may_run(&mut bench, "at-once"), "the chiller may run");
    bench.steady(22.0, 120);
    assert!(!heater_may_run(&mut bench, "later"), "it has said nothing more");
    // A minute after it was confirmed no older word is on its way any more.
    bench.on(chiller_says(false));
    assert!(heater_may_run(&mut bench, "said-again"));
    let mut bench = begun();
    bench.steady(22.0, 620);
    assert!(heater_may_run(&mut bench, "never-again"), "one that says nothing more is believed");
    let mut bench = begun();
    bench.on(set("b", 1, false));
    assert!(heater_may_run(&mut bench, "sent-off"), "it has confirmed this one");
    // What may be on beside the heater is sent off; nothing else is touched.
    let mut bench = begun();
    assert_eq!(sends(&bench.on(says(2, true))), [(1, "OFF".into())]);
    // It says the first word again: it is the agent's as before.
    let mut bench = begun();
    bench.on(chiller_says(true));
    assert!(!heater_may_run(&mut bench, "on-again"));
    for _ in 0..6 {
        bench.steady(22.0, 80);
        bench.on(chiller_says(true));
        let chiller = bench.agent.world().actuator(ActuatorId(1));
        assert_eq!((chiller.owner, &chiller.doubt), (Some(Decider::Command), &None));
    }
    // What the agent sends after a minute is its own, whatever was in doubt before.
    let mut bench = begun();
    bench.steady(22.0, 70);
    bench.on(set("b", 1, true));
    let chiller = bench.agent.world().actuator(ActuatorId(1));
    assert_eq!((chiller.owner, &chiller.doubt), (Some(Decider::Command), &None));
    // It may be so, and then it is so: that is said.
    let mut bench = begun();
    bench.on(says(2, true));
    let effects = bench.on(chiller_says(true));
    let told = |effect: &Effect| {
        matches!(effect, Effect::Report { report: Report::Event { kind, .. }, .. }
            if kind == "interlock")
    };
    assert!(effects.iter().any(told), "{effects:?}");
    // Long after it was confirmed somebody has switched it by hand.
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.steady(22.0, 70);
    bench.on(chiller_says(false));
    assert!(heater_may_run(&mut bench, "by-hand"));
}

/// A device that was unknown between its two words is nobody else's: it is handed over.
#[test]
fn one_that_was_unknown_meanwhile_goes_to_safe_at_a_stop() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.steady(22.0, 60);
    bench.on(set("b", 1, false));
    bench.lose(set("c", 1, false));
    bench.on(says(1, true));
    assert_eq!(owner(&bench, 1), Some(Decider::Command));
    assert!(sends(&bench.on(Event::Stop)).contains(&(1, "OFF".into())));
}

/// A message that was given up between the two words makes the device unknown for a while; it takes
/// nothing back of what it had confirmed (seed 9013 of the simulation).
#[test]
fn a_message_that_is_given_up_does_not_unsay_what_was_confirmed() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.lose(set("b", 1, true));
    let confirmed = &bench.agent.world().actuator(ActuatorId(1)).confirmed;
    assert_eq!(*confirmed, None, "nobody knows whether the second message arrived");
    bench.on(says(1, false));
    bench.steady(22.0, 20);
    assert!(!heater_may_run(&mut bench, "later"), "the chiller may run");
}

#[test]
fn a_pulse_that_an_older_word_calls_over_is_ended_all_the_same() {
    let mut bench = Bench::new(room_with_pulse(1, 120)).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.pass(8);
    bench.on(says(1, false));
    // Asking again makes it no longer than it may be.
    bench.pass(90);
    bench.on(set("b", 1, true));
    bench.pass(22);
    assert_eq!(sends(&bench.on(Event::Wake)), [(1, "OFF".into())]);
}

#[test]
fn a_level_that_trembles_around_what_it_was_set_to_says_nothing_else() {
    let mut bench = Bench::new(room_with_levels()).up();
    bench.steady(22.0, 60);
    bench.on(set_chiller(20.0));
    for level in [22.6, 17.2, 22.4] {
        bench.pass(8);
        let setting = Ok(Setting::Level(level));
        bench.on(Event::Echo { actuator: ActuatorId(1), setting, retained: false });
        assert_eq!(bench.agent.world().actuator(ActuatorId(1)).doubt, None, "{level}");
    }
    bench.steady(22.0, 120);
    assert_eq!(bench.agent.world().actuator(ActuatorId(1)).owner, Some(Decider::Command));
}

#[test]
fn what_may_still_hold_the_place_is_not_switched_off_for_a_doubt() {
    // The chiller cools the heater: it perhaps runs still, and must not be stopped under it.
    let mut bench = Bench::new(room_that_forbids("chiller == 'off' && heater == 'on'")).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.on(set("b", 2, true));
    bench.pass(8);
    assert_eq!(sends(&bench.on(says(1, false))), [(2, "OFF".into())]);
    // By its last words nothing is forbidden, and an operator's `off` makes it so for sure.
    let mut bench = Bench::new(room_that_forbids("chiller == 'off' && heater == 'on'")).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.on(set("b", 1, false));
    bench.pass(5);
    bench.on(says(1, true));
    bench.pass(60);
    bench.on(says(2, true));
    let effects = bench.on(set("c", 1, false));
    assert_eq!(states(&effects, "c"), [CommandState::Rejected]);
}

#[test]
fn one_that_somebody_switches_on_again_is_not_fought_for_a_goal() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.steady(27.0, 300);
    // The sensor falls silent: what cools for it is given up, and a thermostat switches it on.
    let given_up = (0..90).find_map(|_| {
        bench.pass(10);
        sends(&bench.on(Event::Wake)).pop()
    });
    let (cooler, to) = given_up.expect("it gives up");
    assert_eq!(to, "OFF");
    for _ in 0..20 {
        bench.pass(1);
        assert_eq!(sends(&bench.on(says(cooler, true))), [], "it is somebody else's, or older");
        assert_eq!(sends(&bench.on(Event::Wake)), []);
    }
    let is_safe = |(one, to): &(u16, String)| *one == cooler && to == "OFF";
    assert!(!sends(&bench.on(Event::Stop)).iter().any(is_safe), "nor at a stop");
}

#[test]
fn one_of_which_nothing_is_known_any_more_stays_whose_it_was() {
    let mut bench = in_doubt(room());
    bench.on(Event::LinkDown { reason: "gone".into() });
    bench.pass(700);
    bench.on(Event::Wake);
    assert_eq!(owner(&bench, 1), Some(Decider::Command));
    bench.on(Event::LinkUp);
    bench.on(says(1, true));
    assert_eq!(owner(&bench, 1), Some(Decider::Command));
    assert!(sends(&bench.on(Event::Stop)).contains(&(1, "OFF".into())));
}

#[test]
fn a_word_that_the_broker_had_kept_is_no_new_one() {
    let mut bench = in_doubt(room());
    bench.pass(40);
    bench.on(Event::LinkDown { reason: "short".into() });
    bench.pass(20);
    bench.on(Event::LinkUp);
    bench.on(kept(1, false));
    assert!(!heater_may_run(&mut bench, "kept"), "the chiller has said nothing since");
    bench.on(says(1, false));
    assert!(heater_may_run(&mut bench, "said"));
}

#[test]
fn its_minute_begins_with_each_answer() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.steady(22.0, 120);
    assert_eq!(sends(&bench.on(set("b", 1, true))), [(1, "ON".into())]);
    bench.pass(8);
    bench.on(says(1, false));
    assert!(!heater_may_run(&mut bench, "repeated"));
}

#[test]
fn what_the_agents_own_earlier_message_did_is_its_own() {
    let begun = || {
        let mut bench = Bench::new(room()).up();
        bench.steady(22.0, 60);
        bench.echo = false;
        bench.goes(set("a", 1, true));
        bench.pass(1);
        bench.goes(set("b", 1, false));
        bench.on(says(1, false));
        bench.pass(2);
        bench.on(says(1, true));
        bench
    };
    assert!(sends(&begun().on(Event::Stop)).contains(&(1, "OFF".into())), "ended at a stop");
    let mut bench = begun();
    bench.pass(70);
    bench.on(says(1, true));
    assert!(owner(&bench, 1).is_some());
}

#[test]
fn one_that_perhaps_runs_does_not_keep_another_from_safe() {
    let forbid = "(chiller == 'on' || fan == 'on') && heater == 'on'";
    let mut bench = Bench::new(room_that_forbids(forbid)).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, true));
    bench.on(set("b", 1, true));
    bench.pass(8);
    bench.on(says(0, false));
    bench.on(says(1, false));
    let sent = sends(&bench.on(says(2, true)));
    assert_eq!(sent, [(0, "OFF".into()), (1, "OFF".into())]);
}

#[test]
fn its_least_time_does_not_begin_anew_where_nothing_moved() {
    let mut config = room();
    config.actuators[1].min_on = Duration::from_secs(600);
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 1, true));
    bench.steady(22.0, 580);
    bench.on(set("b", 1, true));
    bench.on(says(1, false));
    bench.on(says(1, true));
    bench.steady(22.0, 30);
    let states = states(&bench.on(set("c", 1, false)), "c");
    assert_eq!(states.last(), Some(&CommandState::Succeeded));
}

#[test]
fn a_first_word_takes_back_what_the_last_life_confirmed_just_now() {
    let begun = |ago_s, start_safe| {
        let step = ResumedStep {
            actuator: "chiller".into(),
            setting: Setting::On,
            by: Decider::Command,
            confirmed: true,
            pulse_open: false,
            ago: Duration::from_secs(ago_s),
        };
        let mut config = room();
        config.actuators.iter_mut().for_each(|one| one.start_safe = start_safe);
        let resumed = Resumed { next_seq: 1, steps: vec![step], ..Resumed::default() };
        let mut bench = Bench::resumed(config, resumed).up();
        if !start_safe {
            bench.on(says(1, false));
            bench.on(says(2, false));
        }
        bench.steady(22.0, 10);
        bench
    };
    let mut bench = begun(30, false);
    assert!(!heater_may_run(&mut bench, "just-now"));
    assert_eq!(owner(&bench, 1), Some(Decider::Command));
    assert!(heater_may_run(&mut begun(90, false), "before"));
    assert!(heater_may_run(&mut begun(0, false), "nobody knows when"));
    assert!(heater_may_run(&mut begun(30, true), "it was sent off and has answered"));
}

#[test]
fn a_level_is_judged_by_what_it_said_and_not_by_what_it_was_sent() {
    let config = forbids(room_with_levels(), "chiller > 62 && heater == 'on'");
    let level = |level| Event::Echo {
        actuator: ActuatorId(1),
        setting: Ok(Setting::Level(level)),
        retained: false,
    };
    let mut bench = Bench::new(config).up();
    bench.echo = false;
    bench.on(level(0.0));
    bench.on(says(2, false));
    bench.steady(22.0, 60);
    bench.on(set_chiller(60.0));
    bench.on(level(64.0));
    bench.pass(8);
    bench.on(level(20.0));
    bench.echo = true;
    assert!(!heater_may_run(&mut bench, "older"));
}
