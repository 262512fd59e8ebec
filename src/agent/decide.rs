//! Choosing: when to plan, when to ask the mind, how its voice is joined with the planner's, and
//! carrying the choice out. The mind chooses among near-equal safe moves and nothing else.

use std::time::Duration;

use super::core::Agent;
use super::effect::{Effect, Question, Report};
use super::escalate::Doubt;
use super::event::MindWord;
use super::planner::Plan;
use super::prompt::words;
use crate::clock::Tick;
use crate::config::Mode;
use crate::domain::{
    ActuatorId, Candidate, Decider, Decision, Effort, Entry, ModelVoice, SensorId, Setting,
    Severity,
};
use crate::mind::notes::ByNotes;

/// A question that is out, with the plan that it belongs to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question's id.
    pub id: u64,
    /// After this the planner's choice is carried out.
    pub deadline: Tick,
    plan: Plan,
    facts: Vec<String>,
    /// What the mind is asked, until it is its turn.
    question: Option<Question>,
    /// Something was commanded since the plan was made: what it would do may be done already.
    overtaken: bool,
}

/// What became of a choice, with the id of its decision.
#[derive(Debug)]
pub(super) enum Carried {
    /// It was done; there may have been nothing to do.
    Passed(String),
    /// A person is asked.
    Waits(String),
    /// The guard refused it.
    Refused(String),
}

/// How long a goal stays "not to be helped" before it is said again.
const HELPLESS_AGAIN: Duration = Duration::from_secs(3600);

/// Periods of silence beyond staleness after which the planner gives up control of what works on
/// a sensor that cannot be believed. Another three periods: one lost message is no emergency.
const BLIND_PERIODS: u32 = 3;

impl Agent {
    /// Plans when something is new, at most once a plan interval.
    pub(super) fn plan_if_due(&mut self) {
        if self.stopping.is_some() || !self.reaches_any() || !self.asked.is_empty() {
            return;
        }
        let pace = self.plan_interval();
        if self.planned.is_some_and(|at| self.now.tick.since(at) < pace) || !self.plan_wanted {
            self.blind();
            return;
        }
        self.plan_wanted = false;
        self.planned = Some(self.now.tick);
        self.forecast_gaps();
        self.blind();
        self.unneeded();
        self.end_avoided();
        self.tell_conflicts();
        let (mut helpless, mut moved) = (Vec::new(), Vec::new());
        for who in self.everybody() {
            self.believe_again(who);
            let Some(plan) = self.plan(who) else { continue };
            match plan.helpless {
                Some(goal) => helpless.push((goal, plan)),
                None => {
                    moved.extend(plan.moves[0].change.as_ref().map(|(id, _)| *id));
                    self.choose(plan);
                }
            }
        }
        // Where another agent does something about it there is help.
        for (goal, plan) in helpless {
            let sensor = self.aims[goal].aim.sensor();
            let works = |id: &ActuatorId| {
                let effects = &self.config.actuators[usize::from(id.0)].effects;
                effects.iter().any(|(of, _)| Some(*of) == sensor)
            };
            if !moved.iter().any(works) {
                self.call_for_help(goal, plan);
            }
        }
    }

    /// Carries a plan out, after the mind has spoken where it can and may.
    fn choose(&mut self, plan: Plan) {
        if self.mind_can_speak() && plan.alternatives.len() > 1 {
            let asked = self.asked_about(plan);
            self.asked.extend(asked);
            self.ask_next();
        } else {
            self.do_first(plan);
        }
    }

    /// The planner's own choice is carried out.
    fn do_first(&mut self, plan: Plan) {
        let facts = self.facts();
        let doubt = self.doubt_of_sensors(&plan, &facts);
        let carried = self.carry_out(plan, 0, Decider::Planner, facts, None);
        self.escalate(doubt, carried);
    }

