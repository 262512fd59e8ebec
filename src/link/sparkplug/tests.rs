//! Messages of a node in and out of order, as bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::name;
use super::node::{Kind, News, Node, rebirth};
use super::wire::{Metric, Payload, Raw};
use crate::limits::SPARKPLUG_PAYLOAD_BYTES_MAX;
use crate::link::serial::Setting;

fn metric(name: &str, alias: u64, datatype: u32, value: Raw) -> Metric {
    Metric {
        name: Some(name.into()).filter(|name: &String| !name.is_empty()),
        alias: Some(alias).filter(|alias| *alias > 0),
        datatype: Some(datatype).filter(|it| *it > 0),
        value: Some(value),
        ..Metric::default()
    }
}

fn said(seq: u64, metrics: Vec<Metric>) -> Vec<u8> {
    Payload { timestamp: Some(1), metrics, seq: Some(seq) }.encode_to_vec()
}

fn life(number: u64) -> Metric {
    metric("bdSeq", 0, 4, Raw::Long(number))
}

/// A node with a pump, born: its own heat, the pump's speed and whether it runs.
fn born() -> Node {
    let names = [name(None, "Heat"), name(Some("pump"), "Run"), name(Some("pump"), "Speed/Now")];
    let mut node = Node::new(&names);
    let heat = metric("Heat", 1, 9, Raw::Float(21.5));
    let news = node.take(Kind::NodeBirth, "", &said(0, vec![life(7), heat]));
    assert_eq!(news[0], News::Born);
    assert_eq!(news.last(), Some(&News::Value(0, "21.5".into())));
    let pump = vec![
        metric("Run", 2, 11, Raw::Bool(false)),
        metric("Speed/Now", 3, 6, Raw::Int(900)),
        metric("Other", 4, 12, Raw::Text("x".into())),
    ];
    let news = node.take(Kind::DeviceBirth, "pump", &said(1, pump));
    assert_eq!(news, [News::Value(1, "false".into()), News::Value(2, "900".into())]);
    node
}

#[test]
fn numbers_stand_for_names_until_a_message_is_missing() {
    let mut node = born();
    let speed = |n| metric("", 3, 0, Raw::Int(n));
    let news = node.take(Kind::DeviceData, "pump", &said(2, vec![speed(950)]));
    assert_eq!(news, [News::Value(2, "950".into())]);
    // The third is missing: by its number nobody knows what it is, by its name one does.
    let by_name = metric("Run", 0, 11, Raw::Bool(true));
    let news = node.take(Kind::DeviceData, "pump", &said(4, vec![speed(1), by_name]));
    assert_eq!(news, [News::Lost, News::Value(1, "true".into())]);
    // Told again, with other numbers.
    let heat = metric("Heat", 9, 9, Raw::Float(20.0));
    node.take(Kind::NodeBirth, "", &said(0, vec![life(7), heat]));
    assert_eq!(node.values(), [(0, "20".into())], "the pump has still to be born again");
    let news = node.take(Kind::NodeData, "", &said(1, vec![metric("", 9, 0, Raw::Float(20.5))]));
    assert_eq!(news, [News::Value(0, "20.5".into())]);
    // The count begins again after 255.
    for seq in 2..256 {
        assert_eq!(node.take(Kind::NodeData, "", &said(seq, Vec::new())), []);
    }
    assert_eq!(node.take(Kind::NodeData, "", &said(0, Vec::new())), []);
}

/// What nobody can hear any more is not said again as if it were new.
#[test]
fn after_a_gap_only_what_was_said_by_name_is_known() {
    let mut node = born();
    assert_eq!(node.values().len(), 3);
    // The third message is missing. Numbers are not believed, and what they said before neither.
    let speed = |n| metric("", 3, 0, Raw::Int(n));
    assert_eq!(node.take(Kind::DeviceData, "pump", &said(3, vec![speed(1)])), [News::Lost]);
    assert_eq!(node.values(), []);
    let by_name = vec![metric("Run", 0, 11, Raw::Bool(true)), speed(2)];
    let news = node.take(Kind::DeviceData, "pump", &said(4, by_name));
    assert_eq!(news, [News::Value(1, "true".into())]);
    assert_eq!(node.values(), [(1, "true".into())]);
    // It does not answer, and the next gap takes that too.
    assert_eq!(node.take(Kind::NodeData, "", &said(9, Vec::new())), [News::Lost]);
    assert_eq!(node.values(), []);
}

