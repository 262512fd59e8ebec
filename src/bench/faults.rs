//! Faults of a place's wires and devices, out of a seed: sensors that fall silent, stick, drift or
//! lie, devices that do not hear, or late, or not that they shall end, messages that come late or
//! twice, an agent that is restarted, a wall clock that jumps. Nothing here changes the place.

mod alter;
mod known;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;

use self::known::{Given, Known};
use super::recovery::{Recoveries, Watch};
use crate::clock::{ClockTrust, Now, RealClock, Tick};
use crate::config::{Aim, Config, Port, Sensor, SensorKind};
use crate::plant::{Command, Message, between, stream};

/// Hours from the start of one fault to that of the next.
const EVERY_H: f64 = 6.0;
/// Shortest and longest fault, in hours.
const LASTS_H: (f64, f64) = (0.25, 1.5);
/// Longest delay of a late message, in milliseconds.
const LATE_MS: f64 = 20_000.0;
/// Shortest and longest time after which a slow device hears, in milliseconds: longer than the
/// `confirm_within` of any place, so that each command is doubted, and as long as a motor valve or
/// a radio that sleeps takes.
const SLOW_MS: (f64, f64) = (10_000.0, 60_000.0);
/// How far a sensor has drifted at the end of its fault, as a share of its goal's band: a twentieth
/// is about what a place's noise hides, a tenth is a fifth of the way from the middle of the band
/// to its edge and a year of a cheap humidity sensor's ageing, here within the hour.
const DRIFT: (f64, f64) = (0.05, 0.1);
/// Least and greatest jump of the wall clock, in milliseconds: minutes as a clock that ran on its
/// own for months, hours as one with the wrong time zone or a board without a battery for it.
const JUMP_MS: (f64, f64) = (300_000.0, 21_600_000.0);
/// Keeps this chance apart from the place's own.
const STREAM: u64 = 0xfa17;
const HOUR_MS: f64 = 3_600_000.0;

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing comes on this topic.
    Silent(String),
    /// The last value before the fault comes again and again.
    Stuck(String),
    /// What the sensor says goes off evenly.
    Drifting {
        /// Its place in the configuration.
        sensor: usize,
        /// How far at the fault's end, in its unit.
        by: f64,
    },
    /// What the sensor says jumps and stays off by as much; a yes is a no.
    Lying {
        /// Its place in the configuration.
        sensor: usize,
        /// Where it jumps to, in its unit.
        to: f64,
    },
    /// The device does not hear.
    Dead(String),
    /// The device hears each command late, at the latest when the fault ends.
    Slow {
        /// Where it is commanded.
        topic: String,
        /// How late, in milliseconds.
        by_ms: u64,
    },
    /// The device does not hear what would set it lower.
    StuckOn(String),
    /// Every message takes up to 20 s.
    Late,
    /// Every message comes twice.
    Doubled,
    /// The agent ends without notice and begins again, at once.
    Restart,
    /// The wall clock is wrong by so many milliseconds; then it is set right.
    Clock(i64),
}

impl Kind {
    /// Its word in reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Silent(_) => "silent",
            Kind::Stuck(_) => "stuck",
            Kind::Drifting { .. } => "drifting",
            Kind::Lying { .. } => "lying",
            Kind::Dead(_) => "dead",
            Kind::Slow { .. } => "slow",
            Kind::StuckOn(_) => "stuck_on",
            Kind::Late => "late",
            Kind::Doubled => "doubled",
            Kind::Restart => "restart",
            Kind::Clock(_) => "clock",
        }
    }
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When it begins and ends.
    pub from: Tick,
    /// See `from`.
    pub until: Tick,
    /// What it is.
    pub kind: Kind,
}

/// The faults of a run.
#[derive(Debug)]
pub struct Faults {
    list: Vec<Fault>,
    known: Option<Known>,
    last: BTreeMap<String, String>,
    late: Vec<(Tick, Message)>,
    /// Commands on their way to a slow device.
    slow: Vec<(Tick, Given)>,
    /// How far off a lie is, in the sensor's unit, and the beginning of its fault.
    lie: Option<(Tick, f64)>,
    wall: Option<RealClock>,
    /// The last wall time that was believed, which a restart finds in its journal.
    floor_unix_ms: i64,
    chance: StdRng,
    restarted: usize,
    watch: Watch,
}

impl Faults {
    /// A run without faults.
    #[must_use]
    pub fn none() -> Faults {
        Faults {
            list: Vec::new(),
            known: None,
            last: BTreeMap::new(),
            late: Vec::new(),
            slow: Vec::new(),
            lie: None,
            wall: None,
            floor_unix_ms: 0,
            chance: stream(0, STREAM),
            restarted: 0,
            watch: Watch::default(),
        }
    }

