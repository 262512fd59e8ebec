//! Puts the parts of an agent together from a configuration: journal, resumed state, mind. The
//! same for `run` and `demo`; they differ in clock, broker and who looks on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;

use super::{JournalInbox, MindParts, Parts, Rendered, Service, journal_inbox};
use crate::agent::{Agent, Kept, Resumed, ResumedStep};
use crate::clock::{Clock, ClockTrust, Now};
use crate::config::{self, ActuatorKind, Config, Mode, goal_from_json};
use crate::domain::{Setting, Severity, StepState};
use crate::journal::{self, Journal, JournalError, Restored, StoredSend};
use crate::limits;
use crate::link::topics::DeviceName;
use crate::link::{Endpoint, Will};
use crate::mind::adapters;
use crate::mind::catalog::Store;
use crate::mind::client::{Files, MindConfig, MindEvent, MindHandle};
use crate::mind::registry::{Others, Registry};
use crate::uplink::{self, News, Setup, Uplink};

/// Why the parts cannot be put together.
#[derive(Debug, Error)]
pub enum AssembleError {
    /// Another agent uses the journal's folder.
    #[error("{}", .0.chain())]
    Journal(JournalError),
}

/// The journal with what it remembers, or, where the disk refuses, an agent that runs from memory.
pub struct Memory {
    /// The journal, if the disk lets it be.
    pub journal: Option<Journal>,
    /// What it says while it runs.
    pub events: JournalInbox,
    /// What it remembers.
    pub restored: Restored,
    /// What a person should know about it.
    pub notices: Vec<(String, String, Severity)>,
}

impl Memory {
    /// Opens the configured journal.
    ///
    /// # Errors
    /// Where another agent uses its folder. A disk that refuses is a notice, not an error
    /// (design §8.7).
    pub fn open(config: &Config) -> Result<Memory, AssembleError> {
        let (listener, events) = journal_inbox();
        let config::Journal { quota_bytes, keep, .. } = config.journal;
        let options = journal::Options { quota_bytes, keep };
        match journal::open(&config.journal.path, options, listener) {
            Ok((journal, restored)) => {
                let refused = restored.refused.clone().map(|reason| {
                    format!("the disk takes nothing now, records wait in memory: {reason}")
                });
                let news = restored.damage.clone().into_iter().chain(refused);
                let notices = news.map(|what| ("journal".to_string(), what, Severity::Alarm));
                let notices = notices.collect();
                Ok(Memory { journal: Some(journal), events, restored, notices })
            }
            Err(error @ JournalError::InUse { .. }) => Err(AssembleError::Journal(error)),
            Err(error) => {
                let text = format!("no journal, the agent runs from memory: {}", error.chain());
                let restored = Restored { next_seq: 1, ..Restored::default() };
                let notices = vec![("journal".to_string(), text, Severity::Alarm)];
                Ok(Memory { journal: None, events, restored, notices })
            }
        }
    }
}

/// Everything that [`super::run`] needs.
#[must_use]
pub fn parts(
    config: Arc<Config>,
    clock: Clock,
    endpoint: Endpoint,
    memory: Memory,
    mind: Result<Option<MindParts>, String>,
) -> Parts {
    let now = clock.now();
    let boot: u64 = rand::random();
    let floor = memory.restored.floor_unix_ms;
    let known = now.trust == ClockTrust::Synced && floor > 0;
    let away = known.then(|| u64::try_from(now.unix_ms - floor).unwrap_or(0));
    let resumed = resume(&config, &memory.restored, now);
    let agent = Agent::new(config.clone(), resumed, boot, now);
    Parts {
        config,
        clock,
        endpoint,
        agent,
        boot,
        journal: memory.journal,
        journal_events: memory.events,
        mind,
        away: away.map(Duration::from_millis),
        board: None,
        service: Service::default(),
        notices: memory.notices,
        uplink: None,
        update: None,
        page: None,
        devices: None,
    }
}

/// Starts what sends the journal's records to their destinations; none where there are none, or no
/// journal. Waits for no line.
pub fn uplink(config: &Config, memory: &mut Memory, clock: &Clock) -> Option<(Uplink, News)> {
    let cursors = memory.journal.as_ref()?.cursors();
    if config.clouds.is_empty() {
        if !memory.restored.cursors.is_empty() {
            cursors.declare(&[]);
        }
        return None;
    }
    let started =
        config.device.name.parse::<DeviceName>().map_err(|error| format!("{error}")).and_then(
            |device| {
                let Rendered { topic, payload, .. } = super::render::offline(&device);
                let setup = Setup {
                    offline: Will { topic, payload },
                    zone: jiff::tz::TimeZone::get(&config.device.timezone)
                        .unwrap_or(jiff::tz::TimeZone::UTC),
                    device,
                    clouds: config.clouds.clone(),
                    folder: config.journal.path.clone(),
                    cursors,
                    acknowledged: memory.restored.cursors.clone(),
                    stored_before: memory.restored.next_seq.saturating_sub(1),
                    stored: memory.events.stored.clone(),
                    clock: clock.clone(),
                };
                uplink::spawn(setup).map_err(|error| error.to_string())
            },
        );
    let said = |error| ("uplink".to_owned(), format!("not started: {error}"), Severity::Alarm);
    started.map_err(|error| memory.notices.push(said(error))).ok()
}

