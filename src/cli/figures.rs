//! What measurements end with: a line of JSON, or a figure a line for people. Printing only.

use serde_json::Value;

/// An object of figures as one line of JSON, or one below the other.
pub(super) fn print(figures: &Value, json: bool) {
    if json {
        println!("{figures}");
    } else if let Some(figures) = figures.as_object() {
        for (name, value) in figures {
            println!("{name:<32} {value}");
        }
    }
}

/// To so many digits behind the point: what is behind them is noise.
pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (number * unit).round() / unit
}
