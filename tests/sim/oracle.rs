//! The simulation's own judgement: what the agent could know, kept apart from the agent, and the
//! invariants of design §8 over it.

use std::collections::VecDeque;

use outpost::agent::{Resumed, ResumedStep};
use outpost::clock::{ClockTrust, Now};
use outpost::domain::{Setting, Value};
use outpost::limits;

use crate::condition::{Atom, Condition};
use crate::scene::{Kind, Rule, Scene};

/// Interlocks and rules react within the same event, unless they did in the last 10 s.
pub const AGAIN_MS: u64 = 10_000;
/// A device, what it must be set to, and why.
pub type Due = (usize, Setting, String);

/// After this a sensor of yes and no or of words, which speaks once a minute, is stale.
const WORD_STALE_MS: u64 = 180_000;

#[derive(Clone, Default)]
pub struct Known {
    /// The last echo, or PUBACK where there is none.
    pub setting: Option<Setting>,
    /// What was sent since and may have arrived, with its time.
    pub flying: Vec<(Setting, u64)>,
    /// The last message that has gone.
    pub last_sent: Option<(Setting, u64)>,
    pub last_token: u64,
    /// Messages of the last hour.
    pub sent_times: VecDeque<u64>,
    /// How many messages of the hour before the last start there were, and when that was.
    pub sent_before: usize,
    pub restarted: u64,
    /// The answer that has moved it, and when, if it has said and was sent nothing since.
    answered: Option<(Setting, u64)>,
    /// That answer, if it said otherwise soon after, unasked: the later word may be the older one.
    doubted: Option<(Setting, u64)>,
    /// Whatever was sent, for longer than it may be on its way.
    flown: Vec<(Setting, u64)>,
    /// What it said and was told before it said otherwise unasked, and when it did.
    taken_back: Vec<(Setting, u64)>,
    /// What was sent may be lost: perhaps nobody knows any more what it is set to.
    lost: bool,
    /// The agent has given up what it sent last. It waits for no answer, so what the device has
    /// said since stands once that answer would be overdue.
    given_up: bool,
    /// What waits for the journal: it has not gone, and can be withdrawn.
    waiting: Vec<(Setting, u64)>,
    /// A pulse may be on since then.
    on_since: Option<u64>,
    /// A pulse was begun then, for sure, and nothing has ended it since.
    pub begun: Option<u64>,
    /// The last life began a pulse and wrote no end of it.
    pulse_open: bool,
}

/// Which of the words of a device count. The agent knows some things that are not seen from here,
/// such as why it sent something: so what it must count is judged apart from what it may count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Those that it must count, to refuse what they forbid.
    Least,
    /// What it knows for certain: nothing that may be forgotten, and the last word alone.
    Sure,
    /// Those that it may count, but not what waits for the journal: that has set nothing yet.
    Gone,
    /// Those that it may count.
    Most,
}

/// How a condition may stand, over all that its devices may be set to.
#[derive(Clone, Copy, Default)]
struct Ways {
    holds: bool,
    fails: bool,
    unknown: bool,
}

#[derive(Clone, Default)]
pub struct Sensed {
    pub value: Option<f64>,
    pub at: u64,
    /// What was last used, be it doubted since.
    pub last: Option<f64>,
    /// It was believed in this life of the agent.
    heard: bool,
}

pub struct Oracle {
    pub devices: Vec<Known>,
    pub sensors: Vec<Sensed>,
    /// Those in force, in their order.
    pub rules: Vec<Rule>,
    /// What the sensors of words and of yes and no said last, and when.
    words: [Option<(Value, u64)>; 2],
    /// The hour of the day, where the clock is trusted.
    pub hour: Option<f64>,
    /// It was told to stop: nobody would end what a rule began now.
    pub stopping: bool,
    /// When this life of the agent began.
    born: u64,
    /// When the connection was lost.
    pub down_at: u64,
}

