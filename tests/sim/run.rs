//! One run: an agent, its place and everything between them, out of a seed, in one thread.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use outpost::agent::{Agent, Effect, Event, Inbox, MindNews, MindWord};
use outpost::clock::{ClockTrust, Now, Tick};
use outpost::config::Config;
use outpost::domain::{Entry, Setting, StepState};

use crate::memory::{At, Memory};
pub use crate::next::Next;
use crate::oracle::{Oracle, hour};
use crate::orders::is_of_rules;
use crate::people::Notes;
use crate::rng::Rng;
use crate::scene::{Rule, Scene};

/// Faults happen until here, in milliseconds of simulated time: 90 minutes.
pub const FAULTS_MS: u64 = 90 * 60_000;
/// The run ends here: 75 minutes later, since holds and limits last an hour.
pub const END_MS: u64 = FAULTS_MS + 75 * 60_000;
/// In the last minutes attainable goals are kept.
pub const JUDGED_MS: u64 = 10 * 60_000;

/// Lines that a failing seed prints before its end.
const LOG_LINES: usize = 100_000;

/// What a run is to be.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// The agent is told of the interlocks.
    pub interlocks: bool,
    /// The wall clock jumps.
    pub jumps: bool,
    /// The process ends without notice, operators say when they spoke.
    pub crashes: bool,
    /// What the agent withdraws does not go out.
    pub withdraws: bool,
    /// Every effect is kept.
    pub keep: bool,
}

impl Plan {
    pub fn of(seed: u64) -> Plan {
        Plan { seed, interlocks: true, jumps: true, crashes: true, withdraws: true, keep: false }
    }
}

/// What came of a run.
#[derive(Default)]
pub struct Outcome {
    pub events: u64,
    pub sends: u64,
    pub records_an_hour_max: u64,
    pub sends_an_hour_max: u64,
    pub attainable: u64,
    pub commands: u64,
    pub crashes: u64,
    pub notes_proposed: u64,
    pub notes_honoured: u64,
    pub effects: Vec<(u64, Effect)>,
}

pub struct Spot {
    pub setting: Setting,
    pub dead: bool,
    pub stuck: bool,
    pub last_arrival: u64,
    pub last_echo: u64,
}

/// A message that waits until its record is stored.
pub struct Held {
    pub seq: u64,
    pub token: u64,
    pub device: usize,
    pub payload: Vec<u8>,
}

pub struct Probe {
    pub value: f64,
    pub at: u64,
    pub silent: bool,
    pub stuck: Option<f64>,
}

pub struct Sim {
    pub plan: Plan,
    pub scene: Scene,
    pub config: Arc<Config>,
    pub inbox: Inbox,
    pub rng: Rng,
    pub clock_rng: Rng,
    pub now: u64,
    pub wall_ms: i64,
    pub trust: ClockTrust,
    pub queue: BTreeMap<(u64, u64), Next>,
    pub order: u64,
    pub agent: Option<Agent>,
    pub life: u64,
    pub born: u64,
    pub wake: u64,
    pub next_seq: u64,
    pub memory: Memory,
    pub commit_at: u64,
    pub slow_until: u64,
    /// How long a record takes at most until then.
    pub slow_ms: u64,
    pub held: VecDeque<Held>,
    pub link: u64,
    pub link_up: bool,
    pub outstanding: BTreeMap<u64, usize>,
    pub spots: Vec<Spot>,
    pub probes: Vec<Probe>,
    pub oracle: Oracle,
    pub approval: String,
    pub notes: Notes,
    pub said: Vec<(String, String, Vec<u8>, bool)>,
    /// Commands of those who have an interlock in mind.
    pub wanted: u64,
    /// Rules that operators have put, be they in force or not.
    pub made: Vec<Rule>,
    pub heard_ids: BTreeSet<(String, String)>,
    /// Messages that belong to a device command's id, by token; and ids whose message went out.
    pub of_command: BTreeMap<u64, String>,
    pub carried_out: BTreeSet<(String, u64)>,
    /// Device commands of which the agent has written the end.
    pub ended: BTreeSet<String>,
    /// Modes that operators have set, by device; of the agent: empty.
    pub modes: BTreeMap<String, String>,
    pub stopped: bool,
    pub hour: (u64, u64),
    pub kept_ms: Vec<u64>,
    pub log: VecDeque<String>,
    pub out: Outcome,
}

