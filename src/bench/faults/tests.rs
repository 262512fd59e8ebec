//! Each kind of fault, what it excuses, and that a seed gives the same ones again.

use super::*;
use crate::config::{Strictness, from_text};

fn message(payload: &str) -> Message {
    Message { topic: "s/air".into(), payload: payload.into(), retain: false }
}

/// A tank with a well, two devices and one payload of two fields.
fn config() -> Arc<Config> {
    let device = |name: &str, keys: &str| {
        format!("[[actuator]]\nname = \"{name}\"\ntopic = \"d/{name}\"\n{keys}\n")
    };
    let switch = "kind = \"switch\"\nsafe = \"off\"";
    let level = "kind = \"level\"\nmin = 0\nmax = 100\nstep = 50\nsafe = 0";
    let sensor = |name: &str, keys: &str| {
        format!("[[sensor]]\nname = \"{name}\"\ntopic = \"s/{name}\"\nevery = \"10s\"\n{keys}\n")
    };
    let air = |name: &str| {
        let keys = format!("topic = \"s/air\"\nfield = \"/{name}\"\nrange = [0, 90]");
        format!("[[sensor]]\nname = \"{name}\"\nevery = \"10s\"\n{keys}\n")
    };
    let lock = |name, forbid| format!("[[interlock]]\nname = \"{name}\"\nforbid = \"{forbid}\"\n");
    let text = [
        "[device]\nname = \"tank\"\n[bus]\nurl = \"embedded\"\n".to_owned(),
        sensor("well", "range = [0, 100]") + &sensor("rain", "type = \"bool\""),
        air("temperature") + &air("humidity"),
        device("pump", switch) + &device("mains", switch) + &device("window", level),
        lock("dry", "(pump == 'on' || mains == 'on') && well < 10"),
        lock("both", "pump == 'on' && mains == 'on'"),
        lock("wide", "rain && window > 0"),
        "[[goal]]\nname = \"warm\"\nkeep = { sensor = \"temperature\", min = 10, max = 30 }\n"
            .into(),
    ];
    Arc::new(from_text(&text.concat(), "tank", &[], Strictness::Check).unwrap().0)
}

/// One fault from the first second to the hundredth.
fn with(kind: Kind) -> Faults {
    let list = vec![Fault { from: Tick(1000), until: Tick(101_000), kind }];
    Faults { list, ..Faults::none() }.known(&config())
}

fn payloads(messages: Vec<Message>) -> Vec<String> {
    messages.into_iter().map(|message| message.payload).collect()
}

fn command(topic: &str, payload: &str) -> Command {
    Command { topic: topic.into(), payload: payload.as_bytes().to_vec() }
}

fn says(faults: &mut Faults, topic: &str, payload: &str, at: u64) -> Vec<String> {
    let message = Message { topic: topic.into(), payload: payload.into(), retain: false };
    payloads(faults.pass(vec![message], Tick(at)))
}

fn reach(faults: &mut Faults, topic: &str, payload: &str, at: u64) -> usize {
    faults.reach(vec![command(topic, payload)], Tick(at)).len()
}

#[test]
fn a_deaf_device_is_an_excuse_only_where_no_other_device_could_end_it() {
    let excused = |kind: Kind, name: &str, well: &str, at: u64| {
        let mut faults = with(kind);
        says(&mut faults, "s/well", "50", 10);
        assert_eq!(reach(&mut faults, "d/pump", "ON", 20), 1);
        assert_eq!(reach(&mut faults, "d/mains", "ON", 30), 1);
        says(&mut faults, "s/well", well, 40);
        faults.excuse(name, Tick(at))
    };
    for kind in [Kind::Dead("d/pump".into()), Kind::StuckOn("d/pump".into())] {
        assert!(excused(kind.clone(), "dry", "5", 1500), "{kind:?}");
        assert!(
            !excused(kind.clone(), "dry", "5", 999) && !excused(kind.clone(), "dry", "5", 101_000)
        );
        assert!(!excused(kind.clone(), "both", "5", 1500), "the other one hears: {kind:?}");
        assert!(!excused(kind.clone(), "wide", "5", 1500), "it is not about this one: {kind:?}");
        assert!(!excused(kind, "unknown", "5", 1500));
    }
    for kind in [Kind::Late, Kind::Doubled, Kind::Restart, Kind::Clock(60_000)] {
        assert!(!excused(kind.clone(), "dry", "5", 1500), "{kind:?}");
    }
}

