//! Sparkplug B's births as proposals: each metric with its type, and, where its properties say so,
//! its unit, its range and that it can be set. The specification has no words for these; those of
//! widespread gateways are read (`engUnit`, `engLow`, `engHigh`, `readOnly`, `writable`).

use std::collections::BTreeMap;

use prost::Message;

use super::words::Names;
use super::{Control, MetricOffer, Offer, Proposal, words};
use crate::limits::{
    DISCOVER_PARTS_MAX, SPARKPLUG_NAME_BYTES_MAX, SPARKPLUG_PAYLOAD_BYTES_MAX, UNIT_LETTERS_MAX,
};
use crate::link::sparkplug::wire::{Metric, Payload, Said, Type};

/// First level of its topics.
const ROOT: &str = "spBv1.0";

/// What is to be subscribed: births, and with `also_data` what tells that a node is there.
pub(super) fn filters(also_data: bool) -> Vec<String> {
    let births = [format!("{ROOT}/+/NBIRTH/+"), format!("{ROOT}/+/DBIRTH/+/+")];
    let data = [format!("{ROOT}/+/NDATA/+"), format!("{ROOT}/+/DDATA/+/+")];
    births.into_iter().chain(data.into_iter().filter(|_| also_data)).collect()
}

/// Where the node of a message is asked for its births; none where it is no message of a node.
pub(super) fn rebirth_of(topic: &str) -> Option<String> {
    let mut levels = topic.split('/');
    let (root, group, word, node) =
        (levels.next()?, levels.next()?, levels.next()?, levels.next()?);
    let speaks = matches!(word, "NDATA" | "DDATA" | "NBIRTH" | "DBIRTH");
    (root == ROOT && speaks).then(|| format!("{ROOT}/{group}/NCMD/{node}"))
}

/// Whether a topic is one of a birth.
pub(super) fn is_birth(topic: &str) -> bool {
    matches!(
        topic.split('/').collect::<Vec<_>>()[..],
        [ROOT, _, "NBIRTH", _] | [ROOT, _, "DBIRTH", _, _]
    )
}

/// Every metric of every birth.
pub(super) fn proposals(messages: &BTreeMap<String, Vec<u8>>, names: &mut Names) -> Vec<Proposal> {
    let mut found = Vec::new();
    for (topic, payload) in messages.range(format!("{ROOT}/")..) {
        let (group, node, device) = match topic.split('/').collect::<Vec<_>>()[..] {
            [ROOT, group, "NBIRTH", node] => (group, node, None),
            [ROOT, group, "DBIRTH", node, device] => (group, node, Some(device)),
            _ => continue,
        };
        let said = device.unwrap_or(node);
        let proposal = |name: String, offer: Offer| Proposal {
            device: words::shown(said),
            name,
            source: topic.clone(),
            offer,
        };
        let plain = |word: &str| words::shown(word) == word;
        let fits = payload.len() <= SPARKPLUG_PAYLOAD_BYTES_MAX
            && [group, node, said].into_iter().all(plain);
        let Some(birth) = Payload::decode(&payload[..]).ok().filter(|_| fits) else {
            let why = "the birth, or who it is of, cannot be read".to_owned();
            found.push(proposal(names.unique(said, ""), Offer::Nothing(why)));
            continue;
        };
        for metric in birth.metrics.iter().take(DISCOVER_PARTS_MAX) {
            let Some(name) = metric.name.as_deref().filter(|name| is_of_use(name)) else {
                continue;
            };
            let place = |control| {
                let (group, node) = (group.to_owned(), node.to_owned());
                let (device, metric_name) = (device.map(str::to_owned), name.to_owned());
                let (kind, unit, range) = (kind(metric), unit(metric), range(metric));
                MetricOffer { group, node, device, metric: metric_name, kind, unit, range, control }
            };
            if kind(metric).is_empty() {
                let why = "it is no single value".to_owned();
                found.push(proposal(names.unique(said, name), Offer::Nothing(why)));
                continue;
            }
            found.push(proposal(names.unique(said, name), Offer::Metric(place(None))));
            if let Some(control) = control(metric) {
                let name = names.unique(said, &format!("{name} set"));
                found.push(proposal(name, Offer::Metric(place(Some(control)))));
            }
        }
    }
    found
}

/// Not of the protocol's own.
fn is_of_use(name: &str) -> bool {
    let own =
        name == "bdSeq" || name.starts_with("Node Control/") || name.starts_with("Device Control/");
    let fits = name.len() <= SPARKPLUG_NAME_BYTES_MAX && words::shown(name) == name;
    !own && fits && !name.is_empty()
}

/// `number`, `bool` or `text`; empty: none of them.
fn kind(metric: &Metric) -> &'static str {
    match metric.datatype.and_then(Type::of) {
        None => "",
        Some(Type::Bool) => "bool",
        Some(Type::Text) => "text",
        Some(Type::Whole(..) | Type::Float | Type::Double) => "number",
    }
}

fn property<'a>(metric: &'a Metric, key: &str) -> Option<&'a Said> {
    let all = metric.properties.as_ref()?;
    let place = all.keys.iter().position(|known| known.eq_ignore_ascii_case(key))?;
    all.values.get(place)?.value.as_ref()
}

fn unit(metric: &Metric) -> Option<String> {
    match property(metric, "engUnit")? {
        Said::Text(text) => {
            let fits = !text.is_empty() && text.chars().count() <= UNIT_LETTERS_MAX;
            (fits && words::shown(text) == *text).then(|| text.clone())
        }
        _ => None,
    }
}