impl Sim {
    pub fn new(plan: Plan) -> Sim {
        let scene = Scene::new(plan.seed, plan.crashes);
        let config = scene.config(plan.interlocks);
        let spots = scene.devices.iter().map(|device| Spot {
            setting: device.safe.clone(),
            dead: false,
            stuck: false,
            last_arrival: 0,
            last_echo: 0,
        });
        let probes = scene.sensors.iter().map(|sensor| Probe {
            value: sensor.ambient,
            at: 0,
            silent: false,
            stuck: None,
        });
        let (spots, probes) = (spots.collect(), probes.collect());
        let mut sim = Sim {
            inbox: Inbox::new(config.clone()),
            rng: Rng::new(plan.seed, 2),
            clock_rng: Rng::new(plan.seed, 3),
            now: 1,
            wall_ms: 1_800_000_000_000,
            trust: ClockTrust::Synced,
            queue: BTreeMap::new(),
            order: 0,
            agent: None,
            life: 0,
            born: 0,
            wake: u64::MAX,
            next_seq: 1,
            memory: Memory::default(),
            commit_at: 0,
            slow_until: 0,
            slow_ms: 0,
            held: VecDeque::new(),
            link: 0,
            link_up: false,
            outstanding: BTreeMap::new(),
            spots,
            probes,
            oracle: Oracle::new(&scene),
            approval: String::new(),
            notes: Notes::default(),
            said: Vec::new(),
            wanted: 0,
            made: Vec::new(),
            heard_ids: BTreeSet::new(),
            of_command: BTreeMap::new(),
            carried_out: BTreeSet::new(),
            ended: BTreeSet::new(),
            modes: BTreeMap::new(),
            stopped: false,
            hour: (0, 0),
            kept_ms: vec![0; scene.goals.len()],
            log: VecDeque::new(),
            out: Outcome::default(),
            config,
            scene,
            plan,
        };
        sim.begin();
        sim
    }

    pub fn later(&mut self, after_ms: u64, next: Next) {
        self.order += 1;
        self.queue.insert((self.now + after_ms, self.order), next);
    }

    pub fn faulty(&self) -> bool {
        self.now < FAULTS_MS
    }

    pub fn clock(&self) -> Now {
        let unix_ms = self.wall_ms + self.now as i64;
        Now { tick: Tick(self.now - self.born), unix_ms, trust: self.trust }
    }

    /// Runs to the end. The text names the invariant that did not hold.
    pub fn run(mut self) -> Result<Outcome, String> {
        match self.all() {
            Ok(()) => Ok(self.out),
            Err(what) => Err(self.report(&what)),
        }
    }

    fn report(&self, what: &str) -> String {
        let mut text = format!("at {:.3} s: {what}\n", self.now as f64 / 1e3);
        text.push_str(&self.scene.text(true));
        for line in &self.log {
            text.push_str(line);
            text.push('\n');
        }
        let seed = self.plan.seed;
        text + &format!("seed {seed}: OUTPOST_SIM_SEED={seed} cargo test --test sim\n{what}")
    }

    fn all(&mut self) -> Result<(), String> {
        while self.step(END_MS)? {}
        self.judge_calm()?;
        self.event(Event::Stop)?;
        // The hand-over is bounded, and what it sent arrives.
        while self.step(END_MS + 30_000)? {}
        self.judge_end()
    }

    /// The next thing that happens, before `until`.
    fn step(&mut self, until: u64) -> Result<bool, String> {
        let due = self.queue.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
        let wake = if self.agent.is_some() && !self.stopped { self.wake } else { u64::MAX };
        if due.min(wake) >= until {
            self.now = until;
            return Ok(false);
        }
        self.out.events += 1;
        if wake < due {
            self.now = self.now.max(wake);
            self.event(Event::Wake)?;
        } else if let Some(((at, _), next)) = self.queue.pop_first() {
            self.now = at;
            self.happen(next)?;
        }
        Ok(true)
    }