#[test]
fn a_slow_device_is_an_excuse_only_while_what_ends_it_is_on_its_way() {
    let mut faults = with(Kind::Slow { topic: "d/pump".into(), by_ms: 40_000 });
    says(&mut faults, "s/well", "50", 10);
    reach(&mut faults, "d/pump", "ON", 20);
    says(&mut faults, "s/well", "5", 30);
    assert!(!faults.excuse("dry", Tick(30_000)), "nobody commanded anything");
    assert_eq!(reach(&mut faults, "d/pump", "OFF", 30_000), 0);
    assert!(faults.excuse("dry", Tick(31_000)));
    assert_eq!(faults.next(Tick(31_000)), Some(Tick(70_000)));
    assert_eq!(faults.reach(Vec::new(), Tick(70_000)), [command("d/pump", "OFF")]);
    assert_eq!(reach(&mut faults, "d/pump", "ON", 90_000), 0);
    assert_eq!(faults.next(Tick(90_000)), Some(Tick(101_000)), "not after the fault");
}

#[test]
fn a_wrong_sensor_is_an_excuse_only_for_what_it_is_about_and_hides() {
    let well = 0;
    let lie = |to: f64| Kind::Lying { sensor: well, to };
    let excused = |kind: Kind, name: &str, at: u64| {
        let mut faults = with(kind);
        says(&mut faults, "s/well", "50", 10);
        says(&mut faults, "s/rain", "true", 10);
        reach(&mut faults, "d/pump", "ON", 20);
        reach(&mut faults, "d/window", "50", 20);
        for second in 1..=40 {
            says(&mut faults, "s/well", "5", 1000 * second);
        }
        faults.excuse(name, Tick(at))
    };
    for kind in [Kind::Silent("s/well".into()), Kind::Stuck("s/well".into()), lie(80.0), lie(900.0)]
    {
        assert!(excused(kind.clone(), "dry", 40_500), "{kind:?}");
        assert!(!excused(kind.clone(), "wide", 40_500), "{kind:?}");
        assert!(!excused(kind.clone(), "dry", 999), "{kind:?}");
        assert!(!excused(kind, "dry", 131_000), "half a minute later it can be seen");
    }
    assert!(!excused(lie(4.0), "dry", 40_500), "it says what is broken, if not how far");
    let drifting = Kind::Drifting { sensor: well, by: 1.0 };
    assert!(!excused(drifting, "dry", 40_500), "it has hidden nothing");
    assert!(!excused(Kind::Silent("s/rain".into()), "dry", 40_500));
}

/// The well says 50 and 5 after `turns_at`, is silent from 1 s to 101 s, and at `on_at` the pump is
/// commanded; is what stands at 90 s excused?
fn silent_well(on_at: u64, turns_at: u64) -> bool {
    let mut faults = with(Kind::Silent("s/well".into()));
    for at in (10..90_000).step_by(1000) {
        says(&mut faults, "s/well", if at < turns_at { "50" } else { "5" }, at);
        if (on_at..on_at + 1000).contains(&at) {
            reach(&mut faults, "d/pump", "ON", on_at);
        }
    }
    faults.excuse("dry", Tick(90_000))
}

#[test]
fn what_a_command_brings_about_against_what_was_known_has_no_excuse() {
    assert!(silent_well(500, 2000), "the well was full, for all that was known");
    assert!(silent_well(30_000, 2000), "its last word counts for three periods");
    assert!(!silent_well(31_000, 2000), "nobody knew");
    assert!(!silent_well(31_000, 60_000), "nor that it was full then");
    let mut known = with(Kind::Silent("s/well".into()));
    says(&mut known, "s/well", "5", 10);
    reach(&mut known, "d/pump", "ON", 20);
    assert!(!known.excuse("dry", Tick(2000)), "it was known to be empty");
}

#[test]
fn a_command_that_makes_nothing_worse_or_was_known_to_be_good_since_keeps_its_excuse() {
    let mut faults = with(Kind::Silent("s/rain".into()));
    says(&mut faults, "s/rain", "false", 10);
    reach(&mut faults, "d/window", "100", 20);
    reach(&mut faults, "d/window", "50", 60_000);
    says(&mut faults, "s/rain", "true", 61_000);
    assert!(faults.excuse("wide", Tick(62_000)), "it was open before");
    let mut faults = with(Kind::Silent("s/rain".into()));
    reach(&mut faults, "d/window", "100", 20);
    says(&mut faults, "s/rain", "false", 30);
    says(&mut faults, "s/rain", "true", 61_000);
    assert!(faults.excuse("wide", Tick(62_000)), "a word came that all is well");
    let mut faults = with(Kind::Silent("s/rain".into()));
    reach(&mut faults, "d/window", "100", 20);
    reach(&mut faults, "d/window", "50", 60_000);
    says(&mut faults, "s/rain", "true", 61_000);
    assert!(!faults.excuse("wide", Tick(62_000)), "it was opened first without a word");
}

