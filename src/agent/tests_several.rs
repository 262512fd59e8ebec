//! Several agents in one process: who plans with what, who gives way to whom, whose turn it is at
//! the mind.

use super::tests::*;
use super::*;
use crate::config::{Config, Strictness, from_text};
use crate::domain::{Decision, Entry};

/// A hall: temperature, air and light, with two devices for each of the last and a fan for both of
/// the first.
fn hall(agents: &str) -> Config {
    let text = format!(
        r#"
        [device]
        name = "hall"
        [bus]
        url = "mqtt://localhost"
        [[sensor]]
        name = "temperature"
        topic = "h/temperature"
        every = "10s"
        range = [-40, 85]
        [[sensor]]
        name = "co2"
        topic = "h/co2"
        every = "10s"
        range = [0, 5000]
        [[actuator]]
        name = "fan"
        topic = "h/fan/set"
        state_topic = "h/fan"
        safe = "off"
        effects = {{ temperature = "lowers", co2 = "lowers" }}
        [[actuator]]
        name = "heater"
        topic = "h/heater/set"
        state_topic = "h/heater"
        safe = "off"
        effects = {{ temperature = "raises" }}
        [[actuator]]
        name = "stove"
        topic = "h/stove/set"
        state_topic = "h/stove"
        safe = "off"
        effects = {{ temperature = "raises" }}
        [[actuator]]
        name = "flap"
        topic = "h/flap/set"
        state_topic = "h/flap"
        safe = "off"
        effects = {{ co2 = "lowers" }}
        [[actuator]]
        name = "hatch"
        topic = "h/hatch/set"
        state_topic = "h/hatch"
        safe = "off"
        effects = {{ co2 = "lowers" }}
        [[goal]]
        name = "warmth"
        keep = {{ sensor = "temperature", min = 18, max = 26 }}
        [[goal]]
        name = "fresh"
        keep = {{ sensor = "co2", min = 300, max = 1000 }}
        [[note]]
        text = "The hall is used in the evening."
        [mind]
        {agents}
        "#
    );
    let read = from_text(&text, "hall.toml", &[], Strictness::Check);
    read.unwrap_or_else(|faults| panic!("{faults}")).0
}

const EVERYTHING: &str = r#"
    [[agent]]
    name = "all"
    goals = ["warmth", "fresh"]
    tools = ["fan", "heater", "stove", "flap", "hatch"]
"#;

/// The fan is the keeper's, who keeps warm; who wants fresh air has no tool for it.
fn fan_of_keeper(keeper: u32, airer: u32) -> String {
    format!(
        r#"
        [[agent]]
        name = "keeper"
        goals = ["warmth"]
        tools = ["fan", "heater"]
        priority = {keeper}
        [[agent]]
        name = "airer"
        goals = ["fresh"]
        priority = {airer}
        "#
    )
}

const TWO: &str = r#"
    [[agent]]
    name = "stoker"
    goals = ["warmth"]
    tools = ["heater", "stove"]
    notes = ["Wood is dear."]
    [[agent]]
    name = "airer"
    goals = ["fresh"]
    tools = ["fan", "flap", "hatch"]
    notes = ["The hatch is loud."]
    adapter = "none"
    priority = 3
"#;

fn steady(bench: &mut Bench, temperature: f64, co2: f64, seconds: u64) -> Vec<Effect> {
    let mut all = Vec::new();
    for _ in 0..seconds / 10 {
        bench.pass(10);
        all.extend(bench.on(reading(0, temperature)));
        all.extend(bench.on(reading(1, co2)));
        all.extend(bench.on(Event::Wake));
    }
    all
}

fn is_on(bench: &Bench, index: usize) -> bool {
    bench.agent.world().actuators[index].confirmed == Some(crate::domain::Setting::On)
}

fn begins(decisions: &[Decision], with: &str) -> bool {
    decisions.iter().any(|one| one.cause.starts_with(with))
}

