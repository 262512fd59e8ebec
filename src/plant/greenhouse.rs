//! A simulated greenhouse: weather, climate, sensors with noise, devices with echo, goals.
//! Pure and the same for the same seed and commands; no I/O and no clock: only `advance` moves it.
//!
//! Topics are those of `greenhouse.toml`; a test there compares them. Readings come every 10 s.
//! What must not be is judged on the devices' true state, with a stated time to react
//! (`Greenhouse::forbidden`); goals are judged on the true air, soil and humidity, every 10 s.

use std::time::Duration;

use rand::rngs::StdRng;

use super::climate::{Climate, Work};
use super::device::{Device, DeviceKind};
use super::noise::{between, normal, stream};
use super::spec::hour_of;
use super::weather::{Outside, Weather};
use super::{GoalState, Message, Place, Score};

/// Inner step, in milliseconds: air at full ventilation changes in 60 s, so 2 s is fine enough.
const STEP_MS: u64 = 2000;
/// Period of sensors and of the score, in milliseconds.
const PERIOD_MS: u64 = 10_000;

/// Goals: name, least and greatest value. Air in °C, humidity and soil in %.
pub(crate) const GOALS: [(&str, f64, f64); 3] =
    [("climate", 16.0, 27.0), ("humidity", 50.0, 85.0), ("soil", 40.0, 70.0)];

/// Weights of the goals, and what an hour of each device at full level costs, as in
/// `greenhouse.toml`.
pub(crate) const WEIGHTS: [f64; 3] = [2.0, 1.0, 1.0];
pub(super) const COSTS: [f64; 6] = [0.06, 0.0, 1.2, 0.1, 0.2, 0.7];

/// Wind that breaks an open vent, in m/s.
pub(crate) const STORM_M_S: f64 = 15.0;
/// Tank below which a pump runs dry, in %; and the true level that no excuse covers.
const DRY_TANK: f64 = 10.0;
const DRY_TANK_NEVER: f64 = 7.0;
/// Vent opening at which heating is waste, in %.
const WIDE_OPEN: f64 = 75.0;
/// Time to react after a sensor has said it, in milliseconds: a report, a decision, a device.
const REACT_MS: u64 = 30_000;
/// Time for two commands to cross, in milliseconds: the slowest device takes 2 s.
const CROSS_MS: u64 = 3000;

/// Names of the interlocks, as in `greenhouse.toml`.
pub(super) const INTERLOCKS: [&str; 3] = ["storm", "dry pump", "heater with vent wide open"];

/// Places of the devices in `Greenhouse::devices`.
const FAN: usize = 0;
const VENT: usize = 1;
const HEATER: usize = 2;
const FOGGER: usize = 3;
const DRIP_PUMP: usize = 4;
const HOSE_VALVE: usize = 5;
/// Motor of the roof vent, in percent a second: 100 s from closed to open.
const VENT_PERCENT_PER_S: f64 = 1.0;

/// The greenhouse of one seed.
#[derive(Debug)]
pub struct Greenhouse {
    now_ms: u64,
    weather: Weather,
    outside: Outside,
    climate: Climate,
    devices: [Device; 6],
    sensor_rng: StdRng,
    device_rng: StdRng,
    outbox: Vec<Message>,
    score: Score,
    /// Since when the wind sensor has said that it storms, in milliseconds.
    storm_since_ms: Option<u64>,
    /// Since when the tank's sensor has said that it is nearly empty, in milliseconds.
    dry_since_ms: Option<u64>,
    /// Since when the heater burns under a wide open vent, in milliseconds.
    waste_since_ms: Option<u64>,
    /// Which interlocks were broken at the last look, in the order of `INTERLOCKS`.
    broken: [bool; 3],
    /// Where each device was set at the last step, in percent.
    targets: [f64; 6],
    ignored: u64,
}

