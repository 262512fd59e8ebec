//! Device commands: what operators ask for, from `accepted` to the one state that ends it; and
//! what waits for a person. An id is carried out once, whatever happens (design §5, §8.4).

use std::time::Duration;

use super::core::Agent;
use super::effect::{Effect, Report};
use super::event::{Body, DeviceCommand};
use crate::clock::Tick;
use crate::config::{Goal, Mode};
use crate::domain::{ActuatorId, CommandState, Decider, Entry, Setting, Severity};
use crate::limits;

/// What is remembered of a command's id.
#[derive(Clone, Debug)]
pub struct CommandMemory {
    /// Where it stands.
    pub state: CommandState,
    /// Why.
    pub reason: String,
    /// When it changed last, or when this start found it in the journal. The wall clock has no say:
    /// a jump must not make an id forgotten and its command carried out again.
    pub changed: Tick,
    /// The order of changes, for the bound on their number.
    pub order: u64,
    /// When it ended in this start; its retained state is cleared 24 h later.
    pub ended: Option<Tick>,
}

impl Agent {
    /// A command came in, perhaps not for the first time.
    pub(super) fn command(&mut self, command: DeviceCommand) {
        let key = (command.kind.clone(), command.id.clone());
        if let Some(memory) = self.commands.get(&key) {
            let (state, reason) = (memory.state, memory.reason.clone());
            self.report_command(&key, Some(state), &reason);
            return;
        }
        let body = match self.admit(&command) {
            Ok(body) => body,
            Err((state, reason)) => {
                self.set_command(&key, state, &reason);
                return;
            }
        };
        match body {
            Body::Set { actuator, setting, hold } => self.set(&key, actuator, setting, hold),
            Body::Mode { mode, actuator } => self.set_mode(&key, mode, actuator),
            Body::PutGoal { goal, text } => self.change_goals(&key, Some((*goal, text)), ""),
            Body::RemoveGoal { name } => self.change_goals(&key, None, &name),
            Body::Edit(edit) => self.edit(&key, *edit),
            Body::Understand { note } => self.understand_again(&key, &note),
            Body::Ask { text, spoken } => self.asked_to(&key, &text, *spoken),
            Body::Approve { approval } => self.settle_approval(&key, &approval, true),
            Body::Deny { approval } => self.settle_approval(&key, &approval, false),
            Body::Model { model, adapter } => self.switch_model(&key, model, adapter),
            Body::Restart => self.restart(&key),
            Body::Update { release } => self.take_release(&key, release),
            Body::Rate { decision, good } => self.rate(&key, &decision, good),
        }
    }

    /// Expiry and readability (design §5).
    fn admit(&self, command: &DeviceCommand) -> Result<Body, (CommandState, String)> {
        let body = command.body.clone().map_err(|reason| (CommandState::Rejected, reason))?;
        match command.issued_unix_ms {
            Some(issued) => {
                let ttl = i64::try_from(command.ttl.as_millis()).unwrap_or(i64::MAX);
                let end = issued.saturating_add(ttl);
                // An untrusted clock still never lies before the floor of time: the seam `Clock`
                // sees to that, so this holds in every state of trust.
                if end < self.now.unix_ms {
                    let reason = format!("issued {} s ago", (self.now.unix_ms - issued) / 1000);
                    return Err((CommandState::Expired, reason));
                }
                Ok(body)
            }
            None if command.retained => Err((
                CommandState::Rejected,
                "retained and without `issued`: its age is unknown".into(),
            )),
            None => Ok(body),
        }
    }