/// The death of a device can be missed as any other message.
#[test]
fn a_device_that_is_not_born_again_after_its_node_has_gone() {
    let mut node = born();
    assert!(!node.has_unborn());
    let heat = || metric("Heat", 1, 9, Raw::Float(20.0));
    let birth = || said(0, vec![life(7), heat()]);
    let news = node.take(Kind::NodeBirth, "", &birth());
    assert_eq!(news, [News::Born, News::Value(0, "20".into())], "nothing is said to be gone yet");
    assert!(node.has_unborn());
    assert_eq!(node.values(), [(0, "20".into())]);
    // Born again it is as it was.
    let pump = |seq| said(seq, vec![metric("Run", 2, 11, Raw::Bool(true))]);
    node.take(Kind::DeviceBirth, "pump", &pump(1));
    assert!(!node.has_unborn());
    assert_eq!(node.bury_unborn(), []);
    assert_eq!(node.values().len(), 2, "Speed/Now is not among what it was born with");
    // Not born again it is gone, and takes no commands.
    node.take(Kind::NodeBirth, "", &birth());
    let news = node.bury_unborn();
    assert_eq!(news[..2], [News::Silent(1), News::Silent(2)]);
    assert_eq!(news[2], News::Trouble("device pump was not born again: it has gone".into()));
    assert!(!node.has_unborn() && !node.is_whole());
    assert!(node.order("pump/Run", &Setting::Switch(true, "true".into()), 1).is_err());
    assert_eq!(node.take(Kind::DeviceData, "pump", &pump(1)), [News::Lost]);
}

#[test]
fn the_dead_say_nothing_and_an_old_will_kills_nobody() {
    let mut node = born();
    let old = Payload { timestamp: None, metrics: vec![life(6)], seq: None }.encode_to_vec();
    assert_eq!(node.take(Kind::NodeDeath, "", &old), []);
    let news = node.take(Kind::DeviceDeath, "pump", &said(2, Vec::new()));
    assert_eq!(news[..2], [News::Silent(1), News::Silent(2)]);
    assert_eq!(news[2], News::Trouble("device pump has gone".into()));
    let run = || metric("Run", 0, 11, Raw::Bool(true));
    let news = node.take(Kind::DeviceData, "pump", &said(3, vec![run()]));
    assert_eq!(news, [News::Lost], "it must be born first");
    assert!(node.order("pump/Run", &Setting::Switch(true, "true".into()), 1).is_err());
    let will = Payload { timestamp: None, metrics: vec![life(7)], seq: None }.encode_to_vec();
    let news = node.take(Kind::NodeDeath, "", &will);
    assert_eq!(news, [News::Dead, News::Silent(0), News::Silent(1), News::Silent(2)]);
    assert_eq!(node.take(Kind::NodeData, "", &said(4, Vec::new())), [News::Lost]);
    assert!(node.values().is_empty());
    // Another life: its devices are not born yet.
    node.take(Kind::NodeBirth, "", &said(0, vec![life(8), metric("Heat", 1, 9, Raw::Float(1.0))]));
    assert_eq!(node.values(), [(0, "1".into())]);
}

