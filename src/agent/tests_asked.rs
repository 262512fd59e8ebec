//! Plain words of an operator: what they are read as, what is refused, and that what is not
//! certain waits for a person (issue 5, `ask`).

use super::spoken::{Meaning, Spoken, hear};
use super::tests::*;
use super::*;
use crate::config::{Config, Mode, Strictness, from_text};
use crate::domain::*;
use crate::plant::greenhouse_config;

fn config() -> Config {
    let read = from_text(greenhouse_config(), "greenhouse.toml", &[], Strictness::Run);
    read.expect("a good configuration").0
}

/// What a sentence means, in short: `fan on 1800`, `goal {…}`, and `? word` for what is unsure.
fn read(text: &str, config: &Config) -> String {
    let Spoken { meaning, unsure } = match hear(text, config) {
        Ok(spoken) => spoken,
        Err(reason) => return format!("no: {reason}"),
    };
    let actuator = |id: ActuatorId| config.actuators[usize::from(id.0)].name.clone();
    let mut said = match meaning {
        Meaning::Do(body) => match *body {
            Body::Set { actuator: id, setting, hold } => {
                format!("{} {setting} {}", actuator(id), hold.as_secs())
            }
            Body::Mode { mode, .. } => format!("mode {}", mode.word()),
            Body::PutGoal { text, .. } => format!("goal {text}"),
            Body::RemoveGoal { name } => format!("no goal {name}"),
            other => panic!("{other:?}"),
        },
        Meaning::Sensor(id) => format!("sensor {}", config.sensors[usize::from(id.0)].name),
        Meaning::Actuator(id) => format!("why {}", actuator(id)),
        Meaning::Goals => "goals".into(),
    };
    for word in unsure {
        said.push_str(" ? ");
        said.push_str(&word);
    }
    said
}

#[test]
fn orders_questions_and_goals_become_what_the_configuration_has() {
    let config = config();
    for (text, wanted) in [
        ("Turn on the fan.", "fan on 1800"),
        ("please switch the fan off", "fan off 1800"),
        ("Could you start the fan for 20 minutes?", "fan on 1200"),
        ("Run the drip pump for half an hour", "drip_pump on 1800"),
        ("stop the pump now", "drip_pump off 1800"),
        ("Set the vent to 50 %", "vent 50 1800"),
        ("open the vent halfway for an hour", "vent 50 3600"),
        ("Open the vent", "vent 100 1800"),
        ("shut the vent for 2 hours please", "vent 0 7200"),
        ("heater on", "heater on 1800"),
        ("Let the hose valve run for 90 seconds", "hose_valve on 90"),
        ("Why did you start the drip pump at three?", "why drip_pump"),
        ("why is the fan on", "why fan"),
        ("How warm is the air temperature?", "sensor air_temperature"),
        ("What is the soil moisture", "sensor soil_moisture"),
        ("how are the goals?", "goals"),
        ("advise only", "mode advise"),
        ("go to observe mode", "mode observe"),
        (
            "Keep the air temperature between 18 and 24 °C",
            "goal {\"name\":\"asked: air temperature\",\
             \"keep\":{\"sensor\":\"air_temperature\",\"min\":18.0,\"max\":24.0}}",
        ),
        (
            "keep the humidity below 80 percent",
            r#"goal {"name":"asked: humidity","keep":{"sensor":"humidity","max":80.0}}"#,
        ),
        (
            "hold soil moisture above 45",
            r#"goal {"name":"asked: soil moisture","keep":{"sensor":"soil_moisture","min":45.0}}"#,
        ),
        ("forget the goal climate", "no goal climate"),
        ("Turn on the fan, quickly", "fan on 1800"),
        ("Turn on the fan and be merry", "fan on 1800 ? and ? merry"),
    ] {
        assert_eq!(read(text, &config), wanted, "{text}");
    }
}

