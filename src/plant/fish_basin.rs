//! A fish basin of 10 m³ in a barn: oxygen that the fish breathe most after feeding, water that
//! cools at night. Laws and constants only; `site.rs` runs them.
//!
//! ```text
//! dO/dt     = (a + b aerator) (O_sat(T) - O) + bottle - fish(T, feeding)
//! C dT/dt   = U A (T_barn - T) + sun + heater - aerator's evaporation
//! ```

use super::device::DeviceKind;
use super::noise::between;
use super::spec::{
    Axis, Course, DeviceSpec, GoalSpec, Input, InterlockSpec, SensorSpec, Spec, State, Truth,
    hour_of,
};

/// Water, in m³.
const WATER_M3: f64 = 10.0;
/// Heat of the water, in J/K: 4.19 MJ/m³K.
const WATER_J_K: f64 = 4.19e6 * WATER_M3;
/// Heat between water and barn, in W/K: 25 m² of surface and walls at 10 W/m²K.
const BARN_W_K: f64 = 250.0;
/// Heater, in W, and what the aerator takes by evaporation.
const HEATER_W: f64 = 6000.0;
const AERATOR_COOLS_W: f64 = 150.0;
/// Exchange of oxygen with the air, per hour: still water 0.03, with the aerator 0.9 more
/// (Boyd 1998: 1.5 kg O2/kWh in clean water at no oxygen).
const STILL_PER_H: f64 = 0.03;
const AERATOR_PER_H: f64 = 0.9;
/// The bottle's valve through a diffusor: 60 g/h, 6 mg/l an hour.
const BOTTLE_MG_L_H: f64 = 6.0;
/// 270 kg of trout at 15 °C: at rest 100 mg/kg h, for some hours after feeding twice that
/// (Timmons and Ebeling 2010), in mg/l an hour; a tenth more for each degree.
const FISH_MG_L_H: f64 = 2.7;
const PER_DEGREE: f64 = 1.1;
/// Electric power of aerator and heater, in kW; a kilowatt-hour and an hour of the bottle, in the
/// operator's unit.
const AERATOR_KW: f64 = 0.55;
const HEATER_KW: f64 = 6.0;
const KWH: f64 = 0.3;
const BOTTLE_H: f64 = 0.9;

/// Places of the numbers in a state and among the sensors.
const OXYGEN: usize = 0;
const WATER: usize = 1;
/// Places of the numbers in an input: barn in °C, sun on the roof's windows in W, appetite (0 to
/// 1), and whether a feeding is going on.
const BARN: usize = 0;
const SUN: usize = 1;
const APPETITE: usize = 2;
const FEEDING: usize = 3;
/// Places of the devices.
const AERATOR: usize = 0;
const BOTTLE: usize = 1;
const HEATER: usize = 2;

