//! The benchmark's order of work: per place tune the thermostats, then let every controller and the
//! limit live through every seed, and add up. Runs of different seeds share the machine's cores.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::agent::{AgentKeeper, Nobody, Voice};
use super::drive::{Keeper, look_after, now};
use super::faults::Faults;
use super::limit::limit;
use super::thermostat::{Thermostats, Tunings};
use super::track::Track;
use super::{COST_FLOOR, penalty};
use crate::agent::{Counters, Question, Reading};
use crate::clock::Tick;
use crate::config::{self, Config, Faults as ConfigFaults, Preference, Strictness};
use crate::mind::notes;
use crate::plant::{Command, Kind, Place, Score, stream};

/// Hours of each seed on which thermostats are tuned: two days have every hour twice.
const TUNE_HOURS: f64 = 48.0;
/// What a controller may be under the limit by its finer clock, as a share of the penalty, and
/// beside that in the operator's unit an hour.
const FINER: (f64, f64) = (0.005, 0.002);
const SAMPLES_H: f64 = 360.0;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The places.
    pub kinds: Vec<Kind>,
    /// Hours of each run.
    pub hours: f64,
    /// Seeds 1 to this.
    pub seeds: u64,
    /// With faults; the limit stays that of a run without.
    pub faults: bool,
    /// Keeps what happened under seed 1, for the report.
    pub tracks: bool,
    /// Tunings of the thermostats that are tried.
    pub trials: usize,
    /// Threads; runs of different seeds go side by side.
    pub threads: usize,
    /// Model and adapter of the row `mind`, as `[mind]` names them.
    pub mind: Option<(String, String)>,
}

/// One controller on one place, all seeds together.
#[derive(Clone, Debug)]
pub struct Row {
    /// `safe`, `thermostats`, `planner`, `understood` (the planner with the place's notes as
    /// preferences), `limit` or `mind` (the planner with a mind that reads the notes).
    pub controller: &'static str,
    /// All seeds together.
    pub score: Score,
}

impl Row {
    /// Cost an hour, in the operator's unit.
    #[must_use]
    pub fn cost_h(&self) -> f64 {
        self.score.cost / (self.score.samples as f64 / SAMPLES_H).max(1e-9)
    }
}

/// What came of one place.
#[derive(Clone, Debug)]
pub struct PlantResult {
    /// Which place.
    pub kind: Kind,
    /// The controllers, the limit last where there is one.
    pub rows: Vec<Row>,
    /// What the planner did.
    pub counters: Counters,
    /// What the agent with a mind did.
    pub minded: Counters,
    /// Its configuration.
    pub config: Arc<Config>,
    /// What happened under seed 1, where it was asked for.
    pub tracks: Vec<Track>,
    /// Seeds and controllers that were better than the limit: then it is none.
    pub beaten: Vec<String>,
}

impl PlantResult {
    /// A controller's row.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.controller == name)
    }

    /// A controller's satisfied share as a share of the limit's.
    #[must_use]
    pub fn satisfied_of_limit(&self, controller: &str) -> Option<f64> {
        let (ours, limit) = (self.row(controller)?, self.row("limit")?);
        Some(ours.score.satisfied() / limit.score.satisfied().max(1e-9))
    }

    /// A controller's cost in limits; a limit under the floor counts as the floor.
    #[must_use]
    pub fn cost_of_limit(&self, controller: &str) -> Option<f64> {
        let (ours, limit) = (self.row(controller)?, self.row("limit")?);
        Some(ours.cost_h() / limit.cost_h().max(COST_FLOOR))
    }

    /// The thermostats satisfy as much and cost as little, and one of both is better.
    #[must_use]
    pub fn dominated(&self) -> bool {
        let (Some(ours), Some(theirs)) = (self.row("planner"), self.row("thermostats")) else {
            return false;
        };
        let better = theirs.score.satisfied() - ours.score.satisfied();
        let cheaper = ours.cost_h() - theirs.cost_h();
        better >= 0.0 && cheaper >= 0.0 && better + cheaper > 0.0
    }
}

