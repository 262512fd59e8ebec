//! A sensor's number in a payload, and how a fault changes it: the payload is a bare value or JSON
//! with several fields, of which the others stay as they are. Pure.

use crate::config::{Sensor, SensorKind};

/// The number that the payload says of this sensor, in the sensor's unit; 0 and 1 for a yes or no.
/// `None` where it says none.
pub(super) fn number(sensor: &Sensor, text: &str) -> Option<f64> {
    let word = word(sensor, text)?;
    match sensor.kind {
        SensorKind::Number => Some(word.parse::<f64>().ok()? * sensor.scale + sensor.offset),
        SensorKind::Bool => Some(f64::from(u8::from(word == "true"))),
        SensorKind::Text => None,
    }
}

/// The payload with another number of this sensor, with as many digits after the point as before.
pub(super) fn with(sensor: &Sensor, text: &str, value: f64) -> Option<String> {
    let before = word(sensor, text)?;
    let word = match sensor.kind {
        SensorKind::Number => {
            let digits = before.split_once('.').map_or(0, |(_, after)| after.len());
            format!("{:.*}", digits, (value - sensor.offset) / sensor.scale)
        }
        SensorKind::Bool => (value > 0.5).to_string(),
        SensorKind::Text => return None,
    };
    let Some(pointer) = &sensor.field else { return Some(word) };
    let mut json: serde_json::Value = serde_json::from_str(text).ok()?;
    *json.pointer_mut(pointer)? = serde_json::from_str(&word).ok()?;
    Some(json.to_string())
}

/// What stands for this sensor in the payload.
fn word(sensor: &Sensor, text: &str) -> Option<String> {
    let Some(pointer) = &sensor.field else { return Some(text.trim().to_owned()) };
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    match json.pointer(pointer)? {
        serde_json::Value::String(word) => Some(word.clone()),
        other => Some(other.to_string()),
    }
}
