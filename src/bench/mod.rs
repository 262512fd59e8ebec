//! `outpost bench agent`: how well the agent looks after each simulated place, in one process, as
//! fast as the machine allows, beside thermostats, nobody, and the best that could be done.
//! It judges the agent and helps it in nothing; no broker, no sleep, no wall clock.

mod agent;
mod alone;
pub mod bounds;
mod drive;
mod excuses;
mod faults;
mod heard;
mod limit;
mod recovery;
mod report;
mod run;
mod thermostat;
mod track;

use crate::plant::Score;

pub use agent::Voice;
pub use recovery::{Recoveries, Recovery};
pub use report::{ReportError, page};
pub use run::{MindOptions, Options, PlantResult, Row, run, sum};

/// An hour in which goals of all the weight are missed, in the operator's unit. A tenfold of what
/// the dearest device of a place costs an hour, so that nobody saves by missing goals.
pub const UNMET_PRICE: f64 = 20.0;
/// Cost an hour below which costs are not compared, in the operator's unit: where the limit pays
/// less, it counts as if it paid this. The cheapest useful device costs 0.06.
pub const COST_FLOOR: f64 = 0.06;

/// Score samples an hour.
const SAMPLES_H: f64 = 360.0;

/// What is to be small: missed goals at their price, and cost, both an hour.
#[must_use]
pub fn penalty(score: &Score) -> f64 {
    let hours = score.samples as f64 / SAMPLES_H;
    if hours == 0.0 { 0.0 } else { UNMET_PRICE * (1.0 - score.satisfied()) + score.cost / hours }
}
