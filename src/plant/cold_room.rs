//! A walk-in cold room of 30 m³ for vegetables, with door openings, deliveries and frost. Laws and
//! constants only; `site.rs` runs them.
//!
//! ```text
//! C_air dT/dt   = U A (T_hall - T) + door + lights + h (T_goods - T) + respiration
//!                 - cold of compressor and booster + share of the defrost heater
//! C_goods dG/dt = h (T - T_goods) + delivery
//! dF/dt         = rime from the door's air while something cools - melt of the defrost heater
//! ```

use rand::rngs::StdRng;

use super::noise::{between, chance};
use super::spec::{
    Axis, Course, DeviceSpec, GoalSpec, Input, InterlockSpec, SensorSpec, Spec, State, Truth,
    hour_of, is_workday,
};

/// Air, evaporator, shelves and the skin of the boxes, in J/K: 30 m³ of 1290 J/m³K, and 110 kJ/K
/// of steel and cardboard (200 kg at 0.5 to 1.3 kJ/kgK).
const AIR_J_K: f64 = 150_000.0;
/// Goods: 800 kg of vegetables at 3.9 kJ/kgK (ASHRAE Refrigeration 2018, ch. 19), in J/K.
const GOODS_J_K: f64 = 3.1e6;
/// Heat between goods and air, in W/K: 25 m² of boxes at 8 W/m²K.
const GOODS_AIR_W_K: f64 = 200.0;
/// Walls: 60 m² of 100 mm polyurethane, 0.23 W/m²K, in W/K.
const WALLS_W_K: f64 = 14.0;
/// Air through the open door, 0.9 m by 2 m, as heat, in W/K: 0.12 m³/s, between the 0.05 (strips)
/// and 0.25 (20 K, free) of Gosney and Olama (1975).
const DOOR_W_K: f64 = 155.0;
/// What an air curtain keeps back (ASHRAE Refrigeration 2018, ch. 24: 0.6 to 0.8).
const CURTAIN_KEEPS: f64 = 0.7;
/// Lights and a person while the door is in use, in W.
const USE_W: f64 = 250.0;
/// Respiration of 800 kg of mixed vegetables at 4 °C, in W (USDA Handbook 66: 20 to 90 mW/kg).
const RESPIRATION_W: f64 = 40.0;
/// Cold of the compressor and of the booster, each at a clean evaporator, in W.
const COLD_W: f64 = 1500.0;
/// What a frosted evaporator takes from that, as a share.
const FROST_TAKES: f64 = 0.5;
/// Rime in an hour of open door while something cools, in % of a blocked evaporator.
const RIME_PER_H: f64 = 60.0;
/// Melt by the defrost heater, in % an hour, its heat in W and the share that reaches the air.
const MELT_PER_H: f64 = 300.0;
const DEFROST_W: f64 = 2000.0;
const DEFROST_TO_AIR: f64 = 0.3;
/// Electric power in kW: compressor, booster (an older one), curtain, defrost heater.
const POWER_KW: [f64; 4] = [0.6, 0.9, 0.12, 2.0];
/// A kilowatt-hour, in the operator's unit.
const KWH: f64 = 0.3;

/// Places of the numbers in a state.
const AIR: usize = 0;
const GOODS: usize = 1;
const FROST: usize = 2;
/// Places of the numbers in an input: hall in °C, share of the minute with the door open,
/// temperature and share of goods that are brought in.
const HALL: usize = 0;
const DOOR: usize = 1;
const BROUGHT_C: usize = 2;
const BROUGHT: usize = 3;
/// Places of the devices.
const COMPRESSOR: usize = 0;
const BOOSTER: usize = 1;
const CURTAIN: usize = 2;
const DEFROST: usize = 3;

const fn sensor(name: &'static str, spread: f64) -> SensorSpec {
    SensorSpec { name, spread, digits: 2, is_bool: false }
}

