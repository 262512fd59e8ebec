//! A simulated place out of a description (`spec.rs`): its time, its messages, its devices, its
//! judge. The laws are the description's; nothing here knows what a place is for.
//!
//! Readings come once a period, all at the same moment. What must not be is judged by what sensors
//! said and devices are set to, with a stated time to react; goals on the true values, every 10 s.

use std::time::Duration;

use rand::rngs::StdRng;

use super::device::Device;
use super::noise::{normal, stream};
use super::spec::{Course, Input, START_UNIX_MS, Spec, State, Truth, hour_of};
use super::{GoalState, Message, Place, Score};

/// Inner step, in milliseconds: a fifth of the quickest period, fine against minutes of delay.
pub(super) const STEP_MS: u64 = 2000;
/// Period of the score, in milliseconds.
const SAMPLE_MS: u64 = 10_000;
const MINUTE_MS: u64 = 60_000;

/// A place of a description and a seed.
#[derive(Debug)]
pub struct Site {
    spec: &'static Spec,
    now_ms: u64,
    state: State,
    input: Input,
    course: Course,
    devices: Vec<Device>,
    said: Truth,
    sensor_rng: StdRng,
    device_rng: StdRng,
    outbox: Vec<Message>,
    score: Score,
    /// Since when each interlock's condition holds, in milliseconds.
    since_ms: Vec<Option<u64>>,
    broken: Vec<bool>,
    /// Where each device was set at the last step, 0 to 1.
    targets: Vec<f64>,
    ignored: u64,
}

impl Site {
    /// The place of `seed`: it starts at six on a Monday morning with every device at its `safe`.
    #[must_use]
    pub fn new(spec: &'static Spec, seed: u64) -> Site {
        let mut rng = stream(seed, 0x4711);
        let state = (spec.start)(&mut rng);
        let mut course = Course::new(spec, seed);
        let input = course.next().unwrap_or_default();
        let devices = spec.devices.iter().map(|one| {
            let mut device = Device::new(one.name, one.kind, 0);
            device.set_at_once(100.0 * one.safe);
            device
        });
        let mut site = Site {
            spec,
            now_ms: 0,
            state,
            input,
            course,
            devices: devices.collect(),
            said: (spec.truth)(&state, &input),
            sensor_rng: stream(seed, 0x5e50),
            device_rng: stream(seed, 0xdef1),
            outbox: Vec::new(),
            score: Score {
                goals: spec.goals.iter().map(|goal| (goal.name, 0)).collect(),
                ..Score::default()
            },
            since_ms: vec![None; spec.interlocks.len()],
            broken: vec![false; spec.interlocks.len()],
            targets: spec.devices.iter().map(|one| one.safe).collect(),
            ignored: 0,
        };
        site.act();
        site.sense();
        site
    }

    /// What a perfect sensor would say, in the order of the description's sensors.
    #[must_use]
    pub fn truth(&self) -> Truth {
        (self.spec.truth)(&self.state, &self.input)
    }

    /// The true state, for the limit's programme and for tests.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Sets every device at once, without delay or echo: for the limit's programme only.
    pub fn set_at_once(&mut self, levels: &[f64]) {
        for (device, level) in self.devices.iter_mut().zip(levels) {
            device.set_at_once(100.0 * level);
        }
    }

