//! Proposals as a piece of configuration for a person, and as JSON for programs.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::words::{Names, shown};
use super::{ActuatorOffer, Control, MetricOffer, Offer, Proposal, SensorOffer};

/// Seconds between two words of a sensor that says nothing about it: many that run on a battery
/// speak once an hour.
const EVERY_S_DEFAULT: u64 = 3600;

const HEAD: &str = "\
# Proposed from what the devices say. Nothing is used before you put it into your
# configuration: take what you want, name it as you like, look at each `decide:`,
# then run `outpost check`.
";

/// A piece of configuration, with what was left out as comments behind it.
#[must_use]
pub fn as_toml(proposals: &[Proposal]) -> String {
    let mut out = HEAD.to_owned() + &sections(proposals);
    let left = proposals.iter().filter_map(|it| match &it.offer {
        Offer::Nothing(why) => Some(format!("#   {} {}: {}\n", it.device, it.name, shown(why))),
        _ => None,
    });
    let left: String = left.collect();
    if !left.is_empty() {
        out.push_str(&format!("\n# Left out:\n{left}"));
    }
    out
}

/// The sections of a configuration alone.
#[must_use]
pub fn sections(proposals: &[Proposal]) -> String {
    let mut out = String::new();
    let mut device = "";
    let mut nodes = Nodes::default();
    for proposal in proposals {
        let made = match &proposal.offer {
            Offer::Sensor(sensor) => sensor_toml(&proposal.name, sensor),
            Offer::Actuator(actuator) => actuator_toml(&proposal.name, actuator),
            Offer::Metric(metric) => metric_toml(&proposal.name, metric, &mut nodes),
            Offer::Nothing(_) => continue,
        };
        if device != proposal.device {
            device = &proposal.device;
            out.push_str(&format!("\n# ---- {device}\n"));
        }
        out.push_str(&made);
        // A topic that cannot be shown as it is stands in no file.
        let is_metric = matches!(proposal.offer, Offer::Metric(_));
        if !is_metric && shown(&proposal.source) == proposal.source {
            out.push_str(&format!("announced = {}\n", quoted(&proposal.source)));
        }
    }
    out
}