/// Levels within half a step are the same.
pub fn same(a: &Setting, b: &Setting) -> bool {
    match (a, b) {
        (Setting::Level(a), Setting::Level(b)) => (a - b).abs() <= 5.0,
        _ => a == b,
    }
}

/// They are apart, however much motors tremble.
fn apart(a: &Setting, b: &Setting) -> bool {
    match (a, b) {
        (Setting::Level(a), Setting::Level(b)) => (a - b).abs() > 10.0,
        _ => a != b,
    }
}

/// The hour of the day of UTC with its minutes, where the clock is trusted.
pub fn hour(now: Now) -> Option<f64> {
    let minutes = now.unix_ms.div_euclid(60_000).rem_euclid(24 * 60);
    (now.trust == ClockTrust::Synced).then_some(minutes as f64 / 60.0)
}

impl Oracle {
    pub fn new(scene: &Scene) -> Oracle {
        Oracle {
            devices: vec![Known::default(); scene.devices.len()],
            sensors: vec![Sensed::default(); scene.sensors.len()],
            rules: scene.rules.clone(),
            words: [None, None],
            hour: None,
            stopping: false,
            born: 0,
            down_at: 0,
        }
    }

    fn sensor(&self, scene: &Scene, index: usize, now: u64) -> Option<f64> {
        let sensed = &self.sensors[index];
        let fresh = now - sensed.at <= 3 * scene.sensors[index].every_ms;
        sensed.value.filter(|_| fresh)
    }

    /// Whether a part of a condition that names no device holds; `None`: nobody knows.
    pub fn of_place(&self, scene: &Scene, atom: &Atom, now: u64) -> Option<bool> {
        let sensor = |index: &usize| self.sensor(scene, *index, now);
        let word = |at: usize| {
            let fresh = self.words[at].as_ref().filter(|(_, at)| now - at <= WORD_STALE_MS);
            fresh.map(|(word, _)| word.clone())
        };
        match atom {
            Atom::Is(..) | Atom::LevelAbove(..) => None,
            Atom::Above(of, limit) => Some(sensor(of)? > *limit),
            Atom::Below(of, limit) => Some(sensor(of)? < *limit),
            Atom::MeanAbove(one, other, limit) => {
                Some((sensor(one)? + sensor(other)?) / 2.0 > *limit)
            }
            Atom::More(one, other) => Some(sensor(one)? > sensor(other)?),
            // Since the start, if it was not heard since: this is always known.
            Atom::Older(of, seconds) => {
                let sensed = &self.sensors[*of];
                let since = if sensed.heard { sensed.at } else { self.born };
                Some(now - since > seconds * 1000)
            }
            Atom::HourFrom(hour) => Some(self.hour? >= *hour),
            Atom::Fine => Some(word(0)? == Value::Text("fine".into())),
            Atom::Open => Some(word(1)? == Value::Bool(true)),
        }
    }

    /// Everything that a device may be set to; `None`: it may be anything.
    fn settings(
        &self,
        scene: &Scene,
        device: usize,
        words: Words,
        now: u64,
    ) -> Vec<Option<Setting>> {
        let known = &self.devices[device];
        let overdue = |(_, at): &(Setting, u64)| now - at >= scene.devices[device].confirm_ms;
        let forgotten = known.lost || known.flying.iter().any(overdue);
        let mut all = match words {
            Words::Sure if forgotten => vec![None],
            Words::Gone | Words::Most if forgotten => vec![known.setting.clone(), None],
            _ => vec![known.setting.clone()],
        };
        let least = matches!(words, Words::Least | Words::Sure);
        let over = known.given_up && !known.lost && least;
        let flying = known.flying.iter().filter(|one| !(over && overdue(one)));
        all.extend(flying.map(|(setting, _)| Some(setting.clone())));
        let both = known.doubted.iter().filter(|_| words != Words::Sure);
        let both = both.filter(|(_, at)| now - at < limits::ECHO_DOUBTED_MS_MAX);
        all.extend(both.map(|(setting, _)| Some(setting.clone())));
        if words == Words::Most {
            all.extend(known.waiting.iter().map(|(setting, _)| Some(setting.clone())));
        }
        if matches!(words, Words::Gone | Words::Most) {
            let old = limits::ECHO_DOUBTED_MS_MAX + limits::ECHO_LATE_MS_MAX;
            let back = known.taken_back.iter().filter(|(_, at)| now - at < old);
            all.extend(known.flown.iter().chain(back).map(|(setting, _)| Some(setting.clone())));
        }
        let mut each: Vec<Option<Setting>> = Vec::new();
        for one in all {
            if !each.contains(&one) {
                each.push(one);
            }
        }
        each
    }

