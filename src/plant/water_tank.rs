//! A water tank of 20 m³ on a farm, fed by a well that recovers slowly, with the mains as a
//! stand-by and electricity on a tariff. Laws and constants only; `site.rs` runs them.
//!
//! ```text
//! V_tank dL/dt = pump (while the well holds water) + mains - use - overflow
//! V_well dW/dt = recharge (1 - W) - pump
//! ```

use rand::rngs::StdRng;

use super::noise::{between, chance};
use super::spec::{
    Axis, Course, DeviceSpec, GoalSpec, Input, InterlockSpec, SensorSpec, Spec, State, Truth,
    hour_of,
};

/// Tank and the well's shaft above its pump, in m³.
const TANK_M3: f64 = 20.0;
const WELL_M3: f64 = 4.0;
/// Inflow of the well when it is empty, in m³/h; it falls to nothing at the level of the ground
/// water (Theis's recovery, as a first-order lag).
const RECHARGE_M3_H: f64 = 1.5;
/// Submersible pump and the mains' float line, in m³/h.
const PUMP_M3_H: f64 = 3.0;
const MAINS_M3_H: f64 = 2.0;
/// Below this the pump draws air, in % of the well.
const SUCTION: f64 = 6.0;
/// Electric power of the pump, in kW (30 m head, 3 m³/h, efficiency 0.3), and a cubic metre from
/// the mains, in the operator's unit.
const PUMP_KW: f64 = 0.8;
const MAINS_PRICE_M3: f64 = 2.0;
/// A kilowatt-hour by day, and between 22 and 6 h, in the operator's unit.
const KWH_DAY: f64 = 0.34;
const KWH_NIGHT: f64 = 0.16;

/// Places of the numbers in a state and among the sensors.
const TANK: usize = 0;
const WELL: usize = 1;
/// Places of the numbers in an input: use in m³/h, price of a kilowatt-hour.
const USE: usize = 0;
const PRICE: usize = 1;
/// Places of the devices.
const PUMP: usize = 0;
const MAINS: usize = 1;

/// The water tank.
pub static WATER_TANK: Spec = Spec {
    name: "water-tank",
    root: "water",
    period_ms: 30_000,
    devices: &[DeviceSpec::switch("well_pump"), DeviceSpec::switch("mains_valve")],
    sensors: &[
        SensorSpec { name: "tank_level", spread: 0.3, digits: 1, is_bool: false },
        SensorSpec { name: "well_level", spread: 0.5, digits: 1, is_bool: false },
        SensorSpec { name: "use", spread: 0.02, digits: 2, is_bool: false },
        SensorSpec { name: "price", spread: 0.0, digits: 2, is_bool: false },
    ],
    goals: &[
        GoalSpec { name: "reserve", sensor: TANK, min: 40.0, max: 90.0, weight: 2.0 },
        GoalSpec { name: "spare the well", sensor: WELL, min: 25.0, max: 100.0, weight: 0.5 },
    ],
    interlocks: &[
        InterlockSpec {
            name: "dry pump",
            react_ms: 60_000,
            breaks: |said, on| said[WELL] < 12.0 && on[PUMP] > 0.0,
        },
        InterlockSpec {
            name: "overflow",
            react_ms: 60_000,
            breaks: |said, on| said[TANK] > 97.0 && on[PUMP] + on[MAINS] > 0.0,
        },
    ],
    start,
    course,
    step,
    truth,
    price: |input, on| on[PUMP] * PUMP_KW * input[PRICE] + on[MAINS] * MAINS_M3_H * MAINS_PRICE_M3,
    note_broken,
    actions: &[&[0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0]],
    axes: [
        Axis { low: 20.0, high: 100.0, nodes: 81 },
        Axis { low: 0.0, high: 100.0, nodes: 41 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
    ],
};

fn start(rng: &mut StdRng) -> State {
    [between(rng, 55.0, 85.0), between(rng, 70.0, 95.0), 0.0, 0.0]
}

/// Animals drink all day, more when it is light; twice a day something is washed; now and then
/// somebody fills a trailer.
fn course(course: &mut Course, minute: u64) -> Input {
    let hour = hour_of(minute);
    let herd = 1.0 + 0.25 * course.wander[0].step(&mut course.rng);
    let unrest = 1.0 + 0.3 * course.wander[1].step(&mut course.rng);
    let drinks = if (6.0..21.0).contains(&hour) { 0.35 } else { 0.12 };
    let washes = if (6.5..8.5).contains(&hour) || (17.0..19.0).contains(&hour) { 1.0 } else { 0.0 };
    if course.memory[0] <= 0.0 && (8.0..18.0).contains(&hour) && chance(&mut course.rng, 0.001) {
        course.memory[0] = between(&mut course.rng, 10.0, 30.0);
    }
    let trailer = if course.memory[0] > 0.0 { 3.0 } else { 0.0 };
    course.memory[0] -= 1.0;
    let night = !(6.0..22.0).contains(&hour);
    let used = (drinks * herd.max(0.2) + washes) * unrest.max(0.2) + trailer;
    [used, if night { KWH_NIGHT } else { KWH_DAY }, 0.0, 0.0]
}

fn step(state: &mut State, input: &Input, on: &[f64], seconds: f64) {
    let hours = seconds / 3600.0;
    let draws = if state[WELL] > SUCTION { 1.0 } else { 0.0 };
    let pumped = PUMP_M3_H * on[PUMP] * draws;
    let recharged = RECHARGE_M3_H * (1.0 - state[WELL] / 100.0);
    let gained = pumped + MAINS_M3_H * on[MAINS] - input[USE];
    state[TANK] = (state[TANK] + 100.0 * gained * hours / TANK_M3).clamp(0.0, 100.0);
    let filled = 100.0 * (recharged - pumped) * hours / WELL_M3;
    state[WELL] = (state[WELL] + filled).clamp(0.0, 100.0);
}

fn truth(state: &State, input: &Input) -> Truth {
    [state[TANK], state[WELL], input[USE], input[PRICE], 0.0, 0.0, 0.0, 0.0]
}

/// The notes of `water_tank.toml`: the pump by day though the tank is more than half full; the
/// mains though the tank holds more than its reserve.
fn note_broken(device: usize, said: &Truth, _: &[f64], hour: f64) -> Option<usize> {
    match device {
        PUMP if (6.0..22.0).contains(&hour) && said[TANK] > 50.0 => Some(0),
        MAINS if said[TANK] > 42.0 => Some(1),
        _ => None,
    }
}
