//! The benchmark's order of work: per place tune the thermostats, then let every controller and the
//! limit live through every seed, and add up. Runs of different seeds share the machine's cores.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::agent::{AgentKeeper, Nobody, Voice};
use super::alone::MindAlone;
use super::drive::{Keeper, look_after, now};
use super::faults::Faults;
use super::limit::limit;
use super::recovery::{self, Recoveries};
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
    /// The row `mind`, where there is to be one.
    pub mind: Option<MindOptions>,
}

/// The model of the row `mind`.
#[derive(Clone, Debug)]
pub struct MindOptions {
    /// As `[mind]` names it.
    pub model: String,
    /// As `[mind]` names it.
    pub adapter: String,
    /// One more row, `mind alone`; it asks each five minutes.
    pub alone: bool,
}

/// One controller on one place, all seeds together.
#[derive(Clone, Debug)]
pub struct Row {
    /// `safe`, `thermostats`, `planner`, `understood` (the planner with the place's notes as
    /// preferences), `limit`, `mind` (the planner with a mind that reads the notes) or `mind alone`
    /// (the same model without planner).
    pub controller: &'static str,
    /// All seeds together.
    pub score: Score,
    /// What the agent did, where it is the agent.
    pub counters: Option<Counters>,
    /// How the place got over its faults.
    pub recoveries: Recoveries,
}

impl Row {
    fn join(&mut self, other: Row) {
        self.score.join(&other.score);
        recovery::join(&mut self.recoveries, other.recoveries);
        match (&mut self.counters, other.counters) {
            (Some(all), Some(this)) => add(all, this),
            (all, this) => *all = all.or(this),
        }
    }

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
    /// The controllers, the limit last.
    pub rows: Vec<Row>,
    /// Its configuration.
    pub config: Arc<Config>,
    /// What happened under seed 1, where it was asked for.
    pub tracks: Vec<Track>,
    /// Seeds and controllers that were better than the limit: then it is none.
    pub beaten: Vec<String>,
    /// The limit's penalty by seed, from seed 1; empty where there is no limit.
    pub(super) limits: Vec<f64>,
}

impl PlantResult {
    /// Nothing was run yet.
    pub(super) fn new(kind: Kind, config: Arc<Config>) -> PlantResult {
        let (rows, tracks, beaten, limits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        PlantResult { kind, rows, config, tracks, beaten, limits }
    }

    /// A controller's row.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.controller == name)
    }

    /// What the agent did as this controller; nothing where it was not run.
    #[must_use]
    pub fn counters(&self, controller: &str) -> Counters {
        self.row(controller).and_then(|row| row.counters).unwrap_or_default()
    }

    /// Takes in what a controller did under a seed; the limits are known by then.
    pub(super) fn take(&mut self, seed: u64, one: Row) {
        let limit = usize::try_from(seed - 1).ok().and_then(|index| self.limits.get(index));
        let reached = penalty(&one.score);
        if let Some(limit) = limit.filter(|limit| reached < *limit * (1.0 - FINER.0) - FINER.1) {
            self.beaten.push(format!(
                "{} seed {seed}: {} {reached:.4}, limit {limit:.4}",
                self.kind.word(),
                one.controller,
            ));
        }
        match self.rows.iter_mut().find(|row| row.controller == one.controller) {
            Some(row) => row.join(one),
            None => self.rows.push(one),
        }
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
        if let (Some(asked), Some(mind)) = (&options.mind, mind) {
            let (model, adapter) = (asked.model.clone(), asked.adapter.clone());
            let mind = Some(config::Mind { model, adapter, ..mind });
            let config = Config { mind, ..(*config).clone() };
            let config = Arc::new(typed(config, voice));
            minded(&mut result, &config, options, voice);
        }
        tell(&result);
        results.push(result);
    }
    Ok(results)
}

/// One seed's rows, in their order.
struct Lived {
    seed: u64,
    rows: Vec<Row>,
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
    let mut result = PlantResult::new(kind, config.clone());
    result.tracks = lived.iter_mut().flat_map(|one| one.tracks.drain(..)).collect();
    let limits = lived.iter().flat_map(|one| &one.rows).filter(|row| row.controller == "limit");
    result.limits = limits.map(|row| penalty(&row.score)).collect();
    for Lived { seed, rows, .. } in lived {
        rows.into_iter().for_each(|row| result.take(seed, row));
    }
    result
}

/// What the agent did as this controller on all places together.
#[must_use]
pub fn sum(results: &[PlantResult], controller: &str) -> Counters {
    let mut all = Counters::default();
    results.iter().for_each(|result| add(&mut all, result.counters(controller)));
    all
}

