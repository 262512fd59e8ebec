//! How long the pure core takes for one event. `cargo bench --bench agent`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use outpost::agent::{Agent, Event, Inbox, Resumed};
use outpost::clock::{ClockTrust, Now, Tick};
use outpost::config::{Strictness, from_text};

fn main() {
    divan::main();
}

/// A place with this many sensors, 12 switches, a goal on each tenth sensor (12 at most), a rule
/// and an interlock for each switch.
fn place(sensors: usize) -> String {
    let mut text = "[device]\nname = \"bench\"\n[bus]\nurl = \"mqtt://localhost\"\n".to_string();
    for n in 0..sensors {
        let sensor = format!(
            "[[sensor]]\nname = \"s{n}\"\ntopic = \"p/s{n}\"\nevery = \"10s\"\nrange = [-40, 85]\n"
        );
        text.push_str(&sensor);
    }
    for n in 0..12 {
        let watched = n % sensors;
        write!(
            text,
            "[[actuator]]\nname = \"a{n}\"\ntopic = \"p/a{n}/set\"\nkind = \"switch\"\n\
             state_topic = \"p/a{n}\"\nsafe = \"off\"\neffects = {{ s{watched} = \"lowers\" }}\n\
             [[goal]]\nname = \"g{n}\"\nkeep = {{ sensor = \"s{watched}\", max = 26 }}\n\
             [[rule]]\nname = \"r{n}\"\nwhen = \"s{watched} > 60\"\nset = {{ a{n} = \"off\" }}\n\
             [[interlock]]\nname = \"i{n}\"\nforbid = \"a{n} == 'on' && s{watched} < 5\"\n"
        )
        .expect("a string takes every text");
    }
    text
}

fn now(ms: u64) -> Now {
    let unix_ms = 1_787_000_000_000 + ms.cast_signed();
    Now { tick: Tick(ms), unix_ms, trust: ClockTrust::Synced }
}

/// As many derived sensors, each over all of 100 sensors twice, near the longest expression.
fn derived(count: usize) -> String {
    let names: Vec<String> = (0..100).map(|n| format!("s{n}")).collect();
    let names = names.join(",");
    let mut text = place(100);
    for n in 0..count {
        write!(
            text,
            "[[derived]]\nname = \"d{n}\"\nvalue = \"mean({names}) - median({names})\"\n\
             [[rule]]\nname = \"over d{n}\"\nwhen = \"d{n} > 60\"\nset = {{ a0 = \"off\" }}\n"
        )
        .expect("a string takes every text");
    }
    text
}

/// One message of a sensor that all derived ones are made of, a rule on each of them included.
#[divan::bench(args = [1, 64])]
fn reading_of_derived(bencher: Bencher<'_, '_>, count: usize) {
    let text = derived(count);
    let config = Arc::new(from_text(&text, "bench", &[], Strictness::Run).expect("a good place").0);
    let inbox = Inbox::new(config.clone());
    let (mut agent, _) = Agent::new(config, Resumed::default(), 1, now(0));
    agent.apply(Event::LinkUp, now(0));
    for sensor in 0..100 {
        for event in inbox.read(&format!("p/s{sensor}"), b"22.5", false) {
            agent.apply(event, now(1));
        }
    }
    let mut ms = 1;
    bencher.bench_local(|| {
        ms += 1;
        let mut effects = 0;
        for event in inbox.read("p/s0", b"22.5", false) {
            effects += agent.apply(event, now(ms)).len();
        }
        effects
    });
}

/// One message from its bytes to its effects: what a reading costs, rules and planning included.
#[divan::bench(args = [8, 100, 1000])]
fn reading(bencher: Bencher<'_, '_>, sensors: usize) {
    let text = place(sensors);
    let config = Arc::new(from_text(&text, "bench", &[], Strictness::Run).expect("a good place").0);
    let inbox = Inbox::new(config.clone());
    let (mut agent, _) = Agent::new(config, Resumed::default(), 1, now(0));
    agent.apply(Event::LinkUp, now(0));
    let topics: Vec<String> = (0..sensors).map(|n| format!("p/s{n}")).collect();
    let step = Duration::from_secs(10).as_millis() as u64 / sensors as u64;
    let mut ms = 0;
    let mut next = 0;
    bencher.bench_local(|| {
        ms += step.max(1);
        next = (next + 1) % sensors;
        let mut effects = 0;
        for event in inbox.read(&topics[next], b"22.5", false) {
            effects += agent.apply(event, now(ms)).len();
        }
        effects
    });
}
