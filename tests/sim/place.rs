//! The place: sensors that feel what devices do, devices that take messages, and all that goes
//! wrong with them.

use outpost::agent::{Effect, Event};
use outpost::clock::ClockTrust;
use outpost::domain::{ActuatorId, Entry, Setting, StepState};

use crate::oracle::{Due, same};
use crate::run::{END_MS, FAULTS_MS, Held, JUDGED_MS, Next, Sim};
use crate::scene::{Kind, MARKER};

/// How fast the place answers, in milliseconds: ten minutes.
const TAU_MS: f64 = 600_000.0;
/// How far beside its level a motor stops at most.
pub const TREMBLE: f64 = 3.0;
/// How long a message is on its way where nothing goes wrong.
const TRAVEL_MS_MAX: u64 = 400;
/// What a device at full changes in the end, in units: 25 outweighs every ambient value.
const PUSH: f64 = 25.0;
/// Most messages to one device within an hour beside twice its own limit: reflexes to `safe` and
/// ends of pulses have none; they are at most four within 10 s, and devices fight rarely.
const SENDS_EXTRA: u64 = 120;
/// Most records beside readings and commands' states within an hour: for each device an intent, a
/// refusal or an end for each message of its limit, and as much again for decisions and events.
const RECORDS_A_DEVICE: u64 = 600;

fn level(setting: &Setting, safe: &Setting) -> f64 {
    match setting {
        Setting::On => 1.0,
        Setting::Level(level) => level / 100.0,
        _ if setting == safe => 0.0,
        _ => 0.0,
    }
}

impl Sim {
    /// What happens without anybody's doing.
    pub fn begin(&mut self) {
        self.later(0, Next::Start);
        for index in 0..self.scene.sensors.len() {
            let first = self.rng.int(100, self.scene.sensors[index].every_ms);
            self.later(first, Next::Read(index));
        }
        for index in 0..self.scene.devices.len() {
            self.later(1000 + 700 * index as u64, Next::Speak(index));
        }
        self.later(60_000, Next::Fault);
        self.later(90_000, Next::Operator);
        self.later(FAULTS_MS, Next::Calm);
    }

    /// Brings a sensor's true value to now.
    fn evolve(&mut self, index: usize) -> f64 {
        let sensor = &self.scene.sensors[index];
        // Four hours a turn.
        let turn = (self.now as f64 / 14_400_000.0 * std::f64::consts::TAU + index as f64).sin();
        let mut target = sensor.ambient + sensor.swing * turn;
        for (device, spot) in self.scene.devices.iter().zip(&self.spots) {
            if let Some((of, direction)) = device.effect
                && of == index
            {
                target += PUSH * direction * level(&spot.setting, &device.safe);
            }
        }
        let probe = &mut self.probes[index];
        let passed = (self.now - probe.at) as f64;
        probe.value = target + (probe.value - target) * (-passed / TAU_MS).exp();
        probe.at = self.now;
        probe.value
    }

