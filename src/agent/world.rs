//! The world as far as it is believed: sensors with trend and staleness, actuators with what was
//! commanded and what they confirmed. Says "unknown" instead of guessing. No decisions here.

use std::collections::VecDeque;
use std::time::Duration;

use super::doubt::Doubt;
use super::filter::{Estimate, Filter};
use super::senses::Senses;
use crate::clock::{Now, Tick};
use crate::config::{Config, SensorKind};
use crate::domain::{ActuatorId, Decider, FaultKind, SensorId, Setting, Value};
use crate::expr::Environment;
use crate::limits;

/// How far ahead the planner looks, for a sensor that speaks each `every`: 20 periods, since a
/// trend out of 20 samples is known to a sixth of the noise; 20 s to 10 min, since a valve needs
/// seconds and a glass house changes within minutes.
#[must_use]
pub fn horizon(every: Duration) -> Duration {
    (every * 20).clamp(Duration::from_secs(20), Duration::from_secs(600))
}

/// Counts of one kind of fault of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultCount {
    /// Since the last report.
    pub unreported: u64,
    /// When it was last reported.
    pub reported: Option<Tick>,
}

/// Number of fault kinds; the length of a row of counts.
pub const FAULT_KINDS: usize = 7;

/// The place of a kind in a row of counts.
#[must_use]
pub fn fault_index(kind: FaultKind) -> usize {
    match kind {
        FaultKind::NotUtf8 => 0,
        FaultKind::NotJson => 1,
        FaultKind::FieldMissing => 2,
        FaultKind::WrongType => 3,
        FaultKind::NotFinite => 4,
        FaultKind::OutOfRange => 5,
        FaultKind::TooLong => 6,
    }
}

/// How long what a sensor said is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lasts {
    /// For some of its periods.
    #[default]
    Periods,
    /// It is derived: until the first of those that it is made of becomes stale.
    Until(Tick),
    /// It is derived from what does not become stale.
    Always,
}

/// What is known of a sensor.
#[derive(Clone, Debug, Default)]
pub struct SensorState {
    value: Option<Value>,
    at: Option<Tick>,
    /// What is known of a number: value, drift, and what actuators add to it.
    filter: Option<Filter>,
    /// A faulty reading came after the last good one.
    doubted: bool,
    /// How long the value is known.
    pub lasts: Lasts,
    /// Whether it can be right at all.
    pub senses: Senses,
    /// It drifts away from others of the same thing.
    pub drifts: bool,
    /// Faults by kind.
    pub faults: [FaultCount; FAULT_KINDS],
}

impl SensorState {
    /// Takes a believed reading.
    pub fn take(&mut self, value: Value, now: Tick) {
        if let (Value::Number(number), Some(filter)) = (&value, &mut self.filter) {
            filter.take(*number, now);
        }
        self.value = Some(value);
        self.at = Some(now);
        self.doubted = false;
    }

    /// A reading came that is not believed: the sensor is unknown until a good one comes.
    pub fn doubt(&mut self) {
        self.doubted = true;
    }

    /// The value, unless it never spoke, is stale or in doubt.
    #[must_use]
    pub fn known(&self, every: Duration, now: Tick) -> Option<&Value> {
        let at = self.at?;
        let fresh = match self.lasts {
            Lasts::Periods => now.since(at) <= every * limits::STALE_PERIODS,
            Lasts::Until(end) => now < end,
            Lasts::Always => true,
        };
        if fresh && !self.doubted { self.value.as_ref() } else { None }
    }

    /// What was last believed and when, be it stale or in doubt by now.
    #[must_use]
    pub fn last(&self) -> Option<(&Value, Tick)> {
        Some((self.value.as_ref()?, self.at?))
    }

    /// When it was last believed.
    #[must_use]
    pub fn heard(&self) -> Option<Tick> {
        self.at
    }

    /// When it becomes stale, if it is not.
    #[must_use]
    pub fn stale_at(&self, every: Duration, now: Tick) -> Option<Tick> {
        self.known(every, now)?;
        match self.lasts {
            Lasts::Periods => {
                Some(self.at?.after(every * limits::STALE_PERIODS + Duration::from_millis(1)))
            }
            Lasts::Until(end) => Some(end),
            Lasts::Always => None,
        }
    }

    /// An actuator's level from now on, 0 to 1.
    pub fn level(&mut self, id: ActuatorId, level: f64, now: Tick) {
        if let Some(filter) = &mut self.filter {
            filter.level(id, level, now);
        }
    }

    /// Value and trend of a numeric sensor, while it is known.
    #[must_use]
    pub fn estimate(&self, every: Duration, now: Tick) -> Option<Estimate> {
        let Some(Value::Number(_)) = self.known(every, now) else { return None };
        self.filter.as_ref()?.estimate(now)
    }