impl Greenhouse {
    /// The greenhouse of `seed`: its day, its weather, its noise. It starts at six in the morning
    /// with every device off and every goal met.
    #[must_use]
    pub fn new(seed: u64) -> Greenhouse {
        let mut rng = stream(seed, 0x4711);
        let mut weather = Weather::new(seed);
        let outside = weather.at(0.0);
        let air_c = between(&mut rng, 17.0, 20.0);
        let mut climate = Climate {
            air_c,
            soil_c: air_c - 2.0,
            vapour_kg_m3: 0.0,
            soil_moisture: between(&mut rng, 44.0, 60.0),
            tank_level: between(&mut rng, 30.0, 90.0),
        };
        climate.set_humidity(between(&mut rng, 60.0, 75.0));
        let switch = |name, phase_ms| Device::new(name, DeviceKind::Switch, phase_ms);
        let motor = DeviceKind::Level { percent_per_s: VENT_PERCENT_PER_S };
        let mut greenhouse = Greenhouse {
            now_ms: 0,
            weather,
            outside,
            climate,
            devices: [
                switch("fan", 0),
                Device::new("vent", motor, 0),
                switch("heater", 0),
                switch("fogger", 0),
                switch("drip_pump", 0),
                switch("hose_valve", 0),
            ],
            sensor_rng: stream(seed, 0x5e50),
            device_rng: stream(seed, 0xdef1),
            outbox: Vec::new(),
            score: Score { goals: GOALS.map(|(name, ..)| (name, 0)).to_vec(), ..Score::default() },
            storm_since_ms: None,
            dry_since_ms: None,
            waste_since_ms: None,
            broken: [false; 3],
            targets: [0.0; 6],
            ignored: 0,
        };
        greenhouse.act();
        greenhouse.sense();
        greenhouse
    }

    /// The true state of the house.
    #[must_use]
    pub fn climate(&self) -> Climate {
        self.climate
    }

    /// The true weather.
    #[must_use]
    pub fn outside(&self) -> Outside {
        self.outside
    }

    /// Sets every device at once, without delay, motor or echo: for the limit's programme only.
    pub fn set_at_once(&mut self, work: &Work) {
        for (device, level) in self.devices.iter_mut().zip(levels(work)) {
            device.set_at_once(100.0 * level);
        }
    }

    /// Cost of an hour of this work, in the operator's unit.
    #[must_use]
    pub fn price(work: &Work) -> f64 {
        levels(work).iter().zip(COSTS).map(|(level, cost)| level * cost).sum()
    }

