//! The limit: what one could reach who knew the place's true laws and all its coming weather, and
//! whose devices obeyed at once. A dynamic programme over the divided state, minute by minute,
//! backwards; then the place itself is run forwards along it and judged by its own judge.
//!
//! It is freed from delays, noise and least times, so that no controller has more to choose from
//! but a finer clock. `run` fails where one beats it: then the grid is too coarse. Here are the
//! places of a description, whose clock is a minute; `greenhouse.rs` has that which is code.

mod greenhouse;
mod grid;

use crate::clock::Tick;
use crate::plant::site::Site;
use crate::plant::spec::{Axis, Course, Input, Spec, State};
use crate::plant::{Kind, Message, Place, Score};

use super::UNMET_PRICE;
use grid::{Grid, Laws};

/// Steps of the laws within a minute: 15 s, well under every time constant.
const PARTS: usize = 4;
const PART_S: f64 = 60.0 / PARTS as f64;

impl Laws for Spec {
    type Input = Input;

    /// The choices of a minute.
    fn choices(&self, from: &State, input: &Input, mut show: impl FnMut(usize, f64, &State)) {
        for (number, levels) in self.actions.iter().enumerate() {
            if let Some((cost, to)) = minute(self, from, input, levels) {
                show(number, cost, &to);
            }
        }
    }
}

/// What a minute costs at these levels, and where it ends. `None`: an interlock forbids it.
fn minute(spec: &Spec, from: &State, input: &Input, levels: &[f64]) -> Option<(f64, State)> {
    let mut state = *from;
    let mut missed = 0.0;
    for _ in 0..PARTS {
        let said = (spec.truth)(&state, input);
        if spec.interlocks.iter().any(|one| (one.breaks)(&said, levels)) {
            return None;
        }
        (spec.step)(&mut state, input, levels, PART_S);
        missed += spec.unmet(&(spec.truth)(&state, input));
    }
    let unmet = UNMET_PRICE * missed / PARTS as f64;
    Some(((unmet + (spec.price)(input, levels)) / 60.0, state))
}

/// The nodes of an axis, evenly from its low to its high end.
fn nodes(axis: &Axis) -> Vec<f64> {
    let last = (axis.nodes - 1).max(1) as f64;
    (0..axis.nodes).map(|at| axis.low + at as f64 / last * (axis.high - axis.low)).collect()
}

/// The score of the best that could be done in `minutes` of this place and seed. `look` sees the
/// place's words after each choice.
pub fn limit(kind: Kind, seed: u64, minutes: usize, look: impl FnMut(Tick, &[Message])) -> Score {
    match kind.spec() {
        None => greenhouse::limit(seed, minutes, look),
        Some(spec) => of_spec(spec, seed, minutes, look),
    }
}

fn of_spec(
    spec: &'static Spec,
    seed: u64,
    minutes: usize,
    mut look: impl FnMut(Tick, &[Message]),
) -> Score {
    let grid = Grid::new(std::array::from_fn(|index| nodes(&spec.axes[index])));
    let inputs: Vec<Input> = Course::new(spec, seed).take(minutes).collect();
    let values = grid.backwards(spec, &inputs, 1);
    let mut site = Site::new(spec, seed);
    for (input, next) in inputs.iter().zip(&values[1..]) {
        let (_, action) = spec.best(&site.state(), input, |to| grid.between(next, to));
        site.set_at_once(spec.actions[action]);
        site.advance(std::time::Duration::from_secs(60));
        look(super::drive::now(&site).tick, &site.due_messages());
    }
    site.score()
}