    /// How a condition may stand, with a device set to something, if given: over every combination
    /// of what the devices in it may be set to.
    fn ways(
        &self,
        scene: &Scene,
        condition: &Condition,
        change: Option<(usize, &Setting)>,
        words: Words,
        now: u64,
    ) -> Ways {
        let devices = condition.devices();
        let choices: Vec<_> = devices
            .iter()
            .map(|device| match change {
                Some((changed, to)) if changed == *device => vec![Some(to.clone())],
                _ => self.settings(scene, *device, words, now),
            })
            .collect();
        let mut ways = Ways::default();
        for number in 0..choices.iter().map(Vec::len).product() {
            let mut rest: usize = number;
            let mut picked = Vec::new();
            for choice in &choices {
                picked.push(&choice[rest % choice.len()]);
                rest /= choice.len();
            }
            let truth = condition.truth(&|atom| match atom.device() {
                None => self.of_place(scene, atom, now),
                Some(device) => {
                    let at = devices.iter().position(|one| *one == device)?;
                    picked[at].as_ref().map(|setting| atom.of_device(setting))
                }
            });
            match truth {
                Some(true) => ways.holds = true,
                Some(false) => ways.fails = true,
                None => ways.unknown = true,
            }
        }
        ways
    }

    /// It holds, whatever is under way.
    fn certain(&self, scene: &Scene, condition: &Condition, now: u64) -> bool {
        let ways = self.ways(scene, condition, None, Words::Most, now);
        ways.holds && !ways.fails && !ways.unknown
    }

    /// What forbids that a device is set to this. Away from `safe`: an interlock that names it and
    /// is not known to be false then. To `safe`: one that would be true then, which it may not be
    /// as things are; whoever would send it, for what is unknown does not keep from `safe`, and
    /// what is true already becomes no worse.
    fn forbidden_by(&self, scene: &Scene, device: usize, to: &Setting, now: u64) -> Option<usize> {
        let change = Some((device, to));
        let to_safe = *to == scene.devices[device].safe;
        scene.interlocks.iter().position(|one| {
            let breaks = match to_safe {
                false => {
                    let then = self.ways(scene, one, change, Words::Least, now);
                    then.holds || then.unknown
                }
                true => {
                    self.ways(scene, one, change, Words::Sure, now).holds
                        && !self.ways(scene, one, None, Words::Gone, now).holds
                }
            };
            one.names(device) && breaks
        })
    }

    /// An interlock that names a device may be true.
    pub fn may_be_locked(&self, scene: &Scene, device: usize, now: u64) -> bool {
        let mut named = scene.interlocks.iter().filter(|one| one.names(device));
        named.any(|one| self.ways(scene, one, None, Words::Most, now).holds)
    }

    /// An interlock may keep the agent from setting a device to this, be it `safe`.
    pub fn may_be_kept(&self, scene: &Scene, device: usize, to: &Setting, now: u64) -> bool {
        let to_safe = *to == scene.devices[device].safe;
        scene.interlocks.iter().filter(|one| one.names(device)).any(|one| {
            let then = self.ways(scene, one, Some((device, to)), Words::Most, now);
            match to_safe {
                false => then.holds || then.unknown,
                true => then.holds && !self.ways(scene, one, None, Words::Sure, now).holds,
            }
        })
    }

