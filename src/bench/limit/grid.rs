//! The divided state of a place, what it is worth to be there, and the backward pass over it.
//! Any place fits that can say what an action costs and where it leads (`Laws`); no place's own
//! numbers live here.

use crate::plant::spec::State;

/// A place as the programme sees it.
pub(super) trait Laws {
    /// What comes from outside in one step of the programme.
    type Input;

    /// Shows every choice that no interlock forbids: its number, what a step with it costs in the
    /// operator's unit, and where it ends. There is always one.
    fn choices(&self, from: &State, input: &Self::Input, show: impl FnMut(usize, f64, &State));

    /// The best choice by what it is worth to be where it ends: what it costs from now on, and its
    /// number.
    fn best(
        &self,
        from: &State,
        input: &Self::Input,
        value: impl Fn(&State) -> f64,
    ) -> (f64, usize) {
        let mut best = (f64::INFINITY, 0);
        self.choices(from, input, |number, cost, to| {
            let all = cost + value(to);
            if all < best.0 {
                best = (all, number);
            }
        });
        best
    }
}

/// The nodes along one number of the state, rising.
struct Line {
    nodes: Vec<f64>,
    /// The node at or under the begin of each of many equal parts of the line: none is longer than
    /// the least distance of two nodes, so that the place of a value is found in two looks.
    under: Vec<u16>,
    parts_per_unit: f64,
}

impl Line {
    fn new(nodes: Vec<f64>) -> Line {
        let (first, last) = (nodes[0], nodes[nodes.len() - 1]);
        let least = nodes.windows(2).map(|two| two[1] - two[0]).fold(f64::INFINITY, f64::min);
        let parts = if nodes.len() < 2 { 1 } else { ((last - first) / least).ceil() as usize };
        let part = (last - first) / parts as f64;
        let under = (0..parts).map(|part_no| {
            let begin = first + part * part_no as f64;
            let above = nodes.partition_point(|node| *node <= begin);
            above.clamp(1, nodes.len().max(2) - 1) as u16 - 1
        });
        Line { under: under.collect(), parts_per_unit: 1.0 / part, nodes }
    }

    /// The node under a value and how far it is on the way to the next; beyond the edge that of
    /// the edge.
    fn place(&self, value: f64) -> (usize, f64) {
        let last = self.nodes.len() - 1;
        let value = value.clamp(self.nodes[0], self.nodes[last]);
        let part = ((value - self.nodes[0]) * self.parts_per_unit) as usize;
        let mut under = usize::from(self.under[part.min(self.under.len() - 1)]);
        while under + 1 < last && self.nodes[under + 1] <= value {
            under += 1;
        }
        let (low, high) = (self.nodes[under], self.nodes[under + 1]);
        (under, (value - low) / (high - low))
    }
}

/// The divided state: nodes along each number, and the distance of neighbours in the flat list.
pub(super) struct Grid {
    lines: [Line; 4],
    strides: [usize; 4],
    nodes: usize,
}

impl Grid {
    /// A grid of these nodes; a number with one node does not matter.
    pub fn new(lines: [Vec<f64>; 4]) -> Grid {
        let mut strides = [0; 4];
        let mut nodes = 1;
        for (stride, line) in strides.iter_mut().zip(&lines) {
            *stride = nodes;
            nodes *= line.len();
        }
        Grid { lines: lines.map(Line::new), strides, nodes }
    }

    fn state(&self, node: usize) -> State {
        let mut state = [0.0; 4];
        for ((value, line), stride) in state.iter_mut().zip(&self.lines).zip(self.strides) {
            *value = line.nodes[node / stride % line.nodes.len()];
        }
        state
    }

    /// The value between nodes, by straight lines along each number.
    pub fn between(&self, values: &[f32], state: &State) -> f64 {
        let mut low = 0;
        let mut shares = [(0_usize, 0.0); 4];
        let mut count = 0;
        for ((value, line), stride) in state.iter().zip(&self.lines).zip(self.strides) {
            if line.nodes.len() < 2 {
                continue;
            }
            let (under, share) = line.place(*value);
            low += under * stride;
            shares[count] = (stride, share);
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

    /// What the way to the end costs at best from each node: at the begin of every `kept`-th
    /// input's step, and last at the end, after which nothing costs anything.
    pub fn backwards<L: Laws>(&self, laws: &L, inputs: &[L::Input], kept: usize) -> Vec<Vec<f32>> {
        let mut values = vec![vec![0.0_f32; self.nodes]];
        let mut now = values[0].clone();
        for (index, input) in inputs.iter().enumerate().rev() {
            let next = now;
            let cost = |node| laws.best(&self.state(node), input, |to| self.between(&next, to)).0;
            now = (0..self.nodes).map(|node| cost(node) as f32).collect();
            if index % kept == 0 {
                values.push(now.clone());
            }
        }
        values.reverse();
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_on_straight_lines_between_uneven_nodes_and_ends_at_the_edge() {
        let lines = [vec![0.0, 10.0, 10.5, 16.0], vec![1.0, 3.0], vec![7.0], vec![0.0]];
        let grid = Grid::new(lines);
        let worth = |state: &State| 3.0 * state[0] - 2.0 * state[1];
        let values: Vec<_> = (0..grid.nodes).map(|node| worth(&grid.state(node)) as f32).collect();
        for (air, other) in [(0.0, 1.0), (9.9, 2.5), (10.0, 3.0), (10.2, 1.5), (15.0, 2.0)] {
            let state = [air, other, 0.0, 0.0];
            let found = grid.between(&values, &state);
            assert!((found - worth(&state)).abs() < 1e-6, "{state:?}: {found}");
        }
        let beyond = grid.between(&values, &[99.0, -5.0, 0.0, 0.0]);
        assert_eq!(beyond, worth(&[16.0, 1.0, 0.0, 0.0]));
    }
}
