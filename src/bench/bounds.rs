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

/// What was asked of a campaign: some bounds are only asked with it, some only without.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Its runs had faults. What costs and thermostats show is asked of runs without, which alone
    /// have a limit of their own.
    pub faults: bool,
    /// A mind was to read the notes.
    pub mind: bool,
}

/// A line for each thing that must not be: a limit that somebody beat is none, whatever was asked;
/// with `asked` also the bounds. Empty: all is well.
#[must_use]
pub fn failures(results: &[PlantResult], asked: Option<Asked>) -> Vec<String> {
    let beaten = results.iter().flat_map(|one| &one.beaten);
    let beaten = beaten.map(|line| format!("better than the limit, so the limit is none: {line}"));
    let broken = asked.map(|asked| broken(results, asked)).unwrap_or_default();
    beaten.chain(broken.into_iter().map(|line| format!("does not hold: {line}"))).collect()
}

/// Place, figure and bound of each that does not hold. A claim without the rows that it is about
/// does not hold: else a controller that was not run would pass.
fn broken(results: &[PlantResult], asked: Asked) -> Vec<String> {
    if results.is_empty() {
        return vec!["no place was run".into()];
    }
    let mut lines: Vec<_> = results.iter().flat_map(|one| missing(one, asked)).collect();
    lines.extend(results.iter().flat_map(|one| of_place(one, asked)));
    let notes = |controller: &str| -> u64 {
        let rows = results.iter().filter_map(|one| one.row(controller));
        rows.map(|row| row.score.notes_broken).sum()
    };
    let (ours, minded) = (notes("planner"), notes("mind"));
    if asked.mind && minded as f64 > NOTES * ours as f64 {
        lines.push(format!(
            "all places: mind's notes_broken {minded}, at most {NOTES} of the planner's {ours}"
        ));
    }
    lines
}

/// The claims about a place, and the rows that each needs.
fn claims(asked: Asked) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut claims = vec![
        ("satisfied_of_limit", vec!["planner", "limit"]),
        ("forbidden", vec!["planner", "understood"]),
    ];
    if !asked.faults {
        claims.push(("cost_of_limit", vec!["planner", "limit"]));
        claims.push(("dominated by thermostats", vec!["planner", "thermostats"]));
    }
    if asked.mind {
        claims.push(("forbidden", vec!["mind"]));
        claims.push(("notes_broken", vec!["planner", "mind"]));
    }
    claims
}

fn missing(result: &PlantResult, asked: Asked) -> Vec<String> {
    let mut lines = Vec::new();
    for (claim, rows) in claims(asked) {
        for row in rows.into_iter().filter(|row| result.row(row).is_none()) {
            lines.push(format!("{}: no row {row}, which {claim} needs", result.kind.word()));
        }
    }
    lines
}

