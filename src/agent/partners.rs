//! Sensors of the same thing, those that one `median` or `mean` joins, compared with each other:
//! one that goes away from where it usually is among the others drifts, and is left out of what
//! joins them; two that go apart contradict each other. Nothing is refused here.

use std::time::Duration;

use super::core::Agent;
use crate::clock::Tick;
use crate::config::Config;
use crate::domain::{Entry, Memory, SensorId, Severity, Value};
use crate::limits::{PARTNERS_MAX, PARTNERS_WRITTEN_MS};

/// What is kept of one sensor in [`Memory`], before the name of the one that joins it.
const KEPT: &str = "partners";
/// How slowly "now" follows, in seconds: half an hour, so that a door or a cloud is none of it.
const NOW_S: f64 = 1800.0;
/// How slowly "today" follows, in seconds: a day, so that the sun on one of them is no drift.
const TODAY_S: f64 = 24.0 * 3600.0;
/// How slowly "usually" follows, in seconds: ten days. What goes away by the hundredth part of
/// what counts as a large change each day is seen; the seasons are not.
const USUAL_S: f64 = 10.0 * 24.0 * 3600.0;
/// Nothing is judged before so many seconds of comparing: a day.
const SETTLED_S: f64 = TODAY_S;
/// A sensor that was silent for longer than this counts as silent for so long, in seconds.
const STEP_S: f64 = 600.0;
/// It drifts where today it is so many times as far off as it goes within a day, and at least this
/// share of what counts as a large change of the whole; it is back at half of that.
const SPREADS: f64 = 2.0;
const SHARE: f64 = 0.1;
/// A plan on sensors that contradict each other is asked about at most so often.
const ASKED_AGAIN: Duration = Duration::from_secs(3600);

/// One of a group.
#[derive(Clone, Debug)]
struct Member {
    id: SensorId,
    /// How far it is from the others: usually, today, now.
    usual: f64,
    today: f64,
    now: f64,
    /// Usual size of the difference between the last two.
    spread: f64,
    /// Seconds that it was compared for.
    compared_s: f64,
    at: Option<Tick>,
    drifts: bool,
}

/// Sensors that one function joins.
#[derive(Clone, Debug)]
struct Group {
    joined: SensorId,
    members: Vec<Member>,
    /// Two of them are left, and contradict each other.
    apart: bool,
    asked: Option<Tick>,
}

/// All groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Partners {
    groups: Vec<Group>,
    /// By sensor: its places, as group and member.
    places: Vec<Vec<(usize, usize)>>,
    written: Tick,
}

/// What has changed with one of a group.
enum News {
    Drifts(bool),
    Apart(bool),
}

impl Partners {
    pub(super) fn new(config: &Config, memories: &[Memory]) -> Partners {
        let mut partners =
            Partners { places: vec![Vec::new(); config.sensors.len()], ..Partners::default() };
        let mut left = PARTNERS_MAX;
        for joined in &config.derived {
            let formula = config.sensors[usize::from(joined.0)].formula();
            for ids in formula.into_iter().flat_map(|formula| formula.partners()) {
                if ids.len() > left {
                    continue;
                }
                left -= ids.len();
                let group = partners.groups.len();
                for (place, id) in ids.iter().enumerate() {
                    partners.places[usize::from(id.0)].push((group, place));
                }
                let members = ids.iter().map(|id| Member::new(*id)).collect();
                partners.groups.push(Group { joined: *joined, members, apart: false, asked: None });
            }
        }
        for memory in memories {
            partners.resume(config, memory);
        }
        partners
    }

    /// What was kept of one sensor in one group.
    pub(super) fn resume(&mut self, config: &Config, memory: &Memory) {
        let name = |id: SensorId| config.sensors[usize::from(id.0)].name.as_str();
        for (number, group) in self.groups.iter_mut().enumerate() {
            let of = kept(name(group.joined), number);
            if memory.of != of || memory.form != form(config, group) {
                continue;
            }
            for member in group.members.iter_mut().filter(|one| name(one.id) == memory.sensor) {
                member.resume(&memory.numbers);
            }
        }
    }

    /// It is compared with others.
    fn has(&self, id: SensorId) -> bool {
        self.places.get(usize::from(id.0)).is_some_and(|places| !places.is_empty())
    }

    /// True where one of its groups says so.
    pub(super) fn drifts(&self, id: SensorId) -> bool {
        let places = self.places.get(usize::from(id.0)).into_iter().flatten();
        places.into_iter().any(|(group, place)| self.groups[*group].members[*place].drifts)
    }
}