#[test]
fn one_agent_with_everything_decides_as_where_there_is_none() {
    let run = |agents: &str| {
        let mut bench = Bench::new(hall(agents)).up();
        let mut effects = Vec::new();
        for (temperature, co2) in [(17.0, 800.0), (22.0, 1100.0), (27.0, 1200.0), (20.0, 400.0)] {
            effects.extend(steady(&mut bench, temperature, co2, 600));
        }
        effects
    };
    let (none, all) = (run(""), run(EVERYTHING));
    assert_eq!(sends(&none), sends(&all));
    let (none, mut all) = (decisions(&none), decisions(&all));
    for one in &mut all {
        one.cause = one.cause.strip_prefix("agent all: ").expect("its name").to_owned();
    }
    assert!(!none.is_empty());
    assert_eq!(none, all);
}

#[test]
fn nobody_plans_with_the_tools_of_another() {
    let mut bench = Bench::new(hall(TWO)).up();
    let mut effects = Vec::new();
    for (temperature, co2) in [(17.0, 1200.0), (22.0, 500.0), (27.0, 500.0), (16.0, 1300.0)] {
        effects.extend(steady(&mut bench, temperature, co2, 600));
    }
    let decisions = decisions(&effects);
    assert!(begins(&decisions, "agent stoker: goal warmth"), "{decisions:#?}");
    assert!(begins(&decisions, "agent airer: goal fresh"), "{decisions:#?}");
    // The fan cools too: what is too warm is its owner's, for the other.
    assert!(begins(&decisions, "agent airer for stoker: goal warmth"), "{decisions:#?}");
    for decision in &decisions {
        let stokers = ["heater", "stove"];
        let own = decision.cause.starts_with("agent stoker");
        for (name, _) in decision.candidates.iter().flat_map(|one| &one.set) {
            assert_eq!(stokers.contains(&name.as_str()), own, "{decision:?}");
        }
    }
}

/// Arbitration: the owner weighs what another wants of its tool beside its own goals, by the
/// priorities.
#[test]
fn who_wants_a_tool_of_another_gets_it_through_its_owner() {
    // Nothing stands against it.
    let mut bench = Bench::new(hall(&fan_of_keeper(1, 1))).up();
    let effects = steady(&mut bench, 22.0, 1200.0, 300);
    assert!(is_on(&bench, 0));
    assert!(begins(&decisions(&effects), "agent keeper for airer: goal fresh"));
    // Too cold and too stale at once: the fan cools.
    let fan_runs = |keeper, airer| {
        let mut bench = Bench::new(hall(&fan_of_keeper(keeper, airer))).up();
        steady(&mut bench, 17.5, 1100.0, 900);
        is_on(&bench, 0)
    };
    assert!(!fan_runs(10, 1), "the keeper of the fan is first");
    assert!(fan_runs(1, 10), "who wants fresh air is first");
}

#[test]
fn a_goal_that_nobody_can_mend_is_its_own_agents_to_say() {
    let agents = r#"
        [[agent]]
        name = "stoker"
        goals = ["warmth"]
        tools = ["heater"]
        [[agent]]
        name = "airer"
        goals = ["fresh"]
    "#;
    let mut bench = Bench::new(hall(agents)).up();
    let effects = steady(&mut bench, 22.0, 1200.0, 300);
    let helpless = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry: Entry::Event { kind, text, .. }, .. } if kind == "helpless" => {
            Some(text.as_str())
        }
        _ => None,
    });
    let helpless: Vec<_> = helpless.collect();
    assert_eq!(helpless.len(), 1, "{helpless:?}");
    assert!(helpless[0].starts_with("agent airer: goal fresh"), "{helpless:?}");
}

fn questions(effects: &[Effect]) -> Vec<Question> {
    let asked = effects.iter().filter_map(|effect| match effect {
        Effect::Ask(question) => Some(question.clone()),
        _ => None,
    });
    asked.collect()
}

fn scores(question: &Question, of: &str) -> Event {
    let p = question.candidates.iter().map(|text| if text == of { 0.9 } else { 0.01 });
    Event::Mind(MindNews::Scores { id: question.id, p: p.collect(), tokens: 9, ms: 1.0 })
}