/// Runs everything. `tell` hears each finished place; `voice` is the mind of the row `mind`.
///
/// # Errors
/// Where a place's own configuration has a fault.
pub fn run(
    options: &Options,
    voice: &mut Voice<'_>,
    mut tell: impl FnMut(&PlantResult),
) -> Result<Vec<PlantResult>, ConfigFaults> {
    let mut results = Vec::new();
    for kind in &options.kinds {
        let read = config::from_text(kind.config(), kind.word(), &[], Strictness::Check)?;
        let mut config = read.0;
        // The planner without mind.
        let mind = config.mind.take();
        let text = format!("{}{}", kind.config(), kind.understood());
        let mut understood = config::from_text(&text, kind.word(), &[], Strictness::Check)?.0;
        understood.mind = None;
        let config = Arc::new(config);
        let mut result = plant(*kind, &config, &Arc::new(understood), options);
        if let (Some((model, adapter)), Some(mind)) = (&options.mind, mind) {
            let (model, adapter) = (model.clone(), adapter.clone());
            let mind = Some(config::Mind { model, adapter, ..mind });
            let config = Config { mind, ..(*config).clone() };
            let config = Arc::new(typed(config, voice));
            let (row, counters) = minded(*kind, &config, options, voice);
            (result.minded, _) = (counters, result.rows.push(row));
        }
        tell(&result);
        results.push(result);
    }
    Ok(results)
}

