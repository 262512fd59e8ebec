//! What lasts over restarts, lost connections and a person's yes: least times, holds, modes, what
//! waits for approval, the end of a pulse, the limit an hour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::tests::{Bench, reading, room, room_with_pulse, sends, set, states};
use super::tests_asked::ended;
use super::*;
use crate::config::*;
use crate::domain::*;
use crate::limits;

fn command(kind: &str, id: &str, payload: &str) -> Event {
    let inbox = Inbox::new(Arc::new(room()));
    inbox.command(kind, id, payload.as_bytes(), false).expect("a good id")
}

/// The fan rests for five minutes at least.
fn resting() -> Config {
    let mut config = room();
    config.actuators[0].min_off = Duration::from_secs(300);
    config
}

fn approvals(effects: &[Effect]) -> Vec<(String, Option<String>)> {
    let approvals = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::Approval { id, waits, .. }, .. } => {
            Some((id.clone(), waits.as_ref().map(|(name, value, _)| format!("{name} {value}"))))
        }
        _ => None,
    });
    approvals.collect()
}

fn approve(bench: &mut Bench, id: &str, of: &str) -> Vec<Effect> {
    bench.on(command("approve", id, &format!(r#"{{"approval":"{of}"}}"#)))
}

fn last_step(setting: Setting, ago_s: u64) -> ResumedStep {
    ResumedStep {
        actuator: "fan".into(),
        setting,
        by: Decider::Planner,
        confirmed: true,
        pulse_open: false,
        ago: Duration::from_secs(ago_s),
    }
}

/// How the fan, at rest for that long, stands to an ON half a minute after the start.
fn started_again(last: Option<ResumedStep>) -> CommandState {
    let steps = last.into_iter().collect();
    let mut bench = Bench::resumed(resting(), Resumed { steps, ..Resumed::default() }).up();
    bench.steady(22.0, 30);
    *states(&bench.on(set("a", 0, true)), "a").last().expect("a state")
}

#[test]
fn the_least_time_at_rest_holds_over_a_restart() {
    assert_eq!(started_again(None), CommandState::Rejected, "nobody knows when it stopped");
    assert_eq!(started_again(Some(last_step(Setting::On, 3600))), CommandState::Rejected);
    assert_eq!(started_again(Some(last_step(Setting::Off, 100))), CommandState::Rejected);
    assert_eq!(started_again(Some(last_step(Setting::Off, 3600))), CommandState::Succeeded);
    let mut bench = Bench::new(resting()).up();
    let sent = sends(&bench.steady(27.0, 290));
    assert!(!sent.contains(&(0, "ON".into())), "{sent:?}");
}

#[test]
fn the_least_time_begins_anew_where_a_device_may_have_moved_unseen() {
    let mut bench = Bench::new(resting()).up();
    bench.steady(22.0, 600);
    // Nothing was sent: it is as it was.
    bench.on(Event::LinkDown { reason: "test".into() });
    bench.on(Event::LinkUp);
    bench.goes(set("a", 0, true));
    // Perhaps it runs: nobody heard.
    bench.on(Event::LinkDown { reason: "test".into() });
    bench.on(Event::LinkUp);
    bench.steady(22.0, 120);
    assert_eq!(bench.agent.world().actuators[0].confirmed, Some(Setting::Off));
    let (state, reason) = ended(&bench.on(set("b", 0, true)), "b");
    assert_eq!(state, CommandState::Rejected, "{reason}");
    bench.steady(22.0, 300);
    assert_eq!(states(&bench.on(set("c", 0, true)), "c").last(), Some(&CommandState::Succeeded));
    // An OFF takes the place of an ON that nobody has answered: perhaps it ran in between.
    bench.on(set("d", 0, false));
    bench.steady(22.0, 600);
    bench.echo = false;
    bench.goes(set("e", 0, true));
    bench.goes(set("f", 0, false));
    bench.on(Event::Echo { actuator: ActuatorId(0), setting: Ok(Setting::Off), retained: false });
    bench.pass(6);
    assert_eq!(states(&bench.on(set("g", 0, true)), "g"), [CommandState::Rejected]);
}

#[test]
fn what_a_person_said_yes_to_is_given_up_as_what_the_planner_began() {
    let mut config = room();
    config.actuators[0].ask_human = true;
    let mut bench = Bench::new(config).up();
    let (id, waits) = approvals(&bench.steady(27.0, 60)).remove(0);
    assert_eq!(waits.as_deref(), Some("fan on"));
    assert_eq!(sends(&approve(&mut bench, "y", &id)), [(0, "ON".into())]);
    // The sensor of its goal says nothing any more.
    let mut sent = Vec::new();
    for _ in 0..30 {
        bench.pass(10);
        sent.extend(sends(&bench.on(reading(1, 0.0))));
    }
    assert!(sent.contains(&(0, "OFF".into())), "{sent:?}");
}

#[test]
fn in_advise_what_no_goal_needs_any_more_waits_for_a_person_too() {
    let mut config = room();
    let names = crate::expr::Names::of(&config.sensors, &config.actuators);
    config.goals[0].when = Some(crate::expr::compile("smoke < 0.3", &names).expect("good"));
    let mut bench = Bench::new(config).up();
    bench.steady(27.0, 60);
    bench.on(command("mode", "m", r#"{"mode":"advise"}"#));
    let mut effects = Vec::new();
    for _ in 0..6 {
        bench.pass(10);
        effects.extend(bench.on(reading(1, 0.4)));
        effects.extend(bench.on(reading(0, 22.0)));
    }
    assert_eq!(sends(&effects), []);
    let asked: Vec<_> = approvals(&effects).into_iter().filter_map(|(_, waits)| waits).collect();
    assert!(asked.contains(&"fan off".to_owned()), "{asked:?}");
}

/// What a journal keeps of these effects: modes, and the last record of each name.
fn kept(effects: &[Effect]) -> (Vec<(String, Mode)>, Vec<Kept>) {
    let (mut modes, mut edits) = (BTreeMap::new(), BTreeMap::new());
    for effect in effects {
        match effect {
            Effect::Record { entry: Entry::Mode { actuator, mode }, .. } => {
                modes.insert(actuator.clone(), Mode::of_word(mode).expect("a mode"));
            }
            Effect::Record { entry: Entry::Goal { name, put }, .. } => {
                let read = Kept::read(name, put.as_deref(), &room());
                edits.insert(name.clone(), read.expect("no goal").expect("in order"));
            }
            _ => {}
        }
    }
    (modes.into_iter().collect(), edits.into_values().collect())
}

#[test]
fn who_edits_the_mode_in_the_file_has_the_last_word() {
    let mut bench = Bench::new(Config { mode: Mode::Observe, ..room() }).up();
    let (modes, edits) = kept(&bench.on(command("mode", "m", r#"{"mode":"act"}"#)));
    assert_eq!(edits, [Kept::FileMode(String::new(), Mode::Observe)]);
    let started = |file: Mode, modes: &[(String, Mode)], edits: &[Kept]| {
        let (modes, edits) = (modes.to_vec(), edits.to_vec());
        let resumed = Resumed { modes, edits, ..Resumed::default() };
        let bench = Bench::resumed(Config { mode: file, ..room() }, resumed);
        let said = bench.effects.iter().any(|effect| match effect {
            Effect::Record { entry: Entry::Event { kind, .. }, .. } => kind == "mode",
            _ => false,
        });
        (bench.agent.status().mode, said, kept(&bench.effects))
    };
    let (mode, said, _) = started(Mode::Observe, &modes, &edits);
    assert_eq!((mode, said), (Mode::Act, false), "as it was left");
    let (mode, said, (modes, edits)) = started(Mode::Advise, &modes, &edits);
    assert_eq!((mode, said), (Mode::Advise, true), "the file was changed");
    // Once is for ever: it neither comes back nor is said again.
    for file in [Mode::Advise, Mode::Observe] {
        let (mode, said, _) = started(file, &modes, &edits);
        assert_eq!((mode, said), (file, file != Mode::Advise));
    }
    // A command with which the file's word was not kept holds, and has it from now on.
    let old = [(String::new(), Mode::Act)];
    let (mode, said, (_, edits)) = started(Mode::Observe, &old, &[]);
    assert_eq!((mode, said), (Mode::Act, false));
    assert_eq!(edits, [Kept::FileMode(String::new(), Mode::Observe)]);
}

#[test]
fn a_hold_that_is_over_begins_with_no_start_again() {
    let holds = |effects: &[Effect]| -> Vec<u64> {
        let holds = effects.iter().filter_map(|effect| match effect {
            Effect::Record { entry: Entry::Hold { for_ms, .. }, .. } => Some(*for_ms),
            _ => None,
        });
        holds.collect()
    };
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    assert_eq!(holds(&bench.on(set("a", 0, true))), [600_000]);
    bench.pass(600);
    assert_eq!(holds(&bench.on(Event::Wake)), [0]);
    let left = vec![("fan".to_owned(), Duration::from_secs(100))];
    let bench = Bench::resumed(room(), Resumed { holds: left, ..Resumed::default() });
    assert_eq!(holds(&bench.effects), [100_000], "by this start's clock from now on");
}

#[test]
fn a_denial_holds_over_a_restart_and_makes_no_longer_hold_shorter() {
    let mut config = room();
    config.actuators[0].ask_human = true;
    let mut bench = Bench::new(config).up();
    let (id, _) = approvals(&bench.steady(27.0, 60)).remove(0);
    // It holds the fan for ten hours.
    let long = r#"{"actuator":"fan","value":"off","hold_s":36000}"#;
    bench.on(command("set", "s", long));
    let effects = bench.on(command("deny", "d", &format!(r#"{{"approval":"{id}"}}"#)));
    let held = effects.iter().find_map(|effect| match effect {
        Effect::Record { entry: Entry::Hold { actuator, for_ms }, .. } => {
            Some((actuator.clone(), *for_ms))
        }
        _ => None,
    });
    assert_eq!(held, Some(("fan".to_owned(), 36_000_000)));
    let until = bench.agent.world().actuators[0].held_until;
    assert_eq!(until, Some(bench.now.tick.after(Duration::from_secs(36_000))));
}

#[test]
fn an_order_takes_the_place_of_what_the_planner_proposed_and_keeps_its_length() {
    let mut config = room();
    config.mode = Mode::Advise;
    let asks = Inbox::new(Arc::new(room()));
    let ask = |id: &str, text: &str| {
        let payload = serde_json::json!({ "text": text }).to_string();
        asks.command("ask", id, payload.as_bytes(), false).expect("a good id")
    };
    let mut bench = Bench::new(config).up();
    let (planned, _) = approvals(&bench.steady(27.0, 60)).remove(0);
    let effects = bench.on(ask("a", "turn on the fan for 2 hours like a champion"));
    let found = approvals(&effects);
    assert_eq!(found[0], (planned, None));
    assert_eq!(found[1].1.as_deref(), Some("fan on"));
    let reason = ended(&effects, "a").1;
    assert!(reason.ends_with(&format!("(approve {})", found[1].0)), "{reason}");
    assert_eq!(sends(&approve(&mut bench, "y", &found[1].0)), [(0, "ON".into())]);
    let until = bench.agent.world().actuators[0].held_until;
    assert_eq!(until, Some(bench.now.tick.after(Duration::from_secs(7200))));
}

#[test]
fn what_waited_for_a_person_is_taken_back_at_a_stop_and_after_a_crash() {
    let advise = || Config { mode: Mode::Advise, ..room() };
    let waiting = || {
        let mut bench = Bench::new(advise()).up();
        let (id, _) = approvals(&bench.steady(27.0, 60)).remove(0);
        (bench, id)
    };
    let (mut bench, id) = waiting();
    let open = kept(&bench.effects).1;
    assert_eq!(open, [Kept::Approvals(vec![(id.clone(), Some("fan".into()))])]);
    let effects = bench.on(Event::Stop);
    assert!(approvals(&effects).contains(&(id.clone(), None)));
    assert_eq!(kept(&effects).1, [Kept::Approvals(Vec::new())]);
    // After a crash, as soon as the bus can hear it.
    let resumed = Resumed { edits: open, ..Resumed::default() };
    let mut again = Bench::resumed(room(), resumed);
    assert_eq!(kept(&again.effects).1, [], "it is still to be said");
    let effects = again.on(Event::LinkUp);
    assert_eq!(approvals(&effects), [(id, None)]);
    assert_eq!(kept(&effects).1, [Kept::Approvals(Vec::new())]);
    // A stop without a bus leaves it to the next start.
    let (mut bench, id) = waiting();
    bench.on(Event::LinkDown { reason: "test".into() });
    let effects = bench.on(Event::Stop);
    assert_eq!(kept(&effects).1, [Kept::Approvals(vec![(id, None)])]);
}

#[test]
fn where_more_would_wait_than_there_is_room_for_nothing_is_pushed_out_but_for_an_order() {
    let mut config = room();
    config.mode = Mode::Advise;
    let fan = config.actuators[0].clone();
    for number in 0..2 * limits::APPROVALS_MAX {
        let name = format!("fan_{number}");
        let port = Port::Topic(format!("place/{name}/set"));
        let state_topic = Some(format!("place/{name}"));
        config.actuators.push(Actuator { name, port, state_topic, ..fan.clone() });
    }
    let mut bench = Bench::new(config.clone()).up();
    bench.steady(22.0, 30);
    for number in 0..config.actuators.len() {
        let id = ActuatorId(u16::try_from(number).expect("few"));
        bench.agent.ask_person(id, &Setting::On, "test");
    }
    let waits = |bench: &Bench| -> Vec<u16> {
        bench.agent.approvals().iter().map(|one| one.actuator.0).collect()
    };
    let first: Vec<u16> = (0..u16::try_from(limits::APPROVALS_MAX).expect("few")).collect();
    assert_eq!(waits(&bench), first);
    let hold = Duration::from_secs(60);
    bench.agent.ask_of_order(ActuatorId(60), &Setting::On, hold, "a/b");
    assert_eq!(waits(&bench), [&first[1..], &[60]].concat());
}

#[test]
fn a_pulse_is_ended_in_observe_however_often_it_takes() {
    let mut config = room_with_pulse(0, 60);
    let mut bench = Bench::new(config.clone()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, true));
    bench.on(command("mode", "m", r#"{"mode":"observe"}"#));
    bench.echo = false;
    bench.pass(60);
    assert_eq!(sends(&bench.on(Event::Wake)), [(0, "OFF".into())]);
    bench.on(Event::LinkDown { reason: "test".into() });
    bench.on(Event::LinkUp);
    bench.pass(60);
    assert_eq!(sends(&bench.on(Event::Wake)), [(0, "OFF".into())], "nobody heard the first one");
    bench.echo = true;
    bench.pass(60);
    bench.on(Event::Wake);
    bench.pass(600);
    assert_eq!(sends(&bench.on(Event::Wake)), []);

    let steps = vec![ResumedStep { pulse_open: true, ..last_step(Setting::On, 10) }];
    config.mode = Mode::Observe;
    let resumed = Resumed { steps, ..Resumed::default() };
    let mut bench = Bench::resumed(config.clone(), resumed.clone());
    assert_eq!(sends(&bench.on(Event::LinkUp)), [(0, "OFF".into())]);
    // It is another kind of device by now.
    config.actuators[0].kind = ActuatorKind::Switch;
    config.actuators[0].safe = Setting::On;
    config.mode = Mode::Act;
    let mut bench = Bench::resumed(config, resumed).up();
    let sent = sends(&bench.steady(22.0, 120));
    assert!(!sent.contains(&(0, "OFF".into())), "{sent:?}");
}

#[test]
fn an_echo_of_before_leaves_a_pulse_that_may_still_arrive_its_end() {
    let mut bench = Bench::new(room_with_pulse(0, 600)).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.goes(set("a", 0, true));
    for _ in 0..2 {
        bench.pass(5);
        bench.on(Event::Wake);
    }
    let echo =
        |setting| Event::Echo { actuator: ActuatorId(0), setting: Ok(setting), retained: false };
    bench.on(echo(Setting::Off));
    bench.pass(10);
    bench.on(echo(Setting::On));
    bench.pass(600);
    assert_eq!(sends(&bench.on(Event::Wake)), [(0, "OFF".into())]);
}

#[test]
fn a_stop_in_observe_ends_a_pulse() {
    let mut bench = Bench::new(room_with_pulse(0, 600)).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, true));
    bench.on(command("mode", "m", r#"{"mode":"observe"}"#));
    assert_eq!(sends(&bench.on(Event::Stop)), [(0, "OFF".into())]);
}

#[test]
fn the_limit_an_hour_holds_for_the_second_message_too() {
    let mut config = room();
    config.actuators[0].commands_per_hour_max = 2;
    let mut bench = Bench::new(config).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    // The start was the first.
    assert_eq!(sends(&bench.on(set("a", 0, true))), [(0, "ON".into())]);
    let mut sent = Vec::new();
    for _ in 0..4 {
        bench.pass(5);
        sent.extend(sends(&bench.on(Event::Wake)));
    }
    assert!(!sent.contains(&(0, "ON".into())), "{sent:?}");
}