    /// What is known of a number.
    #[must_use]
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The same, to have something of it forgotten.
    pub fn filter_mut(&mut self) -> Option<&mut Filter> {
        self.filter.as_mut()
    }
}

/// A command on its way to a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// What it shall be set to.
    pub setting: Setting,
    /// Token of the message that is out.
    pub token: u64,
    /// When the answer is overdue.
    pub due: Tick,
    /// Messages sent so far.
    pub tries: u8,
    /// The record of its intent, which must be stored before it goes; `None`: it goes at once, or
    /// is out.
    pub after: Option<u64>,
    /// On whose behalf.
    pub by: Decider,
    /// Why.
    pub cause: String,
    /// The device command that waits for its end: kind and id.
    pub command: Option<(String, String)>,
}

/// What is known of an actuator.
#[derive(Clone, Debug, Default)]
pub struct ActuatorState {
    /// What it confirmed; `None`: unknown.
    pub confirmed: Option<Setting>,
    /// What it said last in this life, be it unknown since.
    pub said: Option<Setting>,
    /// What it was set to when it last moved: the setting that it confirmed, or its own first word.
    /// A level that trembles around this has not been moved by anybody.
    pub settled: Option<Setting>,
    /// It was known before its bus or line went away, for longer than an echo is believed.
    pub unheard: bool,
    /// Its device is gone, while its line is there.
    pub is_gone: bool,
    /// Values that may reach it still, with the time of the last message; the latest is the last.
    pub in_flight: Vec<(Setting, Tick)>,
    /// What the last message said that went, and when.
    pub told: Option<(Setting, Tick)>,
    /// The word that came last may be the older one.
    pub doubt: Option<Doubt>,
    /// When it last confirmed what it had been sent.
    pub answered: Option<Tick>,
    /// The command that waits for an answer.
    pub pending: Option<Pending>,
    /// When its confirmed value last changed.
    pub changed: Option<Tick>,
    /// How long it had been so by then, as far as the last life tells.
    pub so_before: Duration,
    /// When messages went out, for the limit an hour.
    pub sent: VecDeque<Tick>,
    /// When each message of the last life is an hour old.
    pub sent_before: Vec<Tick>,
    /// Who set it last; `None`: not the agent.
    pub owner: Option<Decider>,
    /// For which sensors' goals it was begun in this life, and when last.
    pub begun_for: Vec<(SensorId, Tick)>,
    /// The planner leaves it alone until then.
    pub held_until: Option<Tick>,
    /// A pulse ends then.
    pub off_due: Option<Tick>,
    /// Nothing is known of it, and an interlock keeps it from the one message of a stop.
    pub untried: bool,
    /// It was to begin at `safe`, and an interlock has kept it from there since this start.
    pub is_kept_from_start: bool,
    /// Since when it does not respond.
    pub silent_since: Option<Tick>,
    /// How many messages were left within the limit an hour when a person was last called; `None`:
    /// nobody was since it was far off.
    pub limit_said: Option<u32>,
    /// Faults of its echo by kind.
    pub faults: [FaultCount; FAULT_KINDS],
}

impl ActuatorState {
    /// Where it is or will be: the pending setting, else the confirmed one.
    #[must_use]
    pub fn heading(&self) -> Option<&Setting> {
        self.pending.as_ref().map(|pending| &pending.setting).or(self.confirmed.as_ref())
    }

    /// What the message says that waits for the journal.
    #[must_use]
    pub fn waits_for(&self) -> Option<&Setting> {
        self.pending.as_ref().filter(|one| one.after.is_some()).map(|one| &one.setting)
    }

    /// What the message says that has gone and waits for an answer.
    #[must_use]
    pub fn asked_for(&self) -> Option<&Setting> {
        self.pending.as_ref().filter(|one| one.after.is_none()).map(|one| &one.setting)
    }

    /// A setting may reach it from now on.
    pub fn on_its_way(&mut self, setting: &Setting, now: Tick) {
        self.told = Some((setting.clone(), now));
        self.in_flight.retain(|(other, _)| other != setting);
        self.in_flight.push((setting.clone(), now));
        if self.in_flight.len() > limits::SETTINGS_IN_FLIGHT_MAX {
            self.in_flight.remove(0);
            // What is forgotten may still arrive: nothing is known, and the unknown forbids.
            self.confirmed = None;
        }
    }

    /// Messages sent within the last hour.
    #[must_use]
    pub fn sent_last_hour(&self, now: Tick) -> usize {
        let hour = Duration::from_millis(limits::COMMANDS_COUNTED_MS);
        let before = self.sent_before.iter().filter(|end| **end > now).count();
        before + self.sent.iter().filter(|at| now.since(**at) < hour).count()
    }
}

