//! The agent's state and its one entry: [`Agent::apply`]. What each event means stands in the
//! other files of this folder; this one only routes, and keeps the order of the layers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::approvals::Approval;
use super::commands::CommandMemory;
use super::decide::Asked;
use super::derived::Derivation;
use super::dynamics::Dynamics;
use super::edits::Kept;
use super::effect::{Effect, Report, Status};
use super::escalate::{Escalation, Escalations};
use super::event::{Event, MindNews, MindWord};
use super::goals::GoalState;
use super::lives::{Resumed, ResumedStep};
use super::moves::Move;
use super::notes::Notes;
use super::partners::Partners;
use super::rules::RuleState;
use super::several::Who;
use super::shown::Shown;
use super::thin::Thinning;
use super::world::{FaultCount, LocalTime, View, World};
use crate::clock::{Now, Tick};
use crate::config::{Config, Goal, Mode};
use crate::domain::{ActuatorId, Effort, Entry, Fault, SensorId, Setting, Severity};
use crate::limits;

/// What was done, counted. All since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Readings that were used and not written down.
    pub thinned: u64,
    /// Decisions of rules and interlocks that sent something.
    pub by_rule: u64,
    /// Decisions of the planner.
    pub by_planner: u64,
    /// Decisions that the mind changed.
    pub by_mind: u64,
    /// Decisions that the model in the cloud changed.
    pub by_cloud: u64,
    /// Decisions that a person approved, and operators' commands.
    pub by_people: u64,
    /// Questions to the mind.
    pub asked: u64,
    /// Answers that came in time.
    pub answered: u64,
    /// Answers that came too late, or about a world that had moved on.
    pub dropped: u64,
    /// Answers under `trust`: the planner's choice stood.
    pub unsure: u64,
    /// Commands to devices, repeats not counted.
    pub sent: u64,
    /// Of these, confirmed by echo or PUBACK.
    pub confirmed: u64,
    /// Of these, given up or replaced.
    pub unconfirmed: u64,
    /// Commands that the guard refused.
    pub refused: u64,
    /// Payloads that were not believed.
    pub faults: u64,
    /// Retained sensor payloads, of unknown age, not used.
    pub retained: u64,
    /// Readings used.
    pub readings: u64,
    /// Decisions that nobody here was sure of.
    pub escalations: Escalations,
}

/// The agent. One owner, no locks, no I/O.
pub struct Agent {
    /// The file's, with the rules and notes that operators changed.
    pub(super) config: Arc<Config>,
    /// The notes of the file.
    pub(super) file_notes: Vec<String>,
    pub(super) zone: TimeZone,
    pub(super) world: World,
    pub(super) now: Now,
    pub(super) local: Option<LocalTime>,
    pub(super) out: Vec<Effect>,
    pub(super) boot: u64,
    pub(super) next_seq: u64,
    pub(super) next_token: u64,
    pub(super) next_question: u64,
    pub(super) next_decision: u64,
    pub(super) mode: Mode,
    pub(super) modes: Vec<Option<Mode>>,
    pub(super) link_since: Option<Tick>,
    /// Since when each serial line is open.
    pub(super) lines_since: Vec<Option<Tick>>,
    /// When what is away now was lost: each serial line by its place, and the bus at the end.
    pub(super) lost_at: Vec<Option<Tick>>,
    /// The actuators that had their start, by id: when something might go out for the first time.
    pub(super) begun: Vec<bool>,
    /// Learned effects that were believed anew of late.
    pub(super) retried: super::again::Retried,
    pub(super) rules: Vec<RuleState>,
    pub(super) interlocks: Vec<RuleState>,
    /// The goals in force: those of the file with what operators put and took away.
    pub(super) aims: Vec<Goal>,
    /// How each of them stands.
    pub(super) goals: Vec<GoalState>,
    /// What counts as a large change, by sensor.
    pub(super) scales: Vec<f64>,
    pub(super) goals_reported: Option<Tick>,
    pub(super) commands: BTreeMap<(String, String), CommandMemory>,
    pub(super) commands_order: u64,
    pub(super) commands_looked: Option<Tick>,
    pub(super) approvals: Vec<Approval>,
    pub(super) shown: Vec<Shown>,
    /// Ids of what waits for nobody any more, of which the bus has not heard yet.
    pub(super) unsaid: Vec<String>,
    /// Notes that are being understood, and what waits for a person's yes.
    pub(super) notes: Notes,
    /// What each actuator was set to and why, by id, oldest first.
    pub(super) moves: Vec<VecDeque<Move>>,
    /// When what the filters have learned was written down.
    pub(super) filters_written: Tick,
    pub(super) mind: (MindWord, String, String),
    /// Its adapter, or `none`.
    pub(super) mind_adapter: String,
    /// Model and adapter that an operator chose in this life.
    pub(super) mind_chosen: Option<(String, String)>,
    pub(super) effort: Effort,
    /// The question that the mind has, and those that wait for their turn.
    pub(super) asked: VecDeque<Asked>,
    pub(super) plan_wanted: bool,
    pub(super) planned: Option<Tick>,
    pub(super) resumed_steps: Vec<ResumedStep>,
    pub(super) stopping: Option<Tick>,
    pub(super) stopped: bool,
    pub(super) restarting: bool,
    pub(super) counters: Counters,
    pub(super) dynamics: Dynamics,
    pub(super) derivation: Derivation,
    pub(super) partners: Partners,
    pub(super) thinning: Thinning,
    pub(super) escalation: Escalation,
    prefixes: BTreeMap<Who, String>,
    other_board_said: Option<Tick>,
}

