//! The state machine of device commands under random events (design §5, §8.4): states only go
//! forward, one state ends a command, and an id is carried out once.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::tests::*;
use super::*;
use crate::domain::*;

/// What may happen to an agent with commands in its hands.
#[derive(Clone, Debug)]
enum Act {
    Command { id: u8, actuator: u16, on: bool },
    Pass { seconds: u64 },
    Reading { sensor: u16, value: f64 },
    Link { up: bool },
    Answers { yes: bool },
    ByHand { actuator: u16, on: bool },
    Stop,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..6u8, 0..3u16, any::<bool>())
            .prop_map(|(id, actuator, on)| Act::Command { id, actuator, on }),
        4 => (1..30u64).prop_map(|seconds| Act::Pass { seconds }),
        4 => (0..2u16, -60.0..90.0f64).prop_map(|(sensor, value)| Act::Reading { sensor, value }),
        1 => any::<bool>().prop_map(|up| Act::Link { up }),
        2 => any::<bool>().prop_map(|yes| Act::Answers { yes }),
        2 => (0..3u16, any::<bool>()).prop_map(|(actuator, on)| Act::ByHand { actuator, on }),
        1 => Just(Act::Stop),
    ]
}

fn rank(state: CommandState) -> u8 {
    match state {
        CommandState::Accepted => 0,
        CommandState::Executing => 1,
        _ => 2,
    }
}

proptest! {
    #[test]
    fn a_command_goes_forward_ends_once_and_is_carried_out_once(
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let mut bench = Bench::new(room()).up();
        for act in acts {
            match act {
                Act::Command { id, actuator, on } => bench.on(set(&format!("c{id}"), actuator, on)),
                Act::Pass { seconds } => {
                    bench.pass(seconds);
                    bench.on(Event::Wake)
                }
                Act::Reading { sensor, value } => bench.on(reading(sensor, value)),
                Act::Link { up: true } => bench.on(Event::LinkUp),
                Act::Link { up: false } => bench.on(Event::LinkDown { reason: "test".into() }),
                Act::Answers { yes } => {
                    bench.echo = yes;
                    Vec::new()
                }
                Act::ByHand { actuator, on } => {
                    let setting = Ok(if on { Setting::On } else { Setting::Off });
                    let actuator = ActuatorId(actuator);
                    bench.on(Event::Echo { actuator, setting, retained: false })
                }
                Act::Stop => bench.on(Event::Stop),
            };
        }
        // Whatever is still open ends at a stop, answers or not.
        bench.on(Event::Stop);
        bench.pass(30);
        bench.on(Event::Wake);
        bench.pass(30);
        bench.on(Event::Wake);
        let mut last: BTreeMap<String, CommandState> = BTreeMap::new();
        let mut begun: BTreeMap<String, u32> = BTreeMap::new();
        for effect in &bench.effects {
            match effect {
                Effect::Record { entry: Entry::Command { id, state, .. }, .. } => {
                    if let Some(before) = last.insert(id.clone(), *state) {
                        prop_assert!(rank(before) < rank(*state), "{id}: {before:?} {state:?}");
                    }
                }
                Effect::Record {
                    entry: Entry::Step { state: StepState::Intended, cause, by, .. }, ..
                } if *by == Decider::Command => *begun.entry(cause.clone()).or_default() += 1,
                _ => {}
            }
        }
        prop_assert!(last.values().all(|state| state.is_terminal()), "{last:?}");
        prop_assert!(begun.values().all(|times| *times == 1), "{begun:?}");
    }
}

fn restart() -> Event {
    Inbox::new(Arc::new(room())).command("restart", "r", b"{}", false).unwrap()
}

#[test]
fn a_restart_ends_the_agent_and_has_succeeded_with_the_next_start() {
    let mut bench = Bench::new(room()).up();
    bench.steady(27.0, 60);
    let effects = bench.on(restart());
    assert_eq!(states(&effects, "r"), [CommandState::Accepted, CommandState::Executing]);
    assert!(sends(&effects).contains(&(0, "OFF".into())), "it hands over to safe");
    assert!(effects.contains(&Effect::Stopped) && bench.agent.wants_restart());
    let open = ("restart".into(), "r".into(), CommandState::Executing, String::new(), 0);
    let resumed = Resumed { next_seq: 5, commands: vec![open], ..Resumed::default() };
    let mut bench = Bench::resumed(room(), resumed);
    assert_eq!(states(&bench.effects, "r"), [CommandState::Succeeded]);
    // One that the broker brings again is not carried out again.
    assert_eq!(states(&bench.on(restart()), "r"), [CommandState::Succeeded]);
    assert!(!bench.agent.wants_restart());
}

/// The token of the last message to a device.
fn token(effects: &[Effect]) -> u64 {
    let mut tokens = effects.iter().filter_map(|effect| match effect {
        Effect::Send { token, .. } => Some(*token),
        _ => None,
    });
    tokens.next_back().expect("a message")
}

#[test]
fn what_cannot_be_sent_for_want_of_room_is_told_and_a_rule_tries_again() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let unsent = |bench: &mut Bench, token| {
        let why = Some("not sent: too many commands wait for the broker".into());
        bench.on(Event::Lost { token, why })
    };
    // An operator hears why.
    let token_of_set = token(&bench.on(set("a", 1, true)));
    let effects = unsent(&mut bench, token_of_set);
    let why = "not sent: too many commands wait for the broker";
    let told = effects.iter().any(|effect| match effect {
        Effect::Report { report: Report::CommandState { state, reason, .. }, .. } => {
            *state == Some(CommandState::Failed) && reason == why
        }
        _ => false,
    });
    assert!(told, "{effects:?}");
    let written = effects.iter().any(|effect| match effect {
        Effect::Record { entry: Entry::Step { actuator, state, cause, .. }, .. } => {
            actuator == "chiller" && *state == StepState::Unconfirmed && cause.ends_with(why)
        }
        _ => false,
    });
    assert!(written, "{effects:?}");
    let chiller = bench.agent.world().actuator(ActuatorId(1));
    assert_eq!(chiller.confirmed, None, "what waited before it may still arrive");
    // A rule that holds tries again.
    bench.on(Event::Echo { actuator: ActuatorId(1), setting: Ok(Setting::Off), retained: false });
    bench.pass(6);
    bench.on(set("b", 2, true));
    bench.on(Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::On), retained: false });
    let lost = bench.on(reading(1, 0.9));
    assert_eq!(sends(&lost), [(2, "OFF".into())]);
    unsent(&mut bench, token(&lost));
    bench.pass(11);
    assert_eq!(sends(&bench.on(reading(1, 0.9))), [(2, "OFF".into())]);
}