#[test]
fn a_word_out_of_its_range_unsays_the_last_one() {
    let mut faults = with(Kind::Lying { sensor: 0, to: 900.0 });
    says(&mut faults, "s/well", "50", 10);
    says(&mut faults, "s/well", "50", 2000);
    reach(&mut faults, "d/pump", "ON", 2500);
    says(&mut faults, "s/well", "5", 3000);
    assert!(!faults.excuse("dry", Tick(4000)));
}

#[test]
fn what_is_on_its_way_to_a_slow_device_counts_when_another_is_commanded() {
    let both = |mains_first: bool| {
        let mut faults = with(Kind::Slow { topic: "d/mains".into(), by_ms: 10_000 });
        says(&mut faults, "s/well", "50", 10);
        let order = if mains_first { ["d/mains", "d/pump"] } else { ["d/pump", "d/mains"] };
        for topic in order {
            reach(&mut faults, topic, "ON", 2000);
        }
        reach(&mut faults, "d/mains", "OFF", 3000);
        faults.reach(Vec::new(), Tick(12_000));
        faults.excuse("both", Tick(12_500))
    };
    assert!(!both(true) && !both(false), "they met by commands alone");
}

#[test]
fn each_kind_does_what_it_says_and_ends() {
    let mut silent = with(Kind::Silent("s/air".into()));
    assert!(silent.pass(vec![message("1")], Tick(1500)).is_empty());
    assert_eq!(payloads(silent.pass(vec![message("1")], Tick(101_000))), ["1"]);
    let mut stuck = with(Kind::Stuck("s/air".into()));
    stuck.pass(vec![message("1")], Tick(900));
    assert_eq!(payloads(stuck.pass(vec![message("2")], Tick(1000))), ["1"]);
    assert_eq!(payloads(stuck.pass(vec![message("3")], Tick(101_000))), ["3"]);
    let mut doubled = with(Kind::Doubled);
    assert_eq!(payloads(doubled.pass(vec![message("1")], Tick(1500))), ["1", "1"]);
    let mut dead = with(Kind::Dead("d/pump".into()));
    assert_eq!(reach(&mut dead, "d/pump", "ON", 1500), 0);
    assert_eq!(reach(&mut dead, "d/mains", "ON", 1500), 1);
    assert_eq!(reach(&mut dead, "d/pump", "ON", 101_000), 1);
    let mut restart = with(Kind::Restart);
    let due: Vec<_> = [999, 1000, 1001].map(|at| restart.restart_is_due(Tick(at))).into();
    assert_eq!(due, [false, true, false]);
}

#[test]
fn a_device_that_is_stuck_hears_up_and_not_down() {
    let mut pump = with(Kind::StuckOn("d/pump".into()));
    assert_eq!(reach(&mut pump, "d/pump", "OFF", 1500), 1, "it is off: nothing is lower");
    assert_eq!(reach(&mut pump, "d/pump", "ON", 1500), 1);
    assert_eq!(reach(&mut pump, "d/pump", "OFF", 1500), 0);
    assert_eq!(reach(&mut pump, "d/pump", "OFF", 101_000), 1);
    let mut window = with(Kind::StuckOn("d/window".into()));
    let heard = ["50", "100", "50", "0", "100"].map(|to| reach(&mut window, "d/window", to, 1500));
    assert_eq!(heard, [1, 1, 0, 0, 1]);
}