    pub(super) fn set(
        &mut self,
        key: &(String, String),
        id: ActuatorId,
        setting: Setting,
        hold: Duration,
    ) {
        if let Err(refusal) = self.guard(id, &setting, Decider::Command) {
            let cause = format!("{}/{}", key.0, key.1);
            self.refuse(id, &setting, Decider::Command, &cause, &refusal);
            self.set_command(key, CommandState::Rejected, &refusal.to_string());
            return;
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.hold(id, hold);
        self.drop_question();
        self.counters.by_people += 1;
        let cause = format!("{}/{}", key.0, key.1);
        self.issue(id, setting, Decider::Command, &cause, Some(key.clone()), false);
    }

    /// The planner leaves it alone for so long from now on; not at all for zero.
    pub(super) fn hold(&mut self, id: ActuatorId, hold: Duration) {
        let actuator = self.config.actuators[usize::from(id.0)].name.clone();
        let for_ms = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
        self.record(Entry::Hold { actuator, for_ms });
        let until = (!hold.is_zero()).then(|| self.now.tick.after(hold));
        self.world.actuator_mut(id).held_until = until;
    }

    pub(super) fn set_mode(
        &mut self,
        key: &(String, String),
        mode: Mode,
        actuator: Option<ActuatorId>,
    ) {
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        let file = self.file_mode(actuator);
        let name = match actuator {
            Some(id) => {
                self.modes[usize::from(id.0)] = Some(mode);
                self.config.actuators[usize::from(id.0)].name.clone()
            }
            None => {
                self.mode = mode;
                String::new()
            }
        };
        self.keep_file_mode(&name, file);
        self.record(Entry::Mode { actuator: name, mode: mode.word().into() });
        self.drop_question();
        self.plan_wanted = true;
        self.report_status();
        self.set_command(key, CommandState::Succeeded, "");
    }

    pub(super) fn change_goals(
        &mut self,
        key: &(String, String),
        put: Option<(Goal, String)>,
        remove: &str,
    ) {
        // What cannot be done is rejected before anything is begun.
        let refused = match &put {
            Some((goal, _)) => self.no_room_for_goal(&goal.name),
            None => self.no_goal(remove),
        };
        if let Some(reason) = refused {
            self.set_command(key, CommandState::Rejected, &reason);
            return;
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        match put {
            Some((goal, text)) => self.put_goal(goal, text),
            None => self.remove_goal(remove),
        }
        self.set_command(key, CommandState::Succeeded, "");
    }

    /// A person's word on a decision is written down; `log query --decision` has it beside it. One
    /// of this start is known to exist or not; of an earlier start only the form can be judged.
    fn rate(&mut self, key: &(String, String), decision: &str, good: bool) {
        let refused = match decision.split_once('-') {
            Some((boot, number)) if is_boot(boot) => match number.parse::<u64>() {
                Ok(number) if boot != self.boot_word() => (number == 0).then(|| "0".to_owned()),
                Ok(number) if (1..self.next_decision).contains(&number) => None,
                Ok(number) => Some(format!("{number} of {}", self.next_decision - 1)),
                Err(_) => Some("no number".into()),
            },
            _ => Some("another form".into()),
        };
        if let Some(found) = refused {
            let form = "eight hexadecimal digits, a dash and the decision's number";
            let reason = format!("no decision of this id ({found}): it is {form}");
            self.set_command(key, CommandState::Rejected, &reason);
            return;
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        let word = if good { "good" } else { "bad" };
        self.say("rating", format!("{decision} {word}"), Severity::Info);
        self.set_command(key, CommandState::Succeeded, "");
    }

    /// An operator wants another model or adapter.
    fn switch_model(
        &mut self,
        key: &(String, String),
        model: Option<String>,
        adapter: Option<String>,
    ) {
        let Some(mind) = &self.config.mind else {
            let reason = "there is no [mind] in the configuration";
            return self.set_command(key, CommandState::Rejected, reason);
        };
        if self.commands.iter().any(|((kind, _), it)| *kind == key.0 && !it.state.is_terminal()) {
            let reason = "another change of the model is under way";
            return self.set_command(key, CommandState::Rejected, reason);
        }
        let (model_now, adapter_now) =
            self.mind_chosen.clone().unwrap_or((mind.model.clone(), mind.adapter.clone()));
        let same = model.as_ref().is_none_or(|model| *model == model_now);
        let kept = if same { adapter_now } else { "none".to_owned() };
        let model = model.unwrap_or(model_now);
        let adapter = adapter.unwrap_or(kept);
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.drop_question();
        self.out.push(Effect::SwitchModel { command: key.clone(), model, adapter });
    }

    /// What came of it.
    pub(super) fn model_switched(
        &mut self,
        key: (String, String),
        result: Result<(String, String), String>,
    ) {
        match result {
            Ok((model, adapter)) => {
                let text = format!("model {model} with adapter {adapter} at an operator's word");
                self.mind_chosen = Some((model, adapter));
                self.say("mind", text, Severity::Info);
                self.set_command(&key, CommandState::Succeeded, "");
            }
            Err(reason) => self.set_command(&key, CommandState::Failed, &reason),
        }
    }

    /// Ends as for a stop. That it has succeeded only the next start can know, and says it.
    fn restart(&mut self, key: &(String, String)) {
        if self.stopping.is_some() {
            return self.set_command(key, CommandState::Rejected, "the agent is stopping already");
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.say(
            "restart",
            "the program starts again at an operator's word".into(),
            Severity::Info,
        );
        self.restarting = true;
        self.stop();
    }

    /// It ended for an operator's `restart` and is to be started again.
    #[must_use]
    pub fn wants_restart(&self) -> bool {
        self.restarting
    }

    /// Has a release verified and put into its slot. How its trial ends is not the command's: this
    /// process is gone by then, and the retained topic `update` says it.
    fn take_release(&mut self, key: &(String, String), release: Option<String>) {
        if self.config.update.from.is_none() {
            let reason = "there is no `from` in [update]: no folder to take releases from";
            return self.set_command(key, CommandState::Rejected, reason);
        }
        if self.commands.iter().any(|((kind, _), it)| *kind == key.0 && !it.state.is_terminal()) {
            let reason = "another release is being taken";
            return self.set_command(key, CommandState::Rejected, reason);
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.out.push(Effect::TakeRelease { command: key.clone(), release });
    }

    /// What came of it.
    pub(super) fn release_taken(&mut self, key: &(String, String), result: Result<String, String>) {
        match result {
            Ok(text) => self.set_command(key, CommandState::Succeeded, &text),
            Err(reason) => self.set_command(key, CommandState::Failed, &reason),
        }
    }

    /// The first part of this start's decision ids.
    pub(super) fn boot_word(&self) -> String {
        format!("{:08x}", self.boot >> 32)
    }

    /// A command's step has ended.
    pub(super) fn end_command(
        &mut self,
        command: Option<(String, String)>,
        state: CommandState,
        reason: &str,
    ) {
        if let Some(key) = command {
            self.set_command(&key, state, reason);
        }
    }

    /// Writes a state down, remembers it, publishes it: in this order.
    pub(super) fn set_command(
        &mut self,
        key: &(String, String),
        state: CommandState,
        reason: &str,
    ) {
        self.record(Entry::Command {
            kind: key.0.clone(),
            id: key.1.clone(),
            state,
            reason: reason.into(),
        });
        self.commands_order += 1;
        let memory = CommandMemory {
            state,
            reason: reason.into(),
            changed: self.now.tick,
            order: self.commands_order,
            ended: state.is_terminal().then_some(self.now.tick),
        };
        self.commands.insert(key.clone(), memory);
        self.forget_oldest();
        self.report_command(key, Some(state), reason);
    }

    fn report_command(
        &mut self,
        key: &(String, String),
        state: Option<CommandState>,
        reason: &str,
    ) {
        let (kind, id) = key.clone();
        self.report(Report::CommandState { kind, id, state, reason: reason.into() });
    }

    /// At the bound the oldest ended id goes.
    fn forget_oldest(&mut self) {
        if self.commands.len() <= limits::COMMAND_IDS_MAX {
            return;
        }
        let ended = self.commands.iter().filter(|(_, memory)| memory.state.is_terminal());
        if let Some(key) = ended.min_by_key(|(_, memory)| memory.order).map(|(key, _)| key) {
            let key = key.clone();
            self.commands.remove(&key);
        }
    }

    /// Takes over the ids of the journal, oldest change first; what was open ends here.
    pub(super) fn resume_commands(
        &mut self,
        commands: Vec<(String, String, CommandState, String, i64)>,
    ) {
        let retained_ms = i64::try_from(limits::COMMAND_STATE_RETAINED_MS).unwrap_or(i64::MAX);
        for (kind, id, state, reason, unix_ms) in commands {
            // Older states were cleared from the broker long ago; twice the time covers a day
            // without power.
            let recent = self.now.unix_ms - unix_ms < 2 * retained_ms;
            let ended = (state.is_terminal() && recent).then_some(self.now.tick);
            self.commands_order += 1;
            let (changed, order) = (self.now.tick, self.commands_order);
            let memory = CommandMemory { state, reason, changed, order, ended };
            self.commands.insert((kind, id), memory);
        }
        let runs = concat!("version ", env!("CARGO_PKG_VERSION"), " runs since");
        for key in self.open_commands_of(|kind| kind == "restart") {
            self.set_command(&key, CommandState::Succeeded, runs);
        }
        for key in self.open_commands_of(|_| true) {
            let reason = "the agent was started again before it ended";
            self.set_command(&key, CommandState::Failed, reason);
        }
    }

    fn open_commands_of(&self, is_kind: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let open = self.commands.iter().filter(|(_, memory)| !memory.state.is_terminal());
        open.map(|(key, _)| key.clone()).filter(|key| is_kind(&key.0)).collect()
    }

    /// Every open command fails for this reason; a `restart` ends with the next start.
    pub(super) fn end_open_commands(&mut self, reason: &str) {
        for key in self.open_commands_of(|kind| kind != "restart") {
            self.set_command(&key, CommandState::Failed, reason);
        }
    }

    /// After a connection: states that changed while nobody could hear.
    pub(super) fn report_commands(&mut self) {
        let fresh = Duration::from_millis(limits::COMMAND_STATE_RETAINED_MS);
        let recent = self.commands.iter().filter(|(_, memory)| {
            !memory.state.is_terminal()
                || memory.ended.is_some_and(|at| self.now.tick.since(at) < fresh)
        });
        let recent: Vec<_> = recent
            .map(|(key, memory)| (key.clone(), memory.state, memory.reason.clone()))
            .collect();
        for (key, state, reason) in recent {
            self.report_command(&key, Some(state), &reason);
        }
    }

    /// Clears retained states 24 h after their end, ids after 90 days, approvals after their time.
    pub(super) fn command_timers(&mut self) {
        let now = self.now.tick;
        self.expire_approvals();
        // Looking at thousands of ids at every reading would cost more than the reading.
        let pause = Duration::from_millis(limits::COMMANDS_LOOK_MS);
        if self.commands_looked.is_some_and(|at| now.since(at) < pause) {
            return;
        }
        self.commands_looked = Some(now);
        let fresh = Duration::from_millis(limits::COMMAND_STATE_RETAINED_MS);
        let over = self
            .commands
            .iter()
            .filter(|(_, memory)| memory.ended.is_some_and(|at| now.since(at) >= fresh));
        let keys: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.report_command(&key, None, "");
            if let Some(memory) = self.commands.get_mut(&key) {
                memory.ended = None;
            }
        }
        let kept = Duration::from_millis(limits::COMMAND_ID_KEPT_MS.unsigned_abs());
        self.commands
            .retain(|_, memory| now.since(memory.changed) < kept || !memory.state.is_terminal());
    }
}

/// Eight hexadecimal digits, as a start is named in ids.
fn is_boot(word: &str) -> bool {
    word.len() == 8 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