impl Agent {
    /// An agent that takes up where the journal ends. The effects of its start come first.
    ///
    /// `boot` is a random number that tells this start from every other.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        mut resumed: Resumed,
        boot: u64,
        now: Now,
    ) -> (Agent, Vec<Effect>) {
        let file_notes = config.notes.clone();
        let (config, proposals) = Kept::applied(resumed.edits.clone(), config);
        let zone = TimeZone::get(&config.device.timezone).unwrap_or(TimeZone::UTC);
        let mind = if config.mind.is_some() { MindWord::Loading } else { MindWord::Off };
        let aims = Agent::resumed_goals(&config.goals, std::mem::take(&mut resumed.goals));
        let mut agent = Agent {
            world: World::new(&config, &Agent::scales(&aims, &config.sensors), now.tick),
            local: LocalTime::at(now, &zone),
            mode: config.mode,
            modes: config.actuators.iter().map(|actuator| actuator.mode).collect(),
            rules: vec![RuleState::default(); config.rules.len()],
            interlocks: vec![RuleState::default(); config.interlocks.len()],
            goals: vec![GoalState::default(); aims.len()],
            scales: Agent::scales(&aims, &config.sensors),
            aims,
            dynamics: Dynamics::new(&config, &resumed.learned, now.tick),
            partners: Partners::new(&config, &resumed.memories),
            derivation: Derivation::new(&config, &resumed.memories),
            thinning: Thinning::new(&config, now.tick),
            escalation: Escalation::resumed(resumed.escalated.take()),
            file_notes,
            zone,
            now,
            out: Vec::new(),
            boot,
            next_seq: resumed.next_seq,
            next_token: 1,
            next_question: 1,
            next_decision: 1,
            link_since: None,
            lines_since: vec![None; config.lines.len()],
            lost_at: vec![None; config.lines.len() + 1],
            begun: vec![false; config.actuators.len()],
            retried: Vec::new(),
            goals_reported: None,
            commands: BTreeMap::new(),
            commands_order: 0,
            commands_looked: None,
            approvals: Vec::new(),
            shown: Vec::new(),
            unsaid: Vec::new(),
            notes: Notes::default(),
            moves: vec![VecDeque::new(); config.actuators.len()],
            filters_written: now.tick,
            mind: (mind, String::new(), String::new()),
            mind_chosen: None,
            mind_adapter: config.mind.as_ref().map_or("none".into(), |mind| mind.adapter.clone()),
            effort: Effort::Full,
            asked: VecDeque::new(),
            plan_wanted: false,
            planned: None,
            resumed_steps: std::mem::take(&mut resumed.steps),
            stopping: None,
            stopped: false,
            restarting: false,
            counters: Counters::default(),
            prefixes: BTreeMap::new(),
            other_board_said: None,
            config,
        };
        agent.take_over(resumed, proposals);
        let effects = std::mem::take(&mut agent.out);
        (agent, effects)
    }

    /// Decides what an event means. Never waits, never fails.
    pub fn apply(&mut self, event: Event, now: Now) -> Vec<Effect> {
        self.set_now(now);
        // What has gone stale meanwhile is unknown to the event too.
        self.derive();
        match event {
            Event::Wake => {}
            Event::Reading { sensor, value, retained } => self.reading(sensor, value, retained),
            Event::Echo { actuator, setting, retained } => self.echo(actuator, setting, retained),
            Event::Command(command) => self.command(*command),
            Event::ModelSwitched { command, result } => self.model_switched(command, result),
            Event::ReleaseTaken { command, result } => self.release_taken(&command, result),
            Event::LinkUp => self.link_up(),
            Event::LinkDown { reason } => self.link_down(&reason),
            Event::Silent { sensor } => self.silent(sensor),
            Event::Mute { actuator, is_there } => self.mute(actuator, is_there),
            Event::LineUp { line } => self.line_up(line),
            Event::LineDown { line, reason } => self.line_down(line, &reason),
            Event::Acked { token } => self.acked(token),
            Event::Lost { token, why } => self.lost(token, why.as_deref()),
            Event::Mind(news) => self.mind_news(news),
            Event::CloudAnswered { id, result, ms } => self.cloud_answered(id, result, ms),
            Event::Effort { effort, reason } => self.set_effort(effort, &reason),
            Event::OtherBoard { boot } => self.other_board(&boot),
            Event::Notice { kind, text, severity } => self.say(&kind, text, severity),
            Event::Stop => self.stop(),
        }
        self.settle();
        std::mem::take(&mut self.out)
    }

    pub(super) fn set_now(&mut self, now: Now) {
        self.now = now;
        self.local = LocalTime::at(now, &self.zone);
    }

    /// What holds after every event is restored in the same order: timers, reflexes, goals, plans;
    /// then what waits for the journal is judged by all that.
    fn settle(&mut self) {
        self.derive();
        self.timers();
        self.reflexes();
        self.learn();
        self.write_days(false);
        self.write_partners(false);
        self.write_filters(false);
        self.update_goals();
        self.plan_if_due();
        self.ask_guard_again();
        if self.stopping.is_some() {
            self.finish_stop();
        }
    }

    /// When the agent wants a `Wake` if nothing else happens.
    #[must_use]
    pub fn next_wake(&self) -> Tick {
        let mut wake = self.now.tick.after(self.plan_interval());
        for actuator in &self.world.actuators {
            let due = actuator.pending.as_ref().map(|pending| pending.due);
            for at in [due, actuator.off_due, actuator.held_until].into_iter().flatten() {
                if at > self.now.tick {
                    wake = wake.min(at);
                }
            }
        }
        let asked = self.asked.iter().map(|asked| asked.deadline);
        let asked = asked.chain(self.note_deadline());
        for at in asked.chain(self.escalation.deadline()).chain(self.stopping) {
            wake = wake.min(at.max(self.now.tick.after(Duration::from_millis(1))));
        }
        wake
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What is believed, for those who draw it.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The goals' standing: satisfied or not, `None` where unknown or not in force.
    #[must_use]
    pub fn goals_satisfied(&self) -> Vec<Option<bool>> {
        self.goals.iter().map(|goal| goal.satisfied).collect()
    }

    /// The filtered value of a numeric sensor, while it is known.
    #[must_use]
    pub fn value_of(&self, id: SensorId) -> Option<f64> {
        self.estimate(id).map(|estimate| estimate.value)
    }

    /// Device commands that have not ended.
    #[must_use]
    pub fn open_commands(&self) -> usize {
        self.commands.values().filter(|memory| !memory.state.is_terminal()).count()
    }

    /// Commands that wait for a person.
    #[must_use]
    pub fn open_approvals(&self) -> usize {
        self.approvals.len() + self.shown.len() + self.proposals().len()
    }

    /// What waits for a person.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// What the agent may do by itself.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the bus is there.
    #[must_use]
    pub fn is_on_bus(&self) -> bool {
        self.link_since.is_some()
    }

    /// Commands to devices that wait for an answer.
    #[must_use]
    pub fn open_steps(&self) -> usize {
        self.world.actuators.iter().filter(|actuator| actuator.pending.is_some()).count()
    }

    /// The mind's state.
    #[must_use]
    pub fn mind_word(&self) -> MindWord {
        self.mind.0
    }

    /// What there is to say about the mind's state: the model's name, or what is wrong.
    #[must_use]
    pub fn mind_text(&self) -> &str {
        &self.mind.1
    }

    /// The status once more, because something that it says and the agent does not has changed.
    pub fn status_again(&mut self) -> Vec<Effect> {
        if self.link_since.is_some() {
            self.report_status();
        }
        std::mem::take(&mut self.out)
    }

    // ---- shared by the other files of this folder ----

    /// The world as expressions see it now, with some actuators assumed elsewhere.
    pub(super) fn view<'a>(&'a self, assume: &'a [(ActuatorId, Option<Setting>)]) -> View<'a> {
        View {
            config: &self.config,
            world: &self.world,
            now: self.now.tick,
            local: self.local,
            assume,
            today: &[],
        }
    }

    /// Writes an entry down and gives its place.
    pub(super) fn record(&mut self, entry: Entry) -> u64 {
        self.write_held(&entry);
        let seq = self.next_seq;
        self.next_seq += 1;
        self.out.push(Effect::Record { seq, entry });
        seq
    }

    /// Tells the outside once everything recorded so far is stored.
    pub(super) fn report(&mut self, report: Report) {
        let after = self.next_seq.checked_sub(1);
        self.out.push(Effect::Report { report, after });
    }

    /// Writes an event down and publishes it.
    pub(super) fn say(&mut self, kind: &str, text: String, severity: Severity) {
        self.record(Entry::Event { kind: kind.into(), text: text.clone(), severity });
        self.report(Report::Event { kind: kind.into(), text, severity });
    }

    /// Publishes the status.
    pub(super) fn report_status(&mut self) {
        self.out.push(Effect::Report { report: Report::Status(self.status()), after: None });
    }

    /// How the device is.
    #[must_use]
    pub fn status(&self) -> Status {
        Status { mode: self.mode, mind: self.mind.0, effort: self.effort }
    }

    /// The unchanging part of an agent's prompt, made once.
    pub(super) fn prompt_prefix(&mut self, who: Who) -> String {
        if let Some(prefix) = self.prefixes.get(&who) {
            return prefix.clone();
        }
        let aims = (0..self.aims.len()).filter(|index| self.is_goal_of(who, *index));
        let aims = aims.map(|index| &self.aims[index]);
        let devices = (0u16..).zip(&self.config.actuators);
        let devices = devices.filter(|(id, _)| self.has_tool(who, ActuatorId(*id)));
        let devices = devices.map(|(_, actuator)| actuator);
        let prefix = super::prompt::prefix(&self.config, aims, devices, &self.notes_of(who));
        self.prefixes.insert(who, prefix.clone());
        prefix
    }

    /// The goals have changed, and with them what the mind is told of them.
    pub(super) fn forget_prefix(&mut self) {
        self.prefixes.clear();
    }

    /// How often plans are looked at: half the shortest sensor period, so that no reading waits
    /// long; at least 200 ms, at most 5 s apart.
    pub(super) fn plan_interval(&self) -> Duration {
        let every = self.config.sensors.iter().map(|sensor| sensor.every).min();
        let half = every.unwrap_or(Duration::from_secs(10)) / 2;
        half.clamp(Duration::from_millis(200), Duration::from_secs(5))
    }

    /// Counts a fault; `due` faults are reported, once a kind and source in a while.
    pub(super) fn fault(&mut self, source: &str, fault: &Fault, due: Option<u64>) {
        self.counters.faults += 1;
        let Some(count) = due else { return };
        self.record(Entry::Faults {
            source: source.into(),
            kind: fault.kind,
            count,
            found: fault.found.clone(),
        });
        let words = fault.kind.words();
        let text = format!("{source}: {count} payload(s) not used, {words}: {}", fault.found);
        self.say("payload-fault", text, Severity::Warning);
    }

    /// The dynamics follow what actuators do, learn a little, and are written down when due.
    pub(super) fn learn(&mut self) {
        for (number, (actuator, state)) in
            (0u16..).zip(self.config.actuators.iter().zip(&self.world.actuators))
        {
            let level = state.confirmed.as_ref().map(|at| super::steps::level(actuator, at));
            self.dynamics.level(ActuatorId(number), level, self.now.tick);
        }
        let hour = self.local.map(|local| local.hour);
        for news in self.dynamics.work(self.now.tick, hour) {
            let name = &self.config.sensors[usize::from(news.sensor.0)].name;
            let (error, stays) = news.errors;
            let use_it = if news.used { "is used from now on" } else { "is not used any more" };
            let text = format!(
                "{name}: what was learned {use_it}: an hour ahead it errs by {error:.3}, \
                 \"it stays as it is\" by {stays:.3}"
            );
            self.say("model", text, Severity::Info);
        }
        if let Some(learned) = self.dynamics.due_record() {
            self.record(Entry::Learned(Box::new(learned)));
        }
    }

    fn mind_news(&mut self, news: MindNews) {
        match news {
            MindNews::State { word, text, sha256, adapter } => {
                let changed = self.mind.0 != word || self.mind.1 != text;
                self.mind = (word, text.clone(), sha256);
                self.mind_adapter = adapter;
                if changed {
                    let (text, severity) = match word {
                        MindWord::Ready => (format!("model {text} ready"), Severity::Info),
                        MindWord::Missing => (
                            format!("no model: {text}; rules and planner run alone"),
                            Severity::Warning,
                        ),
                        MindWord::Failed => (
                            format!("model unusable: {text}; rules and planner run alone"),
                            Severity::Warning,
                        ),
                        MindWord::Loading | MindWord::Off => (text, Severity::Info),
                    };
                    if matches!(word, MindWord::Ready | MindWord::Missing | MindWord::Failed) {
                        self.say("mind", text, severity);
                    }
                    self.report_status();
                }
            }
            MindNews::Scores { id, p, tokens, ms } => self.scores(id, &p, tokens, ms),
            MindNews::Read { id, answers } => self.note_read(id, answers),
            MindNews::Lost { id } => {
                if !self.note_lost(id) {
                    self.scores_lost(id);
                }
            }
        }
    }

    /// The board allows another effort: written down and said. Rules, interlocks and the planner
    /// go on as before; whether the mind is asked, `decide` looks up.
    fn set_effort(&mut self, effort: Effort, reason: &str) {
        if self.effort == effort {
            return;
        }
        self.effort = effort;
        let (what, severity) = match effort {
            Effort::Full => ("the mind has its full share again", Severity::Info),
            Effort::Saving => ("the mind takes less", Severity::Warning),
            Effort::ReflexOnly => ("the mind pauses", Severity::Warning),
        };
        self.say("board", format!("{}, {what}: {reason}", effort.word()), severity);
        self.report_status();
    }

    fn other_board(&mut self, boot: &str) {
        let quiet = Duration::from_millis(limits::FAULT_REPORT_INTERVAL_MS);
        if self.other_board_said.is_some_and(|at| self.now.tick.since(at) < quiet) {
            return;
        }
        self.other_board_said = Some(self.now.tick);
        let name = &self.config.device.name;
        let text = format!("another board speaks as {name} (boot {boot}): give one a new name");
        self.say("duplicate-name", text, Severity::Alarm);
    }
}

/// Counts one fault; tells how many to report if a report is due.
pub(super) fn due_fault(count: &mut FaultCount, now: Tick) -> Option<u64> {
    count.unreported += 1;
    let quiet = Duration::from_millis(limits::FAULT_REPORT_INTERVAL_MS);
    if count.reported.is_some_and(|at| now.since(at) < quiet) {
        return None;
    }
    count.reported = Some(now);
    Some(std::mem::take(&mut count.unreported))
}
