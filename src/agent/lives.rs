//! The start and the end of the agent's life: what is taken over of the last one, what each device
//! is sent first, and the hand-over to `safe`. No choices of a plan.

use std::time::Duration;

use super::core::Agent;
use super::edits::Kept;
use super::effect::Effect;
use super::notes::KeptProposal;
use super::steps::same;
use crate::config::{ActuatorKind, Goal, Mode};
use crate::domain::{
    ActuatorId, CommandState, Decider, Entry, Escalated, Learned, Memory, Moved, Setting, Severity,
};
use crate::limits;

/// What the journal remembers of the time before this start.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// First free sequence number.
    pub next_seq: u64,
    /// Device commands of the last 90 days: kind, id, state, reason, unix ms of the last change.
    pub commands: Vec<(String, String, CommandState, String, i64)>,
    /// Modes that operators set: actuator name (empty: the agent) and mode.
    pub modes: Vec<(String, Mode)>,
    /// Holds still running: actuator name and what is left.
    pub holds: Vec<(String, Duration)>,
    /// The last step of each actuator.
    pub steps: Vec<ResumedStep>,
    /// Goals that operators put or took away (`None`), in their order.
    pub goals: Vec<(String, Option<Goal>)>,
    /// Rules and notes that operators changed, in their order.
    pub edits: Vec<Kept>,
    /// Messages of the last hour: actuator name and how long ago.
    pub sent: Vec<(String, Duration)>,
    /// What was learned, by sensor.
    pub learned: Vec<Learned>,
    /// The last question to the model in the cloud.
    pub escalated: Option<Escalated>,
    /// What is kept of sensors beside what was learned.
    pub memories: Vec<Memory>,
    /// Moves of actuators before this start, oldest first.
    pub moves: Vec<Moved>,
}

/// The last step of an actuator before this start.
#[derive(Clone, Debug)]
pub struct ResumedStep {
    /// The actuator's name.
    pub actuator: String,
    /// What it was set to.
    pub setting: Setting,
    /// On whose behalf.
    pub by: Decider,
    /// The device had confirmed it.
    pub confirmed: bool,
    /// It is a pulse whose end was never confirmed.
    pub pulse_open: bool,
    /// How long ago it was; zero where no clock tells.
    pub ago: Duration,
}

/// What became of commands for modes that an earlier life had.
#[derive(Default)]
struct Overtaken {
    /// The file was changed since: actuator (empty: the agent) and the command's mode.
    by_file: Vec<(String, Mode)>,
    /// They hold, and what the file said when they came was not kept.
    unkept: Vec<String>,
}

impl Agent {
    /// The last of a start: what operators had set and what was under way, and that it begins.
    pub(super) fn take_over(&mut self, resumed: Resumed, proposals: Vec<KeptProposal>) {
        let overtaken = self.resume_modes(&resumed.modes, &Kept::modes_of_file(&resumed.edits));
        self.resume_pulses();
        self.resume_sent(&resumed.sent);
        self.resume_partners();
        self.resume_moves(resumed.moves);
        self.record(Entry::Boot {
            version: env!("CARGO_PKG_VERSION").into(),
            mode: self.mode.word().into(),
        });
        self.resume_filters(&resumed.memories);
        self.tell_overtaken(overtaken);
        self.resume_holds(&resumed.holds);
        self.resume_commands(resumed.commands);
        self.unsaid = Kept::approvals(&resumed.edits);
        self.resume_proposals(proposals);
    }

    /// A device of which nothing was known says what it is set to, perhaps for the first time in
    /// this life.
    pub(super) fn first_word(&mut self, id: ActuatorId, setting: &Setting, is_first: bool) {
        let config = self.config.clone();
        let actuator = &config.actuators[usize::from(id.0)];
        // What we had set in our last life is still ours to end.
        let last = self.resumed_steps.iter().find(|step| step.actuator == actuator.name).cloned();
        let is_this = |step: &ResumedStep| same(actuator, &step.setting, setting);
        let (last, other) = (last.clone().filter(is_this), last.filter(|step| !is_this(step)));
        let now = self.now.tick;
        let state = self.world.actuator_mut(id);
        // Unasked, and known to be so soon after: where no clock tells, it may be of yesterday.
        let asked =
            state.was_told(actuator, setting) || state.was_told_lately(actuator, setting, now);
        let soon = Duration::from_millis(1)..Duration::from_millis(limits::ECHO_LATE_MS_MAX);
        let other = other.filter(|step| step.confirmed && soon.contains(&step.ago));
        if let Some(step) = other.filter(|_| is_first && !asked) {
            state.overtake_last_life(&step, now);
        }
        state.owner = state.owner.or(last.as_ref().map(|step| step.by));
        // Its least time may have begun in the last life.
        if is_first {
            state.so_before =
                last.filter(|step| step.confirmed).map_or_else(Duration::default, |step| step.ago);
        }
        // A pulse never runs longer than its `max`, even where the record of its begin was lost.
        if let (ActuatorKind::Pulse { max }, Setting::On) = (&actuator.kind, setting) {
            state.off_due = state.off_due.or(Some(now.after(*max)));
        }
    }

