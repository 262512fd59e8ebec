//! `[sparkplug.<name>]`, and what a sensor or an actuator on such a node says instead of a topic.

use super::actuators::{KindWord, Payloads};
use super::lines::Way;
use super::section::Section;
use super::{Checker, Declared, quoted};
use crate::config::checked::Port;
use crate::config::line::Line;
use crate::config::sparkplug::Sparkplug;
use crate::limits::{
    SOURCE_EVERY_MS_MAX, SOURCE_EVERY_MS_MIN, SPARKPLUG_EVERY_MS_DEFAULT, SPARKPLUG_MAX,
    SPARKPLUG_NAME_BYTES_MAX,
};
use crate::link::sparkplug;

const LEVEL_FORM: &str = "one level of a topic, without / + and #, such as \"hall-2\"";
const METRIC_FORM: &str = "the name of a metric as its birth says it, such as \"Motor/Speed\"";

impl Checker<'_> {
    /// The sections, put behind the lines that are there.
    pub(super) fn sparkplug(&mut self, top: &mut Section<'_>, lines: &mut Vec<Line>) {
        let form = "a table [sparkplug.<name>] for each edge node";
        for (name, section) in self.line_tables(top, "sparkplug", form, SPARKPLUG_MAX) {
            let spot = section.own_spot();
            let declared = match self.sparkplug_line(name, section) {
                None => Declared::Faulty,
                Some(node) => {
                    let same = |line: &&Line| {
                        matches!(line, Line::Sparkplug(other)
                            if (&other.group, &other.node) == (&node.group, &node.node))
                    };
                    if let Some(other) = lines.iter().find(same) {
                        let found = format!("the same node as {}", other.said());
                        self.fault(&spot, found, "each node in one section".into());
                    }
                    let place = u16::try_from(lines.len()).unwrap_or(u16::MAX);
                    let every = node.every;
                    lines.push(Line::Sparkplug(node));
                    Declared::Known(place, every)
                }
            };
            self.nodes.insert(name.to_owned(), declared);
        }
    }

    fn sparkplug_line(&mut self, name: &str, mut section: Section<'_>) -> Option<Sparkplug> {
        let before = self.count();
        self.line_name(&section.own_spot(), name);
        let mut level = |key| {
            let text = section.required_text(self, key, LEVEL_FORM)?;
            if !is_level(text) {
                section.fault(self, key, quoted(text), LEVEL_FORM);
            }
            Some(text.to_owned())
        };
        let (group, node) = (level("group"), level("node"));
        let range = SOURCE_EVERY_MS_MIN..=SOURCE_EVERY_MS_MAX;
        let every = section.duration_or(self, "every", range, SPARKPLUG_EVERY_MS_DEFAULT);
        section.finish(self);
        let (name, group, node) = (name.to_owned(), group?, node?);
        (self.count() == before).then_some(Sparkplug { name, group, node, every })
    }

    /// `sparkplug` with `metric` and `device`.
    pub(super) fn sparkplug_port(&mut self, section: &mut Section<'_>) -> Option<(Port, Way)> {
        let line = self.named(section, "sparkplug", |c| &c.nodes);
        let device = section.text(self, "device");
        if let Some(device) = device
            && !is_level(device)
        {
            section.fault(self, "device", quoted(device), LEVEL_FORM);
        }
        let metric = section.required_text(self, "metric", METRIC_FORM)?;
        if !fits(metric) {
            section.fault(self, "metric", quoted(metric), METRIC_FORM);
        }
        let (line, every) = line?;
        Some((Port::Line { line, name: sparkplug::name(device, metric) }, Way::Node(every)))
    }

    /// What a metric is set to; what the device says of it afterwards is the proof.
    pub(super) fn sparkplug_payloads(
        &mut self,
        section: &mut Section<'_>,
        word: Option<KindWord>,
    ) -> Payloads {
        for key in ["payload", "state_topic", "state_field"] {
            section.out_of_place(self, key, "not with `sparkplug`: the metric itself is the echo");
        }
        let bare = matches!(word, Some(KindWord::Level | KindWord::Choice));
        if bare {
            for key in ["on", "off", "state_on", "state_off"] {
                section.out_of_place(self, key, "only for switch and pulse; others say the value");
            }
        }
        let words = self.words(section, bare, ["true", "false"]);
        // The type is known at the birth only, but no type has one of both.
        let is_truth = |word: &str| word.parse::<bool>().is_ok();
        let [on, off, ..] = words;
        if !bare && is_truth(on) != is_truth(off) {
            let (key, odd) = if is_truth(on) { ("off", off) } else { ("on", on) };
            let form = "\"true\" and \"false\" for both of `on` and `off`, or other words for both";
            section.fault(self, key, quoted(odd), form);
        }
        Payloads::on_line(words.map(str::to_owned), self.confirm_within(section))
    }
}

fn fits(text: &str) -> bool {
    (1..=SPARKPLUG_NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_level(text: &str) -> bool {
    fits(text) && !text.contains(['/', '+', '#'])
}