/// The cold room.
pub static COLD_ROOM: Spec = Spec {
    name: "cold-room",
    root: "coldroom",
    period_ms: 10_000,
    devices: &[
        DeviceSpec::switch("compressor"),
        DeviceSpec::switch("booster"),
        DeviceSpec::switch("curtain"),
        DeviceSpec::switch("defrost"),
    ],
    sensors: &[
        sensor("air_temperature", 0.08),
        sensor("goods_temperature", 0.05),
        sensor("frost", 0.5),
        SensorSpec { name: "door", spread: 0.0, digits: 0, is_bool: true },
        sensor("hall_temperature", 0.1),
    ],
    goals: &[
        GoalSpec { name: "cold air", sensor: AIR, min: 1.0, max: 7.0, weight: 2.0 },
        GoalSpec { name: "cold goods", sensor: GOODS, min: 1.0, max: 6.0, weight: 1.0 },
        GoalSpec { name: "free of ice", sensor: FROST, min: 0.0, max: 50.0, weight: 0.5 },
    ],
    interlocks: &[
        InterlockSpec {
            name: "goods freeze",
            react_ms: 30_000,
            breaks: |said, on| said[AIR] < -1.0 && on[COMPRESSOR] + on[BOOSTER] > 0.0,
        },
        InterlockSpec {
            name: "defrost against cold",
            react_ms: 3000,
            breaks: |_, on| on[DEFROST] > 0.0 && on[COMPRESSOR] + on[BOOSTER] > 0.0,
        },
    ],
    start,
    course,
    step,
    truth,
    price: |_, on| KWH * on.iter().zip(POWER_KW).map(|(level, power)| level * power).sum::<f64>(),
    note_broken,
    actions: &[
        &[0.0, 0.0, 0.0, 0.0],
        &[0.0, 0.0, 1.0, 0.0],
        &[1.0, 0.0, 0.0, 0.0],
        &[1.0, 0.0, 1.0, 0.0],
        &[1.0, 1.0, 0.0, 0.0],
        &[1.0, 1.0, 1.0, 0.0],
        &[0.0, 0.0, 0.0, 1.0],
    ],
    axes: [
        Axis { low: -1.0, high: 11.0, nodes: 25 },
        Axis { low: 1.0, high: 8.0, nodes: 8 },
        Axis { low: 0.0, high: 60.0, nodes: 7 },
        Axis { low: 0.0, high: 0.0, nodes: 1 },
    ],
};

fn start(rng: &mut StdRng) -> State {
    let air = between(rng, 3.0, 5.0);
    [air, air + between(rng, -0.3, 0.3), between(rng, 0.0, 20.0), 0.0]
}

/// The hall follows the day; on workdays between 6 and 18 h somebody opens the door some five
/// times an hour for one to four minutes, and at 7 and at 14 h goods are brought in.
fn course(course: &mut Course, minute: u64) -> Input {
    let hour = hour_of(minute);
    let warm = course.wander[0].step(&mut course.rng);
    let wave = (std::f64::consts::TAU * (hour - 15.0) / 24.0).cos();
    let hall = 19.0 + 4.0 * wave + 1.5 * warm;
    let works = is_workday(minute) && (6.0..18.0).contains(&hour);
    let visits = if works { 5.0 } else { 0.3 };
    if course.memory[0] <= 0.0 && chance(&mut course.rng, visits / 60.0) {
        course.memory[0] = between(&mut course.rng, 1.0, 4.0);
    }
    let open = course.memory[0].clamp(0.0, 1.0);
    course.memory[0] = (course.memory[0] - 1.0).max(0.0);
    let delivers = works && [7 * 60, 14 * 60].contains(&((hour * 60.0).round() as u64));
    // Between 20 and 80 kg that come out of a cooled van.
    let share = if delivers { between(&mut course.rng, 0.03, 0.1) } else { 0.0 };
    let brought = between(&mut course.rng, 8.0, 14.0);
    [hall, if delivers { 1.0 } else { open }, brought, share]
}

fn step(state: &mut State, input: &Input, on: &[f64], seconds: f64) {
    let [air, goods, frost, _] = *state;
    let kept = 1.0 - CURTAIN_KEEPS * on[CURTAIN];
    let through = input[DOOR] * kept;
    let works = on[COMPRESSOR] + on[BOOSTER];
    let cold_w = COLD_W * works * (1.0 - FROST_TAKES * frost / 100.0);
    let goods_w = GOODS_AIR_W_K * (goods - air);
    let air_w = (WALLS_W_K + DOOR_W_K * through) * (input[HALL] - air)
        + USE_W * input[DOOR]
        + goods_w
        + RESPIRATION_W
        + DEFROST_W * DEFROST_TO_AIR * on[DEFROST]
        - cold_w;
    // What is brought in within a minute takes its share of the place of what was there.
    let mixed = input[BROUGHT] * (input[BROUGHT_C] - goods) * seconds / 60.0;
    let rime = RIME_PER_H * through * works.min(1.0) - MELT_PER_H * on[DEFROST];
    state[AIR] = air + air_w * seconds / AIR_J_K;
    state[GOODS] = goods - goods_w * seconds / GOODS_J_K + mixed;
    state[FROST] = (frost + rime * seconds / 3600.0).clamp(0.0, 100.0);
}

fn truth(state: &State, input: &Input) -> Truth {
    let door = if input[DOOR] > 0.0 { 1.0 } else { 0.0 };
    [state[AIR], state[GOODS], state[FROST], door, input[HALL], 0.0, 0.0, 0.0]
}

/// The notes of `cold_room.toml`: the booster while the door is open without the curtain; the
/// defrost heater in working hours.
fn note_broken(device: usize, said: &Truth, on: &[f64], hour: f64) -> Option<usize> {
    match device {
        BOOSTER if said[3] > 0.5 && on[CURTAIN] == 0.0 => Some(0),
        DEFROST if (8.0..17.0).contains(&hour) => Some(1),
        _ => None,
    }
}