/// Its place tells groups of one derived sensor apart.
fn kept(joined: &str, number: usize) -> String {
    format!("{KEPT} {joined} {number}")
}

/// What tells one group from another.
fn form(config: &Config, group: &Group) -> u32 {
    let mut names = String::new();
    for member in &group.members {
        names.push(' ');
        names.push_str(&config.sensors[usize::from(member.id.0)].name);
    }
    crc32fast::hash(names.as_bytes())
}

impl Member {
    fn new(id: SensorId) -> Member {
        let (usual, today, now, spread, compared_s) = (0.0, 0.0, 0.0, 0.0, 0.0);
        Member { id, usual, today, now, spread, compared_s, at: None, drifts: false }
    }

    fn numbers(&self) -> Vec<Option<f64>> {
        let drifts = f64::from(u8::from(self.drifts));
        let all = [self.usual, self.today, self.now, self.spread, self.compared_s, drifts];
        all.map(Some).to_vec()
    }

    fn resume(&mut self, numbers: &[Option<f64>]) {
        let all: Vec<f64> = numbers.iter().flatten().copied().filter(|n| n.is_finite()).collect();
        let [usual, today, now, spread, compared_s, drifts] = all[..] else { return };
        (self.usual, self.today, self.now) = (usual, today, now);
        (self.spread, self.compared_s) = (spread.max(0.0), compared_s.max(0.0));
        self.drifts = drifts > 0.0;
    }

    /// It is so far from the others now.
    fn note(&mut self, off: f64, now: Tick, is_usual: bool) {
        let passed_s = self.at.map_or(0.0, |at| now.since(at).as_secs_f64().min(STEP_S));
        self.at = Some(now);
        if self.compared_s == 0.0 {
            (self.usual, self.today, self.now) = (off, off, off);
        }
        self.compared_s += passed_s;
        if passed_s <= 0.0 {
            return;
        }
        self.now += (1.0 - (-passed_s / NOW_S).exp()) * (off - self.now);
        self.today += (1.0 - (-passed_s / TODAY_S).exp()) * (off - self.today);
        // What is usual does not follow what is not.
        if !is_usual {
            return;
        }
        let part = passed_s / self.compared_s.min(USUAL_S);
        self.usual += part * (off - self.usual);
        self.spread += part * ((self.now - self.today).abs() - self.spread);
    }

    fn is_settled(&self) -> bool {
        self.compared_s >= SETTLED_S
    }

    /// Today it is too far from where it usually is, by the scale of the whole. One that was is
    /// back where it usually stood, or where the others are: then somebody has set it right.
    fn is_away(&mut self, scale: f64, was: bool) -> bool {
        let most = (SPREADS * self.spread).max(SHARE * scale);
        if !was {
            return self.is_settled() && (self.today - self.usual).abs() > most;
        }
        let stands = (self.now - self.usual).abs() <= most / 2.0;
        let agrees = self.now.abs() <= most / 2.0;
        if agrees && !stands {
            self.usual = self.now;
        }
        if agrees || stands {
            self.today = self.now;
        }
        !(agrees || stands)
    }
}

impl Agent {
    /// Whether a sensor drifts away from others of the same thing; `None`: there are none.
    #[must_use]
    pub fn drifting(&self, id: SensorId) -> Option<bool> {
        self.partners.has(id).then(|| self.world.sensor(id).drifts)
    }

    /// A believed value against those of its partners.
    pub(super) fn compare(&mut self, id: SensorId, value: f64) {
        let places = self.partners.places.get(usize::from(id.0)).cloned().unwrap_or_default();
        for (group, place) in places {
            if let Some(news) = self.compare_in(group, place, value) {
                self.say_of_partner(group, place, &news);
                self.world.sensors[usize::from(id.0)].drifts = self.partners.drifts(id);
                self.derivation.touch(id);
                self.plan_wanted = true;
            }
        }
    }