    /// Faults of `hours`, one in each six, in the place of this configuration.
    #[must_use]
    pub fn of(seed: u64, hours: f64, config: &Arc<Config>) -> Faults {
        let mut chance = stream(seed, STREAM);
        let mut list = Vec::new();
        let mut at_h = EVERY_H / 2.0;
        while at_h < hours {
            let kind = kind(&mut chance, config);
            let from_h = at_h + between(&mut chance, 0.0, EVERY_H / 2.0);
            let lasts_h = between(&mut chance, LASTS_H.0, LASTS_H.1);
            let lasts_h = if kind == Kind::Restart { 0.0 } else { lasts_h };
            let tick = |hours: f64| Tick((hours * HOUR_MS) as u64);
            list.push(Fault { from: tick(from_h), until: tick(from_h + lasts_h), kind });
            at_h += EVERY_H;
        }
        Faults { list, chance, ..Faults::none() }.known(config)
    }

    fn known(mut self, config: &Arc<Config>) -> Faults {
        self.known = Some(Known::new(config.clone()));
        self.watch = Watch::new(self.list.iter().map(|fault| (fault.until, fault.kind.word())));
        self
    }

    /// The faults, in the order of their beginnings.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    fn in_time(&self, now: Tick) -> impl Iterator<Item = &Fault> {
        self.list.iter().filter(move |fault| fault.from <= now && now < fault.until)
    }

    fn holds(&self, now: Tick, kind: impl Fn(&Kind) -> bool) -> bool {
        self.in_time(now).any(|fault| kind(&fault.kind))
    }

    /// Nothing ever fails in this run.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.list.is_empty()
    }

    /// Nobody can prevent that this interlock is broken now: a sensor that it is about fails, and
    /// what arrived has not shown it for the time to react; or a device of it does not hear, and
    /// no setting of the others ends it; or what ends it is on its way to a slow device. Whoever
    /// brings it about by a command by which it was true or unknown, for all that was known, could.
    #[must_use]
    pub fn excuse(&self, interlock: &str, now: Tick) -> bool {
        let Some(known) = &self.known else { return false };
        let begun = self.list.iter().filter(|fault| fault.from <= now);
        begun.into_iter().any(|fault| known.excuse(interlock, fault, &self.slow, now))
    }

    /// A restart began that was not carried out yet.
    pub fn restart_is_due(&mut self, now: Tick) -> bool {
        let due = |fault: &&Fault| fault.kind == Kind::Restart && fault.from <= now;
        let count = self.list.iter().filter(due).count();
        std::mem::replace(&mut self.restarted, count) < count
    }

    /// Both clocks as a program on this board sees them: with the judgement of the real one, which
    /// finds the last believed time in its journal when it `begins` anew.
    pub fn clock(&mut self, now: Now, begins: bool) -> Now {
        if self.is_none() {
            return now;
        }
        let jump = |fault: &Fault| if let Kind::Clock(by_ms) = fault.kind { by_ms } else { 0 };
        let wall_ms = now.unix_ms + self.in_time(now.tick).map(jump).sum::<i64>();
        let tick_ms = i64::try_from(now.tick.0).unwrap_or(i64::MAX);
        if self.wall.is_none() {
            self.floor_unix_ms = now.unix_ms;
        }
        if begins || self.wall.is_none() {
            self.wall = Some(RealClock::of_parts(0, self.floor_unix_ms, wall_ms - tick_ms));
        }
        let Some(clock) = &self.wall else { return now };
        // No time service says that the clock is right: then a jump would cost no trust at all.
        let seen = clock.judge(tick_ms, wall_ms, || false);
        if seen.trust == ClockTrust::Synced {
            self.floor_unix_ms = self.floor_unix_ms.max(seen.unix_ms);
        }
        seen
    }

    /// What arrives now of what was said now and before.
    pub fn pass(&mut self, said: Vec<Message>, now: Tick) -> Vec<Message> {
        if self.is_none() {
            return said;
        }
        let mut arrives = Vec::new();
        let (due, later) = self.late.drain(..).partition(|(at, _)| *at <= now);
        self.late = later;
        let due: Vec<(Tick, Message)> = due;
        arrives.extend(due.into_iter().map(|(_, message)| message));
        for message in said {
            if let Some(known) = &mut self.known {
                known.says(&message);
            }
            let Some(message) = self.changed(message, now) else { continue };
            if self.holds(now, |kind| *kind == Kind::Doubled) {
                arrives.push(message.clone());
            }
            if self.holds(now, |kind| *kind == Kind::Late) {
                let delay_ms = between(&mut self.chance, 0.0, LATE_MS) as u64;
                self.late.push((Tick(now.0 + delay_ms), message));
            } else {
                arrives.push(message);
            }
        }
        if let Some(known) = &mut self.known {
            arrives.iter().for_each(|message| known.arrives(message, now));
            known.look(now);
        }
        arrives
    }

    /// The message as its sensor sends it; `None`: it does not.
    fn changed(&mut self, mut message: Message, now: Tick) -> Option<Message> {
        let topic = message.topic.clone();
        if self.holds(now, |kind| *kind == Kind::Silent(topic.clone())) {
            return None;
        }
        if self.holds(now, |kind| *kind == Kind::Stuck(topic.clone())) {
            if let Some(last) = self.last.get(&topic) {
                message.payload.clone_from(last);
            }
        } else {
            self.last.insert(topic, message.payload.clone());
        }
        let Some(known) = &self.known else { return Some(message) };
        let config = known.config.clone();
        let wrong =
            |fault: &&Fault| matches!(fault.kind, Kind::Drifting { .. } | Kind::Lying { .. });
        let fault = self.in_time(now).find(wrong).cloned();
        let altered = fault.and_then(|fault| self.altered(&fault, &message, &config, now));
        message.payload = altered.unwrap_or(message.payload);
        Some(message)
    }

    /// The payload of a sensor that drifts or lies, where the message is its own.
    fn altered(
        &mut self,
        fault: &Fault,
        message: &Message,
        config: &Config,
        now: Tick,
    ) -> Option<String> {
        let (Kind::Drifting { sensor, .. } | Kind::Lying { sensor, .. }) = fault.kind else {
            return None;
        };
        let sensor = &config.sensors[sensor];
        if sensor.port().and_then(Port::topic) != Some(&message.topic) {
            return None;
        }
        let value = alter::number(sensor, &message.payload)?;
        let value = match fault.kind {
            Kind::Drifting { by, .. } => {
                let whole_ms = (fault.until.0 - fault.from.0).max(1) as f64;
                value + by * (now.0 - fault.from.0) as f64 / whole_ms
            }
            Kind::Lying { .. } if sensor.kind == SensorKind::Bool => 1.0 - value,
            Kind::Lying { to, .. } => {
                let lie = self.lie.filter(|(from, _)| *from == fault.from);
                let (_, off) = *self.lie.insert(lie.unwrap_or((fault.from, to - value)));
                value + off
            }
            _ => return None,
        };
        alter::with(sensor, &message.payload, value)
    }

    /// The commands that reach their devices now, of those given now and before.
    pub fn reach(&mut self, given: Vec<Command>, now: Tick) -> Vec<Command> {
        if self.is_none() {
            return given;
        }
        let (due, later) = self.slow.drain(..).partition(|(at, _)| *at <= now);
        self.slow = later;
        let due: Vec<(Tick, Given)> = due;
        let mut heard: Vec<_> = due.into_iter().map(|(_, given)| self.hears(given)).collect();
        for command in given {
            let topic = &command.topic;
            let stuck = |kind: &Kind| *kind == Kind::StuckOn(topic.clone());
            let lowers = self.known.as_ref().is_some_and(|known| known.lowers(&command));
            if self.holds(now, |kind| *kind == Kind::Dead(topic.clone()))
                || lowers && self.holds(now, stuck)
            {
                continue;
            }
            let known = self.known.as_ref();
            let ventures = known.map(|known| known.ventures(&command, &self.slow, now));
            let late = self.slow_until(topic, now);
            let given = Given { command, ventures: ventures.unwrap_or_default() };
            match late {
                Some(at) => self.slow.push((at, given)),
                None => heard.push(self.hears(given)),
            }
        }
        heard
    }

    /// The device hears it.
    fn hears(&mut self, given: Given) -> Command {
        if let Some(known) = &mut self.known {
            known.hears(&given);
        }
        given.command
    }

    /// When a device hears what it is told now, where it hears late.
    fn slow_until(&self, topic: &str, now: Tick) -> Option<Tick> {
        self.in_time(now).find_map(|fault| match &fault.kind {
            Kind::Slow { topic: slow, by_ms } if slow == topic => {
                Some(Tick((now.0 + by_ms).min(fault.until.0)))
            }
            _ => None,
        })
    }

    /// When something happens here by itself.
    #[must_use]
    pub fn next(&self, now: Tick) -> Option<Tick> {
        let late = self.late.iter().map(|(at, _)| *at);
        let slow = self.slow.iter().map(|(at, _)| *at);
        let turns = self.list.iter().flat_map(|fault| [fault.from, fault.until]);
        late.chain(slow).chain(turns.filter(|at| *at > now)).min()
    }

    /// A fault has ended, and since then the place's goals were not all met yet.
    #[must_use]
    pub fn awaits_recovery(&self, now: Tick) -> bool {
        self.watch.awaits(now)
    }

    /// All goals of the place are met, or one is not.
    pub fn goals_are(&mut self, all_met: bool, now: Tick) {
        self.watch.goals_are(all_met, now);
    }

    /// How long it took after each fault, until the run's end at most.
    #[must_use]
    pub fn recoveries(&mut self, end: Tick) -> Recoveries {
        self.watch.end(end)
    }
}