fn of_place(result: &PlantResult, asked: Asked) -> Vec<String> {
    let place = result.kind.word();
    let mut lines = Vec::new();
    let least = if asked.faults { SATISFIED_WITH_FAULTS } else { SATISFIED };
    if let Some(share) = result.satisfied_of_limit("planner").filter(|share| *share < least) {
        lines.push(format!("{place}: satisfied_of_limit {share:.4}, at least {least}"));
    }
    let cost = result.cost_of_limit("planner").filter(|cost| !asked.faults && *cost > COST);
    if let Some(cost) = cost {
        lines.push(format!("{place}: cost_of_limit {cost:.4}, at most {COST}"));
    }
    for controller in ["planner", "understood", "mind"] {
        let count = result.row(controller).map_or(0, |row| row.score.forbidden);
        if count > 0 {
            lines.push(format!("{place}: {controller}'s forbidden {count}, at most 0"));
        }
    }
    if !asked.faults && result.dominated() {
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

    const CALM: Asked = Asked { faults: false, mind: false };
    const FAULTS: Asked = Asked { faults: true, mind: false };
    const MIND: Asked = Asked { faults: true, mind: true };

    /// An hour in which this share of the goals was met at this cost.
    fn row(controller: &'static str, satisfied: f64, cost: f64) -> Row {
        let unmet = (1.0 - satisfied) * 360.0;
        let score = Score { samples: 360, unmet, cost, ..Score::default() };
        Row { controller, score, counters: None, recoveries: Recoveries::new() }
    }

    /// A tank of which everything that is asked holds.
    fn good() -> PlantResult {
        let text = Kind::WaterTank.config();
        let config = Arc::new(from_text(text, "water", &[], Strictness::Check).unwrap().0);
        let rows = vec![
            row("thermostats", 0.9, 2.0),
            row("planner", 0.98, 1.1),
            row("understood", 0.98, 1.1),
            row("limit", 1.0, 1.0),
            row("mind", 0.98, 1.1),
        ];
        PlantResult { rows, ..PlantResult::new(Kind::WaterTank, config) }
    }

    /// What does not hold where one row of the good place is otherwise.
    fn with(controller: &str, asked: Asked, change: impl Fn(&mut Row)) -> Vec<String> {
        let mut result = good();
        let mut rows = result.rows.iter_mut();
        change(rows.find(|row| row.controller == controller).unwrap());
        broken(&[result], asked)
    }

    #[test]
    fn what_holds_is_said_by_nothing() {
        for asked in [CALM, FAULTS, MIND] {
            assert_eq!(failures(&[good(), good()], Some(asked)), Vec::<String>::new());
        }
        let asked = Asked { mind: true, ..CALM };
        assert_eq!(failures(&[good()], Some(asked)), Vec::<String>::new());
    }

    #[test]
    fn a_share_under_its_bound_fails() {
        let with =
            |share: f64, asked| with("planner", asked, |one| *one = row("planner", share, 1.0));
        assert_eq!(with(0.95, CALM), ["water-tank: satisfied_of_limit 0.9500, at least 0.97"]);
        assert_eq!(with(0.95, FAULTS), Vec::<String>::new(), "faults allow for more");
        assert_eq!(with(0.89, FAULTS), ["water-tank: satisfied_of_limit 0.8900, at least 0.9"]);
    }

    #[test]
    fn a_cost_over_its_bound_fails_without_faults() {
        let with = |asked| with("planner", asked, |one| one.score.cost = 1.2);
        assert_eq!(with(CALM), ["water-tank: cost_of_limit 1.2000, at most 1.15"]);
        assert_eq!(with(FAULTS), Vec::<String>::new());
    }

    #[test]
    fn a_forbidden_state_of_each_face_of_the_agent_fails_and_one_of_others_does_not() {
        for controller in ["planner", "understood", "mind"] {
            let lines = with(controller, MIND, |one| one.score.forbidden = 1);
            assert_eq!(lines, [format!("water-tank: {controller}'s forbidden 1, at most 0")]);
        }
        let lines = with("thermostats", MIND, |one| one.score.forbidden = 1);
        assert_eq!(lines, Vec::<String>::new());
    }

    #[test]
    fn thermostats_that_dominate_fail_it_without_faults() {
        let with = |asked| with("thermostats", asked, |one| *one = row("thermostats", 0.98, 1.0));
        assert_eq!(with(CALM), ["water-tank: dominated by thermostats, by none allowed"]);
        assert_eq!(with(FAULTS), Vec::<String>::new());
    }

    #[test]
    fn a_mind_that_breaks_many_notes_fails_where_it_was_asked_for() {
        let notes = |asked| {
            let (mut one, other) = (good(), good());
            one.rows[1].score.notes_broken = 10;
            one.rows[4].score.notes_broken = 3;
            broken(&[one, other], asked)
        };
        let line = "all places: mind's notes_broken 3, at most 0.2 of the planner's 10";
        assert_eq!(notes(MIND), [line]);
        assert_eq!(notes(FAULTS), Vec::<String>::new());
    }

    #[test]
    fn a_limit_that_was_beaten_fails_whatever_was_asked() {
        let mut result = good();
        result.limits = vec![2.0, 2.0];
        result.take(1, row("planner", 1.0, 2.0));
        assert_eq!(failures(&[result.clone()], None), Vec::<String>::new());
        result.take(2, row("planner", 1.0, 1.9));
        let line = "better than the limit, so the limit is none: \
                    water-tank seed 2: planner 1.9000, limit 2.0000";
        assert_eq!(failures(&[result], None), [line]);
    }

    #[test]
    fn a_claim_without_its_row_fails_and_is_named() {
        let without = |controller: &str, asked| {
            let mut result = good();
            result.rows.retain(|row| row.controller != controller);
            broken(&[good(), result], asked)
        };
        let none = |row: &str, claims: &[&str]| -> Vec<String> {
            let line = |claim| format!("water-tank: no row {row}, which {claim} needs");
            claims.iter().map(line).collect()
        };
        let (share, cost) = ("satisfied_of_limit", "cost_of_limit");
        let (forbidden, dominated) = ("forbidden", "dominated by thermostats");
        assert_eq!(without("limit", CALM), none("limit", &[share, cost]));
        assert_eq!(without("limit", FAULTS), none("limit", &[share]));
        assert_eq!(without("planner", CALM), none("planner", &[share, forbidden, cost, dominated]));
        assert_eq!(without("understood", FAULTS), none("understood", &[forbidden]));
        assert_eq!(without("thermostats", CALM), none("thermostats", &[dominated]));
        assert_eq!(without("thermostats", FAULTS), Vec::<String>::new());
        assert_eq!(without("mind", MIND), none("mind", &[forbidden, "notes_broken"]));
        assert_eq!(without("mind", CALM), Vec::<String>::new(), "nobody asked for it");
        assert_eq!(broken(&[], CALM), ["no place was run"]);
    }
}