    /// Messages on its topics that were no command, and those for nobody.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored + self.devices.iter().map(Device::ignored).sum::<u64>()
    }

    /// One inner step, which ends at `self.now_ms`.
    fn step(&mut self) {
        let seconds = STEP_MS as f64 / 1000.0;
        for device in &mut self.devices {
            device.turn(seconds);
        }
        let mut levels = [0.0; 8];
        for (level, device) in levels.iter_mut().zip(&self.devices) {
            *level = device.position() / 100.0;
        }
        let levels = &levels[..self.devices.len()];
        self.score.cost += (self.spec.price)(&self.input, levels) * seconds / 3600.0;
        (self.spec.step)(&mut self.state, &self.input, levels, seconds);
        if self.now_ms.is_multiple_of(MINUTE_MS) {
            self.input = self.course.next().unwrap_or_default();
        }
        if self.now_ms.is_multiple_of(self.spec.period_ms) {
            self.sense();
        }
        self.judge();
        if self.now_ms.is_multiple_of(SAMPLE_MS) {
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
                let topic = format!("{}/{}", self.spec.root, device.name());
                self.outbox.push(Message { topic, payload, retain: true });
            }
        }
    }

    /// Every sensor says what it sees, with noise, as the bare value.
    fn sense(&mut self) {
        let truth = self.truth();
        for (index, sensor) in self.spec.sensors.iter().enumerate() {
            let topic = format!("{}/{}", self.spec.root, sensor.name);
            let payload = if sensor.is_bool {
                self.said[index] = truth[index];
                (truth[index] > 0.5).to_string()
            } else {
                let value = truth[index] + sensor.spread * normal(&mut self.sensor_rng);
                self.said[index] = value;
                format!("{value:.*}", sensor.digits)
            };
            self.outbox.push(Message { topic, payload, retain: false });
        }
    }

    /// Counts forbidden states that begin, switchings, and notes that a switching broke.
    fn judge(&mut self) {
        let mut now = [0.0; 8];
        for (level, device) in now.iter_mut().zip(&self.devices) {
            *level = device.target() / 100.0;
        }
        let now = &now[..self.devices.len()];
        let hour = hour_of(self.now_ms / MINUTE_MS);
        for (index, level) in now.iter().enumerate() {
            if *level == self.targets[index] {
                continue;
            }
            self.score.switchings += 1;
            let rises = *level > self.targets[index];
            if rises && (self.spec.note_broken)(index, &self.said, now, hour).is_some() {
                self.score.notes_broken += 1;
            }
            self.targets[index] = *level;
        }
        for (index, interlock) in self.spec.interlocks.iter().enumerate() {
            let holds = (interlock.breaks)(&self.said, now);
            let since = if holds { self.since_ms[index].or(Some(self.now_ms)) } else { None };
            self.since_ms[index] = since;
            let lasted = since.is_some_and(|since| self.now_ms - since > interlock.react_ms);
            self.score.forbidden += u64::from(lasted && !self.broken[index]);
            self.broken[index] = lasted;
        }
    }

    fn take_sample(&mut self) {
        let truth = self.truth();
        self.score.samples += 1;
        self.score.within += u64::from(self.spec.goals.iter().all(|goal| goal.is_met(&truth)));
        self.score.unmet += self.spec.unmet(&truth);
        for (count, goal) in self.score.goals.iter_mut().zip(self.spec.goals) {
            count.1 += u64::from(goal.is_met(&truth));
        }
    }

    fn next_step_ms(&self) -> u64 {
        (self.now_ms / STEP_MS + 1) * STEP_MS
    }

    fn next_device_ms(&self) -> u64 {
        self.devices.iter().map(Device::due_ms).min().unwrap_or(u64::MAX)
    }
}

impl Place for Site {
    fn name(&self) -> &'static str {
        self.spec.name
    }

    fn start_unix_ms(&self) -> i64 {
        START_UNIX_MS
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
        let period_ms = self.spec.period_ms;
        let sensors_ms = (self.now_ms / period_ms + 1) * period_ms;
        Duration::from_millis(sensors_ms.min(self.next_device_ms()).saturating_sub(self.now_ms))
    }

    fn command(&mut self, topic: &str, payload: &[u8]) {
        let rest = topic.strip_prefix(self.spec.root).and_then(|rest| rest.strip_prefix('/'));
        let name = rest.and_then(|rest| rest.strip_suffix("/set"));
        match self.devices.iter_mut().find(|device| Some(device.name()) == name) {
            Some(device) => device.command(payload, self.now_ms, &mut self.device_rng),
            None => self.ignored += 1,
        }
    }

    fn restate(&mut self) {
        let root = self.spec.root;
        let state = |device: &Device| Message {
            topic: format!("{root}/{}", device.name()),
            payload: device.state(),
            retain: true,
        };
        self.outbox.extend(self.devices.iter().map(state));
    }

    fn command_topics(&self) -> Vec<String> {
        let root = self.spec.root;
        self.devices.iter().map(|device| format!("{root}/{}/set", device.name())).collect()
    }

    fn goals(&self) -> Vec<GoalState> {
        let truth = self.truth();
        let judge =
            |goal: &super::spec::GoalSpec| GoalState { name: goal.name, met: goal.is_met(&truth) };
        self.spec.goals.iter().map(judge).collect()
    }

    fn forbidden(&self) -> Vec<&'static str> {
        let all = self.spec.interlocks.iter().zip(&self.broken);
        all.filter(|(_, broken)| **broken).map(|(interlock, _)| interlock.name).collect()
    }

    fn score(&self) -> Score {
        self.score.clone()
    }
}

#[cfg(test)]
mod tests;