    /// Messages on its topics that were no command, and those for nobody.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored + self.devices.iter().map(Device::ignored).sum::<u64>()
    }

    fn work(&self) -> Work {
        Work {
            fan: self.devices[FAN].is_on(),
            vent: self.devices[VENT].position() / 100.0,
            heater: self.devices[HEATER].is_on(),
            fogger: self.devices[FOGGER].is_on(),
            drip_pump: self.devices[DRIP_PUMP].is_on(),
            hose_valve: self.devices[HOSE_VALVE].is_on(),
        }
    }

    /// One inner step, which ends at `self.now_ms`.
    fn step(&mut self) {
        let seconds = STEP_MS as f64 / 1000.0;
        self.outside = self.weather.at(self.now_ms as f64 / 1000.0);
        self.devices[VENT].turn(seconds);
        let work = self.work();
        self.climate.step(&self.outside, &work, seconds);
        self.sense();
        self.count(seconds);
        self.judge();
        if self.now_ms.is_multiple_of(PERIOD_MS) {
            self.take_sample();
        }
    }

    /// Devices that are due act and say so.
    fn act(&mut self) {
        for device in &mut self.devices {
            if device.due_ms() > self.now_ms {
                continue;
            }
            if let Some(payload) = device.act(self.now_ms, &mut self.device_rng) {
                let topic = format!("greenhouse/{}", device.name());
                self.outbox.push(Message { topic, payload, retain: true });
            }
        }
    }

    /// Sensors whose moment within the period has come say what they see, with noise.
    fn sense(&mut self) {
        match self.now_ms % PERIOD_MS {
            0 => {
                let air_c = self.noisy(self.climate.air_c, 0.1);
                let humidity = self.noisy(self.climate.humidity(), 0.6).clamp(0.0, 100.0);
                let text = format!("{{\"temperature\":{air_c:.2},\"humidity\":{humidity:.1}}}");
                self.say("air", text);
            }
            2000 => {
                let moisture = self.noisy(self.climate.soil_moisture, 0.3).clamp(0.0, 100.0);
                self.say("soil", format!("{{\"moisture\":{moisture:.1}}}"));
            }
            4000 => {
                let sun_w_m2 = self.outside.sun_w_m2;
                let light = self.noisy(sun_w_m2, 0.01 * sun_w_m2).max(0.0);
                self.say("light", format!("{light:.0}"));
                let outside_c = self.noisy(self.outside.temperature_c, 0.1);
                self.say("outside", format!("{{\"temperature\":{outside_c:.2}}}"));
            }
            6000 => {
                let wind_m_s = self.noisy(self.outside.wind_m_s, 0.1).max(0.0);
                self.say("wind", format!("{wind_m_s:.1}"));
                let storms = wind_m_s > STORM_M_S;
                self.storm_since_ms = since(self.storm_since_ms, storms, self.now_ms);
                let rain = if self.outside.rain_mm_h > 0.0 { "true" } else { "false" };
                self.say("rain", rain.into());
            }
            8000 => {
                let level = self.noisy(self.climate.tank_level, 0.3).clamp(0.0, 100.0);
                self.say("tank", format!("{{\"level\":{level:.1}}}"));
                self.dry_since_ms = since(self.dry_since_ms, level < DRY_TANK, self.now_ms);
            }
            _ => {}
        }
    }

    fn noisy(&mut self, value: f64, spread: f64) -> f64 {
        value + spread * normal(&mut self.sensor_rng)
    }

    fn say(&mut self, sensor: &str, payload: String) {
        let topic = format!("greenhouse/{sensor}");
        self.outbox.push(Message { topic, payload, retain: false });
    }

    /// Counts cost, switchings and the notes that they broke.
    fn count(&mut self, seconds: f64) {
        let hour = hour_of(self.now_ms / 60_000);
        for (index, device) in self.devices.iter().enumerate() {
            self.score.cost += COSTS[index] * device.position() / 100.0 * seconds / 3600.0;
            let (before, now) = (self.targets[index], device.target());
            if now == before {
                continue;
            }
            self.targets[index] = now;
            self.score.switchings += 1;
            // The notes of `greenhouse.toml`: the fan at night while the vent could open wider; the
            // hose while the soil is not very dry; the vent in strong wind.
            let broken = match index {
                FAN => {
                    let night = !(6.0..22.0).contains(&hour);
                    night && self.devices[VENT].target() < 100.0 && self.outside.wind_m_s < 10.0
                }
                HOSE_VALVE => self.climate.soil_moisture > 40.0,
                VENT => self.outside.wind_m_s > 10.0,
                _ => false,
            };
            self.score.notes_broken += u64::from(now > before && broken);
        }
    }

    /// Counts forbidden states that begin.
    fn judge(&mut self) {
        let waste = self.devices[HEATER].is_on() && self.devices[VENT].target() >= WIDE_OPEN;
        self.waste_since_ms = since(self.waste_since_ms, waste, self.now_ms);
        let now_broken = self.broken_interlocks();
        for (now, before) in now_broken.iter().zip(self.broken) {
            self.score.forbidden += u64::from(*now && !before);
        }
        self.broken = now_broken;
    }

    fn broken_interlocks(&self) -> [bool; 3] {
        let lasted = |since_ms: Option<u64>, allowed_ms: u64| {
            since_ms.is_some_and(|since_ms| self.now_ms - since_ms > allowed_ms)
        };
        let pumping = self.devices[DRIP_PUMP].is_on() || self.devices[HOSE_VALVE].is_on();
        let dry = lasted(self.dry_since_ms, REACT_MS) || self.climate.tank_level < DRY_TANK_NEVER;
        [
            self.devices[VENT].target() > 0.0 && lasted(self.storm_since_ms, REACT_MS),
            pumping && dry,
            lasted(self.waste_since_ms, CROSS_MS),
        ]
    }

    fn take_sample(&mut self) {
        let goals = self.goals();
        self.score.samples += 1;
        self.score.within += u64::from(goals.iter().all(|goal| goal.met));
        let missed = goals.iter().zip(WEIGHTS).filter(|(goal, _)| !goal.met);
        let missed: f64 = missed.map(|(_, weight)| weight).sum();
        self.score.unmet += missed / WEIGHTS.iter().sum::<f64>();
        for (count, goal) in self.score.goals.iter_mut().zip(&goals) {
            count.1 += u64::from(goal.met);
        }
    }

    fn next_step_ms(&self) -> u64 {
        (self.now_ms / STEP_MS + 1) * STEP_MS
    }

    fn next_device_ms(&self) -> u64 {
        self.devices.iter().map(Device::due_ms).min().unwrap_or(u64::MAX)
    }
}

