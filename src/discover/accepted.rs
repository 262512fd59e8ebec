//! What was accepted beside what is announced now: does the device still say what the configuration
//! has of it? Pure. What a person may decide by itself (names, ranges, how often, a unit of his own
//! with its factor) is not compared.

use super::words::shown;
use super::{ActuatorOffer, Control, Offer, SensorOffer};
use crate::config::{Actuator, ActuatorKind, Config, Part, Port, Sensor, SensorKind};

/// How an accepted sensor or actuator stands to its announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody knows yet.
    Unheard,
    /// It is announced as it was accepted.
    AsAccepted,
    /// It is announced otherwise: in what way.
    Changed(String),
    /// It is not announced any more.
    Gone,
    /// Its device says that it is away.
    Away,
}

impl Standing {
    /// The word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Standing::Unheard => "unheard",
            Standing::AsAccepted => "as_accepted",
            Standing::Changed(_) => "changed",
            Standing::Gone => "gone",
            Standing::Away => "away",
        }
    }
}

/// One offer beside what was accepted.
struct Beside {
    /// It is the same part of the device.
    is_same: bool,
    differs: Vec<String>,
}

/// How a part stands to what its announcement offers; none: there is no announcement.
pub(super) fn standing(config: &Config, part: Part, offers: Option<&Vec<Offer>>) -> Standing {
    let Some(offers) = offers else { return Standing::Gone };
    let beside = offers.iter().filter_map(|offer| match (part, offer) {
        (Part::Sensor(id), Offer::Sensor(offer)) => {
            config.sensors.get(usize::from(id.0)).map(|it| sensor(it, offer))
        }
        (Part::Actuator(id), Offer::Actuator(offer)) => {
            config.actuators.get(usize::from(id.0)).map(|it| actuator(it, offer))
        }
        _ => None,
    });
    let mut beside: Vec<Beside> = beside.collect();
    if beside.iter().any(|one| one.differs.is_empty()) {
        return Standing::AsAccepted;
    }
    match (&beside[..], &offers[..]) {
        ([one], [_]) => return Standing::Changed(one.differs.join(", ")),
        ([], [Offer::Nothing(why)]) => {
            return Standing::Changed(format!("it can be used no more: {}", shown(why)));
        }
        _ => {}
    }
    beside.retain(|one| one.is_same);
    match &beside[..] {
        [] => Standing::Changed("its device announces other parts, and this one no more".into()),
        [one, ..] => Standing::Changed(one.differs.join(", ")),
    }
}

/// `unit: accepted "°C", announced "°F"`.
fn differ(differs: &mut Vec<String>, what: &str, accepted: Option<&str>, announced: Option<&str>) {
    let said = |word: Option<&str>| word.map_or("none".into(), |it| format!("{:?}", shown(it)));
    if accepted != announced {
        differs.push(format!("{what}: accepted {}, announced {}", said(accepted), said(announced)));
    }
}

fn sensor(accepted: &Sensor, offer: &SensorOffer) -> Beside {
    let topic = accepted.port().and_then(Port::topic);
    let mut differs = Vec::new();
    differ(&mut differs, "topic", topic, Some(&offer.topic));
    differ(&mut differs, "field", accepted.field.as_deref(), offer.field.as_deref());
    let is_same = differs.is_empty();
    let kind = match accepted.kind {
        SensorKind::Number => "number",
        SensorKind::Bool => "bool",
        SensorKind::Text => "text",
    };
    // Of a text a person may make what he likes.
    if kind != "text" && offer.kind != "text" && accepted.map.is_empty() {
        differ(&mut differs, "type", Some(kind), Some(offer.kind));
    }
    let calculates = (accepted.scale, accepted.offset) != (offer.scale, offer.offset);
    if calculates && (accepted.scale, accepted.offset) == (1.0, 0.0) {
        let how = format!("times {} plus {}", offer.scale, offer.offset);
        differ(&mut differs, "calculation", None, Some(&how));
    }
    let unit = Some(accepted.unit.as_str()).filter(|unit| !unit.is_empty() && !calculates);
    if let (Some(unit), Some(announced)) = (unit, &offer.unit) {
        differ(&mut differs, "unit", Some(unit), Some(announced));
    }
    Beside { is_same, differs }
}

fn actuator(accepted: &Actuator, offer: &ActuatorOffer) -> Beside {
    let mut differs = Vec::new();
    differ(&mut differs, "topic", accepted.port.topic(), Some(&offer.topic));
    differ(&mut differs, "payload", accepted.payload.as_deref(), offer.payload.as_deref());
    let is_same = differs.is_empty();
    let words = (accepted.on.as_str(), accepted.off.as_str());
    let within = |least: f64, most: f64, min: f64, max: f64| least >= min && most <= max;
    let number = |word: &str| word.parse::<f64>().ok();
    let (fits, announced) = match (&offer.control, &accepted.kind) {
        (Control::Switch { on, off }, ActuatorKind::Switch | ActuatorKind::Pulse { .. }) => {
            differ(&mut differs, "on", Some(words.0), Some(on));
            differ(&mut differs, "off", Some(words.1), Some(off));
            (true, String::new())
        }
        (Control::Switch { .. }, _) => (false, "a switch".to_owned()),
        (Control::Level { min, max, .. }, kind) => {
            let ends = match kind {
                ActuatorKind::Level { min, max, .. } => Some((*min, *max)),
                ActuatorKind::Switch | ActuatorKind::Pulse { .. } => {
                    number(words.0).zip(number(words.1)).map(|(a, b)| (a.min(b), a.max(b)))
                }
                ActuatorKind::Choice { .. } => None,
            };
            let fits = ends.is_some_and(|(least, most)| within(least, most, *min, *max));
            (fits, format!("a level from {min} to {max}"))
        }
        (Control::Choice(options), kind) => {
            let has = |word: &str| options.iter().any(|option| option == word);
            let fits = match kind {
                ActuatorKind::Choice { options } => options.iter().all(|word| has(word)),
                ActuatorKind::Switch | ActuatorKind::Pulse { .. } => has(words.0) && has(words.1),
                ActuatorKind::Level { .. } => false,
            };
            (fits, format!("one of {}", options.join(", ")))
        }
    };
    if !fits {
        differ(
            &mut differs,
            "what it can be set to",
            Some(kind_said(accepted).as_str()),
            Some(&announced),
        );
    }
    if accepted.state_topic.is_some() && offer.state_topic.is_some() {
        let (was, is) = (accepted.state_topic.as_deref(), offer.state_topic.as_deref());
        differ(&mut differs, "state_topic", was, is);
        let (was, is) = (accepted.state_field.as_deref(), offer.state_field.as_deref());
        differ(&mut differs, "state_field", was, is);
    }
    Beside { is_same, differs }
}

fn kind_said(actuator: &Actuator) -> String {
    match &actuator.kind {
        ActuatorKind::Switch | ActuatorKind::Pulse { .. } => {
            format!("{} and {}", actuator.on, actuator.off)
        }
        ActuatorKind::Level { min, max, .. } => format!("a level from {min} to {max}"),
        ActuatorKind::Choice { options } => format!("one of {}", options.join(", ")),
    }
}
