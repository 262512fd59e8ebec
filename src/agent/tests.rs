//! Tests of the agent's core: lists of events, and what came of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::*;
use crate::domain::*;
use crate::expr::{Names, compile};
use crate::journal::Keep;

fn sensor(name: &str) -> Sensor {
    Sensor {
        name: name.into(),
        feed: Feed::Port(Port::Topic(format!("place/{name}"))),
        field: None,
        kind: SensorKind::Number,
        map: BTreeMap::new(),
        scale: 1.0,
        offset: 0.0,
        unit: "°C".into(),
        range: Some((-40.0, 85.0)),
        max_rate: None,
        every: Duration::from_secs(10),
        learn: true,
        record: None,
    }
}

fn switch(name: &str, effects: &[(u16, f64)]) -> Actuator {
    Actuator {
        name: name.into(),
        port: Port::Topic(format!("place/{name}/set")),
        kind: ActuatorKind::Switch,
        on: "ON".into(),
        off: "OFF".into(),
        payload: None,
        state_topic: Some(format!("place/{name}")),
        state_field: None,
        state_on: "on".into(),
        state_off: "off".into(),
        confirm_within: Duration::from_secs(5),
        safe: Setting::Off,
        start_safe: true,
        min_on: Duration::ZERO,
        min_off: Duration::ZERO,
        commands_per_hour_max: 60,
        cost: 0.0,
        effects: effects.iter().map(|(id, sign)| (SensorId(*id), *sign)).collect(),
        mode: None,
        ask_human: false,
    }
}

fn mind() -> Mind {
    Mind {
        model: "m".into(),
        adapter: "none".into(),
        merge: true,
        deadline: Duration::from_secs(2),
        trust: 0.6,
        context_tokens: 2048,
        threads_decode: None,
        threads_prefill: None,
        models: Vec::new(),
        models_memory_bytes: 0,
        chosen_over: None,
    }
}

/// The room with an actuator that is a pulse of so many seconds at most.
pub(super) fn room_with_pulse(actuator: usize, max_s: u64) -> Config {
    let mut config = room();
    config.actuators[actuator].kind = ActuatorKind::Pulse { max: Duration::from_secs(max_s) };
    config
}

/// A room: temperature 18 to 26, two coolers and a heater, smoke, a rule and an interlock.
pub(super) fn room() -> Config {
    let sensors = vec![sensor("temperature"), sensor("smoke")];
    let actuators = vec![
        switch("fan", &[(0, -1.0)]),
        switch("chiller", &[(0, -1.0)]),
        switch("heater", &[(0, 1.0)]),
    ];
    let names = Names::of(&sensors, &actuators);
    let expr = |text: &str| compile(text, &names).expect("a good expression");
    Config {
        device: Device {
            name: "room".into(),
            board: crate::board::Profiles::embedded().host(),
            timezone: "UTC".into(),
            labels: std::collections::BTreeMap::new(),
        },
        bus: Bus {
            broker: Broker::Remote { host: "localhost".into(), port: 1883, tls: false },
            username: None,
            password_file: None,
            ca_file: None,
            crl_file: None,
            cert_file: None,
            key_file: None,
            max_packet_bytes: 1000,
        },
        mode: Mode::Act,
        agents: Vec::new(),
        derived: Vec::new(),
        lines: Vec::new(),
        update: crate::config::Update::default(),
        clouds: Vec::new(),
        escalate: None,
        homeassistant: None,
        announced: Vec::new(),
        goals: vec![Goal {
            name: "climate".into(),
            aim: Aim::Keep { sensor: SensorId(0), min: Some(18.0), max: Some(26.0) },
            weight: 1.0,
            when: None,
        }],
        rules: vec![Rule {
            name: "fire".into(),
            when: expr("smoke > 0.5"),
            set: vec![(ActuatorId(2), Setting::Off), (ActuatorId(0), Setting::Off)],
        }],
        interlocks: vec![Interlock {
            name: "both".into(),
            forbid: expr("chiller == 'on' && heater == 'on'"),
        }],
        notes: vec!["Prefer the chiller.".into()],
        preferences: vec![],
        web: None,
        mind: Some(mind()),
        journal: Journal { path: "/tmp".into(), quota_bytes: 1 << 20, keep: Keep::default() },
        sensors: sensors.into(),
        actuators: actuators.into(),
    }
}