    /// The agent says that an interlock keeps it from setting a device to this; and does it?
    pub fn is_kept_by(
        &self,
        scene: &Scene,
        lock: usize,
        device: usize,
        to: &Setting,
        now: u64,
    ) -> bool {
        let Some(one) = scene.interlocks.get(lock) else { return false };
        let then = self.ways(scene, one, Some((device, to)), Words::Most, now);
        let to_safe = *to == scene.devices[device].safe;
        let before = || self.ways(scene, one, None, Words::Sure, now).holds;
        let kept = if to_safe { then.holds && !before() } else { then.holds || then.unknown };
        one.names(device) && kept
    }

    /// It was begun, so it is ended, be it a pulse of the last life: what the agent sends to `safe`
    /// at once, without asking the interlocks.
    fn is_sent_anyhow(&self, scene: &Scene, device: usize, now: u64) -> bool {
        let (known, spec) = (&self.devices[device], &scene.devices[device]);
        let ends = known.on_since.is_some_and(|since| now - since >= spec.pulse_ms);
        let begins = known.last_sent.is_none() && known.pulse_open;
        begins || spec.kind == Kind::Pulse && ends
    }

    /// Invariant 1, at the moment in which a message goes out.
    pub fn forbids(
        &self,
        scene: &Scene,
        device: usize,
        to: &Setting,
        waited: bool,
        now: u64,
    ) -> Option<String> {
        let to_safe = *to == scene.devices[device].safe;
        if to_safe && !waited && self.is_sent_anyhow(scene, device, now) {
            return None;
        }
        let lock = self.forbidden_by(scene, device, to, now)?;
        let name = &scene.devices[device].name;
        Some(match to_safe {
            false => {
                format!("invariant 1: {name} to {to} though interlock {lock} may be true then")
            }
            true => format!("invariant 1: {name} to safe makes interlock {lock} true"),
        })
    }

    /// The agent hands a message over, which goes at once or waits for the journal.
    pub fn handed(&mut self, device: usize, to: &Setting, token: u64, waits: bool, now: u64) {
        let known = &mut self.devices[device];
        known.last_token = token;
        known.sent_times.push_back(now);
        while known.sent_times.front().is_some_and(|at| now - at >= 3_600_000) {
            known.sent_times.pop_front();
        }
        if *to == Setting::On {
            known.on_since = known.on_since.or(Some(now));
        }
        if waits {
            known.waiting.push((to.clone(), token));
        }
    }

    /// It does not go after all, and the device never hears of it.
    pub fn withdrawn(&mut self, device: usize, token: u64) {
        let known = &mut self.devices[device];
        known.waiting.retain(|(_, waiting)| *waiting != token);
    }

    /// It goes: from here on it counts as under way.
    pub fn goes(&mut self, scene: &Scene, device: usize, to: &Setting, token: u64, now: u64) {
        let known = &mut self.devices[device];
        known.waiting.retain(|(_, waiting)| *waiting != token);
        known.last_sent = Some((to.clone(), now));
        let overdue = |(_, at): &(Setting, u64)| now - at >= scene.devices[device].confirm_ms;
        if known.given_up && !known.lost {
            known.flying.retain(|one| !overdue(one));
        }
        // It was given up before, and a new message does not make it known.
        known.lost |= known.flying.iter().any(overdue);
        known.flying.retain(|(other, _)| other != to);
        known.flying.push((to.clone(), now));
        if known.flying.len() > limits::SETTINGS_IN_FLIGHT_MAX {
            known.flying.remove(0);
            known.lost = true;
        }
        known.flown.push((to.clone(), now));
        let pulse = scene.devices[device].kind == Kind::Pulse && *to == Setting::On;
        known.begun = pulse.then(|| known.begun.unwrap_or(now));
        (known.answered, known.given_up) = (None, false);
    }

