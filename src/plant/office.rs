//! A meeting room of 180 m³ with people who come and go: breath, warmth, rain at the window. Laws
//! and constants only; `site.rs` runs them.
//!
//! ```text
//! dc/dt         = people - (leak + ventilation + window) (c - c_out)
//! C_air dT/dt   = radiator + people + sun - (U A + air) (T - T_out) + h (T_mass - T)
//! C_mass dM/dt  = h (T - T_mass)
//! ```

use super::device::DeviceKind;
use super::noise::{between, chance};
use super::spec::{
    Axis, Course, DeviceSpec, GoalSpec, Input, InterlockSpec, SensorSpec, Spec, State, Truth,
    hour_of, is_workday,
};

/// Air, in m³, and its changes an hour through gaps (EN 12831: 0.1 to 0.5).
const AIR_M3: f64 = 180.0;
const LEAK_PER_H: f64 = 0.3;
/// Ventilation at full level and the open window, in m³/h; heat that the ventilation recovers.
const VENTILATION_M3_H: f64 = 600.0;
const WINDOW_M3_H: f64 = 800.0;
const RECOVERED: f64 = 0.7;
/// Carbon dioxide outside, in ppm, and of a person who sits, in m³/h (ASTM D6245: 0.018).
const OUTSIDE_PPM: f64 = 420.0;
const PERSON_M3_H: f64 = 0.018;
/// Heat of a person who sits, dry, in W (ISO 7730: 75).
const PERSON_W: f64 = 75.0;
/// Heat in air and furniture, and in walls and ceiling, in J/K; heat between both, in W/K.
const AIR_J_K: f64 = 1.2e6;
const MASS_J_K: f64 = 2.0e7;
const MASS_W_K: f64 = 400.0;
/// Window and outer wall, in W/K; heat of a cubic metre of air, in J/K.
const OUTSIDE_W_K: f64 = 60.0;
const AIR_J_M3K: f64 = 1206.0;
/// Radiators, in W.
const RADIATOR_W: f64 = 3000.0;
/// Cost of an hour: ventilation at full level, radiator; in the operator's unit.
const PRICES: [f64; 3] = [0.15, 0.0, 0.36];

/// Places of the numbers in a state and among the sensors.
const CO2: usize = 0;
const AIR: usize = 1;
const MASS: usize = 2;
/// Places of the numbers in an input: outside in °C, people, sun in W, rain.
const OUTSIDE: usize = 0;
const PEOPLE: usize = 1;
const SUN: usize = 2;
const RAIN: usize = 3;
/// Places of the devices.
const VENTILATION: usize = 0;
const WINDOW: usize = 1;
const RADIATOR: usize = 2;