    /// A sensor's turn to speak.
    pub fn sense(&mut self, index: usize) {
        let every = self.scene.sensors[index].every_ms;
        self.later(every, Next::Read(index));
        let truth = self.evolve(index);
        if self.now + JUDGED_MS >= END_MS {
            for (goal, kept) in self.scene.goals.iter().zip(&mut self.kept_ms) {
                // A unit beside the bounds is the sensor's noise and the planner's patience.
                if goal.sensor == index && truth > goal.min - 1.0 && truth < goal.max + 1.0 {
                    *kept += every;
                }
            }
        }
        let probe = &self.probes[index];
        if probe.silent {
            return;
        }
        let noise = self.rng.real(-0.2, 0.2);
        let value = probe.stuck.unwrap_or(truth + noise);
        let name = self.scene.sensors[index].name.clone();
        let mut payload = match self.scene.sensors[index].field {
            true => format!("{{\"v\":{value:.3}}}").into_bytes(),
            false => format!("{value:.3}").into_bytes(),
        };
        let mut retained = false;
        let mut delay = 5;
        if self.faulty() {
            match self.rng.int(0, 99) {
                0 => payload = b"NaN".to_vec(),
                1 => payload = MARKER.as_bytes().to_vec(),
                2 => payload = b"{\"v\":9e300}".to_vec(),
                3 => payload = vec![0xff, 0xfe],
                4 => payload = b"9999".to_vec(),
                5 => retained = true,
                6 => delay = self.rng.int(5, 30_000),
                7 => payload = format!("{{\"v\":\"{MARKER}\"}}").into_bytes(),
                8 => return,
                9 => payload = vec![b'['; 500],
                _ => {}
            }
        }
        self.later(delay, Next::Message { topic: format!("p/{name}"), payload, retained });
        if self.rng.chance(0.05) {
            let payload = if self.rng.chance(0.5) { MARKER } else { "good" };
            let (topic, payload) = ("p/mood".to_string(), payload.as_bytes().to_vec());
            self.later(7, Next::Message { topic, payload, retained: false });
        }
        if self.rng.chance(0.2) {
            let payload = *self.rng.pick(&["on", "off", "true", "0", MARKER]);
            let (topic, payload) = ("p/door".to_string(), payload.as_bytes().to_vec());
            self.later(9, Next::Message { topic, payload, retained: false });
        }
    }

    /// A device says once a minute what it is set to.
    pub fn speak(&mut self, index: usize) {
        self.later(60_000, Next::Speak(index));
        self.echo(index);
    }

    /// The device's echo, with its faults.
    pub fn echo(&mut self, index: usize) {
        let device = &self.scene.devices[index];
        if !device.echo || self.spots[index].dead {
            return;
        }
        let (name, confirm, orderly) = (&device.name, device.confirm_ms, self.scene.orderly);
        let topic = format!("p/{name}");
        let mut setting = self.spots[index].setting.clone();
        if let Setting::Level(level) = &mut setting {
            // Motors stop near by.
            *level += self.rng.real(-TREMBLE, TREMBLE);
        }
        let mut delay = self.rng.int(20, confirm / 4);
        let faulty = self.faulty();
        if faulty && self.rng.chance(0.03) {
            return;
        }
        let mut twice = false;
        if faulty && !orderly {
            match self.rng.int(0, 29) {
                0 => setting = self.scene.some_setting(&mut self.rng, index),
                1..3 => delay = self.rng.int(20, 3 * confirm),
                3 => twice = true,
                _ => {}
            }
        }
        let mut payload = word(&setting);
        if faulty && self.rng.chance(0.01) {
            payload = MARKER.as_bytes().to_vec();
        }
        if orderly {
            let at = (self.now + delay).max(self.spots[index].last_echo);
            self.spots[index].last_echo = at;
            delay = at - self.now;
        }
        if twice {
            let (topic, payload) = (topic.clone(), payload.clone());
            self.later(delay + 900, Next::Message { topic, payload, retained: false });
        }
        self.later(delay, Next::Message { topic, payload, retained: false });
    }

    /// The agent lets a message go, or it is kept until its record is stored.
    pub fn send(
        &mut self,
        token: u64,
        device: usize,
        payload: Vec<u8>,
        after: Option<u64>,
    ) -> Result<(), String> {
        let setting = read(&self.scene.devices[device].kind, &payload)?;
        self.log.push_back(format!("           -> {device} {setting} {token} after {after:?}"));
        let waits = after.filter(|seq| *seq > self.memory.stored);
        if waits.is_none() {
            self.judge_going(device, &payload, false)?;
        }
        self.oracle.handed(device, &setting, token, waits.is_some(), self.now);
        let most = 2 * u64::from(self.scene.devices[device].per_hour) + SENDS_EXTRA;
        let sent = self.oracle.devices[device].sent_times.len() as u64;
        self.out.sends_an_hour_max = self.out.sends_an_hour_max.max(sent);
        if sent > most {
            let name = &self.scene.devices[device].name;
            return Err(format!("bound: {sent} messages to {name} within an hour, {most} allowed"));
        }
        match waits {
            Some(seq) => {
                self.held.push_back(Held { seq, token, device, payload });
                Ok(())
            }
            None => self.publish(token, device, payload),
        }
    }