/// An agent with a device side that answers, and a clock.
pub(super) struct Bench {
    pub(super) agent: Agent,
    pub(super) now: Now,
    pub(super) effects: Vec<Effect>,
    /// Devices answer at once.
    pub(super) echo: bool,
}

impl Bench {
    pub(super) fn new(config: Config) -> Bench {
        Bench::resumed(config, Resumed { next_seq: 1, ..Resumed::default() })
    }

    pub(super) fn resumed(config: Config, resumed: Resumed) -> Bench {
        let now = Now { tick: Tick(0), unix_ms: 1_800_000_000_000, trust: ClockTrust::Synced };
        let (agent, effects) = Agent::new(Arc::new(config), resumed, 7 << 32, now);
        Bench { agent, now, effects, echo: true }
    }

    /// Applies an event and, if devices answer, the echoes of what was sent. Gives the effects.
    pub(super) fn on(&mut self, event: Event) -> Vec<Effect> {
        let mut all = Vec::new();
        let mut queue = vec![event];
        while let Some(event) = queue.pop() {
            let effects = self.agent.apply(event, self.now);
            for effect in &effects {
                if let (Effect::Send { token, actuator, payload, .. }, true) = (effect, self.echo) {
                    self.agent.went(*token);
                    let setting = if payload == b"ON" { Setting::On } else { Setting::Off };
                    queue.push(Event::Echo {
                        actuator: *actuator,
                        setting: Ok(setting),
                        retained: false,
                    });
                }
            }
            all.extend(effects);
        }
        self.effects.extend(all.clone());
        all
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now.tick = self.now.tick.after(Duration::from_secs(seconds));
        self.now.unix_ms += i64::try_from(seconds).expect("a short time") * 1000;
    }

    /// A reading of both sensors each 10 s.
    pub(super) fn steady(&mut self, temperature: f64, seconds: u64) -> Vec<Effect> {
        let mut all = Vec::new();
        for _ in 0..seconds / 10 {
            self.pass(10);
            all.extend(self.on(reading(1, 0.0)));
            all.extend(self.on(reading(0, temperature)));
            all.extend(self.on(Event::Wake));
        }
        all
    }

    pub(super) fn up(mut self) -> Bench {
        self.on(Event::LinkUp);
        self
    }
}

pub(super) fn reading(sensor: u16, value: f64) -> Event {
    Event::Reading { sensor: SensorId(sensor), value: Ok(Value::Number(value)), retained: false }
}

pub(super) fn ready() -> Event {
    Event::Mind(MindNews::State {
        word: MindWord::Ready,
        text: "m".into(),
        sha256: "s".into(),
        adapter: "none".into(),
    })
}

pub(super) fn set(id: &str, actuator: u16, on: bool) -> Event {
    Event::Command(Box::new(DeviceCommand {
        kind: "set".into(),
        id: id.into(),
        body: Ok(Body::Set {
            actuator: ActuatorId(actuator),
            setting: if on { Setting::On } else { Setting::Off },
            hold: Duration::from_secs(600),
        }),
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    }))
}

pub(super) fn sends(effects: &[Effect]) -> Vec<(u16, String)> {
    let sends = effects.iter().filter_map(|effect| match effect {
        Effect::Send { actuator, payload, .. } => {
            Some((actuator.0, String::from_utf8_lossy(payload).into_owned()))
        }
        _ => None,
    });
    sends.collect()
}

pub(super) fn states(effects: &[Effect], id: &str) -> Vec<CommandState> {
    let states = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::CommandState { id: of, state, .. }, .. } if of == id => {
            *state
        }
        _ => None,
    });
    states.collect()
}

pub(super) fn decisions(effects: &[Effect]) -> Vec<Decision> {
    let decisions = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::Decision { decision, .. }, .. } => {
            Some((**decision).clone())
        }
        _ => None,
    });
    decisions.collect()
}

pub(super) fn question(effects: &[Effect]) -> Question {
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Ask(question) => Some(question.clone()),
        _ => None,
    });
    asked.expect("a question to the mind")
}

#[test]
fn at_start_everything_goes_to_safe_before_anything_else() {
    let mut bench = Bench::new(room());
    assert!(sends(&bench.on(reading(0, 40.0))).is_empty(), "nothing goes out without a bus");
    let sent = sends(&bench.on(Event::LinkUp));
    assert_eq!(sent, [(0, "OFF".into()), (1, "OFF".into()), (2, "OFF".into())]);
}