/// Both agents have something to ask.
fn both_ask() -> (Bench, Question) {
    let mut bench = Bench::new(hall(TWO)).up();
    steady(&mut bench, 22.0, 600.0, 60);
    bench.on(ready());
    for _ in 0..6 {
        bench.pass(10);
        // Nobody plans until both have something to ask.
        bench.agent.planned = Some(bench.now.tick);
        bench.on(reading(0, 15.0));
        bench.on(reading(1, 1400.0));
    }
    (bench.agent.planned, bench.agent.plan_wanted) = (None, true);
    let mut asked = questions(&bench.on(Event::Wake));
    assert_eq!((bench.agent.asked.len(), asked.len()), (2, 1), "one at the mind, one waits");
    (bench, asked.remove(0))
}

#[test]
fn the_mind_is_asked_in_the_order_of_priorities_with_own_notes_and_adapter() {
    let (mut bench, first) = both_ask();
    assert_eq!(first.adapter.as_deref(), Some("none"), "the one of the airer");
    assert!(first.prefix.contains("The hatch is loud."), "{}", first.prefix);
    assert!(first.prefix.contains("used in the evening"), "{}", first.prefix);
    assert!(!first.prefix.contains("Wood") && !first.prefix.contains("stove"), "{}", first.prefix);
    let effects = bench.on(scores(&first, "hatch on"));
    let second = questions(&effects).remove(0);
    assert_eq!(second.adapter, None);
    assert!(second.prefix.contains("Wood is dear."), "{}", second.prefix);
    assert!(!second.prefix.contains("hatch"), "{}", second.prefix);
    let effects = [effects, bench.on(scores(&second, "stove on"))].concat();
    let made = decisions(&effects);
    assert_eq!(made.len(), 2, "{made:#?}");
    assert!(made[0].cause.starts_with("agent airer") && made[1].cause.starts_with("agent stoker"));
    assert!(!made[0].notes.contains(&"Wood is dear.".to_owned()), "{made:#?}");
}

#[test]
fn who_is_not_answered_in_time_does_as_the_planner_would() {
    let (mut bench, _) = both_ask();
    bench.pass(3);
    let effects = bench.on(Event::Wake);
    assert_eq!(decisions(&effects).len(), 2);
    assert!(questions(&effects).is_empty(), "what is late already is not asked");
    assert!(bench.agent.asked.is_empty());
    assert!(decisions(&effects).iter().all(|one| one.by == crate::domain::Decider::Planner));
}

/// A fourth device for fresh air.
const VENT: &str = r#"
    [[actuator]]
    name = "vent"
    topic = "h/vent/set"
    state_topic = "h/vent"
    safe = "off"
    effects = { co2 = "lowers" }
"#;

/// Devices for fresh air that run once two agents had something to do about it.
fn airing(second: &str, mind: bool) -> (usize, Vec<Effect>) {
    let agents = format!(
        r#"
        {VENT}
        [[agent]]
        name = "first"
        goals = ["fresh"]
        tools = ["flap", "hatch"]
        [[agent]]
        name = "second"
        goals = ["warmth"]
        tools = {second}
        "#
    );
    let mut bench = Bench::new(hall(&agents)).up();
    steady(&mut bench, 22.0, 900.0, 60);
    if mind {
        bench.on(ready());
    }
    for _ in 0..3 {
        bench.pass(10);
        bench.agent.planned = Some(bench.now.tick);
        bench.on(reading(0, 22.0));
        bench.on(reading(1, 1020.0));
    }
    (bench.agent.planned, bench.agent.plan_wanted) = (None, true);
    let mut all = bench.on(Event::Wake);
    let mut answered = 0;
    while let Some(question) = questions(&all).get(answered) {
        let best = question.candidates[0].clone();
        all.extend(bench.on(scores(question, &best)));
        answered += 1;
    }
    assert_eq!(answered > 0, mind);
    assert!(bench.agent.asked.is_empty(), "nobody waits for ever");
    let counters = bench.agent.counters();
    assert_eq!(counters.asked, counters.answered + counters.dropped);
    ((0..6).filter(|index| is_on(&bench, *index)).count(), all)
}

/// Both have a tool for the same goal, and each would start one: who is second has seen the first.
#[test]
fn what_two_agents_want_is_done_once_with_the_mind_as_without() {
    for second in [r#"["fan", "vent"]"#, r#"["vent"]"#] {
        assert_eq!(airing(second, false).0, 1, "{second} without the mind");
        let (on, effects) = airing(second, true);
        assert_eq!(on, 1, "{second}: {:#?}", decisions(&effects));
    }
}