    fn happen(&mut self, next: Next) -> Result<(), String> {
        match next {
            Next::Read(index) => self.sense(index),
            Next::Message { topic, payload, retained } => {
                return self.message(&topic, &payload, retained);
            }
            Next::Arrive { device, payload } => return self.arrive(device, &payload),
            Next::Speak(index) => self.speak(index),
            Next::Acked(token) => {
                if let Some(device) = self.outstanding.remove(&token) {
                    return self.acked(token, device);
                }
            }
            Next::Stored(upto) => {
                self.memory.store(upto)?;
                // The runtime has the agent look once more before a message goes.
                if self.held.front().is_some_and(|one| one.seq <= upto) {
                    self.event(Event::Wake)?;
                }
                return self.release();
            }
            Next::Mind(news) => return self.event(Event::Mind(news)),
            Next::Switched { command, result } => {
                return self.event(Event::ModelSwitched { command, result });
            }
            Next::Taken { command, result } => {
                return self.event(Event::ReleaseTaken { command, result });
            }
            Next::Fault => return self.fault(),
            Next::Operator => {
                let wait = self.rng.int(5_000, 200_000);
                self.later(wait, Next::Operator);
                self.later(wait / 2, Next::Tempt);
                return self.operator();
            }
            Next::Command => return self.operator(),
            Next::Tempt => return self.tempt(),
            Next::Dare => return self.dare(),
            Next::Led(steps) => return self.led(steps),
            Next::Mode(device, mode) => return self.set_mode(device, mode),
            Next::Heal(index) => (self.spots[index].dead, self.spots[index].stuck) = (false, false),
            Next::Sensor(index) => {
                (self.probes[index].silent, self.probes[index].stuck) = (false, None);
            }
            Next::LinkUp(link) if link == self.link && self.agent.is_some() => {
                self.link_up = true;
                self.oracle.hears_again(&self.scene, self.now);
                self.event(Event::LinkUp)?;
                // Retained echoes come with the subscription; some devices do not retain theirs.
                for index in 0..self.spots.len() {
                    if self.rng.chance(0.6) {
                        self.echo(index);
                    }
                }
            }
            Next::LinkUp(_) => {}
            Next::LinkDown => return self.link_down(),
            Next::Start => return self.start(),
            Next::Ended(life) if life == self.life && self.agent.is_some() => {
                // Who ends in order has stored everything.
                self.memory.store(self.next_seq - 1)?;
                self.crash();
            }
            Next::Ended(_) => {}
            Next::Calm => return self.calm(),
        }
        Ok(())
    }

    /// A new life of the agent out of what was stored.
    fn start(&mut self) -> Result<(), String> {
        self.life += 1;
        self.born = self.now;
        self.oracle.hour = hour(self.clock());
        let resumed = self.memory.resume(&self.scene, &self.config, self.clock());
        self.oracle.restart(&self.scene, &resumed, self.now);
        self.next_seq = resumed.next_seq;
        self.modes = self.memory.modes.clone();
        let boot = Rng::new(self.plan.seed, 100 + self.life).next();
        let (agent, effects) = Agent::new(self.config.clone(), resumed, boot, self.clock());
        self.wake = self.now;
        self.agent = Some(agent);
        self.stopped = false;
        self.judge_rules()?;
        self.perform(effects)?;
        self.link += 1;
        let (wait, link) = (self.rng.int(100, 4000), self.link);
        self.later(wait, Next::LinkUp(link));
        if self.scene.mind {
            let (word, text) = (MindWord::Ready, "m".to_string());
            let sha256 = "s".into();
            self.later(
                2000,
                Next::Mind(MindNews::State { word, text, sha256, adapter: "none".into() }),
            );
        }
        Ok(())
    }