#[test]
fn what_is_null_of_the_past_or_of_another_type_is_no_value() {
    let mut node = born();
    let old = Metric { is_historical: Some(true), ..metric("Heat", 0, 9, Raw::Float(1.0)) };
    assert_eq!(node.take(Kind::NodeData, "", &said(2, vec![old])), []);
    let null = Metric { is_null: Some(true), value: None, ..metric("Heat", 0, 9, Raw::Int(0)) };
    assert_eq!(node.take(Kind::NodeData, "", &said(3, vec![null])), [News::Silent(0)]);
    assert!(node.is_there(0), "it has no value and can be set all the same");
    let text = metric("Heat", 0, 9, Raw::Text("hot".into()));
    assert_eq!(node.take(Kind::NodeData, "", &said(4, vec![text])), []);
    // A birth without what is asked for.
    let news =
        node.take(Kind::DeviceBirth, "pump", &said(5, vec![metric("Run", 0, 16, Raw::Int(1))]));
    assert_eq!(news[..2], [News::Silent(1), News::Silent(2)]);
    assert!(!node.is_there(1) && !node.is_there(2) && node.is_there(0));
    let texts: Vec<_> = news.iter().map(|one| format!("{one:?}")).collect();
    assert!(
        texts.iter().any(|it| it.contains("Run of device pump is no single value")),
        "{texts:?}"
    );
    assert!(texts.iter().any(|it| it.contains("no metric Speed/Now")), "{texts:?}");
}

#[test]
fn an_order_has_the_type_of_the_birth() {
    let node = born();
    let read = |bytes: &[u8]| Payload::decode(bytes).unwrap().metrics.remove(0);
    let (device, bytes) = node.order("pump/Run", &Setting::Switch(true, "true".into()), 5).unwrap();
    let run = read(&bytes);
    assert_eq!((device.as_str(), run.name.as_deref()), ("pump", Some("Run")));
    assert_eq!(
        (run.datatype, run.value, run.timestamp),
        (Some(11), Some(Raw::Bool(true)), Some(5))
    );
    // The configuration may turn both words round.
    let turned = Setting::Switch(false, "true".into());
    let (_, bytes) = node.order("pump/Run", &turned, 5).unwrap();
    assert_eq!(read(&bytes).value, Some(Raw::Bool(true)));
    let error = node.order("pump/Run", &Setting::Switch(true, "1".into()), 5).unwrap_err();
    assert!(error.contains("truth value") && error.contains("`on` and `off`"), "{error}");
    let level = Setting::Level(1200.0, "1200".into());
    let (_, bytes) = node.order("pump/Speed/Now", &level, 5).unwrap();
    assert_eq!((read(&bytes).datatype, read(&bytes).value), (Some(6), Some(Raw::Int(1200))));
    for (name, setting) in [
        ("pump/Speed/Now", Setting::Level(70_000.0, "70000".into())),
        ("pump/Run", Setting::Word("on".into())),
        ("pump/Nothing", Setting::Switch(true, "true".into())),
    ] {
        assert!(node.order(name, &setting, 5).is_err(), "{name}");
    }
    let asked = read(&rebirth(5));
    assert_eq!(
        (asked.name.as_deref(), asked.value),
        (Some("Node Control/Rebirth"), Some(Raw::Bool(true)))
    );
}

/// Most troubles that a node with three metrics can tell in one life.
const TROUBLES_MAX: usize = 3 + 8;

fn troubles(news: &[News]) -> usize {
    news.iter().filter(|one| matches!(one, News::Trouble(_))).count()
}

#[test]
fn sixty_different_troubles_are_told_up_to_their_bound() {
    let mut node = born();
    let long = vec![0; SPARKPLUG_PAYLOAD_BYTES_MAX + 60];
    let told = (0..60).map(|less| node.take(Kind::NodeData, "", &long[less..]));
    assert_eq!(told.map(|news| troubles(&news)).sum::<usize>(), TROUBLES_MAX);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_troubles_are_bounded(
        all in vec((0usize..6, vec(any::<u8>(), 0..200)), 0..60),
    ) {
        let mut node = born();
        let mut told = 0;
        for (kind, bytes) in all {
            let news = node.take(Kind::ALL[kind].1, "pump", &bytes);
            // Another life may tell them again.
            told = if news.contains(&News::Born) { 0 } else { told } + troubles(&news);
            prop_assert!(told <= TROUBLES_MAX);
        }
    }
}