#[test]
fn a_broken_goal_starts_what_mends_it_and_ends_it_in_the_middle() {
    let mut bench = Bench::new(room()).up();
    let sent = sends(&bench.steady(27.0, 60));
    assert_eq!(sent.first(), Some(&(0, "ON".to_string())), "{sent:?}");
    let sent = sends(&bench.steady(22.0, 900));
    assert!(sent.contains(&(0, "OFF".into())), "{sent:?}");
    assert!(bench.agent.world().actuators.iter().all(|a| a.confirmed == Some(Setting::Off)));
}

#[test]
fn an_intent_is_recorded_before_its_message_and_the_message_waits_for_it() {
    let mut bench = Bench::new(room()).up();
    let effects = bench.steady(27.0, 60);
    let mut intended = None;
    for effect in &effects {
        match effect {
            Effect::Record { seq, entry: Entry::Step { state: StepState::Intended, .. } } => {
                intended = Some(*seq);
            }
            Effect::Send { after, .. } => {
                assert_eq!(*after, intended.take(), "{effect:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn sequences_have_no_gap() {
    let mut bench = Bench::new(room()).up();
    bench.steady(27.0, 600);
    let seqs = bench.effects.iter().filter_map(|effect| match effect {
        Effect::Record { seq, .. } => Some(*seq),
        _ => None,
    });
    assert!(seqs.zip(1..).all(|(seq, expected)| seq == expected));
}

#[test]
fn a_rule_acts_at_the_reading_and_holds_against_planner_and_operator() {
    let mut bench = Bench::new(room()).up();
    bench.steady(27.0, 60);
    let effects = bench.on(reading(1, 0.9));
    assert_eq!(sends(&effects), [(0, "OFF".to_string())]);
    let urgent = |effect: &&Effect| matches!(effect, Effect::Send { .. });
    assert!(effects.iter().filter(urgent).all(|e| matches!(e, Effect::Send { after: None, .. })));
    assert_eq!(decisions(&effects)[0].by, Decider::Rule);
    let effects = bench.on(set("a", 0, true));
    assert_eq!(states(&effects, "a"), [CommandState::Rejected]);
}

#[test]
fn an_interlock_stops_planner_operator_and_rule_and_counts_what_is_in_flight() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    bench.on(set("heat", 2, true));
    // The heater has not answered: it counts at its old and at its new value.
    let effects = bench.on(set("cool", 1, true));
    assert_eq!(states(&effects, "cool"), [CommandState::Rejected]);
    let refused = effects.iter().any(|effect| {
        matches!(effect, Effect::Report { report: Report::CommandState { reason, .. }, .. }
            if reason == "interlock both")
    });
    assert!(refused, "{effects:?}");
}

#[test]
fn an_interlock_that_a_device_makes_true_sends_everything_named_in_it_to_safe() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("heat", 2, true));
    let by_hand =
        Event::Echo { actuator: ActuatorId(1), setting: Ok(Setting::On), retained: false };
    let sent = sends(&bench.on(by_hand));
    assert_eq!(sent, [(1, "OFF".into()), (2, "OFF".into())]);
}

#[test]
fn a_command_is_carried_out_once_and_a_repeat_gets_its_state_again() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let effects = bench.on(set("a", 0, true));
    let all = [CommandState::Accepted, CommandState::Executing, CommandState::Succeeded];
    assert_eq!((sends(&effects).len(), states(&effects, "a")), (1, all.to_vec()));
    let effects = bench.on(set("a", 0, true));
    assert_eq!((sends(&effects).len(), states(&effects, "a")), (0, vec![all[2]]));
}

#[test]
fn after_a_restart_an_open_command_ends_and_is_not_carried_out_again() {
    let open = ("set".into(), "a".into(), CommandState::Executing, String::new(), 0);
    let resumed = Resumed { next_seq: 5, commands: vec![open], ..Resumed::default() };
    let mut bench = Bench::resumed(room(), resumed);
    assert_eq!(states(&bench.effects, "a"), [CommandState::Failed]);
    bench.on(Event::LinkUp);
    let effects = bench.on(set("a", 0, true));
    assert_eq!((sends(&effects).len(), states(&effects, "a")), (0, vec![CommandState::Failed]));
}

