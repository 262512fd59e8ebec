//! The limit: what one could reach who knew the place's true laws and all its coming weather, and
//! whose devices obeyed at once. A dynamic programme over the divided state, minute by minute,
//! backwards; then the place itself is run forwards along it and judged by its own judge.
//!
//! It is freed from delays, noise and least times, so that no controller has more to choose from
//! but a finer clock than a minute. `run` fails where one beats it: then the grid is too coarse.

use crate::clock::Tick;
use crate::plant::site::Site;
use crate::plant::spec::{Course, Input, Spec, State};
use crate::plant::{Message, Place, Score};

use super::UNMET_PRICE;

/// Steps of the laws within a minute: 15 s, well under every time constant.
const PARTS: usize = 4;
const PART_S: f64 = 60.0 / PARTS as f64;

/// The divided state: nodes along each axis and the distance of neighbours in the flat list.
struct Grid {
    spec: &'static Spec,
    strides: [usize; 4],
    nodes: usize,
}

impl Grid {
    fn new(spec: &'static Spec) -> Grid {
        let mut strides = [0; 4];
        let mut nodes = 1;
        for (stride, axis) in strides.iter_mut().zip(&spec.axes) {
            *stride = nodes;
            nodes *= axis.nodes;
        }
        Grid { spec, strides, nodes }
    }

    fn state(&self, node: usize) -> State {
        let mut state = [0.0; 4];
        for ((value, axis), stride) in state.iter_mut().zip(&self.spec.axes).zip(self.strides) {
            let at = node / stride % axis.nodes;
            let share = if axis.nodes > 1 { at as f64 / (axis.nodes - 1) as f64 } else { 0.0 };
            *value = axis.low + share * (axis.high - axis.low);
        }
        state
    }

    /// The value between nodes, by straight lines along each axis; beyond the edge that of the
    /// edge.
    fn between(&self, values: &[f32], state: &State) -> f64 {
        let mut low = 0;
        let mut shares = [(0_usize, 0.0); 4];
        let mut count = 0;
        for ((value, axis), stride) in state.iter().zip(&self.spec.axes).zip(self.strides) {
            if axis.nodes < 2 {
                continue;
            }
            let last = (axis.nodes - 1) as f64;
            let at = ((value - axis.low) / (axis.high - axis.low)).clamp(0.0, 1.0) * last;
            let node = at.floor().min(last - 1.0);
            low += node as usize * stride;
            shares[count] = (stride, at - node);
            count += 1;
        }
        let mut sum = 0.0;
        for corner in 0..1_usize << count {
            let (mut index, mut weight) = (low, 1.0);
            for (bit, (stride, share)) in shares[..count].iter().enumerate() {
                if corner >> bit & 1 == 1 {
                    index += stride;
                    weight *= share;
                } else {
                    weight *= 1.0 - share;
                }
            }
            if weight > 0.0 {
                sum += weight * f64::from(values[index]);
            }
        }
        sum
    }

    /// What a minute costs at these levels, and where it ends. `None`: an interlock forbids it.
    fn minute(&self, from: &State, input: &Input, levels: &[f64]) -> Option<(f64, State)> {
        let spec = self.spec;
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

    /// The best choice from here: what it costs from now on, and its place among the actions.
    /// The first action, everything off, is always allowed.
    fn best(&self, from: &State, input: &Input, next: &[f32]) -> (f64, usize) {
        let mut best = (f64::INFINITY, 0);
        for (index, levels) in self.spec.actions.iter().enumerate() {
            if let Some((cost, to)) = self.minute(from, input, levels) {
                let all = cost + self.between(next, &to);
                if all < best.0 {
                    best = (all, index);
                }
            }
        }
        best
    }
}

/// The score of the best that could be done in `minutes` of this place and seed. `look` sees the
/// place's words after each minute.
pub fn limit(
    spec: &'static Spec,
    seed: u64,
    minutes: usize,
    mut look: impl FnMut(Tick, &[Message]),
) -> Score {
    let grid = Grid::new(spec);
    let inputs: Vec<Input> = Course::new(spec, seed).take(minutes).collect();
    let mut values = vec![vec![0.0_f32; grid.nodes]];
    for input in inputs.iter().rev() {
        let next = &values[values.len() - 1];
        let now = (0..grid.nodes).map(|node| {
            let (cost, _) = grid.best(&grid.state(node), input, next);
            cost as f32
        });
        let now = now.collect();
        values.push(now);
    }
    values.pop();
    let mut site = Site::new(spec, seed);
    for input in &inputs {
        // The last is the end, after which nothing costs anything.
        let Some(next) = values.pop() else { break };
        let (_, action) = grid.best(&site.state(), input, &next);
        site.set_at_once(spec.actions[action]);
        site.advance(std::time::Duration::from_secs(60));
        look(super::drive::now(&site).tick, &site.due_messages());
    }
    site.score()
}
