//! Operators and the judgement at the end: what must hold once faults are over.

use std::collections::{BTreeMap, BTreeSet};

use outpost::agent::{MindNews, Question, Report};
use outpost::domain::{CommandState, Setting};

use crate::condition::Atom;
use crate::place::TREMBLE;
use crate::run::{JUDGED_MS, Next, Sim};
use crate::scene::{Kind, MARKER};

/// What became of notes.
#[derive(Default)]
pub struct Notes {
    /// Those of which a meaning was put before a person, by the approval's id.
    proposed: BTreeMap<String, String>,
    /// Those that a person said yes to.
    confirmed: BTreeSet<String>,
    /// Those that the planner honoured.
    honoured: BTreeSet<String>,
}

impl Sim {
    /// An operator asks for something, perhaps nonsense, perhaps again.
    pub fn operator(&mut self) -> Result<(), String> {
        if !self.faulty() {
            return Ok(());
        }
        if !self.link_up || self.agent.is_none() {
            return Ok(());
        }
        let (kind, id, payload, retained) = match self.rng.chance(0.2) && !self.said.is_empty() {
            true => self.said[self.rng.index(self.said.len())].clone(),
            false => self.new_command(),
        };
        self.said.push((kind.clone(), id.clone(), payload.clone(), retained));
        // QoS 1 brings a message twice at times, and two operators speak at once.
        let times = if self.rng.chance(0.1) { 2 } else { 1 };
        for _ in 0..times {
            let Some(event) = self.inbox.command(&kind, &id, &payload, retained) else { continue };
            self.heard_ids.insert((kind.clone(), id.clone()));
            self.said_yes(&kind, &payload);
            self.event(event)?;
            self.judge_preferences()?;
            self.judge_rules()?;
        }
        if self.rng.chance(0.15) {
            let (kind, id, payload, retained) = self.new_command();
            if let Some(event) = self.inbox.command(&kind, &id, &payload, retained) {
                self.heard_ids.insert((kind.clone(), id.clone()));
                self.said_yes(&kind, &payload);
                self.said.push((kind, id, payload, retained));
                self.event(event)?;
                self.judge_rules()?;
            }
        }
        Ok(())
    }

    fn said_yes(&mut self, kind: &str, payload: &[u8]) {
        let json: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
        let id = json["approval"].as_str().filter(|_| kind == "approve");
        self.notes.confirmed.extend(id.and_then(|id| self.notes.proposed.get(id)).cloned());
    }

    /// What waits for a person is remembered.
    pub fn reported(&mut self, report: Report) {
        if let Report::Approval { id, waits: Some((what, _, cause)), .. } = report {
            let note = cause.split('"').nth(1).filter(|_| what == "note");
            self.notes.proposed.extend(note.map(|note| (id.clone(), note.to_owned())));
            self.out.notes_proposed += u64::from(what == "note");
            self.approval = id;
        }
    }

    /// Nothing is preferred but what a person has said yes to.
    fn judge_preferences(&mut self) -> Result<(), String> {
        let Some(agent) = &self.agent else { return Ok(()) };
        let of_notes = agent.config().preferences.iter().map(|one| one.of_note.clone());
        for note in of_notes.map(Option::unwrap_or_default) {
            if !self.notes.confirmed.contains(&note) {
                return Err(format!("a preference of \"{note}\", which nobody has confirmed"));
            }
            self.notes.honoured.insert(note);
        }
        self.out.notes_honoured = self.notes.honoured.len() as u64;
        Ok(())
    }

    /// Somebody wants what an interlock forbids as things are, be it `safe`; or, where one is true
    /// already, what ends that, so that there is a way back to be forbidden.
    pub fn tempt(&mut self) -> Result<(), String> {
        if !self.faulty() || !self.link_up || self.agent.is_none() {
            return Ok(());
        }
        if self.rng.chance(0.3) {
            self.lead();
        }
        let breaks = self.rng.chance(0.6);
        let mut changes = self.changes(breaks);
        if breaks && self.rng.chance(0.5) {
            let to_safe = |(of, to): &(usize, Setting)| *to == self.scene.devices[*of].safe;
            let safe: Vec<_> = changes.iter().filter(|one| to_safe(one)).cloned().collect();
            changes = if safe.is_empty() { changes } else { safe };
        }
        if changes.is_empty() {
            return Ok(());
        }
        let (device, to) = self.rng.pick(&changes).clone();
        self.want(device, &to, 0)
    }