/// One seed's scores, in the order of the rows.
struct Lived {
    seed: u64,
    scores: Vec<(&'static str, Score)>,
    counters: Counters,
    tracks: Vec<Track>,
}

fn plant(
    kind: Kind,
    config: &Arc<Config>,
    understood: &Arc<Config>,
    options: &Options,
) -> PlantResult {
    let tunings = tune(kind, config, options);
    let configs = [config, understood];
    let mut lived = side_by_side(options, |seed| live(kind, configs, &tunings, seed, options));
    lived.sort_by_key(|one| one.seed);
    let mut result = PlantResult {
        kind,
        rows: Vec::new(),
        counters: Counters::default(),
        minded: Counters::default(),
        config: config.clone(),
        tracks: lived.iter_mut().flat_map(|one| one.tracks.drain(..)).collect(),
        beaten: Vec::new(),
    };
    for one in &lived {
        let limit = one.scores.iter().find(|(name, _)| *name == "limit");
        let limit = limit.map(|(_, score)| penalty(score));
        for (name, score) in &one.scores {
            let allowed = limit.map(|limit| limit * (1.0 - FINER.0) - FINER.1);
            if allowed.is_some_and(|allowed| penalty(score) < allowed) {
                result.beaten.push(format!(
                    "{} seed {}: {name} {:.4}, limit {:.4}",
                    kind.word(),
                    one.seed,
                    penalty(score),
                    limit.unwrap_or_default(),
                ));
            }
            match result.rows.iter_mut().find(|row| row.controller == *name) {
                Some(row) => row.score.join(score),
                None => result.rows.push(Row { controller: name, score: score.clone() }),
            }
        }
        add(&mut result.counters, one.counters);
    }
    result
}

fn add(all: &mut Counters, this: Counters) {
    all.by_rule += this.by_rule;
    all.by_planner += this.by_planner;
    all.by_mind += this.by_mind;
    all.asked += this.asked;
    all.escalations.wanted += this.escalations.wanted;
    all.sent += this.sent;
    all.refused += this.refused;
}

/// The place with those of its notes as preferences that words and mind make some of, confirmed by
/// somebody who says yes to whatever is proposed. The mind reads the others.
fn typed(mut config: Config, voice: &mut Voice<'_>) -> Config {
    let trust = config.mind.as_ref().map_or(1.0, |mind| mind.trust);
    for note in config.notes.clone() {
        let Ok(reading) = Reading::new(&note, &config) else { continue };
        let questions = reading.questions();
        let mut answers = Vec::new();
        if !questions.is_empty() {
            let question = Question {
                id: 0,
                prefix: reading.prefix(),
                state: String::new(),
                candidates: Vec::new(),
                by_notes: None,
                adapter: None,
                questions: questions.clone(),
                deadline: Tick(0),
            };
            let mut all = voice(&question).unwrap_or_default().into_iter();
            let of = |one: &notes::Question| all.by_ref().take(one.candidates.len()).collect();
            answers = questions.iter().map(of).collect();
        }
        let Ok(meaning) = reading.meaning(&answers, trust, &config) else { continue };
        let of_note = |one: Preference| Preference { of_note: Some(note.clone()), ..one };
        config.preferences.extend(meaning.preferences.into_iter().map(of_note));
    }
    config
}

/// The agent with a mind, one seed after the other: there is one model.
fn minded(
    kind: Kind,
    config: &Arc<Config>,
    options: &Options,
    voice: &mut Voice<'_>,
) -> (Row, Counters) {
    let mut row = Row { controller: "mind", score: Score::default() };
    let mut counters = Counters::default();
    for seed in 1..=options.seeds {
        let mut place = kind.build(seed);
        let start = now(place.as_ref());
        let (mut agent, first) = AgentKeeper::new(config.clone(), start, false, Some(&mut *voice));
        for command in first {
            place.command(&command.topic, &command.payload);
        }
        let mut faults = faults(options, config, seed);
        let nobody = |_, _: &[_]| {};
        let lived = look_after(place.as_mut(), &mut agent, options.hours, &mut faults, nobody);
        row.score.join(&lived);
        add(&mut counters, agent.counters());
    }
    (row, counters)
}

/// Does `work` for every seed on as many threads as allowed.
fn side_by_side<T: Send>(options: &Options, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(1);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > options.seeds {
                        return;
                    }
                    let one = work(seed);
                    // A thread that panicked ends the whole run with its own message.
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(one);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn faults(options: &Options, config: &Config, seed: u64) -> Faults {
    if !options.faults {
        return Faults::none();
    }
    let topic = |port: &config::Port| port.topic().map(str::to_owned);
    let sensors: Vec<_> = config.sensors.iter().filter_map(|one| topic(one.port()?)).collect();
    let devices: Vec<_> = config.actuators.iter().filter_map(|one| topic(&one.port)).collect();
    Faults::of(seed, options.hours, &sensors, &devices).with_interlocks(config)
}

fn live(
    kind: Kind,
    [config, understood]: [&Arc<Config>; 2],
    tunings: &Tunings,
    seed: u64,
    options: &Options,
) -> Lived {
    let mut tracks = Vec::new();
    let mut kept = |name: &'static str, keeper: &mut dyn Keeper, first: Vec<Command>| {
        let mut place = kind.build(seed);
        for command in first {
            place.command(&command.topic, &command.payload);
        }
        let mut faults = faults(options, config, seed);
        let drawn = options.tracks && seed == 1 && !["safe", "understood"].contains(&name);
        let mut track = drawn.then(|| Track::new(name, config.clone()));
        let score = look_after(place.as_mut(), keeper, options.hours, &mut faults, |at, said| {
            if let Some(track) = &mut track {
                track.hear(at, said);
            }
        });
        tracks.extend(track);
        (name, score)
    };
    let mut scores = vec![kept("safe", &mut Nobody, Vec::new())];
    let mut thermostats = Thermostats::new(config.clone(), tunings.clone());
    scores.push(kept("thermostats", &mut thermostats, Vec::new()));
    let start = now(kind.build(seed).as_ref());
    let (mut agent, first) = AgentKeeper::new(config.clone(), start, options.tracks, None);
    scores.push(kept("planner", &mut agent, first));
    let (mut with, first) = AgentKeeper::new(understood.clone(), start, false, None);
    scores.push(kept("understood", &mut with, first));
    if let Some(track) = tracks.iter_mut().find(|track| track.controller == "planner") {
        track.acts = agent.take_acts();
    }
    if let Some(spec) = kind.spec() {
        let minutes = (options.hours * 60.0) as usize;
        let drawn = options.tracks && seed == 1;
        let mut track = drawn.then(|| Track::new("limit", config.clone()));
        let score = limit(spec, seed, minutes, |at, said| {
            if let Some(track) = &mut track {
                track.hear(at, said);
            }
        });
        scores.push(("limit", score));
        tracks.extend(track);
    }
    Lived { seed, scores, counters: agent.counters(), tracks }
}

/// A search for the best thermostats on this very place and its seeds: from the best so far to a
/// neighbour, kept if better. Forbidden states count as a whole day of missed goals each.
fn tune(kind: Kind, config: &Arc<Config>, options: &Options) -> Tunings {
    let hours = options.hours.min(TUNE_HOURS);
    let value = |tunings: &Tunings| {
        let values = side_by_side(options, |seed| {
            let mut keeper = Thermostats::new(config.clone(), tunings.clone());
            let mut place: Box<dyn Place> = kind.build(seed);
            let none = &mut Faults::none();
            let score = look_after(place.as_mut(), &mut keeper, hours, none, |_, _| {});
            penalty(&score) + 24.0 * super::UNMET_PRICE / hours * score.forbidden as f64
        });
        values.iter().sum::<f64>()
    };
    let mut best = Tunings::first(config);
    let mut least = value(&best);
    let mut rng = stream(0, 0x7e57);
    for _ in 0..options.trials {
        let next = best.varied(&mut rng);
        let penalty = value(&next);
        if penalty < least {
            (best, least) = (next, penalty);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_described_place_is_kept_within_what_its_limit_allows() {
        let options = Options {
            kinds: Kind::ALL.into_iter().filter(|kind| kind.spec().is_some()).collect(),
            hours: 1.0,
            seeds: 1,
            faults: false,
            tracks: false,
            trials: 1,
            threads: 1,
            mind: None,
        };
        let results = run(&options, &mut |_| None, |_| {}).unwrap();
        for result in &results {
            assert_eq!(result.beaten, Vec::<String>::new());
            let names: Vec<_> = result.rows.iter().map(|row| row.controller).collect();
            assert_eq!(names, ["safe", "thermostats", "planner", "understood", "limit"]);
            for row in &result.rows {
                assert_eq!(row.score.forbidden, 0, "{row:?}");
                assert_eq!(row.score.samples, 360, "{row:?}");
            }
        }
        let one = Options { kinds: vec![results[0].kind], ..options };
        let again = run(&one, &mut |_| None, |_| {}).unwrap();
        let rows = |results: &[PlantResult]| format!("{:?}", results[0].rows);
        assert_eq!(rows(&results), rows(&again), "the same seeds give the same run");
    }

    #[test]
    fn what_a_place_forbids_is_an_interlock_of_its_configuration() {
        for kind in Kind::ALL {
            let read = config::from_text(kind.config(), kind.word(), &[], Strictness::Check);
            let config = read.unwrap().0;
            let known: Vec<_> = config.interlocks.iter().map(|one| &*one.name).collect();
            for interlock in kind.spec().into_iter().flat_map(|spec| spec.interlocks) {
                assert!(known.contains(&interlock.name), "{}: {known:?}", interlock.name);
            }
        }
    }

    #[test]
    fn faults_reach_the_keeper_and_forbid_nothing() {
        let options = Options {
            kinds: vec![Kind::WaterTank],
            hours: 24.0,
            seeds: 1,
            faults: true,
            tracks: false,
            trials: 0,
            threads: 1,
            mind: None,
        };
        let mut config =
            config::from_text(Kind::WaterTank.config(), "water", &[], Strictness::Check).unwrap().0;
        config.mind = None;
        let config = Arc::new(config);
        let score = |faults: bool| {
            let options = Options { faults, ..options.clone() };
            let mut place = Kind::WaterTank.build(1);
            let start = now(place.as_ref());
            let (mut agent, _) = AgentKeeper::new(config.clone(), start, false, None);
            let mut chance = super::faults(&options, &config, 1);
            look_after(place.as_mut(), &mut agent, 24.0, &mut chance, |_, _| {})
        };
        let (calm, faulty) = (score(false), score(true));
        assert_ne!(calm, faulty);
        assert_eq!((calm.forbidden, faulty.forbidden), (0, 0));
    }
}