    /// The sensors of a goal contradict each other: whatever is planned on them is in doubt.
    fn doubt_of_sensors(&mut self, plan: &Plan, facts: &[String]) -> Option<Doubt> {
        if !self.contradiction() {
            return None;
        }
        self.in_doubt("contradiction", plan, facts, (0..plan.moves.len()).collect())
    }

    pub(super) fn mind_can_speak(&self) -> bool {
        let spared = self.effort == Effort::ReflexOnly;
        self.mind.0 == MindWord::Ready && self.config.mind.is_some() && !spared
    }

    /// No plan closes a goal's gap: a person is called, once an hour, also where it closes and
    /// opens again meanwhile.
    /// What nobody here can mend is asked about beside that.
    fn call_for_help(&mut self, goal: usize, plan: Plan) {
        let again = |at: Tick| self.now.tick.since(at) >= HELPLESS_AGAIN;
        if !self.goals[goal].helpless.is_none_or(again) {
            return;
        }
        self.goals[goal].helpless = Some(self.now.tick);
        let text = format!("{}: nothing that may be done now mends it", plan.cause);
        let facts = self.facts();
        let all = (0..plan.moves.len()).collect();
        let doubt = self.in_doubt("helpless", &plan, &facts, all);
        let carried = self.carry_out(plan, 0, Decider::Planner, facts, None);
        self.say("helpless", text, Severity::Alarm);
        self.escalate(doubt, carried);
    }

    fn asked_about(&mut self, plan: Plan) -> Option<Asked> {
        let deadline = self.now.tick.after(self.config.mind.as_ref()?.deadline);
        let id = self.next_question;
        self.next_question += 1;
        self.counters.asked += 1;
        let facts = self.facts();
        let question = Some(self.question(id, deadline, &plan, &facts));
        Some(Asked { id, deadline, plan, facts, question, overtaken: false })
    }

    /// One question is at the mind at a time: that of the agent which is first in priority. What
    /// was overtaken while it waited is planned anew; what is late is left to its timer.
    fn ask_next(&mut self) {
        let now = self.now.tick;
        while let Some(first) = self.asked.front_mut().filter(|first| first.deadline >= now) {
            let Some(question) = first.question.take() else { return };
            if !first.overtaken {
                self.out.push(Effect::Ask(question));
                return;
            }
            let overtaken = self.asked.pop_front();
            overtaken.into_iter().for_each(|one| self.plan_anew(&one));
        }
    }

    /// Something was commanded since this was planned: its agent looks again, so that what two want
    /// is done once, and asks again where there is still something to ask and time for it.
    fn plan_anew(&mut self, old: &Asked) {
        self.counters.dropped += 1;
        let Some(plan) = self.plan(old.plan.who) else { return };
        if plan.helpless.is_some() {
            self.plan_wanted = true;
        } else if self.now.tick <= old.deadline
            && self.mind_can_speak()
            && plan.alternatives.len() > 1
        {
            let asked = self.asked_about(plan);
            asked.into_iter().for_each(|one| self.asked.push_front(one));
        } else {
            self.do_first(plan);
        }
    }

    /// A question has ended, whether it was at the mind or waited for its turn.
    fn take_asked(&mut self, id: u64) -> Option<Asked> {
        let at = self.asked.iter().position(|asked| asked.id == id)?;
        self.asked.remove(at)
    }

    /// What the mind is asked about a plan.
    pub(super) fn question(
        &mut self,
        id: u64,
        deadline: Tick,
        plan: &Plan,
        facts: &[String],
    ) -> Question {
        let candidates = plan.moves.iter().map(|one| one.candidate.text.clone());
        let names = plan.alternatives.iter().filter_map(|index| {
            let (id, _) = plan.moves[*index].change.as_ref()?;
            Some((*index, words(&self.config.actuators[usize::from(id.0)].name)))
        });
        let names: Vec<_> = names.collect();
        let among: Vec<_> = names.iter().map(|(index, name)| (*index, name.as_str())).collect();
        Question {
            id,
            by_notes: ByNotes::new(&self.notes_of(plan.who), facts, &among),
            questions: Vec::new(),
            candidates: candidates.collect(),
            state: format!("Now: {}.\nDo:", facts.join("; ")),
            prefix: self.prompt_prefix(plan.who),
            adapter: self.part(plan.who).and_then(|part| part.adapter.clone()),
            deadline,
        }
    }