    /// Somebody wants what an interlock allows as long as it is known what sensors say.
    pub fn dare(&mut self) -> Result<(), String> {
        if !self.faulty() || !self.link_up || self.agent.is_none() {
            return Ok(());
        }
        let mut found = Vec::new();
        for one in &self.scene.interlocks {
            let truth = |device: usize, to: &Setting, hears: bool| {
                one.truth(&|atom| match atom.device() {
                    None if hears => self.oracle.of_place(&self.scene, atom, self.now),
                    None => None,
                    Some(of) if of == device => Some(atom.of_device(to)),
                    Some(of) => Some(atom.of_device(&self.spots[of].setting)),
                })
            };
            for device in one.devices() {
                let dares = |to: &Setting| {
                    *to != self.scene.devices[device].safe
                        && truth(device, to, true) == Some(false)
                        && truth(device, to, false).is_none()
                };
                let all = self.scene.settings(device).into_iter().filter(dares);
                found.extend(all.map(|to| (device, to)));
            }
        }
        match found.is_empty() {
            true => Ok(()),
            false => {
                let (device, to) = self.rng.pick(&found).clone();
                self.want(device, &to, 60)
            }
        }
    }

    /// Somebody sets a device, and the planner leaves it alone for so many seconds.
    pub fn want(&mut self, device: usize, to: &Setting, hold: u64) -> Result<(), String> {
        let (name, to) = (&self.scene.devices[device].name, to.to_string());
        let value = match self.scene.devices[device].kind {
            Kind::Level => to,
            _ => format!("\"{to}\""),
        };
        let payload = format!("{{\"actuator\":\"{name}\",\"value\":{value},\"hold_s\":{hold}}}");
        self.wanted += 1;
        self.command("set", &format!("wanted-{}", self.wanted), &payload)
    }

    /// What somebody wants of a device: often of one that an interlock names, and there its `safe`,
    /// which may be forbidden too.
    fn wish(&mut self) -> (usize, Setting) {
        if self.rng.chance(0.4) {
            let device = self.rng.index(self.scene.devices.len());
            return (device, self.scene.some_setting(&mut self.rng, device));
        }
        let devices = self.rng.pick(&self.scene.interlocks).devices();
        let device = *self.rng.pick(&devices);
        match self.rng.chance(0.3) {
            true => (device, self.scene.devices[device].safe.clone()),
            false => (device, self.scene.some_setting(&mut self.rng, device)),
        }
    }

    /// What would make an interlock true at the devices themselves, or one that is true false.
    fn changes(&self, breaks: bool) -> Vec<(usize, Setting)> {
        let mut found = Vec::new();
        for one in &self.scene.interlocks {
            let truth = |change: Option<(usize, &Setting)>| {
                one.truth(&|atom| match (atom.device(), change) {
                    (None, _) => self.oracle.of_place(&self.scene, atom, self.now),
                    (Some(of), Some((changed, to))) if of == changed => Some(atom.of_device(to)),
                    (Some(of), _) => Some(atom.of_device(&self.spots[of].setting)),
                })
            };
            if (truth(None) == Some(true)) == breaks {
                continue;
            }
            for device in one.devices() {
                let all = self.scene.settings(device).into_iter().map(|to| (device, to));
                found.extend(all.filter(|(_, to)| truth(Some((device, to))) == Some(breaks)));
            }
        }
        found
    }