/// Sensors and actuators, by id.
#[derive(Clone, Debug)]
pub struct World {
    /// By [`SensorId`].
    pub sensors: Vec<SensorState>,
    /// By [`ActuatorId`].
    pub actuators: Vec<ActuatorState>,
    /// When the agent started.
    pub started: Tick,
}

impl World {
    /// Nothing known yet. `scales` says what counts as a large change, by sensor.
    #[must_use]
    pub fn new(config: &Config, scales: &[f64], started: Tick) -> World {
        let sensors = (0u16..).zip(&config.sensors).zip(scales).map(|((id, sensor), scale)| {
            let works = |(number, actuator): (u16, &crate::config::Actuator)| {
                let declared = actuator.effects.iter().find(|(one, _)| one.0 == id);
                declared.map(|(_, direction)| (ActuatorId(number), *direction))
            };
            let effects: Vec<_> = (0u16..).zip(&config.actuators).filter_map(works).collect();
            let number = sensor.kind == SensorKind::Number;
            let filter = number.then(|| Filter::new(sensor.every, *scale, &effects));
            let fixed = |one: Filter| if sensor.learn { one } else { one.with_effects_fixed() };
            let filter = filter.map(fixed);
            SensorState { filter, ..SensorState::default() }
        });
        World {
            sensors: sensors.collect(),
            actuators: vec![ActuatorState::default(); config.actuators.len()],
            started,
        }
    }

    /// A sensor.
    #[must_use]
    pub fn sensor(&self, id: SensorId) -> &SensorState {
        &self.sensors[usize::from(id.0)]
    }

    /// An actuator.
    #[must_use]
    pub fn actuator(&self, id: ActuatorId) -> &ActuatorState {
        &self.actuators[usize::from(id.0)]
    }

    /// An actuator, to be changed.
    pub fn actuator_mut(&mut self, id: ActuatorId) -> &mut ActuatorState {
        &mut self.actuators[usize::from(id.0)]
    }
}

/// Hour and weekday where the wall clock is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LocalTime {
    /// Hour of the day with minutes as fraction.
    pub hour: f64,
    /// Monday 1 to Sunday 7.
    pub weekday: f64,
    /// Days since 1970, of the local calendar.
    pub day: i64,
    /// Seconds since local midnight.
    pub second: f64,
}

impl LocalTime {
    /// Local time in a zone; `None` until the clock is trusted or out of range.
    #[must_use]
    pub fn at(now: Now, zone: &jiff::tz::TimeZone) -> Option<LocalTime> {
        if now.trust != crate::clock::ClockTrust::Synced {
            return None;
        }
        let local =
            jiff::Timestamp::from_millisecond(now.unix_ms).ok()?.to_zoned_datetime(zone.clone());
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
        let weekday = f64::from(local.weekday().to_monday_one_offset());
        let day = i64::from(jiff::civil::date(1970, 1, 1).until(local.date()).ok()?.get_days());
        let second = f64::from(local.hour()) * 3600.0
            + f64::from(local.minute()) * 60.0
            + f64::from(local.second())
            + f64::from(local.millisecond()) / 1e3;
        Some(LocalTime { hour, weekday, day, second })
    }
}

/// The world as an expression sees it, with some actuators assumed elsewhere.
pub struct View<'a> {
    /// Names, periods.
    pub config: &'a Config,
    /// What is known.
    pub world: &'a World,
    /// Now.
    pub now: Tick,
    /// Local time, where known.
    pub local: Option<LocalTime>,
    /// Actuators that count at another setting; `None` inside: unknown.
    pub assume: &'a [(ActuatorId, Option<Setting>)],
    /// Of a derived sensor: what the day has made so far, by slot.
    pub today: &'a [Option<f64>],
}

impl Environment for View<'_> {
    fn sensor(&self, id: SensorId) -> Option<Value> {
        let every = self.config.sensors[usize::from(id.0)].every;
        self.world.sensor(id).known(every, self.now).cloned()
    }

    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        if let Some((_, setting)) = self.assume.iter().find(|(other, _)| *other == id) {
            return setting.as_ref().map(Setting::value);
        }
        self.world.actuator(id).confirmed.as_ref().map(Setting::value)
    }

    fn age(&self, id: SensorId) -> Duration {
        self.now.since(self.world.sensor(id).heard().unwrap_or(self.world.started))
    }

    fn hour(&self) -> Option<f64> {
        self.local.map(|local| local.hour)
    }

    fn weekday(&self) -> Option<f64> {
        self.local.map(|local| local.weekday)
    }

    fn drifts(&self, id: SensorId) -> bool {
        self.world.sensor(id).drifts
    }

    fn today(&self, slot: usize) -> Option<f64> {
        *self.today.get(slot)?
    }
}