    /// The mind has answered. Its voice counts among the alternatives if it is sure enough.
    pub(super) fn scores(&mut self, id: u64, p: &[f64], tokens: u32, ms: f64) {
        let fits = |asked: &Asked| asked.id == id && asked.plan.moves.len() == p.len();
        let sane = p.iter().all(|one| one.is_finite() && *one >= 0.0);
        if !self.asked.front().is_some_and(fits) || !sane {
            self.counters.dropped += 1;
            return;
        }
        let Some(asked) = self.take_asked(id) else { return };
        if asked.overtaken || self.now.tick > asked.deadline {
            self.without_answer(asked);
        } else {
            self.answered(asked, p, tokens, ms);
        }
        self.ask_next();
    }

    /// What the mind has said in time about a plan that still holds.
    fn answered(&mut self, asked: Asked, p: &[f64], tokens: u32, ms: f64) {
        let Asked { mut plan, facts, .. } = asked;
        self.counters.answered += 1;
        for (one, probability) in plan.moves.iter_mut().zip(p) {
            one.candidate.probability = Some(*probability);
        }
        let voice = ModelVoice {
            id: self.mind.1.clone(),
            sha256: self.mind.2.clone(),
            adapter: self.adapter_of(plan.who),
            prompt_tokens: tokens,
            ms,
            cost: None,
        };
        let trust = self.config.mind.as_ref().map_or(1.0, |mind| mind.trust);
        let chosen = sure(p, &plan.alternatives, trust);
        let mut doubt = None;
        if chosen.is_none() {
            self.counters.unsure += 1;
            // Who is asked about that may also want a person to look.
            let call = plan.moves.iter().position(|one| one.candidate.calls());
            let among = plan.alternatives.iter().copied().chain(call).collect();
            doubt = self.in_doubt("unsure", &plan, &facts, among);
        } else if chosen == Some(0) {
            doubt = self.doubt_of_sensors(&plan, &facts);
        }
        // The planner's own choice is the first; agreeing with it changes nothing.
        let (chosen, by) = match chosen {
            Some(index) if index != 0 => (index, Decider::Mind),
            _ => (0, Decider::Planner),
        };
        let carried = self.carry_out(plan, chosen, by, facts, Some(voice));
        self.escalate(doubt, carried);
    }

    /// The mind will not answer: the planner's choice is carried out.
    pub(super) fn scores_lost(&mut self, id: u64) {
        if let Some(asked) = self.take_asked(id) {
            self.without_answer(asked);
            self.ask_next();
        }
    }

    /// The planner's choice is carried out, by the plan that was made or by a new one.
    fn without_answer(&mut self, asked: Asked) {
        if asked.overtaken {
            self.plan_anew(&asked);
        } else {
            self.counters.dropped += 1;
            self.carry_out(asked.plan, 0, Decider::Planner, asked.facts, None);
        }
    }

    /// The deadline has passed without an answer.
    pub(super) fn question_timer(&mut self) {
        self.escalation_timer();
        self.note_timers();
        let now = self.now.tick;
        let late = self.asked.iter().filter(|asked| asked.deadline < now).map(|asked| asked.id);
        for id in late.collect::<Vec<_>>() {
            self.scores_lost(id);
        }
    }

    /// The world has moved on: the question is forgotten, and planning begins anew.
    pub(super) fn drop_question(&mut self) {
        self.drop_escalation();
        let all = std::mem::take(&mut self.asked);
        if !all.is_empty() {
            self.counters.dropped += all.len() as u64;
            self.plan_wanted = true;
        }
    }