#[test]
fn a_silent_device_is_asked_once_more_then_said_and_its_command_fails() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let mut effects = bench.on(set("a", 0, true));
    for _ in 0..3 {
        bench.pass(5);
        effects.extend(bench.on(Event::Wake));
    }
    let messages = sends(&effects).iter().filter(|(_, payload)| payload == "ON").count();
    assert_eq!(messages, 2);
    assert_eq!(states(&effects, "a").last(), Some(&CommandState::Failed));
    let said = effects.iter().any(|effect| {
        matches!(effect, Effect::Report { report: Report::Event { text, .. }, .. }
            if text == "fan is not responding")
    });
    assert!(said);
    assert_eq!(bench.agent.world().actuators[0].confirmed, None);
}

#[test]
fn retained_and_old_commands_are_not_carried_out() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let Event::Command(mut old) = set("old", 0, true) else { unreachable!() };
    old.issued_unix_ms = Some(bench.now.unix_ms - 61_000);
    let effects = bench.on(Event::Command(old.clone()));
    assert_eq!(states(&effects, "old"), [CommandState::Expired]);
    old.id = "retained".into();
    (old.issued_unix_ms, old.retained) = (None, true);
    let effects = bench.on(Event::Command(old.clone()));
    assert_eq!(states(&effects, "retained"), [CommandState::Rejected]);
    old.id = "fresh".into();
    old.issued_unix_ms = Some(bench.now.unix_ms - 5_000);
    let effects = bench.on(Event::Command(old));
    assert_eq!(states(&effects, "fresh").last(), Some(&CommandState::Succeeded));
}

#[test]
fn the_mind_chooses_among_near_moves_and_the_record_says_so() {
    let mut bench = Bench::new(room()).up();
    bench.on(ready());
    let asked = question(&bench.steady(27.0, 20));
    let texts: Vec<_> = asked.candidates.iter().map(String::as_str).collect();
    assert!(texts.contains(&"chiller on") && texts.contains(&"do nothing"), "{texts:?}");
    assert!(asked.prefix.contains("Prefer the chiller."), "{}", asked.prefix);
    let by_notes = asked.by_notes.as_ref().expect("a note names one of two that would do");
    assert_eq!(by_notes.notes[0].prefix, "Note: Prefer the chiller.\n");
    assert_eq!(by_notes.notes[0].devices[0].candidates, ["fan", "chiller"]);
    assert_eq!(
        by_notes.among.iter().map(|n| texts[*n]).collect::<Vec<_>>(),
        ["fan on", "chiller on"]
    );
    let p = texts.iter().map(|text| if *text == "chiller on" { 0.9 } else { 0.02 }).collect();
    let effects = bench.on(Event::Mind(MindNews::Scores { id: asked.id, p, tokens: 60, ms: 5.0 }));
    assert_eq!(sends(&effects), [(1, "ON".into())]);
    let decision = &decisions(&effects)[0];
    assert_eq!((decision.by, decision.guard.as_str()), (Decider::Mind, "passed"));
    assert_eq!(decision.candidates[decision.chosen].probability, Some(0.9));
}

#[test]
fn a_mind_that_agrees_is_unsure_late_or_lost_leaves_the_choice_to_the_planner() {
    let answer = |favoured: &'static str, high: f64| {
        move |asked: &Question| {
            let low = (1.0 - high) / (asked.candidates.len() - 1) as f64;
            let p = asked.candidates.iter().map(|c| if c == favoured { high } else { low });
            MindNews::Scores { id: asked.id, p: p.collect(), tokens: 60, ms: 5.0 }
        }
    };
    type Answer = Box<dyn Fn(&Question) -> MindNews>;
    let cases: [(&str, Answer); 4] = [
        ("agrees", Box::new(answer("fan on", 0.9))),
        ("unsure", Box::new(answer("chiller on", 0.25))),
        ("would do something unsafe or useless", Box::new(answer("heater on", 0.99))),
        ("lost", Box::new(|asked| MindNews::Lost { id: asked.id })),
    ];
    for (case, news) in cases {
        let mut bench = Bench::new(room()).up();
        bench.on(ready());
        let asked = question(&bench.steady(27.0, 20));
        let effects = bench.on(Event::Mind(news(&asked)));
        assert_eq!(sends(&effects), [(0, "ON".into())], "{case}");
        assert_eq!(decisions(&effects)[0].by, Decider::Planner, "{case}");
    }
    let mut bench = Bench::new(room()).up();
    bench.on(ready());
    let asked = question(&bench.steady(27.0, 20));
    bench.pass(3);
    let effects = bench.on(Event::Mind(answer("chiller on", 0.9)(&asked)));
    assert!(!sends(&effects).contains(&(1, "ON".into())), "a late answer has no voice");
}

