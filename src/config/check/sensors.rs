//! `[[sensor]]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lines::{Way, carrier};
use super::section::{Section, number_of};
use super::topics::{pointer_fault, topic_fault};
use super::{Checker, Raw, Sensor, SensorKind, all, quoted};
use crate::config::Part;
use crate::config::checked::{Feed, Port, Thin};
use crate::domain::{SensorId, Value};
use crate::limits::{
    EVERY_MS_DEFAULT, EVERY_MS_MAX, EVERY_MS_MIN, SENSORS_MAX, TEXT_VALUE_BYTES_MAX,
    THIN_EVERY_MS_DEFAULT, UNIT_BYTES_MAX, WORDS_MAX,
};

/// The words of `type`.
const TYPES: [(&str, SensorKind); 3] =
    [("number", SensorKind::Number), ("bool", SensorKind::Bool), ("text", SensorKind::Text)];

/// What `topic` takes.
const TOPIC_FORM: &str = "an MQTT topic such as \"greenhouse/air\", or `serial`, \
                          `modbus`, `http`, `files` or `sparkplug`";

/// Where a value comes from, with the name of the sensor that takes it.
type Taken = BTreeMap<(Port, Option<String>), String>;

impl Checker<'_> {
    pub(super) fn sensors(&mut self, top: &mut Section<'_>) -> Vec<Sensor> {
        let mut taken = Taken::new();
        let mut sensors = Vec::new();
        for (id, section) in (0..).zip(top.elements(self, "sensor", SENSORS_MAX)) {
            sensors.push(self.sensor(section, id, &mut taken));
        }
        self.sensors_count = sensors.len();
        all(sensors)
    }

    fn sensor(&mut self, mut section: Section<'_>, id: u16, taken: &mut Taken) -> Option<Sensor> {
        let before = self.count();
        let name = section.required_text(self, "name", "snake_case, such as \"tank_level\"");
        let name_good = name.is_some_and(|name| {
            let spot = section.spot("name");
            self.check_name(&spot, name)
        });
        let kind = match section.has("type") {
            true => section.word(self, "type", &TYPES),
            false => {
                section.get("type");
                Some(SensorKind::Number)
            }
        };
        if let (Some(name), true) = (name, name_good) {
            self.declare_sensor(name, id, kind);
        }
        let carrier = carrier(&section);
        let (port, way) = self.port(&mut section, name).unzip();
        let field = self.field(&mut section, carrier);
        if let (Some(port), Some(name)) = (&port, name) {
            match taken.entry((port.clone(), field.clone())) {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(name.to_owned());
                }
                std::collections::btree_map::Entry::Occupied(other) => {
                    let what = match carrier {
                        "topic" => "topic and field",
                        "modbus" => "register",
                        "http" => "page and field",
                        "files" => "file and field",
                        "sparkplug" => "device and metric",
                        _ => "line and name on it",
                    };
                    let found = format!("the same {what} as sensor {}", quoted(other.get()));
                    section.fault(self, carrier, found, "each value has one sensor");
                }
            }
        }
        let map = self.map(&mut section, kind);
        let (scale, offset, range, max_rate) = self.numeric(&mut section, kind);
        let unit = self.unit(&mut section);
        let every = self.every(&mut section, way.and_then(Way::every));
        let learn = section.yes_or_no(self, "learn").unwrap_or(true);
        let record = self.thin(&mut section, kind);
        self.announced(&mut section, Part::Sensor(SensorId(id)));
        section.finish(self);
        if self.count() > before {
            return None;
        }
        let (name, kind) = (name?.to_owned(), kind?);
        let feed = Feed::Port(port?);
        Some(Sensor {
            name,
            feed,
            field,
            kind,
            map,
            scale,
            offset,
            unit,
            range,
            max_rate,
            every,
            learn,
            record,
        })
    }

    /// `field`, where it points into a payload; on a serial line it is a name and has been read.
    fn field(&mut self, section: &mut Section<'_>, carrier: &str) -> Option<String> {
        match carrier {
            "modbus" => {
                section.out_of_place(self, "field", "not with `modbus`: `register` names it");
            }
            "sparkplug" => {
                section.out_of_place(self, "field", "not with `sparkplug`: `metric` names it");
            }
            _ => {}
        }
        match carrier {
            "serial" | "modbus" | "sparkplug" => None,
            _ => self.pointer(section, "field"),
        }
    }

    /// `every`; what is asked for cannot come more often than it is asked.
    fn every(&mut self, section: &mut Section<'_>, asked: Option<Duration>) -> Duration {
        let range_ms = EVERY_MS_MIN..=EVERY_MS_MAX;
        let Some(asked) = asked else {
            return section.duration_or(self, "every", range_ms, EVERY_MS_DEFAULT);
        };
        let every = section.duration(self, "every", range_ms).unwrap_or(asked);
        if every < asked {
            let allowed = format!("from {asked:?}: it is asked no more often");
            section.fault(self, "every", format!("{every:?}"), &allowed);
        }
        every
    }

    /// `unit`, which may be empty.
    pub(super) fn unit(&mut self, section: &mut Section<'_>) -> String {
        let unit = section.text(self, "unit").unwrap_or("");
        if unit.len() > UNIT_BYTES_MAX || unit.chars().any(char::is_control) {
            section.fault(self, "unit", quoted(unit), "a short text such as \"°C\"");
        }
        unit.to_owned()
    }

    /// `record`: which readings the journal gets.
    pub(super) fn thin(
        &mut self,
        section: &mut Section<'_>,
        kind: Option<SensorKind>,
    ) -> Option<Thin> {
        let form = "a table such as { change = 0.2, every = \"15m\" }";
        let mut table = section.table(self, "record", form)?;
        let change = if matches!(kind, Some(SensorKind::Bool | SensorKind::Text)) {
            table.out_of_place(self, "change", "only for type = \"number\"");
            None
        } else {
            table.number(self, "change", "a number from 0, in the sensor's unit", |n| n >= 0.0)
        };
        let spans = EVERY_MS_MIN..=EVERY_MS_MAX;
        let every = table.duration_or(self, "every", spans, THIN_EVERY_MS_DEFAULT);
        table.finish(self);
        Some(Thin { change: change.unwrap_or(0.0), every })
    }

    /// How many faults there are by now.
    pub(super) fn count(&self) -> usize {
        self.faults.len() + self.more
    }

    /// A foreign topic.
    pub(super) fn topic(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        required: bool,
    ) -> Option<String> {
        let topic = if required {
            section.required_text(self, key, TOPIC_FORM)?
        } else {
            section.text(self, key)?
        };
        match topic_fault(topic) {
            None => Some(topic.to_owned()),
            Some((found, allowed)) => {
                section.fault(self, key, found, &allowed);
                None
            }
        }
    }

    /// A JSON pointer.
    pub(super) fn pointer(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
    ) -> Option<String> {
        let pointer = section.text(self, key)?;
        match pointer_fault(pointer) {
            None => Some(pointer.to_owned()),
            Some((found, allowed)) => {
                section.fault(self, key, found, &allowed);
                None
            }
        }
    }

    /// `map`: the payload's words and what they stand for.
    fn map(
        &mut self,
        section: &mut Section<'_>,
        kind: Option<SensorKind>,
    ) -> BTreeMap<String, Value> {
        let mut map = BTreeMap::new();
        let form = "a table of words, such as { open = true, closed = false }";
        let Some(table) = section.table(self, "map", form) else {
            return map;
        };
        let count = table.entries().count();
        if count > WORDS_MAX {
            section.fault(self, "map", format!("{count} words"), &format!("at most {WORDS_MAX}"));
            return map;
        }
        for (word, node) in table.entries() {
            let value = match (kind, &node.raw) {
                // The type is faulty itself; what fits it cannot be said.
                (None, _) => None,
                (Some(SensorKind::Number), _) => number_of(node).map(Value::Number),
                (Some(SensorKind::Bool), Raw::Bool(yes)) => Some(Value::Bool(*yes)),
                (Some(SensorKind::Text), Raw::Text(text)) if text.len() <= TEXT_VALUE_BYTES_MAX => {
                    Some(Value::Text(text.clone()))
                }
                _ => None,
            };
            match (value, kind) {
                (Some(value), _) => {
                    map.insert(word.clone(), value);
                }
                (None, None) => {}
                (None, Some(kind)) => {
                    let allowed = match (kind, &node.raw) {
                        (SensorKind::Number, Raw::Bool(_)) => "a number; or type = \"bool\"",
                        (SensorKind::Number, Raw::Text(_)) => "a number; or type = \"text\"",
                        (SensorKind::Number, _) => "a number",
                        (SensorKind::Bool, _) => "true or false, as type = \"bool\" says",
                        (SensorKind::Text, _) => "a short text, as type = \"text\" says",
                    };
                    table.fault(self, word, node.raw.words(), allowed);
                }
            }
        }
        map
    }

    /// `scale`, `offset`, `range` and `max_rate`, which only numbers have.
    fn numeric(
        &mut self,
        section: &mut Section<'_>,
        kind: Option<SensorKind>,
    ) -> (f64, f64, Option<(f64, f64)>, Option<f64>) {
        if matches!(kind, Some(SensorKind::Bool | SensorKind::Text)) {
            for key in ["scale", "offset", "range", "max_rate"] {
                section.out_of_place(self, key, "only for type = \"number\"");
            }
            return (1.0, 0.0, None, None);
        }
        let scale = section.number(self, "scale", "a number other than 0", |n| n != 0.0);
        let offset = section.number(self, "offset", "a number", |_| true);
        let range = self.range(section);
        let max_rate = section.number(self, "max_rate", "a number above 0", |n| n > 0.0);
        (scale.unwrap_or(1.0), offset.unwrap_or(0.0), range, max_rate)
    }

    pub(super) fn range(&mut self, section: &mut Section<'_>) -> Option<(f64, f64)> {
        let form = "two numbers, the lower first, such as [-40, 85]";
        let list = section.list(self, "range", form)?;
        let numbers: Vec<f64> = list.iter().filter_map(number_of).collect();
        match numbers.as_slice() {
            [low, high] if list.len() == 2 && low < high => Some((*low, *high)),
            _ => {
                let words: Vec<String> = list.iter().take(4).map(|node| node.raw.words()).collect();
                section.fault(self, "range", format!("[{}]", words.join(", ")), form);
                None
            }
        }
    }
}
