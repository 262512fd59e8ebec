//! Goals, rules and notes that an operator says at run time, by the very checks of the file. A
//! fault names the key of what was said; inside a condition it has its line and column. An
//! interlock is never said: it is the file's.

use serde_json::{Value as Json, json};

use super::section::Section;
use super::{Checker, Fault, Node, Raw, Source, Strictness};
use crate::board::Profiles;
use crate::config::checked::{Config, Goal, Preference, Rule};
use crate::domain::{ActuatorId, Setting};

/// Faults that are put into one sentence.
const TOLD_MAX: usize = 3;

/// What went wrong, in a sentence for the reason of a refusal.
#[must_use]
pub fn told(faults: &[Fault]) -> String {
    let words = faults.iter().take(TOLD_MAX).map(|one| match one.key.as_str() {
        "" => format!("found {}; allowed: {}", one.found, one.allowed),
        key => format!("{key}: {}; allowed: {}", one.found, one.allowed),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Reads a goal as the `goal` command says it: the keys of `[[goal]]` as JSON.
///
/// # Errors
/// Everything that is wrong.
pub fn goal_said(json: &Json, config: &Config) -> Result<Goal, Vec<Fault>> {
    said(json, config, |checker, section| checker.goal(section, &mut Vec::new()))
}

/// Reads a goal as [`goal_said`] does.
///
/// # Errors
/// The first things that are wrong, in a sentence.
pub fn goal_from_json(json: &Json, config: &Config) -> Result<Goal, String> {
    goal_said(json, config).map_err(|faults| told(&faults))
}

/// Reads a rule as the `rule` command says it: the keys of `[[rule]]` as JSON.
///
/// # Errors
/// Everything that is wrong.
pub fn rule_said(json: &Json, config: &Config) -> Result<Rule, Vec<Fault>> {
    said(json, config, |checker, section| checker.rule(section, &mut Vec::new()))
}

/// Says a rule as the `rule` command takes it: what [`rule_said`] reads back as the same.
#[must_use]
pub fn rule_to_json(rule: &Rule, config: &Config) -> Json {
    let set = rule.set.iter().filter_map(|(id, setting)| {
        let actuator = config.actuators.get(usize::from(id.0))?;
        let value = match setting {
            Setting::Level(level) => json!(level),
            word => json!(word.to_string()),
        };
        Some((actuator.name.clone(), value))
    });
    let set: serde_json::Map<_, _> = set.collect();
    json!({"name": rule.name, "when": rule.when.source(), "set": set})
}

/// Reads a note as the `note` command says it: its text alone.
///
/// # Errors
/// Everything that is wrong.
pub fn note_said(text: &Json, config: &Config) -> Result<String, Vec<Fault>> {
    said(&json!({ "text": text }), config, |checker, section| checker.note(section))
}

/// Reads a preference with the keys of `[[preference]]` as JSON.
///
/// # Errors
/// The first things that are wrong, in a sentence.
pub fn preference_said(json: &Json, config: &Config) -> Result<Preference, String> {
    let read = said(json, config, |checker, section| checker.preference(section));
    read.map_err(|faults| told(&faults))
}

/// Says a preference so that [`preference_said`] reads back the same.
#[must_use]
pub fn preference_to_json(preference: &Preference, config: &Config) -> Json {
    let name = |id: ActuatorId| config.actuators.get(usize::from(id.0)).map(|one| &one.name);
    let mut said = match preference.prefer {
        Some(better) => json!({"prefer": name(better), "over": name(preference.over)}),
        None => json!({"avoid": name(preference.over)}),
    };
    if let Some(when) = &preference.when {
        said["when"] = json!(when.source());
    }
    said
}

fn said<T>(
    json: &Json,
    config: &Config,
    read: impl FnOnce(&mut Checker<'_>, Section<'_>) -> Option<T>,
) -> Result<T, Vec<Fault>> {
    let node = Node::from_json(json);
    let Some(Node { raw: Raw::Table(table), .. }) = &node else {
        return Err(vec![whole("something else", "a JSON object without null")]);
    };
    let empty = Source::parse("the command", "")?;
    let mut checker = Checker::new(&empty, Strictness::Check, Profiles::embedded().host());
    for (id, sensor) in (0..).zip(&config.sensors) {
        checker.declare_sensor(&sensor.name, id, Some(sensor.kind));
    }
    for (id, actuator) in (0..).zip(&config.actuators) {
        checker.declare_actuator(&actuator.name, id, Some(&actuator.kind));
    }
    match read(&mut checker, Section::root(table)) {
        Some(read) if checker.faults.is_empty() => Ok(read),
        _ if checker.faults.is_empty() => {
            Err(vec![whole("something that is faulty itself", "what is in order")])
        }
        _ => Err(checker.faults),
    }
}

fn whole(found: &str, allowed: &str) -> Fault {
    Fault {
        key: String::new(),
        file: "the command".into(),
        line: None,
        column: None,
        found: found.into(),
        allowed: allowed.into(),
        excerpt: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_text;

    const PLACE: &str = r#"
        device.name = "place"
        [[sensor]]
        name = "air"
        topic = "air"
        [[actuator]]
        name = "fan"
        topic = "fan"
        kind = "switch"
        safe = "off"
        [[actuator]]
        name = "vent"
        topic = "vent"
        kind = "level"
        min = 0
        max = 100
        step = 5
        safe = 0
        [[rule]]
        name = "hot"
        when = "air > 30"
        set = { fan = "on", vent = 75 }
    "#;

    fn place() -> Config {
        from_text(PLACE, "here.toml", &[], Strictness::Check).unwrap().0
    }

    #[test]
    fn a_rule_that_is_said_is_read_back_as_the_same() {
        let config = place();
        let said = rule_to_json(&config.rules[0], &config);
        assert_eq!(rule_said(&said, &config).unwrap(), config.rules[0], "{said}");
    }

    #[test]
    fn a_fault_has_its_key_and_inside_a_condition_its_place() {
        let config = place();
        let faults = |json: Json| rule_said(&json, &config).unwrap_err();
        let wrong = faults(json!({"name": "a", "when": "air > 3 &&\nairr < 2",
            "set": {"fan": "onn", "vent": 3}, "wen": 1}));
        let of = |key: &str| wrong.iter().find(|one| one.key == key).expect(key).clone();
        assert_eq!((of("when").line, of("when").column), (Some(2), Some(1)));
        assert_eq!(of("when").excerpt.as_deref(), Some("airr < 2"));
        assert!(of("set.fan").allowed.contains("on"), "{wrong:?}");
        assert!(of("set.vent").allowed.contains('5'), "{wrong:?}");
        assert!(of("wen").allowed.contains("when"), "{wrong:?}");
        let missing = faults(json!({"name": "a"}));
        let keys: Vec<_> = missing.iter().map(|one| &*one.key).collect();
        assert_eq!(keys, ["when", "set"], "{missing:?}");
        assert!(told(&faults(json!([1]))).contains("object"));
        assert!(note_said(&json!(" "), &config).is_err());
        assert_eq!(note_said(&json!("Be quiet."), &config).unwrap(), "Be quiet.");
    }
}