    /// The first time that something may go out to an actuator, be it the first connection or an
    /// operator who ends `observe`, `at_start` comes before anything else.
    pub(super) fn begin(&mut self, id: ActuatorId) {
        let index = usize::from(id.0);
        if !self.begun[index] && self.stopping.is_none() && self.may_send_at_all(id) {
            self.begun[index] = self.at_start(id);
        }
    }

    /// `false`: an interlock keeps it from `safe` as others are set by now.
    fn at_start(&mut self, id: ActuatorId) -> bool {
        let config = self.config.clone();
        let actuator = &config.actuators[usize::from(id.0)];
        let last = self.resumed_steps.iter().find(|step| step.actuator == actuator.name).cloned();
        let open_pulse = last.as_ref().is_some_and(|step| step.pulse_open);
        let kept = actuator.start_safe && !open_pulse && self.makes_worse(id, &actuator.safe);
        self.world.actuator_mut(id).is_kept_from_start = kept;
        if kept {
            return false;
        }
        if actuator.start_safe || open_pulse {
            self.issue_now(id, actuator.safe.clone(), Decider::Rule, "start");
            return true;
        }
        // keep: a device with an echo will tell; of one without, the journal knows the last word.
        if !actuator.echoes() {
            match last {
                Some(step) if step.confirmed => {
                    let now = self.now.tick;
                    let state = self.world.actuator_mut(id);
                    state.confirmed = Some(step.setting);
                    (state.changed, state.so_before) = (Some(now), step.ago);
                }
                _ => self.issue_now(id, actuator.safe.clone(), Decider::Rule, "start"),
            }
        }
        true
    }

    /// The process ends: everything that the agent set goes to `safe`.
    pub(super) fn stop(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        self.drop_question();
        self.stopping = Some(self.now.tick.after(Duration::from_millis(limits::HAND_OVER_MS_MAX)));
        for index in 0..self.config.actuators.len() {
            let id = ActuatorId(u16::try_from(index).unwrap_or(u16::MAX));
            // Where nothing is known one message is tried.
            if self.world.actuator(id).heading().is_none() {
                self.world.actuator_mut(id).untried = !self.hand_over(id);
            }
        }
    }

    /// Sends an actuator of ours to `safe` unless that makes an interlock true: then `false`.
    fn hand_over(&mut self, id: ActuatorId) -> bool {
        if !self.is_to_be_handed_over(id) {
            return true;
        }
        let safe = self.config.actuators[usize::from(id.0)].safe.clone();
        let may_go = !self.makes_worse(id, &safe);
        if may_go {
            self.issue_now(id, safe, Decider::Rule, "stop");
        }
        may_go
    }

    /// It is ours and not on its way to `safe`, where what waits for a slow journal is not. In
    /// `observe` nothing goes out but a pulse's end.
    fn is_to_be_handed_over(&self, id: ActuatorId) -> bool {
        let state = self.world.actuator(id);
        let pulse = state.off_due.is_some() && self.reach(id).is_some();
        let safe = &self.config.actuators[usize::from(id.0)].safe;
        let there = self.is_sent(id, safe) || self.is_there_or_taken(id, safe);
        let ours = state.owner.is_some() || state.is_kept_from_start;
        ours && !there && (pulse && state.owner.is_some() || self.may_send_at_all(id))
    }

    /// It is known, or waits for its one message.
    fn is_due_at_stop(&self, id: ActuatorId) -> bool {
        let state = self.world.actuator(id);
        state.heading().is_some() || state.untried
    }