    /// Writes a choice down and does it, as far as the guard allows.
    pub(super) fn carry_out(
        &mut self,
        plan: Plan,
        chosen: usize,
        by: Decider,
        facts: Vec<String>,
        model: Option<ModelVoice>,
    ) -> Carried {
        let change = plan.moves[chosen].change.clone();
        let id = format!("{}-{}", self.boot_word(), self.next_decision);
        // The world may have moved while the mind thought: the guard looks again.
        let verdict = match &change {
            Some((actuator, setting)) => self.guard(*actuator, setting, by),
            None => Ok(()),
        };
        let waits = change.as_ref().is_some_and(|(actuator, _)| self.needs_person(*actuator));
        if waits && moved(&change).is_some_and(|id| self.waits_for_person(id)) {
            return Carried::Waits(id);
        }
        self.next_decision += 1;
        let guard = match &verdict {
            Ok(()) if waits => "waits for a person".to_string(),
            Ok(()) => "passed".to_string(),
            Err(refusal) => refusal.to_string(),
        };
        let cause = format!("decision {id}");
        let candidates = plan.moves.into_iter().map(|one| one.candidate).collect();
        let mut notes = self.notes_of(plan.who);
        notes.extend(plan.heeded);
        self.decision(Decision {
            id: id.clone(),
            cause: plan.cause,
            facts,
            notes,
            candidates,
            chosen,
            by,
            guard,
            model,
        });
        let Some((actuator, setting)) = change else { return Carried::Passed(id) };
        match verdict {
            Err(refusal) => {
                self.refuse(actuator, &setting, by, &cause, &refusal);
                Carried::Refused(id)
            }
            Ok(()) if waits => {
                self.ask_person(actuator, &setting, &cause);
                Carried::Waits(id)
            }
            Ok(()) => {
                self.issue(actuator, setting, by, &cause, None, false);
                self.asked.iter_mut().for_each(|one| one.overtaken = true);
                Carried::Passed(id)
            }
        }
    }

    pub(super) fn needs_person(&self, id: ActuatorId) -> bool {
        let listed = self.config.actuators[usize::from(id.0)].ask_human;
        listed || self.mode_of(id) == Mode::Advise
    }

    /// Writes a decision down, counts it, publishes it.
    fn decision(&mut self, decision: Decision) {
        match decision.by {
            Decider::Rule => {}
            Decider::Mind => self.counters.by_mind += 1,
            Decider::Human | Decider::Command => self.counters.by_people += 1,
            Decider::Planner => self.counters.by_planner += 1,
            Decider::Cloud => self.counters.by_cloud += 1,
        }
        let boxed = Box::new(decision);
        let seq = self.record(Entry::Decision(boxed.clone()));
        self.report(Report::Decision { seq, decision: boxed });
    }

    /// A rule's act as a decision record: one candidate, no alternatives.
    pub(super) fn reflex_decision(&mut self, cause: &str, set: &[(ActuatorId, Setting)]) {
        let id = format!("{}-{}", self.boot_word(), self.next_decision);
        self.next_decision += 1;
        let named = set.iter().map(|(actuator, setting)| {
            (self.config.actuators[usize::from(actuator.0)].name.clone(), setting.clone())
        });
        let candidate = Candidate {
            set: named.collect(),
            text: cause.into(),
            predicted: Vec::new(),
            cost: 0.0,
            utility: 1.0,
            probability: None,
        };
        let facts = self.facts();
        self.decision(Decision {
            id,
            cause: cause.into(),
            facts,
            notes: Vec::new(),
            candidates: vec![candidate],
            chosen: 0,
            by: Decider::Rule,
            guard: "passed".into(),
            model: None,
        });
    }

