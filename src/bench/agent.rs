//! The agent as the keeper of a place: its effects become commands, as the runtime would carry them
//! out with a broker and a disk that answer at once. No decision is made here.

use std::collections::VecDeque;
use std::sync::Arc;

use super::drive::Keeper;
use crate::agent::{
    Agent, Counters, Effect, Escalations, Event, Inbox, MindNews, MindWord, Question, Remembered,
    Resumed, payload,
};
use crate::clock::{Now, Tick};
use crate::config::Config;
use crate::domain::{Decider, Entry, StepState};
use crate::plant::{Command, Message};

/// A language model that answers at once: the probabilities of a question's candidates, in its
/// order, of several questions one after the other; nothing where it failed.
pub type Voice<'a> = dyn FnMut(&Question) -> Option<Vec<f64>> + 'a;

/// The agent with its inbox.
pub struct AgentKeeper<'a> {
    config: Arc<Config>,
    inbox: Inbox,
    agent: Agent,
    /// Where the agent's own time began.
    born: Tick,
    next_seq: u64,
    /// What its records leave to the next life.
    kept: Remembered,
    boots: u64,
    /// What earlier lives did.
    before: Counters,
    /// What it began to set: when, which actuator, on whose behalf; kept where it is asked for.
    acts: Option<Vec<(Tick, usize, Decider)>>,
    /// The mind, where it has one.
    voice: Option<&'a mut Voice<'a>>,
}

impl<'a> AgentKeeper<'a> {
    /// An agent that begins now, and its first commands.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        now: Now,
        acts: bool,
        voice: Option<&'a mut Voice<'a>>,
    ) -> (Self, Vec<Command>) {
        let inbox = Inbox::new(config.clone());
        let resumed = Resumed { next_seq: 1, ..Resumed::default() };
        let own = Now { tick: Tick(0), ..now };
        let (agent, effects) = Agent::new(config.clone(), resumed, 1, own);
        let mut keeper = AgentKeeper {
            config,
            inbox,
            agent,
            born: now.tick,
            next_seq: 1,
            kept: Remembered::default(),
            boots: 1,
            before: Counters::default(),
            acts: acts.then(Vec::new),
            voice,
        };
        let commands = keeper.begin(effects, now);
        (keeper, commands)
    }

    /// What it does first, once the bus and the mind are there.
    fn begin(&mut self, effects: Vec<Effect>, now: Now) -> Vec<Command> {
        let mut commands = self.perform(effects, now);
        commands.extend(self.event(Event::LinkUp, now));
        if let (Some(_), Some(mind)) = (&self.voice, &self.config.mind) {
            let (text, adapter) = (mind.model.clone(), mind.adapter.clone());
            let word = MindWord::Ready;
            let news = MindNews::State { word, text, sha256: String::new(), adapter };
            commands.extend(self.event(Event::Mind(news), now));
        }
        commands
    }

    /// What was done in all its lives.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (one, two) = (self.before, self.agent.counters());
        Counters {
            by_rule: one.by_rule + two.by_rule,
            by_planner: one.by_planner + two.by_planner,
            by_mind: one.by_mind + two.by_mind,
            by_people: one.by_people + two.by_people,
            asked: one.asked + two.asked,
            escalations: Escalations {
                wanted: one.escalations.wanted + two.escalations.wanted,
                ..two.escalations
            },
            sent: one.sent + two.sent,
            refused: one.refused + two.refused,
            ..two
        }
    }

    /// What it began to set so far.
    pub fn take_acts(&mut self) -> Vec<(Tick, usize, Decider)> {
        self.acts.take().unwrap_or_default()
    }

    fn event(&mut self, event: Event, now: Now) -> Vec<Command> {
        let own = Now { tick: Tick(now.tick.0 - self.born.0), ..now };
        let effects = self.agent.apply(event, own);
        self.perform(effects, now)
    }

    fn note(&mut self, entry: &Entry, at: Tick) {
        let Some(acts) = &mut self.acts else { return };
        if let Entry::Step { actuator, state: StepState::Intended, by, .. } = entry {
            let index = self.config.actuators.iter().position(|one| one.name == *actuator);
            acts.extend(index.map(|index| (at, index, *by)));
        }
    }

    /// Records are stored, messages acknowledged and questions answered at once.
    fn perform(&mut self, effects: Vec<Effect>, now: Now) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut back = VecDeque::new();
        for effect in effects {
            match effect {
                Effect::Record { seq, entry } => {
                    self.next_seq = seq + 1;
                    self.kept.take(&entry, now);
                    self.note(&entry, now.tick);
                }
                Effect::Send { token, actuator, payload, .. } => {
                    let port = &self.config.actuators[usize::from(actuator.0)].port;
                    if let Some(topic) = port.topic() {
                        commands.push(Command { topic: topic.into(), payload });
                        back.push_back(Event::Acked { token });
                    }
                }
                Effect::Ask(question) => {
                    let (id, ms) = (question.id, 0.0);
                    let p = self.voice.as_mut().and_then(|voice| voice(&question));
                    back.push_back(Event::Mind(match p {
                        Some(p) => MindNews::Scores { id, p, tokens: 0, ms },
                        None => MindNews::Lost { id },
                    }));
                }
                // Nobody listens.
                _ => {}
            }
        }
        while let Some(event) = back.pop_front() {
            commands.extend(self.event(event, now));
        }
        commands
    }
}

impl Keeper for AgentKeeper<'_> {
    fn hear(&mut self, message: &Message, now: Now) -> Vec<Command> {
        let events = self.inbox.read(&message.topic, message.payload.as_bytes(), false);
        events.into_iter().flat_map(|event| self.event(event, now)).collect()
    }

    fn wake(&mut self, now: Now) -> Vec<Command> {
        self.event(Event::Wake, now)
    }

    fn next_wake(&self) -> Option<Tick> {
        Some(Tick(self.agent.next_wake().0 + self.born.0))
    }

    fn restart(&mut self, now: Now) -> Vec<Command> {
        self.before = self.counters();
        self.boots += 1;
        self.born = now.tick;
        let own = Now { tick: Tick(0), ..now };
        let resumed = self.kept.resumed(&self.config, now);
        let resumed = Resumed { next_seq: self.next_seq, ..resumed };
        let (agent, effects) = Agent::new(self.config.clone(), resumed, self.boots, own);
        self.agent = agent;
        self.begin(effects, now)
    }
}

/// A keeper who does nothing: every device stays at `safe`.
pub struct Nobody;

impl Keeper for Nobody {
    fn hear(&mut self, _: &Message, _: Now) -> Vec<Command> {
        Vec::new()
    }

    fn wake(&mut self, _: Now) -> Vec<Command> {
        Vec::new()
    }

    fn next_wake(&self) -> Option<Tick> {
        None
    }

    fn restart(&mut self, _: Now) -> Vec<Command> {
        Vec::new()
    }
}

/// The message that sets an actuator, where it is on the bus.
#[must_use]
pub fn command(config: &Config, index: usize, setting: &crate::domain::Setting) -> Option<Command> {
    let actuator = &config.actuators[index];
    let topic = actuator.port.topic()?;
    Some(Command { topic: topic.into(), payload: payload(actuator, setting) })
}