    pub fn crash(&mut self) {
        self.agent = None;
        self.out.crashes += 1;
        self.memory.crash();
        // What was not stored was told to nobody, and is as if it had not been.
        let stored = self
            .memory
            .commands
            .iter()
            .filter(|(_, one)| one.states.last().is_some_and(|state| state.is_terminal()));
        self.ended = stored.map(|((kind, id), _)| format!("{kind}/{id}")).collect();
        self.held.clear();
        self.outstanding.clear();
        self.of_command.clear();
        self.link_up = false;
        self.commit_at = 0;
        self.queue.retain(|_, next| {
            let gone = matches!(
                next,
                Next::Stored(_)
                    | Next::Mind(_)
                    | Next::Switched { .. }
                    | Next::Taken { .. }
                    | Next::Message { .. }
            );
            !gone
        });
        let wait = self.rng.int(3000, 20_000);
        self.later(wait, Next::Start);
    }

    fn link_down(&mut self) -> Result<(), String> {
        if !self.link_up || self.agent.is_none() {
            return Ok(());
        }
        self.link_up = false;
        self.oracle.down_at = self.now;
        self.link += 1;
        let (wait, link) = (self.rng.int(2000, 120_000), self.link);
        self.later(wait, Next::LinkUp(link));
        let lost = std::mem::take(&mut self.outstanding);
        let before = self.rng.chance(0.5);
        if !before {
            self.event(Event::LinkDown { reason: "simulated".into() })?;
        }
        for (token, device) in lost {
            self.oracle.lost(device);
            self.event(Event::Lost { token, why: None })?;
        }
        if before {
            self.event(Event::LinkDown { reason: "simulated".into() })?;
        }
        Ok(())
    }

    /// Without an echo it proves the message, unless another one has taken its place meanwhile.
    fn acked(&mut self, token: u64, device: usize) -> Result<(), String> {
        if !self.scene.devices[device].echo
            && self.oracle.devices[device].last_token == token
            && let Some((setting, _)) = self.oracle.devices[device].last_sent.clone()
        {
            self.oracle.heard(&self.scene, device, &setting, self.now);
        }
        self.event(Event::Acked { token })
    }

    /// Bytes for the agent, as the runtime hands them on.
    fn message(&mut self, topic: &str, payload: &[u8], retained: bool) -> Result<(), String> {
        if !self.link_up {
            return Ok(());
        }
        for event in self.inbox.read(topic, payload, retained) {
            match &event {
                Event::Echo { actuator, setting: Ok(setting), .. } => {
                    let device = usize::from(actuator.0);
                    self.oracle.heard(&self.scene, device, setting, self.now);
                }
                Event::Reading { sensor, value, retained: false } => {
                    self.believed(usize::from(sensor.0), value);
                }
                _ => {}
            }
            self.event(event)?;
        }
        Ok(())
    }

    fn believed(
        &mut self,
        index: usize,
        value: &Result<outpost::domain::Value, outpost::domain::Fault>,
    ) {
        use outpost::domain::{FaultKind, Value};
        match value {
            Ok(Value::Number(number)) => {
                self.oracle.read(&self.scene, index, Some(*number), self.now);
            }
            Ok(word) => {
                let which = index - self.scene.sensors.len();
                self.oracle.read_word(which, word.clone(), self.now);
            }
            Err(fault) if matches!(fault.kind, FaultKind::OutOfRange | FaultKind::NotFinite) => {
                self.oracle.read(&self.scene, index, None, self.now);
            }
            _ => {}
        }
    }

