//! The greenhouse's limit: is it kept by nobody else, and does it hang on how the state is divided?

use super::*;
use crate::bench::{Options, penalty, run};
use crate::plant::Kind;

/// Under this one limit counts as another, in the operator's unit an hour: a tenth of what `run`
/// allows a controller.
const SAME: f64 = 0.0002;

fn score(nodes: [Vec<f64>; 4], seed: u64, hours: usize) -> Score {
    along(nodes, seed, hours * 60, |_, _| {})
}

/// Half of the nodes that neither a goal's edge needs nor the heater above it.
fn coarser() -> [Vec<f64>; 4] {
    let [_, _, soil, rest] = nodes();
    let air = vec![0.0, 14.0, 15.5, 16.0, 16.2, 16.5, 17.5, 20.0, 26.0, 27.0, 30.0];
    [air, vec![20.0, 45.0, 50.0, 60.0, 80.0, 85.0, 86.0, 100.0], soil, rest]
}

#[test]
fn nobody_beats_the_limit_and_it_keeps_every_goal() {
    let options = Options {
        kinds: vec![Kind::Greenhouse],
        hours: 3.0,
        seeds: 1,
        faults: false,
        tracks: false,
        trials: 2,
        threads: 1,
        mind: None,
    };
    let results = run(&options, &mut |_| None, |_| {}).unwrap();
    assert_eq!(results[0].beaten, Vec::<String>::new());
    let limit = &results[0].row("limit").unwrap().score;
    assert_eq!((limit.forbidden, limit.unmet), (0, 0.0), "{limit:?}");
    assert!(limit.cost > 0.0, "the morning is cold: {limit:?}");
    for row in &results[0].rows {
        assert!(penalty(limit) <= penalty(&row.score), "{row:?}");
    }
}

#[test]
fn the_limit_does_not_hang_on_the_division() {
    let (some, fewer) = (score(nodes(), 2, 2), score(coarser(), 2, 2));
    let (some, fewer) = (penalty(&some), penalty(&fewer));
    assert!((some - fewer).abs() < SAME, "{some} by half of the nodes {fewer}");
}

#[test]
fn a_storm_closes_the_vent_and_a_wide_open_one_forbids_heating() {
    let house = House { step_s: BACK_S as f64, divides: false };
    let shown = |wind_m_s: f64| {
        let outside = Outside { wind_m_s, temperature_c: 5.0, ..Outside::default() };
        let mut works = Vec::new();
        let from = [16.5, 70.0, 15.0, FREE_OFF];
        house.choices(&from, &vec![outside], |choice, _, _| works.push(work(choice)));
        works
    };
    let (calm, stormy) = (shown(3.0), shown(STORM_M_S));
    assert!(calm.iter().any(|work| work.vent == 1.0) && calm.iter().any(|work| work.heater));
    assert!(!calm.iter().any(|work| work.heater && work.vent >= 0.75));
    assert!(stormy.iter().all(|work| work.vent == 0.0) && stormy.iter().any(|work| work.fan));
}

#[test]
fn the_heater_keeps_its_least_times() {
    let house = House { step_s: 10.0, divides: false };
    let cold = Outside { temperature_c: 5.0, ..Outside::default() };
    // Whether it may stay off and may burn, and where that leads.
    let shown = |phase: Phase| {
        let mut ways = [None; 2];
        house.choices(&[16.5, 70.0, 15.0, phase.number()], &vec![cold], |choice, _, to| {
            ways[usize::from(work(choice).heater)] = Some(Phase::of(to));
        });
        ways
    };
    let phase = |burns, bound_s| Phase { burns, bound_s };
    let step_s = BACK_S as f64;
    assert_eq!(phase(false, 0.0).after(true, step_s), phase(true, 40.0));
    assert_eq!(shown(phase(false, 0.0)), [Some(phase(false, 0.0)), Some(phase(true, 40.0))]);
    assert_eq!(shown(phase(true, 40.0)), [None, Some(phase(true, 30.0))]);
    assert_eq!(shown(phase(true, 0.0)), [Some(phase(false, 40.0)), Some(phase(true, 0.0))]);
    assert_eq!(shown(phase(false, 10.0)), [Some(phase(false, 0.0)), None]);
}

#[test]
fn a_divided_step_lands_on_the_edge_and_uses_its_share() {
    let end = |air, used| End { used, state: [air, 80.0, 15.0, 0.0] };
    let landed = end(15.9, 0.0).landing(&end(16.3, 0.4), AIR, 16.0).unwrap();
    assert_eq!(landed.state[AIR], 16.0);
    assert!((landed.used - 0.1).abs() < 1e-9 && landed.state[HUMIDITY] == 80.0);
    assert!(end(16.1, 0.0).landing(&end(16.3, 0.4), AIR, 16.0).is_none());
}