/// What fails next.
fn kind(chance: &mut StdRng, config: &Config) -> Kind {
    let topics = |ports: Vec<&Port>| -> Vec<String> {
        ports.iter().filter_map(|port| port.topic().map(str::to_owned)).collect()
    };
    let sensors = topics(config.sensors.iter().filter_map(Sensor::port).collect());
    let devices = topics(config.actuators.iter().map(|one| &one.port).collect());
    let speaks = |sensor: &Sensor| sensor.port().and_then(Port::topic).is_some();
    let of = |wanted: &dyn Fn(SensorKind) -> bool| -> Vec<usize> {
        let all = config.sensors.iter().enumerate();
        all.filter(|(_, one)| speaks(one) && wanted(one.kind)).map(|(index, _)| index).collect()
    };
    match between(chance, 0.0, 11.0) as u32 {
        0 => Kind::Silent(pick(chance, &sensors)),
        1 => Kind::Stuck(pick(chance, &sensors)),
        2 => {
            let sensor = pick(chance, &of(&|kind| kind == SensorKind::Number));
            let share = between(chance, DRIFT.0, DRIFT.1);
            let up = between(chance, -1.0, 1.0).signum();
            Kind::Drifting { sensor, by: up * share * band(config, sensor).1 }
        }
        3 => {
            let sensor = pick(chance, &of(&|kind| kind != SensorKind::Text));
            Kind::Lying { sensor, to: lie(chance, config, sensor) }
        }
        4 => Kind::Dead(pick(chance, &devices)),
        5 => {
            let topic = pick(chance, &devices);
            Kind::Slow { topic, by_ms: between(chance, SLOW_MS.0, SLOW_MS.1) as u64 }
        }
        6 => Kind::StuckOn(pick(chance, &devices)),
        7 => Kind::Late,
        8 => Kind::Doubled,
        9 => Kind::Restart,
        _ => {
            // As many of minutes as of hours.
            let by_ms = between(chance, JUMP_MS.0.ln(), JUMP_MS.1.ln()).exp();
            Kind::Clock((by_ms * between(chance, -1.0, 1.0).signum()) as i64)
        }
    }
}