/// What the agent takes over from the last run.
fn resume(config: &Config, restored: &Restored, now: Now) -> Resumed {
    let commands = restored
        .commands
        .iter()
        .map(|one| (one.kind.clone(), one.id.clone(), one.state, one.reason.clone(), one.unix_ms));
    let modes = restored.modes.iter();
    let modes = modes.filter_map(|(name, word)| Some((name.clone(), Mode::of_word(word)?)));
    let holds = restored.holds.iter().map(|hold| {
        // Without trust in the clock, then or now, a hold begins anew: the cautious side. A clock
        // that jumped back makes none longer than it was.
        let passed = now.passed_since(hold.unix_ms, hold.trust);
        let left = Duration::from_millis(hold.for_ms).saturating_sub(passed);
        (hold.actuator.clone(), left)
    });
    let steps = restored.last_steps.iter().map(|step| {
        let kind = config.actuators.iter().find(|one| one.name == step.actuator);
        let pulse = kind.is_some_and(|one| matches!(one.kind, ActuatorKind::Pulse { .. }));
        let open =
            restored.pulses_on.contains(&step.actuator) || (pulse && step.setting == Setting::On);
        ResumedStep {
            actuator: step.actuator.clone(),
            setting: step.setting.clone(),
            by: step.by,
            confirmed: step.state == StepState::Confirmed,
            pulse_open: open,
            ago: now.passed_since(step.unix_ms, step.trust),
        }
    });
    let edits = restored.goals.iter().filter_map(|(_, name, put)| {
        let kept = Kept::read(name, put.as_deref(), config)?;
        if let Err(reason) = &kept {
            tracing::warn!(name, reason, "a change of an operator is not taken over");
        }
        kept.ok()
    });
    let goals = restored
        .goals
        .iter()
        .filter(|(_, name, put)| Kept::read(name, put.as_deref(), config).is_none());
    let goals = goals.filter_map(|(_, name, put)| {
        let Some(text) = put else { return Some((name.clone(), None)) };
        let json = serde_json::from_str(text).ok()?;
        // A goal about a sensor that is gone: the file's own stays in force.
        match goal_from_json(&json, config) {
            Ok(goal) => Some((name.clone(), Some(goal))),
            Err(reason) => {
                tracing::warn!(goal = name, reason, "a goal of an operator is not taken over");
                None
            }
        }
    });
    Resumed {
        goals: goals.collect(),
        edits: edits.collect(),
        sent: sent_before(&restored.sent, now),
        learned: restored.learned.clone(),
        escalated: restored.escalated.clone(),
        memories: restored.memories.clone(),
        moves: restored.moves.clone(),
        next_seq: restored.next_seq,
        commands: commands.collect(),
        modes: modes.collect(),
        holds: holds.filter(|(_, left)| !left.is_zero()).collect(),
        steps: steps.collect(),
    }
}

/// How long ago the messages of the last hour went out, oldest first as they are given. By the wall
/// clock where both moments are trusted, else by what passed in the last start: then the time
/// without power counts as none, the cautious side. A clock that was set back makes none younger
/// than what passed since, or the hour would begin anew with each start.
#[must_use]
pub fn sent_before(sent: &[StoredSend], now: Now) -> Vec<(String, Duration)> {
    // None is younger than one that went out after it.
    let mut least_ms = 0;
    let mut ages = Vec::new();
    for one in sent.iter().rev() {
        let trusted = one.trust == ClockTrust::Synced && now.trust == ClockTrust::Synced;
        let by_clock_ms = trusted.then(|| now.unix_ms.saturating_sub(one.unix_ms));
        let by_clock_ms = by_clock_ms.map(|ms| u64::try_from(ms).unwrap_or(0));
        let ago_ms = by_clock_ms.max(one.before_end_ms);
        let Some(ago_ms) = ago_ms.filter(|ms| *ms < limits::COMMANDS_COUNTED_MS) else { continue };
        least_ms = ago_ms.max(least_ms);
        ages.push((one.actuator.clone(), Duration::from_millis(least_ms)));
    }
    ages.reverse();
    ages
}

/// Starts the configured mind in a process of its own; a model that is not there is waited for.
/// The text is what to say where its name is not known at all.
///
/// Must be called on a tokio runtime.
///
/// # Errors
/// A sentence for the operator where no entry and no file has the model's name.
pub fn mind(
    config: &Config,
    program: &Path,
    token_cost: Option<Duration>,
) -> Result<Option<MindParts>, String> {
    let Some(mind) = &config.mind else { return Ok(None) };
    let files = files(&mind.model, &mind.adapter).map_err(|error| format!("[mind] {error}"))?;
    let adapters = adapters_of(config, mind)?;
    let start = how(config, mind, program, files);
    let (tell, events) = mpsc::channel::<MindEvent>(limits::MIND_EVENTS_MAX);
    let handle = crate::mind::client::spawn(start, tell);
    Ok(Some(MindParts { handle, events, token_cost, adapters }))
}