#[test]
fn a_sensor_drifts_and_lies_in_its_own_field_of_a_payload() {
    let temperature = 2;
    let air = r#"{"humidity":64.2,"temperature":20.00}"#;
    let mut drifting = with(Kind::Drifting { sensor: temperature, by: -2.0 });
    let said = |faults: &mut Faults, at: u64| says(faults, "s/air", air, at).remove(0);
    assert_eq!(said(&mut drifting, 999), air);
    assert_eq!(said(&mut drifting, 51_000), r#"{"humidity":64.2,"temperature":19.0}"#);
    assert_eq!(said(&mut drifting, 101_000), air);
    let mut lying = with(Kind::Lying { sensor: temperature, to: 95.5 });
    assert_eq!(said(&mut lying, 2000), r#"{"humidity":64.2,"temperature":95.5}"#);
    let later = says(&mut lying, "s/air", r#"{"humidity":64.2,"temperature":21.00}"#, 3000);
    assert_eq!(later, [r#"{"humidity":64.2,"temperature":96.5}"#], "it stays off by as much");
    let (well, rain) = (0, 1);
    let mut text = with(Kind::Lying { sensor: well, to: 7.0 });
    assert_eq!(says(&mut text, "s/well", "50.0", 2000), ["7.0"]);
    assert_eq!(says(&mut text, "s/rain", "true", 2000), ["true"]);
    let mut word = with(Kind::Lying { sensor: rain, to: 0.0 });
    assert_eq!(says(&mut word, "s/rain", "true", 2000), ["false"]);
    assert_eq!(says(&mut word, "s/rain", "false", 2000), ["true"]);
    assert_eq!(says(&mut word, "s/rain", "?", 2000), ["true"], "what says no yes is no");
}

#[test]
fn a_clock_that_jumps_is_judged_as_the_real_one_and_a_restart_knows_how_late_it_was() {
    let at = |tick: u64| Now {
        tick: Tick(tick),
        unix_ms: 1_000_000 + tick.cast_signed(),
        trust: ClockTrust::Synced,
    };
    let seen = |faults: &mut Faults, tick: u64, begins: bool| {
        let now = faults.clock(at(tick), begins);
        assert_eq!(now.tick, Tick(tick), "what passed is never wrong");
        (now.unix_ms - at(tick).unix_ms, now.trust)
    };
    let mut faults = with(Kind::Clock(7_200_000));
    faults.list[0].until = Tick(3_000_000);
    assert_eq!(seen(&mut faults, 0, false), (0, ClockTrust::Synced));
    assert_eq!(seen(&mut faults, 1000, false), (7_200_000, ClockTrust::Restored));
    assert_eq!(seen(&mut faults, 601_000, false), (7_200_000, ClockTrust::Synced));
    assert_eq!(seen(&mut faults, 3_000_000, false), (0, ClockTrust::Restored));
    assert_eq!(seen(&mut faults, 3_600_000, false), (0, ClockTrust::Synced));
    // Two hours of the future were believed and written down.
    assert_eq!(seen(&mut faults, 3_601_000, true), (4_200_000, ClockTrust::Restored));
    assert_eq!(seen(&mut Faults::none(), 5, true), (0, ClockTrust::Synced));
    let mut back = with(Kind::Clock(-7_200_000));
    seen(&mut back, 0, false);
    assert_eq!(
        seen(&mut back, 2000, false),
        (-2000, ClockTrust::Restored),
        "never under its floor"
    );
}

#[test]
fn late_messages_come_once_and_within_their_delay() {
    let mut late = with(Kind::Late);
    assert!(late.pass(vec![message("1")], Tick(1500)).is_empty());
    let due = late.next(Tick(1500)).unwrap();
    assert!(due <= Tick(1500 + LATE_MS as u64));
    assert_eq!(payloads(late.pass(Vec::new(), due)), ["1"]);
    assert!(late.pass(Vec::new(), Tick(100_000)).is_empty());
}

#[test]
fn a_seed_gives_its_faults_and_every_kind_comes_within_its_bounds() {
    let config = config();
    let of = |seed| Faults::of(seed, 600.0, &config).list;
    assert_eq!(format!("{:?}", of(1)), format!("{:?}", of(1)));
    assert_ne!(format!("{:?}", of(1)), format!("{:?}", of(2)));
    assert_eq!(of(1).len(), 100);
    let words: std::collections::BTreeSet<_> =
        of(1).iter().map(|fault| fault.kind.word()).collect();
    assert_eq!(words.len(), 11, "{words:?}");
    for fault in of(1).iter().chain(&of(2)) {
        match fault.kind {
            // The band is 20 °C wide, a third of the ranges 30 and 33.
            Kind::Drifting { by, .. } => assert!((1.0..=3.4).contains(&by.abs()), "{by}"),
            Kind::Slow { by_ms, .. } => assert!((10_000..=60_000).contains(&by_ms)),
            Kind::Clock(by_ms) => assert!((300_000..=21_600_000).contains(&by_ms.abs())),
            _ => {}
        }
    }
    let lies = |seed: u64| {
        let mut chance = stream(seed, STREAM);
        let to = lie(&mut chance, &config, 2);
        (-10.0..=50.0).contains(&to)
    };
    let plausible = (0..200).filter(|seed| lies(*seed)).count();
    assert!((70..=130).contains(&plausible), "half of them: {plausible}");
}