    /// A goal whose sensor cannot be believed: what runs for it goes to `safe`, also what a person
    /// had said yes to.
    fn blind(&mut self) {
        let config = self.config.clone();
        for (index, actuator) in config.actuators.iter().enumerate() {
            let Ok(number) = u16::try_from(index) else { break };
            let id = ActuatorId(number);
            let state = self.world.actuator(id);
            let planned = state.owner.is_some_and(Decider::is_for_a_goal);
            let held = state.held_until.is_some_and(|until| until > self.now.tick);
            // One of which nothing is known is on its way to `safe` already.
            let known = state.heading().is_some();
            if !planned || held || !known || self.heads_for(id, &actuator.safe) {
                continue;
            }
            if self.is_there_or_taken(id, &actuator.safe) {
                continue;
            }
            let Some(sensor) = self.all_blind(actuator) else { continue };
            let name = config.sensors[usize::from(sensor.0)].name.clone();
            let cause = format!("{name} unknown: giving up control");
            if self.guard(id, &actuator.safe, Decider::Rule).is_ok() {
                self.issue(id, actuator.safe.clone(), Decider::Planner, &cause, None, false);
                self.say("blind", format!("{}: {cause}", actuator.name), Severity::Warning);
            }
        }
    }

    /// What the planner runs for goals of which none is in force now has nobody to end it: it goes
    /// to `safe`, as soon as its least time allows.
    fn unneeded(&mut self) {
        let config = self.config.clone();
        let needed: Vec<SensorId> = (0..self.aims.len())
            .filter(|index| self.in_force(*index) && self.wanted(*index).is_some())
            .filter_map(|index| self.aims[index].aim.sensor())
            .collect();
        for (number, actuator) in (0u16..).zip(&config.actuators) {
            let id = ActuatorId(number);
            let state = self.world.actuator(id);
            let planned = state.owner.is_some_and(Decider::is_for_a_goal);
            let works = actuator.effects.iter().any(|(sensor, _)| needed.contains(sensor));
            let idle = state.pending.is_none() && state.confirmed.is_some();
            if !planned || works || !idle || self.heads_for(id, &actuator.safe) {
                continue;
            }
            self.end_for_planner(id, "no goal in force needs it");
        }
    }

    /// To `safe` on the planner's behalf, where the guard allows it; a person is asked first where
    /// one has to be.
    pub(super) fn end_for_planner(&mut self, id: ActuatorId, cause: &str) {
        let safe = self.config.actuators[usize::from(id.0)].safe.clone();
        let there = self.is_there_or_taken(id, &safe);
        if there || self.guard(id, &safe, Decider::Planner).is_err() {
            return;
        }
        match self.needs_person(id) {
            true => self.ask_person(id, &safe, cause),
            false => self.issue(id, safe, Decider::Planner, cause, None, false),
        }
    }

    /// The first sensor of an actuator's effects if a goal needs it and none of them is known.
    fn all_blind(&self, actuator: &crate::config::Actuator) -> Option<SensorId> {
        let mut first = None;
        for (sensor, _) in &actuator.effects {
            let every = self.config.sensors[usize::from(sensor.0)].every;
            if self.estimate(*sensor).is_some() {
                return None;
            }
            let grace = every * (crate::limits::STALE_PERIODS + BLIND_PERIODS);
            // Its time to speak begins when it can be heard.
            let hearing = self.hearing_since(*sensor).unwrap_or(self.world.started);
            let heard = self.world.sensor(*sensor).heard().unwrap_or(hearing).max(hearing);
            if self.now.tick.since(heard) < grace {
                return None;
            }
            first = first.or(Some(*sensor));
        }
        first
    }
}

/// The alternative that the mind is sure of: its probability among the alternatives reaches
/// `trust`.
#[must_use]
pub fn sure(p: &[f64], alternatives: &[usize], trust: f64) -> Option<usize> {
    let held: f64 = alternatives.iter().map(|index| p[*index]).sum();
    let best = alternatives.iter().copied().max_by(|a, b| p[*a].total_cmp(&p[*b]));
    best.filter(|best| held > 0.0 && p[*best] / held >= trust)
}

fn moved(change: &Option<(ActuatorId, Setting)>) -> Option<ActuatorId> {
    change.as_ref().map(|(actuator, _)| *actuator)
}