    /// Ready to end when every message is answered or the time is up.
    pub(super) fn finish_stop(&mut self) {
        if !self.stopped {
            // Some may only go once others have gone: an interlock gives the order.
            for index in 0..self.config.actuators.len() {
                let id = ActuatorId(u16::try_from(index).unwrap_or(u16::MAX));
                if self.is_due_at_stop(id) && self.hand_over(id) {
                    self.world.actuator_mut(id).untried = false;
                }
            }
        }
        let mut all = (0..self.config.actuators.len()).filter_map(|n| u16::try_from(n).ok());
        let left = all.any(|n| {
            self.is_due_at_stop(ActuatorId(n)) && self.is_to_be_handed_over(ActuatorId(n))
        });
        let open = (left || self.open_steps() > 0) && self.reaches_any();
        let late = self.stopping.is_some_and(|at| at <= self.now.tick);
        if self.stopped || (open && !late) {
            return;
        }
        self.stopped = true;
        for index in 0..self.config.actuators.len() {
            let id = ActuatorId(u16::try_from(index).unwrap_or(u16::MAX));
            self.give_up(id, "the agent stopped before it was confirmed");
        }
        self.end_open_commands("the agent stopped");
        self.leave_note();
        self.clear_approvals();
        for learned in self.dynamics.all() {
            self.record(Entry::Learned(Box::new(learned)));
        }
        self.write_days(true);
        self.write_partners(true);
        self.write_filters(true);
        self.out.push(Effect::Stopped);
    }

    /// Takes over the messages of the last hour: the limit an hour goes on over a restart.
    fn resume_sent(&mut self, sent: &[(String, Duration)]) {
        for (name, ago) in sent {
            if let Some(id) = self.id_of(name) {
                let left = Duration::from_millis(limits::COMMANDS_COUNTED_MS).saturating_sub(*ago);
                let due = self.now.tick.after(left);
                self.world.actuator_mut(id).sent_before.push(due);
            }
        }
    }

    /// Restores modes that operators had set. `files` are the file's modes when the commands came:
    /// who edits the file after that has the last word. Gives those commands that hold no more, and
    /// of those that hold the ones whose file's mode was not kept with them.
    fn resume_modes(&mut self, modes: &[(String, Mode)], files: &[(String, Mode)]) -> Overtaken {
        let mut found = Overtaken::default();
        for (name, mode) in modes {
            let id = self.id_of(name);
            if !name.is_empty() && id.is_none() {
                continue;
            }
            let then = files.iter().find(|(of, _)| of == name).map(|(_, mode)| *mode);
            if then.is_some_and(|then| then != self.file_mode(id)) {
                found.by_file.push((name.clone(), *mode));
                continue;
            }
            if then.is_none() {
                found.unkept.push(name.clone());
            }
            match id {
                None => self.mode = *mode,
                Some(id) => self.modes[usize::from(id.0)] = Some(*mode),
            }
        }
        found
    }

    /// The file has overtaken a command: it must not hold again when the file changes once more.
    fn tell_overtaken(&mut self, found: Overtaken) {
        for (name, mode) in found.by_file {
            let file = self.file_mode(self.id_of(&name));
            self.keep_file_mode(&name, file);
            self.record(Entry::Mode { actuator: name.clone(), mode: file.word().into() });
            let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
            let (now, before) = (file.word(), mode.word());
            let text = format!(
                "mode{of}: {now}, as the configuration says since it was changed; the command for \
                 {before} before that holds no more"
            );
            self.say("mode", text, Severity::Warning);
        }
        for name in found.unkept {
            let file = self.file_mode(self.id_of(&name));
            self.keep_file_mode(&name, file);
        }
    }

    /// The file's mode of an actuator; `None`: of the agent.
    pub(super) fn file_mode(&self, id: Option<ActuatorId>) -> Mode {
        match id {
            None => self.config.mode,
            Some(id) => self.config.actuators[usize::from(id.0)].mode.unwrap_or(Mode::Act),
        }
    }

    /// Pulses whose end was never confirmed end as soon as there is a way, in `observe` too.
    fn resume_pulses(&mut self) {
        let open = self.resumed_steps.iter().filter(|step| step.pulse_open);
        let open: Vec<_> = open.filter_map(|step| self.id_of(&step.actuator)).collect();
        let now = self.now.tick;
        for id in open {
            // It may be another kind of device by now.
            let actuator = &self.config.actuators[usize::from(id.0)];
            if matches!(actuator.kind, ActuatorKind::Pulse { .. }) {
                self.world.actuator_mut(id).off_due = Some(now);
            }
        }
    }

    /// What is left of holds that operators had set. Recorded anew: from now on a clock may tell
    /// when they began.
    fn resume_holds(&mut self, holds: &[(String, Duration)]) {
        for (name, left) in holds {
            if let Some(id) = self.id_of(name) {
                self.hold(id, *left);
            }
        }
    }
}