#[test]
fn observe_sends_nothing_and_advise_waits_for_a_person() {
    let mut config = room();
    config.mode = Mode::Observe;
    let mut bench = Bench::new(config).up();
    bench.steady(27.0, 300);
    assert_eq!(sends(&bench.effects), []);

    let mut config = room();
    config.mode = Mode::Advise;
    let mut bench = Bench::new(config).up();
    let effects = bench.steady(27.0, 300);
    assert_eq!(sends(&effects), []);
    let waits: Vec<String> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Report { report: Report::Approval { id, waits: Some(_), .. }, .. } => {
                Some(id.clone())
            }
            _ => None,
        })
        .collect();
    assert_eq!(waits.len(), 1, "once, not at every reading");
    let approve = Event::Command(Box::new(DeviceCommand {
        kind: "approve".into(),
        id: "yes".into(),
        body: Ok(Body::Approve { approval: waits[0].clone() }),
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    }));
    let effects = bench.on(approve);
    assert_eq!(sends(&effects), [(0, "ON".into())]);
    assert_eq!(states(&effects, "yes").last(), Some(&CommandState::Succeeded));
}

#[test]
fn a_hold_keeps_the_planner_away_and_ends() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.on(set("a", 0, false));
    bench.on(set("b", 1, false));
    assert_eq!(sends(&bench.steady(27.0, 500)), []);
    assert!(!sends(&bench.steady(27.0, 300)).is_empty());
}

#[test]
fn a_sensor_that_falls_silent_costs_the_planner_its_control() {
    let mut bench = Bench::new(room()).up();
    bench.steady(27.0, 60);
    assert_eq!(bench.agent.world().actuators[0].confirmed, Some(Setting::On));
    let mut effects = Vec::new();
    for _ in 0..12 {
        bench.pass(10);
        effects.extend(bench.on(Event::Wake));
    }
    assert_eq!(sends(&effects).first(), Some(&(0, "OFF".into())));
    assert_eq!(bench.agent.goals_satisfied(), [None]);
}

#[test]
fn a_broken_connection_leaves_nothing_to_be_repeated() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    bench.echo = false;
    let mut effects = bench.on(set("a", 0, true));
    effects.extend(bench.on(Event::LinkDown { reason: "test".into() }));
    assert_eq!(states(&effects, "a").last(), Some(&CommandState::Failed));
    bench.pass(120);
    bench.echo = true;
    let sent = sends(&bench.on(Event::LinkUp));
    assert_eq!(sent, [(0, "OFF".into())], "what is unknown goes to safe, nothing else moves");
}

#[test]
fn stop_hands_over_to_safe_and_ends() {
    let mut bench = Bench::new(room()).up();
    bench.steady(27.0, 60);
    let effects = bench.on(Event::Stop);
    let sent = sends(&effects);
    assert!(sent.contains(&(0, "OFF".into())), "{sent:?}");
    assert!(sent.iter().all(|(_, payload)| payload == "OFF"), "{sent:?}");
    assert!(effects.contains(&Effect::Stopped));
}

#[test]
fn the_limit_an_hour_stops_planner_and_calls_a_person() {
    let mut config = room();
    config.actuators[0].commands_per_hour_max = 1;
    config.actuators[1].commands_per_hour_max = 1;
    let mut bench = Bench::new(config).up();
    let effects = bench.steady(27.0, 300);
    assert_eq!(sends(&effects), [], "the message at start was the one of this hour");
    let effects = bench.on(set("a", 0, true));
    assert_eq!(states(&effects, "a"), [CommandState::Rejected]);
    let calls = |effect: &&Effect| {
        matches!(effect, Effect::Report { report: Report::Event { kind, .. }, .. }
            if kind == "command-limit")
    };
    assert_eq!(bench.effects.iter().filter(calls).count(), 2, "once for each device");
}

#[test]
fn the_limit_an_hour_goes_on_over_a_restart() {
    let mut config = room();
    config.actuators[0].commands_per_hour_max = 3;
    let sent = vec![("fan".into(), Duration::from_secs(1800)); 3];
    let resumed = Resumed { next_seq: 9, sent, ..Resumed::default() };
    let mut bench = Bench::resumed(config, resumed).up();
    let effects = bench.on(set("a", 0, true));
    assert_eq!(states(&effects, "a"), [CommandState::Rejected]);
    bench.steady(22.0, 1810);
    let effects = bench.on(set("b", 0, true));
    assert_eq!(states(&effects, "b").last(), Some(&CommandState::Succeeded));
}