/// One line a proposal.
#[must_use]
pub fn as_json(proposal: &Proposal) -> Json {
    let Proposal { device, name, source, offer } = proposal;
    let mut line = json!({"device": device, "name": name, "announced": shown(source)});
    let more = match offer {
        Offer::Sensor(it) => json!({
            "sensor": it.kind, "topic": it.topic, "field": it.field, "unit": it.unit,
            "range": it.range.map(|(least, most)| [least, most]), "scale": it.scale,
            "offset": it.offset, "map": it.map.iter().cloned().collect::<BTreeMap<_, _>>(),
            "expire_s": it.expire_s,
        }),
        Offer::Actuator(it) => {
            let (kind, detail) = control_json(&it.control);
            json!({
                "actuator": kind, "topic": it.topic, "control": detail, "payload": it.payload,
                "state_topic": it.state_topic, "state_field": it.state_field,
                "state_words": it.state_words,
            })
        }
        Offer::Metric(it) => metric_json(it),
        Offer::Nothing(why) => json!({"left_out": shown(why)}),
    };
    if let (Some(line), Json::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    line
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn sensor_toml(name: &str, sensor: &SensorOffer) -> String {
    let mut out = format!("\n[[sensor]]\nname = \"{name}\"\ntopic = {}\n", quoted(&sensor.topic));
    let mut line = |text: String| out.push_str(&(text + "\n"));
    if let Some(field) = &sensor.field {
        line(format!("field = {}", quoted(field)));
    }
    if sensor.kind != "number" {
        line(format!("type = \"{}\"", sensor.kind));
    }
    if !sensor.map.is_empty() {
        let words = sensor.map.iter().map(|(word, means)| format!("{} = {means}", quoted(word)));
        line(format!("map = {{ {} }}", words.collect::<Vec<_>>().join(", ")));
    }
    if sensor.scale != 1.0 {
        line(format!("scale = {:?}", sensor.scale));
    }
    if sensor.offset != 0.0 {
        line(format!("offset = {:?}", sensor.offset));
    }
    if let Some(unit) = &sensor.unit {
        line(format!("unit = {}", quoted(&shown(unit))));
    }
    if let Some((least, most)) = sensor.range {
        line(format!("range = [{least:?}, {most:?}]"));
    }
    match sensor.expire_s {
        Some(expire_s) => line(format!("every = \"{}s\"", (expire_s / 3).max(1))),
        None => line(format!(
            "every = \"{EVERY_S_DEFAULT}s\" # decide: how often it speaks; silent for three of \
             these it counts as unknown"
        )),
    }
    out
}

fn actuator_toml(name: &str, actuator: &ActuatorOffer) -> String {
    let mut out =
        format!("\n[[actuator]]\nname = \"{name}\"\ntopic = {}\n", quoted(&actuator.topic));
    let mut line = |text: String| out.push_str(&(text + "\n"));
    control_toml(&actuator.control, &mut line);
    if let Some(payload) = &actuator.payload {
        line(format!("payload = {}", quoted(payload)));
    }
    if let Some(topic) = &actuator.state_topic {
        line(format!("state_topic = {}", quoted(topic)));
    }
    if let Some(field) = &actuator.state_field {
        line(format!("state_field = {}", quoted(field)));
    }
    if let Some((on, off)) = &actuator.state_words {
        line(format!("state_on = {}\nstate_off = {}", quoted(on), quoted(off)));
    }
    out
}

fn control_toml(control: &Control, line: &mut impl FnMut(String)) {
    let decide = "# decide: where it goes when the agent gives up control";
    match control {
        Control::Switch { on, off } => {
            line("kind = \"switch\"".to_owned());
            if (on.as_str(), off.as_str()) != ("ON", "OFF") {
                line(format!("on = {}\noff = {}", quoted(on), quoted(off)));
            }
            line(format!("safe = \"off\" {decide}"));
        }
        Control::Level { min, max, step } => {
            line(format!("kind = \"level\"\nmin = {min:?}\nmax = {max:?}\nstep = {step:?}"));
            line(format!("safe = {min:?} {decide}"));
        }
        Control::Choice(options) => {
            let words: Vec<_> = options.iter().map(|word| quoted(word)).collect();
            line(format!("kind = \"choice\"\noptions = [{}]", words.join(", ")));
            line(format!("safe = {} {decide}", words.first().map_or("\"\"", String::as_str)));
        }
    }
}

/// How it is set, for programs.
fn control_json(control: &Control) -> (&'static str, Json) {
    match control {
        Control::Switch { on, off } => ("switch", json!({"on": on, "off": off})),
        Control::Level { min, max, step } => {
            ("level", json!({"min": min, "max": max, "step": step}))
        }
        Control::Choice(options) => ("choice", json!({"options": options})),
    }
}

fn metric_json(it: &MetricOffer) -> Json {
    let mut line = json!({
        "sparkplug": {"group": it.group, "node": it.node, "device": it.device},
        "metric": it.metric, "unit": it.unit, "range": it.range.map(|(a, b)| [a, b]),
    });
    match &it.control {
        None => line["sensor"] = json!(it.kind),
        Some(control) => {
            let (kind, detail) = control_json(control);
            (line["actuator"], line["control"]) = (json!(kind), detail);
        }
    }
    line
}

/// Nodes that have a section already, by group and node.
#[derive(Default)]
struct Nodes {
    names: Names,
    named: BTreeMap<(String, String), String>,
}

fn metric_toml(name: &str, metric: &MetricOffer, nodes: &mut Nodes) -> String {
    let MetricOffer { group, node, device, .. } = metric;
    let mut out = String::new();
    let mut line = |text: String| out.push_str(&(text + "\n"));
    let of = (group.clone(), node.clone());
    let section = match nodes.named.get(&of) {
        Some(section) => section.clone(),
        None => {
            // A name of a line is shorter than one of a sensor.
            let section: String = nodes.names.unique(node, "").chars().take(24).collect();
            let section = format!("{section}_{}", nodes.named.len() + 1);
            let (group, node) = (quoted(group), quoted(node));
            line(format!("\n[sparkplug.{section}]\ngroup = {group}\nnode = {node}"));
            nodes.named.insert(of, section.clone());
            section
        }
    };
    let what = if metric.control.is_some() { "actuator" } else { "sensor" };
    line(format!("\n[[{what}]]\nname = \"{name}\"\nsparkplug = \"{section}\""));
    if let Some(device) = device {
        line(format!("device = {}", quoted(device)));
    }
    line(format!("metric = {}", quoted(&metric.metric)));
    if let Some(control) = &metric.control {
        control_toml(control, &mut line);
        return out;
    }
    if metric.kind != "number" {
        line(format!("type = \"{}\"", metric.kind));
    }
    if let Some(unit) = &metric.unit {
        line(format!("unit = {}", quoted(unit)));
    }
    if let Some((least, most)) = metric.range {
        line(format!("range = [{least:?}, {most:?}]"));
    }
    out
}