    fn new_command(&mut self) -> (String, String, Vec<u8>, bool) {
        let number = self.said.len();
        let mut id = format!("c{number}-{}", self.rng.int(0, 9));
        let (device, setting) = self.wish();
        let name = self.scene.devices[device].name.clone();
        let hold = self.rng.int(0, 600);
        let mut payload = match &setting {
            outpost::domain::Setting::Level(level) => {
                format!("{{\"actuator\":\"{name}\",\"value\":{level},\"hold_s\":{hold}")
            }
            word => format!("{{\"actuator\":\"{name}\",\"value\":\"{word}\",\"hold_s\":{hold}"),
        };
        if self.plan.crashes && self.rng.chance(0.4) {
            let ago = self.rng.int(0, 80) as i64;
            let at = (self.clock().unix_ms / 1000 - ago).max(0);
            let at = jiff::Timestamp::from_second(at).expect("within the range of time");
            payload.push_str(&format!(",\"issued\":\"{at}\""));
        }
        payload.push('}');
        let mut kind = "set";
        match self.rng.int(0, 19) {
            0 => {
                kind = "mode";
                let mode = *self.rng.pick(&["act", "act", "act", "advise", "observe", "dance"]);
                payload = format!("{{\"mode\":\"{mode}\"}}");
            }
            1 => {
                kind = "mode";
                let mode = *self.rng.pick(&["act", "act", "advise", "observe"]);
                payload = format!("{{\"mode\":\"{mode}\",\"actuator\":\"{name}\"}}");
            }
            2..=4 => {
                kind = *self.rng.pick(&["approve", "deny"]);
                payload = format!("{{\"approval\":\"{}\"}}", self.approval);
            }
            11 | 12 => {
                kind = "goal";
                payload = self.some_goal();
            }
            13 => {
                kind = "model";
                payload = format!("{{\"model\":\"m{}\"}}", number % 3);
            }
            14 => {
                kind = "update";
                payload = format!("{{\"release\":\"r{}\"}}", number % 3);
            }
            15..=17 => {
                kind = "note";
                payload = self.some_note(&name);
            }
            18 => {
                kind = "rule";
                payload = self.some_rule();
            }
            5 => payload = MARKER.as_bytes().to_vec().iter().map(|b| *b as char).collect(),
            6 => kind = "dance",
            7 => id = format!("{MARKER}\n\u{0}ü {number}"),
            8 => payload = "[".repeat(3000),
            9 => payload = "{\"actuator\":7,\"value\":{},\"ttl_s\":-1}".into(),
            10 => payload = "{\"actuator\":\"a0\",\"value\":1e999,\"issued\":5}".into(),
            _ => {}
        }
        (kind.into(), id, payload.into_bytes(), self.rng.chance(0.1))
    }

    /// A note that is written, taken up, changed or taken away.
    fn some_note(&mut self, name: &str) -> String {
        let moves = self.scene.devices.iter().filter(|device| device.effect.is_some());
        let moves: Vec<String> = moves.map(|device| device.name.clone()).collect();
        let name = match moves.is_empty() || self.rng.chance(0.1) {
            true => name,
            false => self.rng.pick(&moves),
        };
        // The mind is asked when the last one holds.
        let texts = [
            format!("Never the {name}."),
            format!("Prefer the {name}."),
            format!("While the guests sleep, no {name}."),
        ];
        let text = self.rng.pick(&texts).clone();
        match self.rng.int(0, 9) {
            0 => format!("{{\"remove\":\"{text}\"}}"),
            1 | 2 => format!("{{\"understand\":\"{text}\"}}"),
            3 => format!("{{\"put\":\"{text}\",\"instead_of\":\"{}\"}}", texts[0]),
            _ => format!("{{\"put\":\"{text}\"}}"),
        }
    }