fn add(all: &mut Counters, this: Counters) {
    all.by_rule += this.by_rule;
    all.by_planner += this.by_planner;
    all.by_mind += this.by_mind;
    all.by_people += this.by_people;
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

/// The agent with a mind, and the mind alone where it is asked for, one seed after the other: there
/// is one model.
fn minded(
    result: &mut PlantResult,
    config: &Arc<Config>,
    options: &Options,
    voice: &mut Voice<'_>,
) {
    for seed in 1..=options.seeds {
        let stay = Stay { kind: result.kind, seed, config, options };
        let mut lived = vec![stay.agent("mind", Some(&mut *voice))];
        if options.mind.as_ref().is_some_and(|mind| mind.alone) {
            lived.push(stay.alone(&mut *voice));
        }
        for (row, track) in lived {
            result.tracks.extend(track);
            result.take(seed, row);
        }
    }
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

fn faults(options: &Options, config: &Arc<Config>, seed: u64) -> Faults {
    if options.faults { Faults::of(seed, options.hours, config) } else { Faults::none() }
}

/// One place and seed for whoever looks after it.
#[derive(Clone, Copy)]
struct Stay<'a> {
    kind: Kind,
    seed: u64,
    config: &'a Arc<Config>,
    options: &'a Options,
}

impl Stay<'_> {
    /// What comes of a keeper with its first commands.
    fn with(
        self,
        name: &'static str,
        keeper: &mut dyn Keeper,
        first: Vec<Command>,
    ) -> (Row, Option<Track>) {
        let mut place = self.kind.build(self.seed);
        for command in first {
            place.command(&command.topic, &command.payload);
        }
        let mut faults = faults(self.options, self.config, self.seed);
        let mut track = self.is_drawn(name).then(|| Track::new(name, self.config.clone()));
        let hours = self.options.hours;
        let score = look_after(place.as_mut(), keeper, hours, &mut faults, |at, said| {
            if let Some(track) = &mut track {
                track.hear(at, said);
            }
        });
        if let Some(track) = &mut track {
            let faults = faults.list().iter();
            let spans = faults.map(|fault| (fault.from, fault.until, fault.kind.word()));
            track.faults = spans.collect();
        }
        let end = now(place.as_ref()).tick;
        let recoveries = faults.recoveries(end);
        (Row { controller: name, score, counters: None, recoveries }, track)
    }

    /// What comes of the agent.
    fn agent<'v>(
        self,
        name: &'static str,
        voice: Option<&'v mut Voice<'v>>,
    ) -> (Row, Option<Track>) {
        let start = now(self.kind.build(self.seed).as_ref());
        let drawn = self.is_drawn(name);
        let (mut agent, first) = AgentKeeper::new(self.config.clone(), start, drawn, voice);
        let (mut row, mut track) = self.with(name, &mut agent, first);
        row.counters = Some(agent.counters());
        if let Some(track) = &mut track {
            track.acts = agent.take_acts();
        }
        (row, track)
    }

    /// What comes of the mind alone.
    fn alone<'v>(self, voice: &'v mut Voice<'v>) -> (Row, Option<Track>) {
        let mut alone = MindAlone::new(self.config.clone(), voice);
        let (mut row, track) = self.with("mind alone", &mut alone, Vec::new());
        row.counters = Some(alone.counters());
        (row, track)
    }

    fn is_drawn(self, name: &str) -> bool {
        self.options.tracks && self.seed == 1 && !["safe", "understood"].contains(&name)
    }
}

fn live(
    kind: Kind,
    [config, understood]: [&Arc<Config>; 2],
    tunings: &Tunings,
    seed: u64,
    options: &Options,
) -> Lived {
    let stay = Stay { kind, seed, config, options };
    let mut thermostats = Thermostats::new(config.clone(), tunings.clone());
    let lived = [
        stay.with("safe", &mut Nobody, Vec::new()),
        stay.with("thermostats", &mut thermostats, Vec::new()),
        stay.agent("planner", None),
        Stay { config: understood, ..stay }.agent("understood", None),
    ];
    let (mut rows, tracks): (Vec<_>, Vec<_>) = lived.into_iter().unzip();
    let mut tracks: Vec<Track> = tracks.into_iter().flatten().collect();
    let minutes = (options.hours * 60.0) as usize;
    let drawn = options.tracks && seed == 1;
    let mut track = drawn.then(|| Track::new("limit", config.clone()));
    let score = limit(kind, seed, minutes, |at, said| {
        if let Some(track) = &mut track {
            track.hear(at, said);
        }
    });
    let recoveries = Recoveries::new();
    rows.push(Row { controller: "limit", score, counters: None, recoveries });
    tracks.extend(track);
    Lived { seed, rows, tracks }
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
    fn every_place_is_kept_within_what_its_limit_allows() {
        let options = Options {
            kinds: Kind::ALL.into_iter().rev().collect(),
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
    fn the_mind_alone_is_run_where_it_is_asked_for() {
        let mind = |alone| MindOptions { model: "model".into(), adapter: "none".into(), alone };
        let options = Options {
            kinds: vec![Kind::WaterTank],
            hours: 1.0,
            seeds: 2,
            faults: false,
            tracks: false,
            trials: 0,
            threads: 1,
            mind: Some(mind(true)),
        };
        // It wants the last of all commands.
        let mut last = |question: &Question| {
            let count = question.candidates.len();
            (count > 0).then(|| (0..count).map(|at| f64::from(at as u32)).collect())
        };
        let result = run(&options, &mut last, |_| {}).unwrap().remove(0);
        let row = result.row("mind alone").unwrap();
        let counters = row.counters.unwrap();
        assert_eq!(row.score.samples, 720);
        // The last of twelve is due when the run ends.
        assert_eq!((counters.asked, counters.by_mind), (24, 24));
        assert!(counters.sent > 0, "{counters:?}");
        assert!(row.score.switchings > 0, "{row:?}");
        let without = Options { mind: Some(mind(false)), ..options };
        let result = run(&without, &mut last, |_| {}).unwrap().remove(0);
        assert!(result.row("mind").is_some() && result.row("mind alone").is_none());
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
