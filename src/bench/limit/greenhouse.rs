//! The limit of the greenhouse, which is code of its own and whose air is quick: the heater warms
//! it by a degree a minute. So the programme has a finer clock here than elsewhere.
//!
//! Its five numbers come apart. Air, humidity and the soil's warmth are divided as in any place.
//! Water in the soil changes nothing in the air while it is wet, as its goal wants it, and the drip
//! line brings far more than evaporates: to drip when the soil would else be too dry, and not
//! before, uses the least. What evaporates is priced as the dripping that replaces it. The tank
//! never matters: the mains let in 40 l/h, and no hour evaporates half of that.

use std::time::Duration;

use super::super::UNMET_PRICE;
use super::grid::{Grid, Laws};
use crate::clock::Tick;
use crate::plant::spec::State;
use crate::plant::{
    Climate, DRIP_PERCENT_H, GOALS, Greenhouse, Message, Outside, Place, STORM_M_S, Score, WEIGHTS,
    Weather, Work,
};

/// Step of the backward pass, in seconds: one step of the laws, a sixth of the least time constant
/// in a usual wind (vapour with fan and open vent, 116 s at 3 m/s; 41 s just under the storm's).
const BACK_S: u64 = 20;
/// Step of the run forwards, in seconds: the judge's own period, so that who acts more often is not
/// seen to gain. And the place's inner step, with which it looks ahead as the place will go.
const AHEAD_S: u64 = 10;
const INNER_S: u64 = 2;
/// The vent closes this far under the storm's wind, in m/s: two spreads of the sensor's noise,
/// since it is judged by what the sensor says, four times in a row.
const WIND_NOISE_M_S: f64 = 0.2;
/// Openings of the vent: the steps of `greenhouse.toml`.
const VENTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Widest place among them that may be open above a burning heater.
const VENT_HEATED: usize = 2;
/// Above this nobody heats: it is 4 K over the goal, and the air forgets in a quarter of an hour.
const HEATED_C: f64 = 20.0;
/// Above this humidity and below this warmth nobody needs fog, in % and °C.
const FOGGED: (f64, f64) = (60.0, 24.0);
/// Water in the soil while the air is thought about, in %: neither dry nor draining.
const WET: f64 = 50.0;

/// Least time of the heater on and off, in seconds, as in `greenhouse.toml`: who keeps to the
/// guard's rules swings by a degree around the goal's edge at night, and heats for it.
const HEATER_LEAST_S: f64 = 60.0;

/// Places of the numbers in a state.
const AIR: usize = 0;
const HUMIDITY: usize = 1;
const SOIL_C: usize = 2;
const PHASE: usize = 3;

/// The heater, whether it burns, and for how many seconds it must stay as it is. As a number of a
/// state, in steps of the backward pass: off and bound 0 to `FREE_OFF`, on from `FREE_ON` upwards.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Phase {
    burns: bool,
    bound_s: f64,
}

/// Steps for which a heater is bound when the one in which it was switched is over.
const BOUND_STEPS: f64 = HEATER_LEAST_S / BACK_S as f64 - 1.0;
const FREE_OFF: f64 = BOUND_STEPS;
const FREE_ON: f64 = FREE_OFF + 1.0;

impl Phase {
    fn of(state: &State) -> Phase {
        let number = state[PHASE];
        let burns = number > (FREE_OFF + FREE_ON) / 2.0;
        let steps = if burns { number - FREE_ON } else { FREE_OFF - number };
        Phase { burns, bound_s: steps * BACK_S as f64 }
    }

    /// Bound for longer than any state of the backward pass, it counts as the longest of these.
    fn number(self) -> f64 {
        let steps = (self.bound_s / BACK_S as f64).min(BOUND_STEPS);
        if self.burns { FREE_ON + steps } else { FREE_OFF - steps }
    }

    fn allows(self, burns: bool) -> bool {
        burns == self.burns || self.bound_s <= 0.0
    }

    /// After so many seconds of burning or not.
    fn after(self, burns: bool, seconds: f64) -> Phase {
        let bound_s = if burns == self.burns { self.bound_s } else { HEATER_LEAST_S };
        Phase { burns, bound_s: (bound_s - seconds).max(0.0) }
    }
}

/// Choices: vent, then without and with fan, fogger, heater.
const CHOICES: usize = VENTS.len() * 8;
/// Distance of choices that differ in the fogger only.
const FOG: usize = VENTS.len() * 2;