    /// Invariant 1 is judged when a message goes, not when the agent hands it over: what waits has
    /// set nothing yet, and the agent can withdraw it until then. So what was allowed at first and
    /// has become forbidden meanwhile is a fault, and what was withdrawn in time is none. Nor does
    /// anything go in mode `observe` but the end of a pulse.
    fn judge_going(&self, device: usize, payload: &[u8], waited: bool) -> Result<(), String> {
        let spec = &self.scene.devices[device];
        let setting = read(&spec.kind, payload)?;
        let ends = spec.kind == Kind::Pulse && setting == spec.safe;
        if self.is_watched(device) && !ends {
            return Err(format!("observe: {} is sent to {setting}", spec.name));
        }
        let broken = self.oracle.forbids(&self.scene, device, &setting, waited, self.now);
        broken.map_or(Ok(()), Err)
    }

    /// Mode `observe`: nothing is sent to it.
    fn is_watched(&self, device: usize) -> bool {
        let own = self.modes.get(&self.scene.devices[device].name);
        let of_all = self.modes.get("").map_or(self.scene.mode, |mode| mode.as_str());
        of_all == "observe" || own.is_some_and(|mode| mode == "observe")
    }

    /// Of what is due that which is neither sent at once nor refused in writing.
    pub fn undone(&self, due: Vec<Due>, effects: &[Effect]) -> Vec<Due> {
        let mode_changes = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Record { entry: Entry::Mode { .. }, .. }));
        let done = |(device, to, _): &Due| {
            let spec = &self.scene.devices[*device];
            // An interlock has the last word where a rule is due as well.
            let locked = self.oracle.may_be_locked(&self.scene, *device, self.now);
            let is_due = |sent: &Setting| same(sent, to) || locked && *sent == spec.safe;
            effects.iter().any(|effect| match effect {
                Effect::Send { actuator, after, payload, .. } => {
                    let sent = read(&spec.kind, payload);
                    usize::from(actuator.0) == *device
                        && after.is_none()
                        && sent.is_ok_and(|sent| is_due(&sent))
                }
                Effect::Record { entry: Entry::Step { actuator, state, .. }, .. } => {
                    *actuator == spec.name && *state == StepState::Refused
                }
                _ => false,
            })
        };
        let judged = !mode_changes && self.plan.interlocks;
        let undone = due.iter().filter(|one| judged && !self.is_watched(one.0) && !done(one));
        undone.cloned().collect()
    }

    /// What was sent to others within the same event may be what an interlock kept it from.
    pub fn judge_reflexes(&self, missing: &[Due]) -> Result<(), String> {
        let kept = |due: &&Due| self.oracle.may_be_kept(&self.scene, due.0, &due.1, self.now);
        match missing.iter().find(|due| !kept(due)) {
            None => Ok(()),
            Some((device, setting, why)) => {
                let name = &self.scene.devices[*device].name;
                Err(format!("reflex: {why} and {name} was not sent to {setting} at once"))
            }
        }
    }

    /// What is refused, or given up while it waits, has to be so; what is given up leaves the
    /// agent without knowledge of the device.
    pub fn judge_end_of_step(
        &mut self,
        name: &str,
        to: &Setting,
        state: StepState,
        why: &str,
    ) -> Result<(), String> {
        if matches!(state, StepState::Refused | StepState::Unconfirmed) {
            self.judge_refused(name, to, why)?;
        }
        let device = self.scene.devices.iter().position(|one| one.name == name);
        if state == StepState::Unconfirmed && !why.ends_with("replaced by a newer command") {
            device.into_iter().for_each(|device| self.oracle.lost(device));
        }
        Ok(())
    }

    /// Where the agent says that an interlock keeps it from something, that has to be so.
    fn judge_refused(&self, name: &str, to: &Setting, why: &str) -> Result<(), String> {
        let lock = why.rsplit_once(": interlock lock ").map(|(_, lock)| lock);
        let number = lock.and_then(|lock| lock.split(':').next()?.parse::<usize>().ok());
        let device = self.scene.devices.iter().position(|one| one.name == name);
        match number.zip(device) {
            Some((lock, device))
                if !self.oracle.is_kept_by(&self.scene, lock, device, to, self.now) =>
            {
                Err(format!("refused: {name} to {to}: {why}, which is not true then"))
            }
            _ => Ok(()),
        }
    }

    /// Counts records that no reading and no operator asked for.
    pub fn count_record(&mut self) -> Result<(), String> {
        let hour = self.now / 3_600_000;
        if self.hour.0 != hour {
            self.hour = (hour, 0);
        }
        self.hour.1 += 1;
        self.out.records_an_hour_max = self.out.records_an_hour_max.max(self.hour.1);
        let most = RECORDS_A_DEVICE * self.scene.devices.len() as u64;
        match self.hour.1 > most {
            true => Err(format!("bound: {} records within an hour, {most} allowed", self.hour.1)),
            false => Ok(()),
        }
    }

    /// What the journal has stored may go.
    pub fn release(&mut self) -> Result<(), String> {
        while self.held.front().is_some_and(|one| one.seq <= self.memory.stored) {
            let Some(Held { token, device, payload, .. }) = self.held.pop_front() else { break };
            self.judge_going(device, &payload, true)?;
            self.publish(token, device, payload)?;
        }
        Ok(())
    }

    fn publish(&mut self, token: u64, device: usize, payload: Vec<u8>) -> Result<(), String> {
        self.out.sends += 1;
        let setting = read(&self.scene.devices[device].kind, &payload)?;
        self.oracle.goes(&self.scene, device, &setting, token, self.now);
        if let Some(agent) = &mut self.agent {
            agent.went(token);
            self.wake = self.born + agent.next_wake().0;
        }
        if let Some(id) = self.of_command.remove(&token) {
            if self.ended.contains(&id) {
                return Err(format!("invariant 4: {id} was carried out after its end"));
            }
            let others = self.carried_out.iter().filter(|(one, _)| *one == id).count();
            self.carried_out.insert((id.clone(), token));
            if others > 0 {
                return Err(format!("invariant 4: {id} was carried out twice"));
            }
        }
        if !self.link_up {
            self.oracle.lost(device);
            return self.event(Event::Lost { token, why: None });
        }
        let (spec, orderly) = (&self.scene.devices[device], self.scene.orderly);
        let faulty = self.faulty();
        self.outstanding.insert(token, device);
        let mut delay = match (orderly, spec.echo) {
            (true, false) => 10,
            _ => self.rng.int(20, TRAVEL_MS_MAX),
        };
        if faulty && (spec.echo || !orderly) {
            if self.rng.chance(0.04) {
                self.later(50, Next::Acked(token));
                return Ok(());
            }
            if !orderly && self.rng.chance(0.05) {
                delay = self.rng.int(20, 15_000);
            }
        }
        if orderly {
            delay = (self.now + delay).max(self.spots[device].last_arrival) - self.now;
            self.spots[device].last_arrival = self.now + delay;
        }
        self.later(delay, Next::Arrive { device, payload });
        // In an orderly place the PUBACK of a device without an echo never gets lost.
        let may_lose = faulty && (!orderly || self.scene.devices[device].echo);
        if !(may_lose && self.rng.chance(0.02)) {
            let wait = if orderly { 30 } else { self.rng.int(20, 300) };
            self.later(wait, Next::Acked(token));
        }
        Ok(())
    }

    /// A message reaches its device.
    pub fn arrive(&mut self, device: usize, payload: &[u8]) -> Result<(), String> {
        if self.spots[device].dead {
            return Ok(());
        }
        let setting = read(&self.scene.devices[device].kind, payload)?;
        if !self.spots[device].stuck && self.spots[device].setting != setting {
            self.log
                .push_back(format!("{:10.3} device {device} is {setting}", self.now as f64 / 1e3));
            for index in 0..self.scene.sensors.len() {
                self.evolve(index);
            }
            let before = std::mem::replace(&mut self.spots[device].setting, setting);
            self.judge_devices(device)?;
            self.old_word(device, &before);
        }
        self.echo(device);
        Ok(())
    }

    /// At times what a device said before a message comes after its answer; somebody acts on it.
    fn old_word(&mut self, device: usize, before: &Setting) {
        let spec = &self.scene.devices[device];
        let confirm_ms = spec.confirm_ms;
        if !spec.echo || self.scene.orderly || !self.faulty() || !self.rng.chance(0.5) {
            return;
        }
        let delay = self.rng.int(confirm_ms, 12_000);
        let (topic, payload) = (format!("p/{}", spec.name), word(before));
        self.later(delay, Next::Message { topic, payload, retained: false });
        if self.rng.chance(0.3) {
            self.take_back(delay, device, before);
        }
        // Messages to others of its interlock, while its two last words disagree.
        for wait in [300, 1500, 4000] {
            self.later(delay + wait, Next::Tempt);
        }
    }

    /// Invariant 1 at the devices: where messages keep their order and echoes are true, no message
    /// of the agent makes a forbidden state, but one to `safe` of which nothing was known, or one
    /// that was on its way already when a pulse ended, as it must.
    fn judge_devices(&self, device: usize) -> Result<(), String> {
        let to_safe = self.spots[device].setting == self.scene.devices[device].safe;
        if !self.scene.orderly || to_safe {
            return Ok(());
        }
        for (index, one) in self.scene.interlocks.iter().enumerate() {
            // What sensors say by now is nothing that the agent could know.
            let truth = one.truth(&|atom| self.stands(atom, atom.device()?));
            let ended = |of: &usize| {
                let last = self.oracle.devices[*of].last_sent.as_ref();
                let fresh = last.is_some_and(|(_, at)| self.now - at < TRAVEL_MS_MAX);
                self.scene.devices[*of].kind == Kind::Pulse && fresh
            };
            if one.names(device) && truth == Some(true) && !one.devices().iter().any(ended) {
                let name = &self.scene.devices[device].name;
                return Err(format!("invariant 1: {name} has arrived in interlock {index}"));
            }
        }
        Ok(())
    }

    /// Something goes wrong.
    pub fn fault(&mut self) -> Result<(), String> {
        if !self.faulty() {
            return Ok(());
        }
        let wait = self.rng.int(20_000, 300_000);
        self.later(wait, Next::Fault);
        self.jump();
        let device = self.rng.index(self.spots.len());
        let sensor = self.rng.index(self.probes.len());
        let orderly = self.scene.orderly;
        let mute = orderly && !self.scene.devices[device].echo;
        let length = self.rng.int(10_000, 900_000);
        match self.rng.int(0, 9) {
            0 if !mute => {
                self.spots[device].dead = true;
                self.later(length, Next::Heal(device));
            }
            1 if !mute => {
                self.spots[device].stuck = true;
                self.later(length, Next::Heal(device));
            }
            2 | 3 if !orderly => {
                self.spots[device].setting = self.scene.some_setting(&mut self.rng, device);
                self.echo(device);
            }
            4 => {
                self.probes[sensor].silent = true;
                self.later(length, Next::Sensor(sensor));
            }
            5 => {
                self.probes[sensor].stuck = Some(self.rng.real(10.0, 40.0));
                self.later(length, Next::Sensor(sensor));
            }
            6 => return self.event_link_down(),
            7 => self.slow_journal(length / 4),
            // What stands between says that it does not hear the device, which is there or gone.
            9 if self.scene.devices[device].echo && self.agent.is_some() => {
                let actuator = ActuatorId(u16::try_from(device).unwrap_or(u16::MAX));
                let is_there = self.rng.chance(0.5);
                self.oracle.muted(device, is_there, self.now);
                return self.event(Event::Mute { actuator, is_there });
            }
            8 if self.plan.crashes && self.agent.is_some() => match self.rng.chance(0.5) {
                true => self.crash(),
                // Somebody stops it, and it hands over first.
                false => return self.event(Event::Stop),
            },
            _ => {}
        }
        Ok(())
    }

    /// The journal takes seconds for each record. What waits for it is where a break, a reflex or
    /// the unknown comes between: people set devices, then sensors say what cannot be, and an
    /// interlock that allowed a message is unknown before it goes.
    fn slow_journal(&mut self, length: u64) {
        self.slow_until = self.now + length;
        // Longer than any device has to answer, or no longer than each has.
        self.slow_ms = *self.rng.pick(&[1500, 3000, 15_000]);
        self.later(1000, Next::Command);
        self.later(1500, Next::Command);
        self.hands_off();
        if self.rng.chance(0.3) {
            self.later(2000, Next::LinkDown);
        }
        if self.rng.chance(0.3) {
            self.grow_stale();
            return;
        }
        for round in [0, 5000, 12_000] {
            for wait in [100, 150, 200, 250] {
                self.later(round + wait, Next::Dare);
            }
            for index in 0..self.probes.len() {
                let truth = self.evolve(index);
                self.say(round, index, truth);
                self.say(round + 400, index, 9999.0);
            }
        }
    }

    /// A sensor falls silent, and people set devices just before it is stale.
    fn grow_stale(&mut self) {
        let index = self.rng.index(self.probes.len());
        let stale = self.oracle.sensors[index].at + 3 * self.scene.sensors[index].every_ms;
        let wait = stale.saturating_sub(self.now);
        if wait < 2000 || self.probes[index].silent {
            return;
        }
        self.probes[index].silent = true;
        self.later(wait + 15_000, Next::Sensor(index));
        self.slow_until = self.slow_until.max(self.now + wait + 5000);
        for before in [1500, 1000, 700, 400] {
            self.later(wait - before, Next::Dare);
        }
    }

    /// A sensor says this.
    fn say(&mut self, wait: u64, index: usize, value: f64) {
        let sensor = &self.scene.sensors[index];
        let payload = match sensor.field {
            true => format!("{{\"v\":{value:.3}}}").into_bytes(),
            false => format!("{value:.3}").into_bytes(),
        };
        let topic = format!("p/{}", sensor.name);
        self.later(wait, Next::Message { topic, payload, retained: false });
    }

    fn event_link_down(&mut self) -> Result<(), String> {
        self.later(0, Next::LinkDown);
        Ok(())
    }

    /// The wall clock jumps, and is believed more or less.
    fn jump(&mut self) {
        if !self.plan.jumps || !self.clock_rng.chance(0.3) {
            return;
        }
        let hour = 3_600_000;
        let most = *self.clock_rng.pick(&[hour, 24 * hour, 24 * 365 * hour]);
        self.wall_ms += self.clock_rng.int(0, 2 * most) as i64 - most as i64;
        let all = [ClockTrust::Unset, ClockTrust::Restored, ClockTrust::Synced];
        self.trust = *self.clock_rng.pick(&all);
    }
}

/// What a device says that is set to this.
fn word(setting: &Setting) -> Vec<u8> {
    match setting {
        Setting::On => b"ON".to_vec(),
        Setting::Off => b"OFF".to_vec(),
        other => other.to_string().into_bytes(),
    }
}

/// What a payload sets a device to.
fn read(kind: &Kind, payload: &[u8]) -> Result<Setting, String> {
    let word = String::from_utf8_lossy(payload).into_owned();
    let bad = || format!("a device got {word}");
    match kind {
        Kind::Switch | Kind::Pulse => match &*word {
            "ON" => Ok(Setting::On),
            "OFF" => Ok(Setting::Off),
            _ => Err(bad()),
        },
        Kind::Level => match word.parse::<f64>() {
            Ok(level) if (0.0..=100.0).contains(&level) => Ok(Setting::Level(level)),
            _ => Err(bad()),
        },
        Kind::Choice if ["low", "mid", "high"].contains(&&*word) => Ok(Setting::Choice(word)),
        Kind::Choice => Err(bad()),
    }
}