    /// Invariant 5, and the mind's answer with its faults.
    pub fn asked(&mut self, question: &Question) -> Result<(), String> {
        if format!("{question:?}").contains(MARKER) {
            return Err(format!("invariant 5: a payload's text is in {question:?}"));
        }
        if !question.questions.is_empty() {
            self.asked_of_note(question);
            return Ok(());
        }
        let count = question.candidates.len();
        let mut p: Vec<f64> = (0..count).map(|_| self.rng.unit()).collect();
        let mut id = question.id;
        let mut wait = self.rng.int(100, 1500);
        if self.faulty() {
            match self.rng.int(0, 19) {
                0 => return Ok(()),
                1 => wait = self.rng.int(2000, 10_000),
                2 => p[0] = f64::NAN,
                3 => drop(p.pop()),
                4 => id += self.rng.int(0, 5),
                5 => {
                    self.later(wait, Next::Mind(MindNews::Lost { id }));
                    return Ok(());
                }
                6 => p = vec![f64::INFINITY; count],
                7 => p.extend([0.5; 3]),
                8 => p = vec![-1.0; count],
                _ => {}
            }
        }
        self.later(wait, Next::Mind(MindNews::Scores { id, p, tokens: 10, ms: 1.0 }));
        Ok(())
    }
    /// The mind reads a note: surely enough for a preference most times, late or wrongly at others.
    fn asked_of_note(&mut self, question: &Question) {
        let sure = self.rng.chance(0.7);
        let answers = question.questions.iter().map(|asked| {
            let last = asked.candidates.len() - 1;
            let wanted = if sure { last } else { self.rng.index(last + 1) };
            (0..=last).map(|at| if at == wanted { 0.9 } else { 0.1 / last as f64 }).collect()
        });
        let answers: Vec<Vec<f64>> = answers.collect();
        let id = question.id;
        let news = match self.rng.int(0, 19) {
            0 => return,
            1 => MindNews::Lost { id },
            2 => MindNews::Read { id, answers: Vec::new() },
            3 => MindNews::Read { id: id + self.rng.int(0, 3), answers },
            _ => MindNews::Read { id, answers },
        };
        let wait = self.rng.int(100, 70_000);
        self.later(wait, Next::Mind(news));
    }

    /// A goal to put or to take away, of any kind, or nonsense.
    fn some_goal(&mut self) -> String {
        let sensor = self.rng.index(self.scene.sensors.len());
        let sensor = self.scene.sensors[sensor].name.clone();
        let name = format!("extra {}", self.rng.int(0, 2));
        let low = self.rng.int(10, 40);
        let high = low + self.rng.int(1, 15);
        // Goals that know the time of day follow the wall clock, as they should.
        let timed = self.plan.crashes;
        let aim = match self.rng.int(0, 7) {
            0 if timed => {
                format!("\"reach\":{{\"sensor\":\"{sensor}\",\"min\":{low},\"by\":\"08:30\"}}")
            }
            1 => format!("\"avoid\":{{\"sensor\":\"{sensor}\",\"min\":{low},\"max\":{high}}}"),
            2 => format!("\"minimise\":\"{}\"", self.rng.pick(&["cost", "switching"])),
            3 if timed => format!(
                "\"follow\":{{\"sensor\":\"{sensor}\",\"within\":2,\
                 \"schedule\":{{\"06:00\":{high},\"08:00\":{low}}}}}"
            ),
            4 => format!("\"keep\":{{\"sensor\":\"mood\",\"min\":{low}}}"),
            5 => return "{\"remove\":\"goal 0\"}".into(),
            6 => return format!("{{\"remove\":\"{name}\"}}"),
            _ => format!("\"keep\":{{\"sensor\":\"{sensor}\",\"min\":{low},\"max\":{high}}}"),
        };
        format!("{{\"put\":{{\"name\":\"{name}\",{aim}}}}}")
    }

    /// Faults end: everything lives, the link is there, the mode is the configured one.
    pub fn calm(&mut self) -> Result<(), String> {
        for spot in &mut self.spots {
            (spot.dead, spot.stuck) = (false, false);
        }
        for probe in &mut self.probes {
            (probe.silent, probe.stuck) = (false, None);
        }
        self.slow_until = 0;
        if self.agent.is_none() || !self.link_up || self.oracle.stopping {
            // Its way back is already under way and takes two minutes at most.
            self.later(10_000, Next::Calm);
            return Ok(());
        }
        self.command("mode", "calm", &format!("{{\"mode\":\"{}\"}}", self.scene.mode))?;
        for index in 0..self.scene.devices.len() {
            let name = &self.scene.devices[index].name;
            let payload = format!("{{\"mode\":\"act\",\"actuator\":\"{name}\"}}");
            self.command("mode", &format!("calm-{index}"), &payload)?;
        }
        // What people wanted beside the file is over.
        let said = self.said.iter().filter(|(kind, ..)| kind == "note");
        let said = said.filter_map(|(_, _, payload, _)| {
            let json: serde_json::Value = serde_json::from_slice(payload).ok()?;
            Some(json["put"].as_str()?.to_owned())
        });
        for (number, note) in said.collect::<BTreeSet<_>>().into_iter().enumerate() {
            let payload = format!("{{\"remove\":\"{note}\"}}");
            self.command("note", &format!("calm-note-{number}"), &payload)?;
        }
        for number in 0..3 {
            let payload = format!("{{\"remove\":\"extra {number}\"}}");
            self.command("goal", &format!("calm-extra-{number}"), &payload)?;
            let payload = format!("{{\"remove\":\"extra rule {number}\"}}");
            self.command("rule", &format!("calm-rule-{number}"), &payload)?;
        }
        if let Some(goal) = self.scene.goals.first().cloned() {
            let (min, max) = (goal.min, goal.max);
            let sensor = &self.scene.sensors[goal.sensor].name;
            let payload = format!(
                "{{\"put\":{{\"name\":\"goal 0\",\"keep\":{{\"sensor\":\"{sensor}\",\
                 \"min\":{min},\"max\":{max}}}}}}}"
            );
            self.command("goal", "calm-goal", &payload)?;
        }
        Ok(())
    }