/// What the devices do to the air in a choice.
fn work(choice: usize) -> Work {
    let switches = choice / VENTS.len();
    Work {
        vent: VENTS[choice % VENTS.len()],
        fan: switches & 1 != 0,
        fogger: switches & 2 != 0,
        heater: switches & 4 != 0,
        ..Work::default()
    }
}

/// Nodes of the division: goals' edges, and few between, since choices land on the edges.
fn nodes() -> [Vec<f64>; 4] {
    [
        vec![
            0.0, 10.0, 14.0, 15.5, 16.0, 16.2, 16.5, 17.0, 18.0, 20.0, 23.0, 26.0, 26.5, 27.0,
            28.0, 34.0,
        ],
        vec![20.0, 45.0, 50.0, 51.0, 60.0, 74.0, 80.0, 83.0, 84.0, 85.0, 86.0, 100.0],
        // Warmth in the soil is worth nearly the same, degree for degree.
        vec![8.0, 26.0],
        (0..=(FREE_ON + BOUND_STEPS) as u32).map(f64::from).collect(),
    ]
}

/// Where a choice ends, and what it uses on the way, in the operator's unit.
#[derive(Clone, Copy)]
struct End {
    used: f64,
    state: State,
}

impl End {
    /// The step divided between two choices so that the number ends on `edge`; `None` where it
    /// does not lie between them.
    fn landing(&self, other: &End, number: usize, edge: f64) -> Option<End> {
        let (here, there) = (self.state[number], other.state[number]);
        if (here < edge) == (there < edge) || here == edge || there == edge {
            return None;
        }
        let share = (edge - here) / (there - here);
        let mix = |here: f64, there: f64| here + share * (there - here);
        let mut state = std::array::from_fn(|one| mix(self.state[one], other.state[one]));
        state[number] = edge;
        Some(End { used: mix(self.used, other.used), state })
    }
}

/// The house's laws, in steps of so many seconds. Its input is the weather at the end of each.
struct House {
    step_s: f64,
    /// Also divides a step between two choices, as who acts quickly enough can.
    divides: bool,
}

impl House {
    /// Where each allowed choice ends.
    fn ends(&self, from: &State, input: &[Outside]) -> [Option<End>; CHOICES] {
        let mut house = Climate {
            air_c: from[AIR],
            soil_c: from[SOIL_C],
            vapour_kg_m3: 0.0,
            soil_moisture: WET,
            tank_level: WET,
        };
        house.set_humidity(from[HUMIDITY]);
        let still = house.still(&input[0]);
        let phase = Phase::of(from);
        let seconds = self.step_s * input.len() as f64;
        let storms = input.iter().any(|one| one.wind_m_s > STORM_M_S - WIND_NOISE_M_S);
        std::array::from_fn(|choice| {
            let work = work(choice);
            let bound = phase.burns && phase.bound_s > 0.0;
            let cold = bound || from[AIR] < HEATED_C;
            let heats = phase.allows(true) && cold && choice % VENTS.len() <= VENT_HEATED;
            let dry_or_hot = from[HUMIDITY] < FOGGED.0 || from[AIR] > FOGGED.1;
            let heater = if work.heater { heats } else { phase.allows(false) };
            if storms && work.vent > 0.0 || !heater || work.fogger && !dry_or_hot {
                return None;
            }
            let mut house = house;
            house.step_from(&still, &input[0], &work, self.step_s);
            for outside in &input[1..] {
                house.step(outside, &work, self.step_s);
            }
            let drip = Work { drip_pump: true, ..Work::default() };
            let dripped_h = (WET - house.soil_moisture) / DRIP_PERCENT_H;
            let devices = Greenhouse::price(&work) * self.hours(input);
            let used = devices + Greenhouse::price(&drip) * dripped_h;
            let phase = phase.after(work.heater, seconds).number();
            Some(End { used, state: [house.air_c, house.humidity(), house.soil_c, phase] })
        })
    }

    fn hours(&self, input: &[Outside]) -> f64 {
        self.step_s * input.len() as f64 / 3600.0
    }
}