#[test]
fn what_is_no_order_for_now_is_refused_with_what_to_do_instead() {
    let config = config();
    for (text, why) in [
        ("Never run the fan at night", "a ban or a wish"),
        ("Do not start the heater", "a ban or a wish"),
        ("turn on the fan if it gets hot", "a condition"),
        ("start the heater before sunrise", "a condition"),
        ("turn on the fan and the heater", "one device at a time"),
        ("turn the fan on and off", "both on and off"),
        ("set the vent to 500", "allowed is 0 to 100"),
        ("set the vent", "to what? 0 to 100"),
        ("fan to 30", "without a number"),
        ("launch the missiles", "no device of mine is named in it: there are fan, vent"),
        ("keep it cosy", "a goal is about one sensor"),
        ("keep the air temperature nice", "a band is needed"),
        ("", "there are no words"),
        ("\u{202e}\u{0007}", "there are no words"),
        ("forget the goal world peace", "which goal?"),
        ("who are you?", "by their names"),
    ] {
        let read = read(text, &config);
        assert!(read.starts_with("no: ") && read.contains(why), "{text}: {read}");
    }
    let long = "fan on ".repeat(100);
    assert!(read(&long, &config).contains("at most 500 are read"));
}

fn ask(id: &str, text: &str, config: &std::sync::Arc<Config>) -> Event {
    let payload = serde_json::json!({ "text": text }).to_string();
    let inbox = Inbox::new(config.clone());
    inbox.command("ask", id, payload.as_bytes(), false).expect("a good id")
}

/// The last state of a command, with its reason.
pub(super) fn ended(effects: &[Effect], wanted: &str) -> (CommandState, String) {
    let state = effects.iter().rev().find_map(|effect| match effect {
        Effect::Report { report: Report::CommandState { id, state, reason, .. }, .. }
            if id == wanted =>
        {
            Some((state.expect("a state"), reason.clone()))
        }
        _ => None,
    });
    state.expect("a state")
}

#[test]
fn a_certain_order_acts_and_one_with_words_left_over_waits_for_a_person() {
    let config = std::sync::Arc::new(room());
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let effects = bench.on(ask("a", "turn on the chiller for 10 minutes", &config));
    assert_eq!(sends(&effects), [(1, "ON".into())]);
    let effects = bench.on(ask("b", "turn on the fan like a champion", &config));
    assert_eq!(sends(&effects), []);
    let (state, reason) = ended(&effects, "b");
    assert_eq!(state, CommandState::Succeeded);
    assert!(reason.contains("understood as fan on; waits for approval"), "{reason}");
    let approval = effects.iter().find_map(|effect| match effect {
        Effect::Report { report: Report::Approval { id, waits: Some(_), .. }, .. } => Some(id),
        _ => None,
    });
    let yes = serde_json::json!({ "approval": approval.expect("it waits") }).to_string();
    let inbox = Inbox::new(config.clone());
    let yes = inbox.command("approve", "y", yes.as_bytes(), false).expect("a good id");
    assert_eq!(sends(&bench.on(yes)), [(0, "ON".into())]);
}

#[test]
fn interlocks_hold_against_words_and_questions_are_answered_with_the_record() {
    let config = std::sync::Arc::new(room());
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(ask("a", "start the chiller", &config));
    let effects = bench.on(ask("b", "start the heater", &config));
    assert_eq!((sends(&effects), ended(&effects, "b").0), (vec![], CommandState::Rejected));
    let effects = bench.on(ask("c", "why did you start the chiller?", &config));
    let (state, answer) = ended(&effects, "c");
    assert_eq!((sends(&effects), state), (vec![], CommandState::Succeeded));
    assert!(answer.contains("by command: ask/a (record "), "{answer}");
    let effects = bench.on(ask("d", "advise only", &config));
    assert_eq!(ended(&effects, "d").0, CommandState::Succeeded);
    assert_eq!(bench.agent.mode, Mode::Advise);
}

