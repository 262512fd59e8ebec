//! A cabinet at the foot of a radio mast, on solar power: a battery that must last through dark
//! days, a radio that people want, a box that freezes and cooks. Laws and constants only;
//! `site.rs` runs them.
//!
//! ```text
//! dB/dt      = panel - electronics - radio - fan - heater
//! C dT/dt    = heat of all that runs + sun on the box - (U A + fan) (T - T_out)
//! dS/dt      = (radio - S) / 1 h         the share of the last hours in which it was served
//! ```

use super::noise::between;
use super::spec::{
    Axis, Course, DeviceSpec, GoalSpec, Input, InterlockSpec, SensorSpec, Spec, State, Truth,
    hour_of,
};

/// Panel of 400 W at 1000 W/m², with what wires, dust and charger leave of it.
const PANEL_W_PER_W_M2: f64 = 0.4 * 0.8;
/// Battery, in Wh.
const BATTERY_WH: f64 = 2400.0;
/// What always runs, and radio, fan, heater, in W.
const ALWAYS_W: f64 = 6.0;
const POWER_W: [f64; 3] = [35.0, 12.0, 120.0];
/// Battery blocks and steel of the box, in J/K (40 kg at 1 kJ/kgK).
const BOX_J_K: f64 = 40_000.0;
/// Walls of the box and what the fan adds, in W/K (2 m² at 2 W/m²K; 40 m³/h).
const BOX_W_K: f64 = 4.0;
const FAN_W_K: f64 = 12.0;
/// Sun that warms the box, in W for each W/m²: 0.5 m² of light paint.
const SUN_M2: f64 = 0.2;
/// A kilowatt-hour out of the battery, in the operator's unit: its wear (500 units, 2,000 cycles).
const KWH: f64 = 0.1;

/// Places of the numbers in a state and among the sensors.
const BATTERY: usize = 0;
const BOX: usize = 1;
const SERVICE: usize = 2;
/// Places of the numbers in an input: sun in W/m², outside in °C.
const SUN: usize = 0;
const OUTSIDE: usize = 1;
/// Places of the devices.
const RADIO: usize = 0;
const FAN: usize = 1;
const HEATER: usize = 2;

/// The mast cabinet.
pub static MAST_CABINET: Spec = Spec {
    name: "mast-cabinet",
    root: "mast",
    period_ms: 10_000,
    devices: &[
        DeviceSpec::switch("radio"),
        DeviceSpec::switch("fan"),
        DeviceSpec::switch("heater"),
    ],
    sensors: &[
        SensorSpec { name: "battery", spread: 0.3, digits: 1, is_bool: false },
        SensorSpec { name: "cabinet_temperature", spread: 0.1, digits: 2, is_bool: false },
        SensorSpec { name: "service", spread: 0.0, digits: 1, is_bool: false },
        SensorSpec { name: "sun", spread: 5.0, digits: 0, is_bool: false },
        SensorSpec { name: "outside_temperature", spread: 0.1, digits: 1, is_bool: false },
    ],
    goals: &[
        GoalSpec { name: "reserve", sensor: BATTERY, min: 30.0, max: 110.0, weight: 2.0 },
        GoalSpec { name: "box", sensor: BOX, min: 3.0, max: 38.0, weight: 1.0 },
        GoalSpec { name: "service", sensor: SERVICE, min: 60.0, max: 110.0, weight: 1.0 },
    ],
    interlocks: &[
        InterlockSpec {
            name: "deep discharge",
            react_ms: 30_000,
            breaks: |said, on| said[BATTERY] < 12.0 && on[RADIO] + on[HEATER] > 0.0,
        },
        InterlockSpec {
            name: "fan against heater",
            react_ms: 3000,
            breaks: |_, on| on[FAN] > 0.0 && on[HEATER] > 0.0,
        },
    ],
    start: |rng| [between(rng, 60.0, 90.0), between(rng, 5.0, 10.0), 60.0, 0.0],
    course,
    step,
    truth: |state, input| {
        let (sun, outside) = (input[SUN], input[OUTSIDE]);
        [state[BATTERY], state[BOX], state[SERVICE], sun, outside, 0.0, 0.0, 0.0]
    },
    price: |_, on| KWH / 1000.0 * on.iter().zip(POWER_W).map(|(on, power)| on * power).sum::<f64>(),
    note_broken,
    actions: &[
        &[0.0, 0.0, 0.0],
        &[1.0, 0.0, 0.0],
        &[0.0, 1.0, 0.0],
        &[1.0, 1.0, 0.0],
        &[0.0, 0.0, 1.0],
        &[1.0, 0.0, 1.0],
    ],
    axes: [
        Axis { low: 5.0, high: 100.0, nodes: 39 },
        Axis { low: -8.0, high: 48.0, nodes: 29 },
        Axis { low: 40.0, high: 100.0, nodes: 7 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
    ],
};

/// Days in spring of which some are dark: the clouds of a day are drawn at midnight.
fn course(course: &mut Course, minute: u64) -> Input {
    let hour = hour_of(minute);
    if minute == 0 || hour == 0.0 {
        course.memory[0] = between(&mut course.rng, 0.1, 1.0);
    }
    let height = (std::f64::consts::TAU * (hour - 6.0) / 24.0).sin().max(0.0);
    let patches = (1.0 + 0.3 * course.wander[1].step(&mut course.rng)).clamp(0.2, 1.4);
    let sun = 800.0 * height * (course.memory[0] * patches).clamp(0.0, 1.0);
    let wave = (std::f64::consts::TAU * (hour - 15.0) / 24.0).cos();
    let swing = 4.0 + 5.0 * course.memory[0];
    let outside = 8.0 + swing * wave + 3.0 * course.wander[0].step(&mut course.rng);
    [sun, outside, 0.0, 0.0]
}

fn step(state: &mut State, input: &Input, on: &[f64], seconds: f64) {
    let [battery, cabinet, service, _] = *state;
    let hours = seconds / 3600.0;
    let used_w = ALWAYS_W + on.iter().zip(POWER_W).map(|(on, power)| on * power).sum::<f64>();
    // An empty battery runs nothing and serves nobody.
    let alive = if battery > 0.0 { 1.0 } else { 0.0 };
    let gained_w = PANEL_W_PER_W_M2 * input[SUN] - used_w * alive;
    let through = BOX_W_K + FAN_W_K * on[FAN];
    let heat_w = used_w * alive + SUN_M2 * input[SUN] - through * (cabinet - input[OUTSIDE]);
    state[BATTERY] = (battery + 100.0 * gained_w * hours / BATTERY_WH).clamp(0.0, 100.0);
    state[BOX] = cabinet + heat_w * seconds / BOX_J_K;
    state[SERVICE] = service + (100.0 * on[RADIO] * alive - service) * hours;
}

/// The notes of `mast_cabinet.toml`: the heater while the battery is less than half full; the fan
/// at night.
fn note_broken(device: usize, said: &Truth, _: &[f64], hour: f64) -> Option<usize> {
    match device {
        HEATER if said[BATTERY] < 50.0 => Some(0),
        FAN if !(6.0..22.0).contains(&hour) => Some(1),
        _ => None,
    }
}