    /// A message, or whether it arrived, is lost.
    pub fn lost(&mut self, device: usize) {
        let known = &mut self.devices[device];
        (known.lost, known.given_up, known.begun) = (true, true, None);
    }

    /// Nobody can say any more what a device is set to. What it said may still be the newer word.
    pub fn muted(&mut self, device: usize, is_there: bool, now: u64) {
        let known = &mut self.devices[device];
        let said = known.setting.take();
        known.taken_back.extend(said.map(|one| (one, now)));
        (known.lost, known.begun) = (true, None);
        known.given_up |= !is_there;
    }

    /// A device, or the broker for it, says what it is set to.
    pub fn heard(&mut self, scene: &Scene, device: usize, setting: &Setting, now: u64) {
        let confirm_ms = scene.devices[device].confirm_ms;
        let known = &mut self.devices[device];
        let before = known.setting.replace(setting.clone());
        known.lost = false;
        let last = known.last_sent.as_ref();
        let answers = last.is_some_and(|(last, _)| same(last, setting));
        // Until the last message is answered or given up, older ones may count.
        if answers || last.is_none_or(|(_, at)| now - at >= 2 * confirm_ms) {
            known.flown.retain(|(_, at)| now - at < 2 * confirm_ms);
        }
        if answers {
            // An answer to what was given up is one that nobody waits for.
            if last.is_some_and(|(_, at)| now - at >= confirm_ms) {
                let other = before.clone().filter(|one| apart(one, setting));
                known.taken_back.extend(other.map(|one| (one, now)));
            }
            if before.as_ref().is_some_and(|before| apart(before, setting)) {
                known.answered = (!known.flying.is_empty()).then(|| (setting.clone(), now));
            } else if let Some((said, _)) = &mut known.answered {
                // It trembles: what it said last is what it says.
                *said = setting.clone();
            }
            known.flying.clear();
            known.doubted = None;
        } else {
            known.flying.retain(|(_, at)| now - at < confirm_ms);
            known.unasked(before, setting, now);
        }
        let on = |(setting, _): &(Setting, u64)| *setting == Setting::On;
        known.begun = known.begun.filter(|_| *setting == Setting::On);
        let mut told = known.flown.iter().chain(&known.taken_back).chain(&known.waiting);
        if *setting == Setting::On {
            known.on_since = known.on_since.or(Some(now));
        } else if !told.any(on) {
            known.on_since = None;
        }
    }

    /// The bus is back; away for long, it makes no echo of before to be believed.
    pub fn hears_again(&mut self, scene: &Scene, now: u64) {
        let long = now - self.down_at >= limits::ECHO_BELIEVED_MS;
        for (known, device) in self.devices.iter_mut().zip(&scene.devices) {
            // Nothing could be ended meanwhile.
            known.begun = None;
            if long && device.echo {
                (known.setting, known.answered, known.doubted) = (None, None, None);
            }
        }
    }

    /// A reading came (`None`: it is doubted). One that is too fast for what was last used is
    /// doubted too.
    pub fn read(&mut self, scene: &Scene, sensor: usize, value: Option<f64>, now: u64) {
        let (sensed, spec) = (&mut self.sensors[sensor], &scene.sensors[sensor]);
        let passed = now - sensed.at;
        let too_fast = |value: &f64| {
            let minutes = passed.max(spec.every_ms) as f64 / 60_000.0;
            let fresh = passed <= 3 * spec.every_ms;
            let last = sensed.last.filter(|_| fresh).zip(spec.max_rate);
            last.is_some_and(|(last, rate)| (value - last).abs() > rate * minutes)
        };
        let value = value.filter(|value| !too_fast(value));
        if value.is_some() {
            (sensed.at, sensed.last, sensed.heard) = (now, value, true);
        }
        sensed.value = value;
    }

    /// A sensor of words, or the one of yes and no, is believed.
    pub fn read_word(&mut self, which: usize, value: Value, now: u64) {
        self.words[which] = Some((value, now));
    }