/// Where steps end that are divided between two choices, so that they stay on a goal's edge while
/// it pays: airing just enough, spraying just enough. Without these the value beside an edge is
/// that of a coarse clock. The heater is not divided, since it stays on or off for longer.
fn divided(ends: &[Option<End>; CHOICES], mut show: impl FnMut(&End)) {
    let [air, humidity, _] = GOALS.map(|(_, min, max)| (min, max));
    let landing = |one: &Option<End>, other: &Option<End>, number, edge| {
        one.as_ref()?.landing(other.as_ref()?, number, edge)
    };
    for side in (0..CHOICES).step_by(VENTS.len()) {
        let mut narrower = None;
        for choice in side..side + VENTS.len() {
            let wider = ends[choice];
            for (number, edge) in [(HUMIDITY, humidity.1), (AIR, air.1), (AIR, air.0)] {
                landing(&narrower, &wider, number, edge).iter().for_each(&mut show);
            }
            narrower = wider;
            if side < FOG {
                let fogged = landing(&wider, &ends[choice + FOG], HUMIDITY, humidity.0);
                fogged.iter().for_each(&mut show);
            }
        }
    }
}

impl Laws for House {
    type Input = Vec<Outside>;

    fn choices(
        &self,
        from: &State,
        input: &Vec<Outside>,
        mut show: impl FnMut(usize, f64, &State),
    ) {
        let mut show = |choice, end: &End| {
            let missed = unmet(&end.state) * self.hours(input);
            show(choice, UNMET_PRICE * missed + end.used, &end.state);
        };
        let ends = self.ends(from, input);
        for (choice, end) in ends.iter().enumerate() {
            end.iter().for_each(|end| show(choice, end));
        }
        if self.divides {
            divided(&ends, |end| show(0, end));
        }
    }
}

/// The weighted share of goals that are missed at this moment, the soil being wet.
fn unmet(state: &State) -> f64 {
    let truth = [state[AIR], state[HUMIDITY], WET];
    let goals = GOALS.iter().zip(WEIGHTS).zip(truth);
    let missed = goals.filter(|(((_, min, max), _), value)| !(*min..=*max).contains(value));
    missed.map(|((_, weight), _)| weight).sum::<f64>() / WEIGHTS.iter().sum::<f64>()
}

/// The score of the best that could be done in `minutes` of this seed. `look` sees the place's
/// words after each choice.
pub fn limit(seed: u64, minutes: usize, look: impl FnMut(Tick, &[Message])) -> Score {
    along(nodes(), seed, minutes, look)
}

fn along(
    nodes: [Vec<f64>; 4],
    seed: u64,
    minutes: usize,
    mut look: impl FnMut(Tick, &[Message]),
) -> Score {
    let grid = Grid::new(nodes);
    let seconds = minutes as u64 * 60;
    let mut weather = Weather::new(seed);
    let inputs = (1..=seconds / BACK_S).map(|step| vec![weather.at((step * BACK_S) as f64)]);
    let inputs: Vec<_> = inputs.collect();
    let house = House { step_s: BACK_S as f64, divides: true };
    let values = grid.backwards(&house, &inputs, (60 / BACK_S) as usize);

    let house = House { step_s: INNER_S as f64, divides: false };
    let mut weather = Weather::new(seed);
    let mut place = Greenhouse::new(seed);
    let mut phase = Phase { burns: false, bound_s: 0.0 };
    for second in (0..seconds).step_by(AHEAD_S as usize) {
        let inner = (1..=AHEAD_S / INNER_S).map(|step| (second + step * INNER_S) as f64);
        let ahead: Vec<_> = inner.map(|second| weather.at(second)).collect();
        // Where the choice ends lies between two minutes, whose values are known.
        let (minute, share) = ((second / 60) as usize, (second % 60 + AHEAD_S) as f64 / 60.0);
        let value = |to: &State| {
            let both = [&values[minute], &values[minute + 1]].map(|one| grid.between(one, to));
            both[0] + share * (both[1] - both[0])
        };
        let mut soil = place.climate();
        let state = [soil.air_c, soil.humidity(), soil.soil_c, phase.number()];
        let (_, choice) = house.best(&state, &ahead, value);
        let mut work = work(choice);
        phase = phase.after(work.heater, AHEAD_S as f64);
        ahead.iter().for_each(|outside| soil.step(outside, &work, INNER_S as f64));
        work.drip_pump = soil.soil_moisture < GOALS[2].1;
        place.set_at_once(&work);
        place.advance(Duration::from_secs(AHEAD_S));
        look(super::super::drive::now(&place).tick, &place.due_messages());
    }
    place.score()
}

#[cfg(test)]
mod tests;