/// The fish basin.
pub static FISH_BASIN: Spec = Spec {
    name: "fish-basin",
    root: "basin",
    period_ms: 10_000,
    devices: &[
        DeviceSpec { name: "aerator", kind: DeviceKind::Switch, safe: 1.0 },
        DeviceSpec::switch("oxygen_valve"),
        DeviceSpec::switch("heater"),
    ],
    sensors: &[
        SensorSpec { name: "oxygen", spread: 0.05, digits: 2, is_bool: false },
        SensorSpec { name: "water_temperature", spread: 0.03, digits: 2, is_bool: false },
        SensorSpec { name: "barn_temperature", spread: 0.1, digits: 1, is_bool: false },
        SensorSpec { name: "feeding", spread: 0.0, digits: 0, is_bool: true },
    ],
    goals: &[
        GoalSpec { name: "oxygen", sensor: OXYGEN, min: 7.0, max: 11.0, weight: 3.0 },
        GoalSpec { name: "warmth", sensor: WATER, min: 13.0, max: 17.0, weight: 1.0 },
    ],
    interlocks: &[
        InterlockSpec {
            name: "gas bubbles",
            react_ms: 30_000,
            breaks: |said, on| said[OXYGEN] > 12.0 && on[BOTTLE] > 0.0,
        },
        InterlockSpec {
            name: "cooked fish",
            react_ms: 30_000,
            breaks: |said, on| said[WATER] > 18.0 && on[HEATER] > 0.0,
        },
    ],
    start: |rng| [between(rng, 8.0, 9.0), between(rng, 14.0, 15.5), 0.0, 0.0],
    course,
    step,
    truth: |state, input| {
        [state[OXYGEN], state[WATER], input[BARN], input[FEEDING], 0.0, 0.0, 0.0, 0.0]
    },
    price: |_, on| {
        KWH * (AERATOR_KW * on[AERATOR] + HEATER_KW * on[HEATER]) + BOTTLE_H * on[BOTTLE]
    },
    note_broken,
    actions: &[
        &[0.0, 0.0, 0.0],
        &[1.0, 0.0, 0.0],
        &[0.0, 1.0, 0.0],
        &[1.0, 1.0, 0.0],
        &[0.0, 0.0, 1.0],
        &[1.0, 0.0, 1.0],
        &[0.0, 1.0, 1.0],
        &[1.0, 1.0, 1.0],
    ],
    axes: [
        Axis { low: 2.0, high: 12.0, nodes: 81 },
        Axis { low: 8.0, high: 19.0, nodes: 23 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
    ],
};

/// The barn follows a cool day in spring; at 7, 12 and 17 h half an hour of feeding, after which
/// the appetite fades within hours.
fn course(course: &mut Course, minute: u64) -> Input {
    let hour = hour_of(minute);
    let wave = (std::f64::consts::TAU * (hour - 15.0) / 24.0).cos();
    let barn = 9.0 + 5.0 * wave + 2.0 * course.wander[0].step(&mut course.rng);
    let height = (std::f64::consts::TAU * (hour - 6.0) / 24.0).sin().max(0.0);
    let sun = 900.0 * height * (0.6 + 0.3 * course.wander[1].step(&mut course.rng)).clamp(0.0, 1.0);
    let feeding = [7.0, 12.0, 17.0].iter().any(|at| (*at..at + 0.5).contains(&hour));
    let kept = (-1.0_f64 / 150.0).exp();
    course.memory[0] = if feeding { 1.0 } else { course.memory[0] * kept };
    [barn, sun, course.memory[0], if feeding { 1.0 } else { 0.0 }]
}

/// Oxygen in saturated fresh water, in mg/l (Elmore and Hayes 1960).
fn saturation(water_c: f64) -> f64 {
    14.652 - 0.41022 * water_c + 0.007991 * water_c.powi(2) - 0.000077774 * water_c.powi(3)
}

fn step(state: &mut State, input: &Input, on: &[f64], seconds: f64) {
    let [oxygen, water, ..] = *state;
    let hours = seconds / 3600.0;
    let fish = FISH_MG_L_H * PER_DEGREE.powf(water - 15.0) * (1.0 + input[APPETITE]);
    let exchange = (STILL_PER_H + AERATOR_PER_H * on[AERATOR]) * (saturation(water) - oxygen);
    let gained = exchange + BOTTLE_MG_L_H * on[BOTTLE] - fish;
    let heat_w = BARN_W_K * (input[BARN] - water) + input[SUN] + HEATER_W * on[HEATER]
        - AERATOR_COOLS_W * on[AERATOR];
    state[OXYGEN] = (oxygen + gained * hours).max(0.0);
    state[WATER] = water + heat_w * seconds / WATER_J_K;
}

/// The notes of `fish_basin.toml`: the bottle while the aerator stands still; the heater while the
/// fish are fed.
fn note_broken(device: usize, said: &Truth, on: &[f64], _: f64) -> Option<usize> {
    match device {
        BOTTLE if on[AERATOR] == 0.0 => Some(0),
        HEATER if said[3] > 0.5 => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturation_is_that_of_the_tables() {
        // Benson and Krause (1984): 10.08 mg/l at 15 °C, 9.09 at 20 °C.
        assert!((saturation(15.0) - 10.08).abs() < 0.1, "{}", saturation(15.0));
        assert!((saturation(20.0) - 9.09).abs() < 0.1, "{}", saturation(20.0));
    }

    #[test]
    fn the_start_is_within_every_goal() {
        for seed in 0..20 {
            let mut rng = super::super::noise::stream(seed, 1);
            let state = (FISH_BASIN.start)(&mut rng);
            assert_eq!(FISH_BASIN.unmet(&(FISH_BASIN.truth)(&state, &[0.0; 4])), 0.0);
        }
    }
}