fn range(metric: &Metric) -> Option<(f64, f64)> {
    let number = |key| match property(metric, key)? {
        Said::Int(n) => Some(f64::from(n.cast_signed())),
        Said::Long(n) => Some(n.cast_signed() as f64),
        Said::Float(n) => Some(f64::from(*n)),
        Said::Double(n) => Some(*n),
        Said::Bool(_) | Said::Text(_) => None,
    };
    let (least, most) = (number("engLow")?, number("engHigh")?);
    (kind(metric) == "number" && least.is_finite() && most.is_finite() && least < most)
        .then_some((least, most))
}

/// How it is set; none where nobody says that it can be, or how far.
fn control(metric: &Metric) -> Option<Control> {
    let says = |key: &str, word: bool| property(metric, key) == Some(&Said::Bool(word));
    if !says("readOnly", false) && !says("writable", true) {
        return None;
    }
    match metric.datatype.and_then(Type::of)? {
        Type::Bool => Some(Control::Switch { on: "true".into(), off: "false".into() }),
        Type::Text => None,
        of => {
            let (min, max) = range(metric)?;
            let is_whole = matches!(of, Type::Whole(..)) && max - min >= 1.0;
            let step = if is_whole { 1.0 } else { (max - min) / 100.0 };
            Some(Control::Level { min, max, step })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::{Announcements, DEFAULT_PREFIX, as_json, as_toml};
    use crate::link::sparkplug::wire::{Properties, Property};

    fn metric(name: &str, datatype: u32, properties: &[(&str, Said)]) -> Metric {
        let keys = properties.iter().map(|(key, _)| (*key).to_owned()).collect();
        let values = properties.iter().map(|(_, value)| Property { value: Some(value.clone()) });
        let properties = Some(Properties { keys, values: values.collect() });
        let (name, datatype) = (Some(name.to_owned()), Some(datatype));
        Metric { name, datatype, properties, ..Metric::default() }
    }

    fn heard(births: &[(&str, Vec<Metric>)]) -> Announcements {
        let mut all = Announcements::default();
        for (topic, metrics) in births {
            let birth = Payload { timestamp: Some(1), metrics: metrics.clone(), seq: Some(0) };
            all.take(topic, &birth.encode_to_vec());
        }
        all
    }

    #[test]
    fn births_become_proposals_that_pass_the_check() {
        let pressure = [
            ("engUnit", Said::Text("bar".into())),
            ("engLow", Said::Double(0.0)),
            ("engHigh", Said::Double(10.0)),
        ];
        let speed = [
            ("readOnly", Said::Bool(false)),
            ("engLow", Said::Double(0.0)),
            ("engHigh", Said::Double(3000.0)),
        ];
        let all = heard(&[
            (
                "spBv1.0/Plant 1/NBIRTH/hall-2",
                vec![
                    metric("bdSeq", 4, &[]),
                    metric("Node Control/Rebirth", 11, &[("writable", Said::Bool(true))]),
                    metric("Heat", 10, &[]),
                ],
            ),
            (
                "spBv1.0/Plant 1/DBIRTH/hall-2/pump",
                vec![
                    metric("Pressure", 9, &pressure),
                    metric("Speed/Set", 6, &speed),
                    metric("Running", 11, &[("writable", Said::Bool(true))]),
                    metric("Recipe", 19, &[]),
                ],
            ),
        ]);
        let proposals = all.proposals(DEFAULT_PREFIX);
        let lines: Vec<_> = proposals.iter().map(as_json).collect();
        let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "pump_pressure",
                "pump_speed_set",
                "pump_speed_set_set",
                "pump_running",
                "pump_running_set",
                "pump_recipe",
                "hall_2_heat",
            ]
        );
        assert_eq!(lines[0]["unit"], "bar");
        assert_eq!(lines[2]["actuator"], "level");
        assert!(lines[5]["left_out"].is_string());
        let text =
            format!("[device]\nname = \"a\"\n[bus]\nurl = \"mqtt://h\"\n{}", as_toml(&proposals));
        let strictness = crate::config::Strictness::Check;
        let config = crate::config::from_text(&text, "a.toml", &[], strictness);
        let (config, _) = config.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        assert_eq!((config.sensors.len(), config.actuators.len(), config.lines.len()), (4, 2, 1));
        assert!(
            proposals.iter().all(|it| matches!(it.offer, Offer::Nothing(_))
                || crate::discover::is_taken(&config, it))
        );
    }

    #[test]
    fn hostile_births_stay_bounded() {
        let evil = metric("\u{1b}[31m\u{202e}", 9, &[]);
        let unit = [("engUnit", Said::Text("x".repeat(100_000)))];
        let many: Vec<_> = (0..5000).map(|n| metric(&format!("m{n}"), 9, &unit)).collect();
        let mut all = heard(&[("spBv1.0/g/NBIRTH/n", vec![evil]), ("spBv1.0/g/DBIRTH/n/d", many)]);
        all.take("spBv1.0/g/NBIRTH/other", &[0xff; 100]);
        let proposals = all.proposals(DEFAULT_PREFIX);
        assert!(proposals.len() <= DISCOVER_PARTS_MAX + 1, "{}", proposals.len());
        let text = as_toml(&proposals);
        assert!(!text.contains('\u{1b}') && text.len() < 100_000);
        assert_eq!(rebirth_of("spBv1.0/g/DDATA/n/d"), Some("spBv1.0/g/NCMD/n".into()));
        assert_eq!(rebirth_of("spBv1.0/g/NCMD/n"), None);
    }
}