/// The files of the adapters that agents have of their own, by name; empty for `none`.
fn adapters_of(config: &Config, mind: &config::Mind) -> Result<BTreeMap<String, String>, String> {
    let mut adapters = BTreeMap::new();
    for agent in &config.agents {
        let Some(name) = &agent.adapter else { continue };
        let files = files(&mind.model, name);
        let files = files.map_err(|error| format!("agent {:?}: {error}", agent.name))?;
        let path = files.adapter.map_or_else(String::new, |path| path.to_string_lossy().into());
        adapters.insert(name.clone(), path);
    }
    Ok(adapters)
}

/// How a process of the mind is started.
fn how(config: &Config, mind: &config::Mind, program: &Path, files: Files) -> MindConfig {
    let (threads_decode, threads_prefill) = threads(mind);
    MindConfig {
        program: PathBuf::from(program),
        args: vec!["mind".into()],
        files,
        context_tokens: mind.context_tokens,
        ubatch_tokens: limits::MIND_UBATCH_TOKENS,
        threads_decode,
        threads_prefill,
        prefixes: Some(Store::of_environment().prefixes()),
        merged: mind.merge.then(|| Store::of_environment().merged()),
        repack: config.device.board.mind.repack,
    }
}

/// The models that the API may ask: the agent's own and those of `[mind] models`.
///
/// # Errors
/// A sentence for the operator where no entry and no file has the name of one.
pub fn registry(
    config: &Config,
    program: &Path,
    own: MindHandle,
) -> Result<Registry, (Registry, String)> {
    let Some(mind) = config.mind.as_ref().filter(|mind| !mind.models.is_empty()) else {
        return Ok(Registry::new(own, None));
    };
    let found = mind.models.iter().map(|model| files(model, "none"));
    let found = found.collect::<Result<Vec<Files>, String>>();
    match (found, files(&mind.model, "none")) {
        (Ok(found), Ok(usual)) => {
            let start = how(config, mind, program, usual);
            let memory_bytes = mind.models_memory_bytes;
            Ok(Registry::new(own, Some(Others { files: found, memory_bytes, start })))
        }
        (Err(error), _) | (_, Err(error)) => {
            Err((Registry::new(own, None), format!("[mind] models: {error}")))
        }
    }
}

/// Where a model and an adapter lie, by their names or paths. Reads the adapter's file.
///
/// # Errors
/// A sentence for the operator where no entry and no file has the name.
pub(super) fn files(model: &str, adapter: &str) -> Result<Files, String> {
    let store = Store::of_environment();
    let located = store.locate(model).map_err(|error| format!("model: {error}"))?;
    let path = adapters::locate(&store, adapter).map_err(|error| error.to_string())?;
    Ok(Files {
        model: located.path,
        model_name: located.id,
        sha256: located.sha256,
        temperature_percent: located.temperature_percent,
        adapter: path,
        adapter_name: adapter.to_owned(),
    })
}

/// Threads of the mind for one token and for many: as configured, never more than there are cores,
/// since ggml's threads wait for each other by spinning. Left open, one core stays with the rules.
fn threads(mind: &config::Mind) -> (u16, u16) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = u16::try_from(cores).unwrap_or(limits::MIND_THREADS_MAX);
    let usual = (cores - 1).clamp(1, limits::MIND_THREADS_DEFAULT_MAX);
    let of = |wanted: Option<u16>| wanted.unwrap_or(usual).min(cores);
    (of(mind.threads_decode), of(mind.threads_prefill))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Tick;

    fn ages(sent: &[(i64, ClockTrust, Option<u64>)], now: (i64, ClockTrust)) -> Vec<u64> {
        let sent = sent.iter().map(|(minute, trust, before)| StoredSend {
            actuator: "fan".into(),
            unix_ms: minute * 60_000,
            trust: *trust,
            before_end_ms: before.map(|minutes| minutes * 60_000),
        });
        let now = Now { tick: Tick(0), unix_ms: now.0 * 60_000, trust: now.1 };
        let ages = sent_before(&sent.collect::<Vec<_>>(), now).into_iter();
        ages.map(|(_, ago)| ago.as_secs() / 60).collect()
    }

    #[test]
    fn the_hour_of_a_limit_does_not_begin_anew_with_a_start() {
        use ClockTrust::{Synced, Unset};
        let sent = [(0, Synced, None), (20, Synced, Some(40)), (50, Synced, Some(10))];
        // By the clock, ten minutes without power included.
        assert_eq!(ages(&sent, (69, Synced)), [49, 19]);
        // A clock that is not believed, or was set back: what passed in the last start counts.
        assert_eq!(ages(&sent, (0, Unset)), [40, 10]);
        assert_eq!(ages(&sent, (10, Synced)), [40, 40, 10], "none is younger than a later one");
        assert_eq!(ages(&sent, (5000, Synced)), [0; 0]);
    }
}