/// The meeting room.
pub static OFFICE: Spec = Spec {
    name: "office",
    root: "office",
    period_ms: 10_000,
    devices: &[
        DeviceSpec {
            name: "ventilation",
            kind: DeviceKind::Level { percent_per_s: 5.0 },
            safe: 0.0,
        },
        DeviceSpec { name: "window", kind: DeviceKind::Level { percent_per_s: 4.0 }, safe: 0.0 },
        DeviceSpec::switch("radiator"),
    ],
    sensors: &[
        SensorSpec { name: "co2", spread: 12.0, digits: 0, is_bool: false },
        SensorSpec { name: "air_temperature", spread: 0.05, digits: 2, is_bool: false },
        SensorSpec { name: "outside_temperature", spread: 0.1, digits: 1, is_bool: false },
        SensorSpec { name: "people", spread: 0.0, digits: 0, is_bool: false },
        SensorSpec { name: "rain", spread: 0.0, digits: 0, is_bool: true },
    ],
    goals: &[
        GoalSpec { name: "fresh air", sensor: CO2, min: 300.0, max: 1000.0, weight: 2.0 },
        GoalSpec { name: "warmth", sensor: AIR, min: 20.0, max: 24.0, weight: 1.0 },
    ],
    interlocks: &[
        InterlockSpec {
            name: "heating out of the window",
            react_ms: 3000,
            breaks: |_, on| on[RADIATOR] > 0.0 && on[WINDOW] >= 0.5,
        },
        InterlockSpec {
            name: "rain comes in",
            react_ms: 30_000,
            breaks: |said, on| said[4] > 0.5 && on[WINDOW] > 0.0,
        },
    ],
    start: |rng| {
        let air = between(rng, 20.0, 21.0);
        [between(rng, 430.0, 600.0), air, air, 0.0]
    },
    course,
    step,
    truth: |state, input| {
        let (rain, people) = (input[RAIN], input[PEOPLE]);
        [state[CO2], state[AIR], input[OUTSIDE], people, rain, 0.0, 0.0, 0.0]
    },
    price: |_, on| on.iter().zip(PRICES).map(|(level, price)| level * price).sum(),
    note_broken,
    actions: &[
        &[0.0, 0.0, 0.0],
        &[0.25, 0.0, 0.0],
        &[0.5, 0.0, 0.0],
        &[1.0, 0.0, 0.0],
        &[0.0, 0.5, 0.0],
        &[0.0, 1.0, 0.0],
        &[0.0, 0.0, 1.0],
        &[0.25, 0.0, 1.0],
        &[0.5, 0.0, 1.0],
        &[1.0, 0.0, 1.0],
    ],
    axes: [
        Axis { low: 400.0, high: 1900.0, nodes: 16 },
        Axis { low: 15.0, high: 27.0, nodes: 25 },
        Axis { low: 17.0, high: 25.0, nodes: 5 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
    ],
};

/// Meetings of 30 to 90 minutes with 3 to 12 people on workdays from 8 to 12 and 13 to 17 h; a
/// cool spring with showers.
fn course(course: &mut Course, minute: u64) -> Input {
    let hour = hour_of(minute);
    let wave = (std::f64::consts::TAU * (hour - 15.0) / 24.0).cos();
    let outside = 7.0 + 5.0 * wave + 2.0 * course.wander[0].step(&mut course.rng);
    let cloud = (0.5 + 0.3 * course.wander[1].step(&mut course.rng)).clamp(0.0, 1.0);
    let height = (std::f64::consts::TAU * (hour - 6.0) / 24.0).sin().max(0.0);
    let works = is_workday(minute) && ((8.0..12.0).contains(&hour) || (13.0..17.0).contains(&hour));
    if course.memory[0] <= 0.0 {
        course.memory[1] = 0.0;
        if works && chance(&mut course.rng, 1.0 / 30.0) {
            course.memory[0] = between(&mut course.rng, 30.0, 90.0);
            course.memory[1] = between(&mut course.rng, 3.0, 13.0).floor();
        }
    }
    course.memory[0] -= 1.0;
    if course.memory[2] <= 0.0 && cloud > 0.7 && chance(&mut course.rng, 0.02) {
        course.memory[2] = between(&mut course.rng, 5.0, 40.0);
    }
    course.memory[2] -= 1.0;
    let rain = if course.memory[2] > 0.0 { 1.0 } else { 0.0 };
    [outside, course.memory[1], 900.0 * height * (1.0 - 0.8 * cloud), rain]
}

fn step(state: &mut State, input: &Input, on: &[f64], seconds: f64) {
    let [co2, air, mass, _] = *state;
    let (mechanical, window) = (VENTILATION_M3_H * on[VENTILATION], WINDOW_M3_H * on[WINDOW]);
    let leak = LEAK_PER_H * AIR_M3;
    let breath = 1e6 * PERSON_M3_H * input[PEOPLE] / AIR_M3;
    let changes = (leak + mechanical + window) / AIR_M3;
    let air_w_k =
        OUTSIDE_W_K + AIR_J_M3K / 3600.0 * (leak + window + mechanical * (1.0 - RECOVERED));
    let to_air_w = MASS_W_K * (mass - air);
    let heat_w = RADIATOR_W * on[RADIATOR] + PERSON_W * input[PEOPLE] + input[SUN] + to_air_w
        - air_w_k * (air - input[OUTSIDE]);
    state[CO2] = co2 + (breath - changes * (co2 - OUTSIDE_PPM)) * seconds / 3600.0;
    state[AIR] = air + heat_w * seconds / AIR_J_K;
    state[MASS] = mass - to_air_w * seconds / MASS_J_K;
}

/// The notes of `office.toml`: the window while people talk; the ventilation at night.
fn note_broken(device: usize, said: &Truth, _: &[f64], hour: f64) -> Option<usize> {
    match device {
        WINDOW if said[3] > 0.5 => Some(0),
        VENTILATION if !(6.0..22.0).contains(&hour) => Some(1),
        _ => None,
    }
}
