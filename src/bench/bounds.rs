//! What a campaign must show, and the lines that say where it does not. It compares; it runs
//! nothing.

use super::PlantResult;

/// Least satisfied share of the agent, of the limit's.
pub const SATISFIED: f64 = 0.97;
/// The same with faults, against the limit without.
pub const SATISFIED_WITH_FAULTS: f64 = 0.9;
/// Greatest cost of the agent, in limits, of which one under `COST_FLOOR` counts as that.
pub const COST: f64 = 1.15;
/// Most notes that the agent with a mind breaks, as a share of those of the agent without.
pub const NOTES: f64 = 0.2;

/// Place, figure and bound of each that does not hold; empty: all do. What costs and thermostats
/// show is asked of runs without faults, which alone have a limit of their own. A place without a
/// limit has no ratio to look at.
#[must_use]
pub fn broken(results: &[PlantResult], faults: bool) -> Vec<String> {
    let mut lines: Vec<_> = results.iter().flat_map(|one| of_place(one, faults)).collect();
    let notes = |controller: &str| -> Option<u64> {
        let rows: Vec<_> = results.iter().filter_map(|one| one.row(controller)).collect();
        let sum = rows.iter().map(|row| row.score.notes_broken).sum();
        (!rows.is_empty()).then_some(sum)
    };
    if let (Some(ours), Some(minded)) = (notes("planner"), notes("mind"))
        && minded as f64 > NOTES * ours as f64
    {
        lines.push(format!(
            "all places: mind's notes_broken {minded}, at most {NOTES} of the planner's {ours}"
        ));
    }
    lines
}

fn of_place(result: &PlantResult, faults: bool) -> Vec<String> {
    let place = result.kind.word();
    let mut lines = Vec::new();
    let least = if faults { SATISFIED_WITH_FAULTS } else { SATISFIED };
    if let Some(share) = result.satisfied_of_limit("planner").filter(|share| *share < least) {
        lines.push(format!("{place}: satisfied_of_limit {share:.4}, at least {least}"));
    }
    let cost = result.cost_of_limit("planner").filter(|cost| !faults && *cost > COST);
    if let Some(cost) = cost {
        lines.push(format!("{place}: cost_of_limit {cost:.4}, at most {COST}"));
    }
    for controller in ["planner", "understood", "mind"] {
        let count = result.row(controller).map_or(0, |row| row.score.forbidden);
        if count > 0 {
            lines.push(format!("{place}: {controller}'s forbidden {count}, at most 0"));
        }
    }
    if !faults && result.dominated() {
        lines.push(format!("{place}: dominated by thermostats, by none allowed"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Recoveries, Row};
    use super::*;
    use crate::config::{Strictness, from_text};
    use crate::plant::{Kind, Score};

    /// An hour in which this share of the goals was met at this cost.
    fn row(controller: &'static str, satisfied: f64, cost: f64) -> Row {
        let unmet = (1.0 - satisfied) * 360.0;
        let score = Score { samples: 360, unmet, cost, ..Score::default() };
        Row { controller, score, counters: None, recoveries: Recoveries::new() }
    }

    fn result(rows: Vec<Row>) -> PlantResult {
        let text = Kind::WaterTank.config();
        let config = Arc::new(from_text(text, "water", &[], Strictness::Check).unwrap().0);
        PlantResult { rows, ..PlantResult::new(Kind::WaterTank, config) }
    }

    #[test]
    fn each_bound_that_does_not_hold_is_said_with_its_figure() {
        let good = vec![row("thermostats", 0.9, 2.0), row("planner", 0.98, 1.1)];
        let limit = row("limit", 1.0, 1.0);
        let with = |mut rows: Vec<Row>| {
            rows.push(limit.clone());
            [result(rows)]
        };
        assert_eq!(broken(&with(good.clone()), false), Vec::<String>::new());
        let poor = with(vec![row("thermostats", 0.95, 1.0), row("planner", 0.95, 1.2)]);
        let lines = broken(&poor, false);
        assert_eq!(
            lines,
            [
                "water-tank: satisfied_of_limit 0.9500, at least 0.97",
                "water-tank: cost_of_limit 1.2000, at most 1.15",
                "water-tank: dominated by thermostats, by none allowed",
            ]
        );
        assert_eq!(broken(&poor, true), Vec::<String>::new(), "faults allow for more");
        let worse = with(vec![row("planner", 0.89, 1.0)]);
        assert_eq!(broken(&worse, true), ["water-tank: satisfied_of_limit 0.8900, at least 0.9"]);
        let mut reading = row("mind", 0.98, 1.0);
        (reading.score.notes_broken, reading.score.forbidden) = (3, 1);
        let mut rows = good;
        rows[1].score.notes_broken = 10;
        rows.push(reading);
        let lines = broken(&with(rows), true);
        assert_eq!(
            lines,
            [
                "water-tank: mind's forbidden 1, at most 0",
                "all places: mind's notes_broken 3, at most 0.2 of the planner's 10",
            ]
        );
    }
}