fn pick<T: Clone>(chance: &mut StdRng, all: &[T]) -> T {
    let at = between(chance, 0.0, all.len() as f64) as usize;
    all[at.min(all.len() - 1)].clone()
}

/// Where a lying sensor jumps to: half of the lies lie within a goal's band or one band beside it,
/// or anywhere in the range of a sensor without goal, and can be believed; the others lie outside
/// the range, as those of a broken wire do.
fn lie(chance: &mut StdRng, config: &Config, sensor: usize) -> f64 {
    let (low, high) = config.sensors[sensor].range.unwrap_or((f64::MIN, f64::MAX));
    let (from, width) = band(config, sensor);
    let is_plausible = between(chance, 0.0, 1.0) < 0.5;
    if is_plausible {
        return between(chance, from - width, from + 2.0 * width).clamp(low, high);
    }
    let beyond = width * between(chance, 0.5, 2.0);
    if between(chance, 0.0, 1.0) < 0.5 { low - beyond } else { high + beyond }
}

/// Where the band of a sensor's goal begins, and its width; a bound that is missing is the edge of
/// the sensor's range. Of a sensor without goal a third of the range in its middle: three bands
/// are the range then.
fn band(config: &Config, sensor: usize) -> (f64, f64) {
    let (low, high) = config.sensors[sensor].range.unwrap_or((0.0, 1.0));
    let goal = config.goals.iter().find_map(|goal| match &goal.aim {
        Aim::Keep { sensor: id, min, max } if usize::from(id.0) == sensor => Some((*min, *max)),
        _ => None,
    });
    match goal {
        Some((min, max)) => {
            let from = min.unwrap_or(low);
            (from, max.unwrap_or(high) - from)
        }
        None => (low + (high - low) / 3.0, (high - low) / 3.0),
    }
}