    /// Nothing is known after a start but what the journal told the agent.
    pub fn restart(&mut self, scene: &Scene, resumed: &Resumed, now: u64) {
        for (known, device) in self.devices.iter_mut().zip(&scene.devices) {
            // What was confirmed soon before may be newer than its first word now.
            let old = std::mem::take(known);
            let told = old.last_sent.map(|(last, _)| last).into_iter().chain(old.setting);
            known.taken_back = told.map(|one| (one, now)).collect();
            known.taken_back.extend(old.flown.into_iter().chain(old.taken_back));
            // What counts of the lives before depends on the wall clock, which jumps: messages of
            // long ago may count as recent, and then the device stays as it is.
            let before = resumed.sent.iter().filter(|(name, _)| *name == device.name);
            known.sent_before = before.count();
            let open = |one: &ResumedStep| one.actuator == device.name && one.pulse_open;
            known.pulse_open = resumed.steps.iter().any(open);
            known.restarted = now;
        }
        for sensed in &mut self.sensors {
            (sensed.value, sensed.last, sensed.heard) = (None, None, false);
        }
        (self.words, self.stopping, self.born) = ([None, None], false, now);
    }

    fn settled(&self, device: usize, now: u64) -> Option<&Setting> {
        let known = &self.devices[device];
        let recent = known.last_sent.as_ref().is_some_and(|(_, at)| now - at < AGAIN_MS);
        known.setting.as_ref().filter(|_| known.flying.is_empty() && !recent)
    }

    /// What must be sent within the event that is being dealt with: settings by device, and why.
    pub fn reflexes(&self, scene: &Scene, now: u64) -> Vec<Due> {
        let mut due = Vec::new();
        let moved = |device: usize, to: &Setting| {
            self.settled(device, now).is_some_and(|is| !same(is, to))
                && !self.may_be_kept(scene, device, to, now)
        };
        for (index, one) in scene.interlocks.iter().enumerate() {
            if !self.certain(scene, one, now) {
                continue;
            }
            for device in one.devices() {
                let safe = &scene.devices[device].safe;
                if moved(device, safe) {
                    due.push((device, safe.clone(), format!("interlock {index} is true")));
                }
            }
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let first = self.rules.iter().position(|one| one.device == rule.device);
            let holds = self.certain(scene, &rule.when, now);
            // Beyond its limit an hour it stays as it is, and that is said once.
            let known = &self.devices[rule.device];
            let before = if now - known.restarted < 3_600_000 { known.sent_before } else { 0 };
            let sent = known.sent_times.len() + before;
            let full = sent >= scene.devices[rule.device].per_hour as usize;
            let ends = self.stopping && rule.set != scene.devices[rule.device].safe;
            if first == Some(index) && holds && !ends && moved(rule.device, &rule.set) && !full {
                due.push((rule.device, rule.set.clone(), format!("{} holds", rule.name)));
            }
        }
        due
    }
}

impl Known {
    /// It says something that it was not told last. What it takes back of a minute ago or less may
    /// be the newer word of the two: both count, until it says the first one again, is asked and
    /// answers, says anything when a minute has passed, or has said nothing for ten.
    fn unasked(&mut self, before: Option<Setting>, setting: &Setting, now: u64) {
        let late = limits::ECHO_LATE_MS_MAX;
        let told = self.last_sent.as_ref().map(|(last, _)| last.clone());
        let old = limits::ECHO_DOUBTED_MS_MAX + late;
        self.taken_back.retain(|(_, at)| now - at < old);
        let back = before.into_iter().chain(told).filter(|one| one != setting);
        self.taken_back.extend(back.map(|one| (one, now)));
        let ends = |(first, at): &(Setting, u64)| same(first, setting) || now - at >= late;
        if self.doubted.as_ref().is_some_and(ends) {
            self.doubted = None;
        }
        let answered = self.answered.take();
        let fresh = answered.filter(|(first, at)| now - at < late && apart(first, setting));
        self.doubted = self.doubted.take().or(fresh);
    }
}