/// The one thing that waits for a person after these effects: its id, and what it is.
fn waiting(effects: &[Effect]) -> (String, String) {
    let mut waits = effects.iter().filter_map(|effect| match effect {
        Effect::Report {
            report: Report::Approval { id, waits: Some((of, value, _)), .. }, ..
        } => Some((id.clone(), format!("{of}: {value}"))),
        _ => None,
    });
    let one = waits.next().expect("it waits");
    assert_eq!(waits.next(), None);
    one
}

/// A person's word on what waits.
fn settle(bench: &mut Bench, kind: &str, id: &str) -> CommandState {
    let payload = serde_json::json!({ "approval": id }).to_string();
    let inbox = Inbox::new(std::sync::Arc::new(room()));
    let command = format!("{kind}-{id}");
    let word = inbox.command(kind, &command, payload.as_bytes(), false).expect("a good id");
    ended(&bench.on(word), &command).0
}

#[test]
fn a_goal_and_a_mode_with_words_left_over_are_shown_back_and_hold_after_a_yes() {
    let config = std::sync::Arc::new(room());
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let before = bench.agent.goals_in_force().len();
    let text = "keep the air temperature between 18 and 21, zebra quartz";
    let effects = bench.on(ask("a", text, &config));
    let (state, reason) = ended(&effects, "a");
    let (id, what) = waiting(&effects);
    assert_eq!(state, CommandState::Succeeded, "{reason}");
    assert!(reason.contains("nothing was made of") && reason.contains(&id), "{reason}");
    assert!(what.starts_with("goal: keep ") && what.contains("18"), "{what}");
    assert_eq!((bench.agent.goals_in_force().len(), bench.agent.open_approvals()), (before, 1));
    // Said once more, it waits once.
    let effects = bench.on(ask("b", text, &config));
    let (id, _) = waiting(&effects);
    assert_eq!(bench.agent.open_approvals(), 1);
    assert_eq!(settle(&mut bench, "approve", &id), CommandState::Succeeded);
    assert_eq!((bench.agent.goals_in_force().len(), bench.agent.open_approvals()), (before + 1, 0));
    let effects = bench.on(ask("c", "only watch from now on, zebra quartz", &config));
    let (id, what) = waiting(&effects);
    assert_eq!((what.as_str(), bench.agent.mode), ("mode: mode observe", Mode::Act));
    assert_eq!(settle(&mut bench, "deny", &id), CommandState::Succeeded);
    assert_eq!((bench.agent.mode, bench.agent.open_approvals()), (Mode::Act, 0));
    assert_eq!(settle(&mut bench, "approve", &id), CommandState::Rejected);
}

#[test]
fn people_shorten_a_name_and_a_name_may_be_short_itself() {
    let mut config = config();
    assert_eq!(read("turn on the htr", &config), read("turn on the heater", &config));
    assert!(read("turn on the htr", &config).starts_with("heater on"));
    let heater = config.actuators.iter_mut().find(|one| one.name == "heater").expect("a heater");
    heater.name = "htr".into();
    assert!(read("turn on the htr", &config).starts_with("htr on"), "it is called so");
}

#[test]
fn what_is_left_over_of_a_goal_or_mode_is_no_condition_and_what_is_polite_is_no_mending() {
    let config = config();
    for text in [
        "If it rains keep the humidity below 60",
        "keep the humidity below 60 tomorrow",
        "keep the humidity below hundred twenty",
        "only watch if nobody is here",
        "turn the heater off at 1500",
    ] {
        let read = read(text, &config);
        assert!(read.starts_with("no: "), "{text}: {read}");
    }
    assert_eq!(read("sorry, turn on the fan", &config), read("turn on the fan", &config));
    assert!(read("switch on the fan by the door", &config).contains("fan on"));
    assert!(!read("could the fan be on at the moment?", &config).starts_with("no: "));
}