    pub fn event(&mut self, event: Event) -> Result<(), String> {
        let now = self.clock();
        let look = !matches!(event, Event::Wake) && !is_of_rules(&event);
        self.oracle.hour = hour(now);
        self.oracle.stopping |= matches!(event, Event::Stop);
        // Nothing reaches one that has stopped.
        let Some(agent) = self.agent.as_mut().filter(|_| !self.stopped) else { return Ok(()) };
        while self.log.len() >= LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:10.3} {event:?}", self.now as f64 / 1e3));
        let due = match look && self.link_up && !self.stopped {
            true => self.oracle.reflexes(&self.scene, self.now),
            false => Vec::new(),
        };
        let effects = agent.apply(event, now);
        self.wake = self.born + agent.next_wake().0;
        if self.wake <= self.now {
            return Err(format!("next_wake {} is not after now", self.wake));
        }
        let missing = self.undone(due, &effects);
        self.perform(effects)?;
        self.judge_pulses()?;
        self.judge_reflexes(&missing)
    }

    /// Carries effects out as the runtime does: records first, then the rest in order.
    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), String> {
        for effect in &effects {
            if let Effect::Record { seq, entry } = effect {
                self.record(*seq, entry)?;
            }
        }
        let mut cause = None;
        for effect in effects {
            if self.plan.keep {
                self.out.effects.push((self.now, effect.clone()));
            }
            match effect {
                Effect::Record {
                    entry: Entry::Step { actuator, setting, state, cause: why, .. },
                    ..
                } => {
                    self.judge_end_of_step(&actuator, &setting, state, &why)?;
                    cause = (state == StepState::Intended).then_some(why);
                }
                Effect::Record { .. } => {}
                Effect::Send { token, actuator, payload, after } => {
                    let device = usize::from(actuator.0);
                    if let Some(why) = cause.take().filter(|why| why.starts_with("set/")) {
                        self.of_command.insert(token, why);
                    }
                    self.send(token, device, payload, after)?;
                }
                Effect::Withdraw { .. } if !self.plan.withdraws => {}
                Effect::Withdraw { token } => {
                    if let Some(at) = self.held.iter().position(|one| one.token == token)
                        && let Some(one) = self.held.remove(at)
                    {
                        self.oracle.withdrawn(one.device, one.token);
                    }
                    self.of_command.remove(&token);
                }
                Effect::Report { report, .. } => self.reported(report),
                Effect::Ask(question) => self.asked(&question)?,
                Effect::SwitchModel { command, model, adapter } => {
                    let wait = self.rng.int(10, 30_000);
                    let fails = self.rng.chance(0.3);
                    let result = if fails { Err("no".into()) } else { Ok((model, adapter)) };
                    self.later(wait, Next::Switched { command, result });
                }
                Effect::TakeRelease { command, release } => {
                    let fails = self.rng.chance(0.3);
                    let result =
                        if fails { Err("no".into()) } else { Ok(release.unwrap_or_default()) };
                    let wait = self.rng.int(10, 30_000);
                    self.later(wait, Next::Taken { command, result });
                }
                Effect::Escalate(_) => return Err("a question to a cloud that nobody has".into()),
                Effect::Stopped => {
                    self.stopped = true;
                    if self.now < END_MS {
                        self.later(0, Next::Ended(self.life));
                    }
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, seq: u64, entry: &Entry) -> Result<(), String> {
        if seq != self.next_seq {
            return Err(format!("sequence: record {seq} follows {}", self.next_seq - 1));
        }
        self.next_seq += 1;
        if !matches!(entry, Entry::Reading { .. }) {
            self.log.push_back(format!("           {entry:?}"));
        }
        if !matches!(entry, Entry::Reading { .. } | Entry::Command { .. } | Entry::Hold { .. }) {
            self.count_record()?;
        }
        if let Entry::Mode { actuator, mode } = entry {
            self.modes.insert(actuator.clone(), mode.clone());
        }
        if let Entry::Command { kind, id, state, .. } = entry
            && state.is_terminal()
        {
            self.ended.insert(format!("{kind}/{id}"));
        }
        let at = At { life: self.life, now: self.clock() };
        self.memory.append(seq, at, entry.clone());
        let slow = self.now < self.slow_until;
        let delay = if slow { self.rng.int(500, self.slow_ms) } else { self.rng.int(5, 60) };
        // Commits are one after the other.
        self.commit_at = self.commit_at.max(self.now + delay);
        let wait = self.commit_at - self.now;
        self.later(wait, Next::Stored(seq));
        Ok(())
    }
}