/// The levels of the devices, 0 to 1, in their order.
fn levels(work: &Work) -> [f64; 6] {
    let on = |switch: bool| f64::from(u8::from(switch));
    [
        on(work.fan),
        work.vent,
        on(work.heater),
        on(work.fogger),
        on(work.drip_pump),
        on(work.hose_valve),
    ]
}

/// Since when something holds: unchanged while it does, `None` when it does not.
fn since(before_ms: Option<u64>, holds: bool, now_ms: u64) -> Option<u64> {
    if holds { before_ms.or(Some(now_ms)) } else { None }
}

impl Place for Greenhouse {
    fn name(&self) -> &'static str {
        "greenhouse"
    }

    fn start_unix_ms(&self) -> i64 {
        self.weather.start_unix_ms()
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms)
    }

    fn advance(&mut self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let until_ms = self.now_ms.saturating_add(by_ms);
        while self.now_ms < until_ms {
            let step_ms = self.next_step_ms();
            self.now_ms = step_ms.min(self.next_device_ms().max(self.now_ms + 1)).min(until_ms);
            self.act();
            if self.now_ms == step_ms {
                self.step();
            }
        }
    }

    fn due_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.outbox)
    }

    fn next_due(&self) -> Duration {
        if !self.outbox.is_empty() {
            return Duration::ZERO;
        }
        // Sensors speak at every step of the inner clock, each once a period.
        let due_ms = self.next_step_ms().min(self.next_device_ms());
        Duration::from_millis(due_ms.saturating_sub(self.now_ms))
    }

    fn command(&mut self, topic: &str, payload: &[u8]) {
        let name = topic.strip_prefix("greenhouse/").and_then(|rest| rest.strip_suffix("/set"));
        match self.devices.iter_mut().find(|device| Some(device.name()) == name) {
            Some(device) => device.command(payload, self.now_ms, &mut self.device_rng),
            None => self.ignored += 1,
        }
    }

    fn restate(&mut self) {
        let state = |device: &Device| Message {
            topic: format!("greenhouse/{}", device.name()),
            payload: device.state(),
            retain: true,
        };
        self.outbox.extend(self.devices.iter().map(state));
    }

    fn command_topics(&self) -> Vec<String> {
        self.devices.iter().map(|device| format!("greenhouse/{}/set", device.name())).collect()
    }

    fn goals(&self) -> Vec<GoalState> {
        let truth = [self.climate.air_c, self.climate.humidity(), self.climate.soil_moisture];
        let judge = |((name, min, max), value): ((&'static str, f64, f64), f64)| GoalState {
            name,
            met: (min..=max).contains(&value),
        };
        GOALS.into_iter().zip(truth).map(judge).collect()
    }

    /// What is broken at this moment:
    ///
    /// - `storm`: the vent is set open though the wind sensor has said more than 15 m/s for more
    ///   than 30 s.
    /// - `dry pump`: the drip pump runs or the hose is open though the tank's sensor has said less
    ///   than 10 % for more than 30 s, or the true level is below 7 %.
    /// - `heater with vent wide open`: the heater is on and the vent set to 75 % or more, for more
    ///   than 3 s.
    fn forbidden(&self) -> Vec<&'static str> {
        let broken = self.broken_interlocks();
        INTERLOCKS.iter().zip(broken).filter(|(_, broken)| *broken).map(|(name, _)| *name).collect()
    }

    fn score(&self) -> Score {
        self.score.clone()
    }
}

#[cfg(test)]
mod tests;