    fn compare_in(&mut self, group: usize, place: usize, value: f64) -> Option<News> {
        let now = self.now.tick;
        let others = self.partners.groups[group].members.iter().enumerate();
        let others = others.filter(|(other, member)| *other != place && !member.drifts);
        let others = others.filter_map(|(_, member)| {
            let every = self.config.sensors[usize::from(member.id.0)].every;
            match self.world.sensor(member.id).known(every, now)? {
                Value::Number(number) => Some(number - member.usual),
                Value::Bool(_) | Value::Text(_) => None,
            }
        });
        let mut others: Vec<f64> = others.collect();
        others.sort_by(f64::total_cmp);
        let (low, high) =
            (others.get(others.len().checked_sub(1)? / 2)?, others.get(others.len() / 2)?);
        let off = value - (low + (high - low) / 2.0);
        let scale = self.scale_of(self.partners.groups[group].joined);
        let Group { members, apart, .. } = &mut self.partners.groups[group];
        let member = &mut members[place];
        if !off.is_finite() {
            return None;
        }
        // As soon as a third one is there it is known which of them is right.
        let was = member.drifts || (*apart && others.len() < 2);
        member.note(off, now, !was);
        let is = member.is_away(scale, was);
        // Of two nobody knows which of them is right.
        if others.len() < 2 && !member.drifts {
            let news = is != *apart;
            *apart = is;
            return news.then_some(News::Apart(is));
        }
        let news = is != member.drifts;
        member.drifts = is;
        *apart &= members.iter().any(|one| one.drifts);
        news.then_some(News::Drifts(is))
    }

    fn say_of_partner(&mut self, group: usize, place: usize, news: &News) {
        let name = |id: SensorId| self.config.sensors[usize::from(id.0)].name.as_str();
        let Group { joined, members, .. } = &self.partners.groups[group];
        let member = &members[place];
        let unit = &self.config.sensors[usize::from(member.id.0)].unit;
        let others = members.iter().filter(|one| one.id != member.id && !one.drifts);
        let others: Vec<_> = others.map(|one| name(one.id)).collect();
        let (sensor, joined, others) = (name(member.id), name(*joined), others.join(", "));
        let off = format!("{:.2} {unit}", (member.today - member.usual).abs());
        let off = off.trim_end();
        let (text, severity) = match news {
            News::Drifts(true) => (
                format!(
                    "{sensor} drifts away from {others}, {off} off its usual: left out of {joined}"
                ),
                Severity::Warning,
            ),
            News::Drifts(false) => {
                (format!("{sensor} is back with {others}, {joined} takes it again"), Severity::Info)
            }
            News::Apart(true) => (
                format!("{sensor} and {others} contradict each other, {off} off their usual"),
                Severity::Warning,
            ),
            News::Apart(false) => (format!("{sensor} and {others} agree again"), Severity::Info),
        };
        self.say("sensor", text, severity);
    }

    /// A goal in force rests on sensors that contradict each other, and that has not been asked
    /// about for a while.
    pub(super) fn contradiction(&mut self) -> bool {
        if !self.partners.groups.iter().any(|group| group.apart) {
            return false;
        }
        let now = self.now.tick;
        let wanted: Vec<SensorId> = (0..self.aims.len())
            .filter(|index| self.in_force(*index))
            .filter_map(|index| self.aims[index].aim.sensor())
            .collect();
        let due = |group: &&mut Group| {
            let again = group.asked.is_none_or(|at| now.since(at) >= ASKED_AGAIN);
            group.apart && again && wanted.contains(&group.joined)
        };
        let found = self.partners.groups.iter_mut().find(due);
        found.map(|group| group.asked = Some(now)).is_some()
    }

    /// What was kept is believed from the first reading on.
    pub(super) fn resume_partners(&mut self) {
        for (index, sensor) in self.world.sensors.iter_mut().enumerate() {
            sensor.drifts = u16::try_from(index).is_ok_and(|id| self.partners.drifts(SensorId(id)));
        }
    }

    /// Writes down how the partners usually stand, now and then, and at the end.
    pub(super) fn write_partners(&mut self, is_end: bool) {
        let passed = self.now.tick.since(self.partners.written);
        if !is_end && passed < Duration::from_millis(PARTNERS_WRITTEN_MS) {
            return;
        }
        self.partners.written = self.now.tick;
        let name = |id: SensorId| self.config.sensors[usize::from(id.0)].name.clone();
        let mut memories = Vec::new();
        for (number, group) in self.partners.groups.iter().enumerate() {
            let (of, form) = (kept(&name(group.joined), number), form(&self.config, group));
            for member in group.members.iter().filter(|one| one.compared_s > 0.0) {
                let (sensor, numbers) = (name(member.id), member.numbers());
                memories.push(Memory { sensor, of: of.clone(), form, numbers });
            }
        }
        for memory in memories {
            self.record(Entry::Memory(memory));
        }
    }
}