    pub fn command(&mut self, kind: &str, id: &str, payload: &str) -> Result<(), String> {
        if let Some(event) = self.inbox.command(kind, id, payload.as_bytes(), false) {
            self.heard_ids.insert((kind.into(), id.into()));
            self.event(event)?;
        }
        self.judge_rules()
    }

    /// An hour after the last fault.
    pub fn judge_calm(&mut self) -> Result<(), String> {
        for (index, goal) in self.scene.goals.clone().iter().enumerate() {
            if !self.scene.attainable(goal) {
                continue;
            }
            self.out.attainable += 1;
            let share = self.kept_ms[index] as f64 / JUDGED_MS as f64;
            if share < 0.9 {
                let name = &self.scene.sensors[goal.sensor].name;
                return Err(format!(
                    "recovery: goal {index} on {name} was kept {share:.2} of the last minutes"
                ));
            }
        }
        let Some(agent) = &self.agent else { return Err("the agent is not there".into()) };
        match agent.open_commands() {
            0 => Ok(()),
            open => Err(format!("invariant 4: {open} commands are open an hour later")),
        }
    }

    /// After the hand-over.
    pub fn judge_end(&mut self) -> Result<(), String> {
        if !self.stopped {
            return Err("stop: the hand-over does not end".into());
        }
        self.out.commands = self.memory.commands.len() as u64;
        for ((kind, id), command) in &self.memory.commands {
            let ends = command.states.iter().filter(|state| state.is_terminal()).count();
            if ends != 1 {
                let states = &command.states;
                return Err(format!("invariant 4: {kind}/{id} ended {ends} times: {states:?}"));
            }
            if command.states.contains(&CommandState::Succeeded)
                && !command.states.contains(&CommandState::Executing)
            {
                return Err(format!("invariant 4: {kind}/{id} succeeded before it began"));
            }
        }
        self.judge_safe()
    }

    /// Whether it holds at the device itself; `None`: as its motor trembles.
    pub fn stands(&self, atom: &Atom, of: usize) -> Option<bool> {
        match &self.spots[of].setting {
            Setting::Level(level) => {
                let low = atom.of_device(&Setting::Level(level - TREMBLE));
                let high = atom.of_device(&Setting::Level(level + TREMBLE));
                (low == high).then_some(low)
            }
            setting => Some(atom.of_device(setting)),
        }
    }

    /// What the agent had set is at `safe`, where nothing forbids it.
    fn judge_safe(&self) -> Result<(), String> {
        if !self.scene.orderly || self.scene.mode != "act" {
            return Ok(());
        }
        // An interlock may give no order in which all can go: what is left is where it is since an
        // interlock may be true then, whatever sensors say and motors tremble.
        let kept_from = |index: usize| {
            let safe = &self.scene.devices[index].safe;
            self.scene.interlocks.iter().filter(|one| one.names(index)).any(|one| {
                let truth = one.truth(&|atom| match atom.device()? {
                    of if of == index => Some(atom.of_device(safe)),
                    of => self.stands(atom, of),
                });
                truth != Some(false)
            })
        };
        for (index, device) in self.scene.devices.iter().enumerate() {
            let is = &self.spots[index].setting;
            if *is != device.safe && !device.keep && !kept_from(index) {
                return Err(format!("stop: {} was left at {is}", device.name));
            }
        }
        Ok(())
    }
}
