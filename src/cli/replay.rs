//! `outpost replay`: decisions of the past computed again from the journal (design §6). An agent
//! that follows the records proposes anew, the model scores anew, and what differs is told.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value as Json, json};

use super::log::parse_time;
use super::voice::Voice;
use crate::agent::{Follower, Proposal, sure};
use crate::clock::{Now, Tick};
use crate::config::{self, Config};
use crate::domain::{Candidate, Decider, Decision, Entry};
use crate::journal::{Filter, Kind, Reader, Stamp, rfc3339};
use crate::limits::REPLAY_DECISIONS_MAX;

/// Scores that differ by no more are the same: kernels add in other orders (design §6).
const SCORE_SAME: f64 = 0.02;
/// Utilities that differ by no more are of one moment: the same arithmetic, once through text.
const UTILITY_SAME: f64 = 1e-9;
/// So much longer than the mind counted may have gone by between question and answer: on a loaded
/// machine both processes wait for the processor. A moment looked at in vain costs one plan.
const ASKED_EARLIER_MS: u64 = 1000;

/// Arguments of `outpost replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Id of one decision [default: all of the journal]
    #[arg(value_name = "DECISION")]
    id: Option<String>,
    /// Configuration that the decisions were made with
    #[arg(long, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// The journal's folder [default: that of the configuration]
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// From here on: 2026-08-20T06:00:00Z, 2026-08-20T06:00 (local), or 7d (ago)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<i64>,
    /// Up to here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<i64>,
    /// Do not load the model: candidates and choices only
    #[arg(long)]
    no_mind: bool,
}

/// A decision that is to be computed again.
pub(super) struct Wanted {
    stamp: Stamp,
    decision: Decision,
    /// When the planner looked, at the earliest.
    from: Tick,
    /// The nearest to it that was proposed.
    found: Option<Found>,
}

/// What was proposed at one moment, and how near that is.
struct Found {
    proposal: Proposal,
    same: bool,
    /// Whether the facts are those of the record, word by word.
    facts: bool,
    /// Greatest difference of a utility.
    utility: f64,
}

impl Found {
    /// Whether this is more likely the moment of the decision.
    fn is_nearer(&self, other: &Found) -> bool {
        let rank = |one: &Found| (one.same, one.facts);
        rank(self) > rank(other) || rank(self) == rank(other) && self.utility < other.utility
    }
}

impl Wanted {
    fn new(stamp: Stamp, decision: Decision) -> Wanted {
        let voice_ms = decision.model.as_ref().map_or(0.0, |voice| voice.ms.max(0.0));
        let back_ms = match &decision.model {
            Some(_) => voice_ms.ceil() as u64 + ASKED_EARLIER_MS,
            None => 0,
        };
        let from = Tick(stamp.now.tick.0.saturating_sub(back_ms));
        Wanted { stamp, decision, from, found: None }
    }

    /// When and where it was made.
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The decision itself.
    pub(super) fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What was proposed anew, where that is the same.
    pub(super) fn proposal(&self) -> Option<&Proposal> {
        self.found.as_ref().filter(|found| found.same).map(|found| &found.proposal)
    }

    fn is_found(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.facts && found.utility <= UTILITY_SAME)
    }

    /// Looks at what would be proposed now, and keeps it where it is nearer.
    fn look(&mut self, follower: &mut Follower, now: Now) {
        if self.is_found() {
            return;
        }
        for proposal in follower.propose(now, Some(&self.decision.facts)) {
            let utility = difference(&self.decision, &proposal);
            let same = utility.is_some_and(|utility| utility <= SCORE_SAME);
            let facts = proposal.facts == self.decision.facts;
            let utility = utility.unwrap_or(f64::INFINITY);
            let found = Found { proposal, same, facts, utility };
            if self.found.as_ref().is_none_or(|before| found.is_nearer(before)) {
                self.found = Some(found);
            }
        }
    }
}

/// Greatest difference of a utility where the candidates are the same; `None` where they are not.
fn difference(decision: &Decision, proposal: &Proposal) -> Option<f64> {
    let old = &decision.candidates;
    // Until December 2026 nobody could be called by a decision.
    let called = old.iter().any(Candidate::calls);
    let new: Vec<_> = proposal.candidates.iter().filter(|one| called || !one.calls()).collect();
    if old.len() != new.len() {
        return None;
    }
    let mut greatest: f64 = 0.0;
    for one in old {
        // Equals in utility may stand the other way round.
        let other = new.iter().find(|other| other.is_same(one))?;
        greatest = greatest.max((one.utility - other.utility).abs());
    }
    Some(greatest)
}

/// Computes the decisions again and prints what became of each. Fails where one came out another
/// way.
///
/// # Errors
/// Where configuration, journal or model cannot be read, or there is no such decision.
pub fn run(args: &ReplayArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut config = match super::run::load(&args.config)? {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    if let Some(mind) = &mut config.mind {
        // As the agent itself would.
        crate::runtime::choose(mind, &config.journal.path);
    }
    let config = Arc::new(config);
    let folder = args.path.as_ref().unwrap_or(&config.journal.path);
    let reader = Reader::open(folder)?;
    let filter = Filter {
        since_ms: args.since,
        until_ms: args.until,
        decision: args.id.clone(),
        ..Filter::default()
    };
    let mut wanted = find(&reader, &filter)?;
    if let (Some(id), true) = (&args.id, wanted.is_empty()) {
        bail!("no decision {id} of planner or mind in {}", reader.path().display());
    }
    follow(&reader, &config, &mut wanted)?;
    let mut voice = match &config.mind {
        Some(mind) if !args.no_mind && wanted.iter().any(|one| one.decision.model.is_some()) => {
            Some(Voice::of(mind).context("the model; --no-mind does without")?)
        }
        _ => None,
    };
    let mut tally = Tally::default();
    let mut out = std::io::stdout().lock();
    for one in &wanted {
        let line = judge(one, &config, voice.as_mut(), &mut tally)?;
        if json {
            writeln!(out, "{line}")?;
        } else if !line["differs"].is_null() || args.id.is_some() {
            print(&mut out, &line)?;
        }
    }
    let summary = tally.summary();
    if json {
        writeln!(out, "{summary}")?;
    } else {
        for (name, value) in summary.as_object().into_iter().flatten() {
            writeln!(out, "{:<28}{value}", name.replace('_', " "))?;
        }
    }
    Ok(if tally.others() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The decisions that the planner and the mind made, those of rules apart: those follow from their
/// condition alone. Those of the cloud choose once more among the candidates of a decision before.
///
/// # Errors
/// Where the journal cannot be read, or there are too many.
pub(super) fn find(reader: &Reader, filter: &Filter) -> anyhow::Result<Vec<Wanted>> {
    let filter = Filter { kind: Some(Kind::Decision), ..filter.clone() };
    let mut wanted = Vec::new();
    let mut too_many = false;
    reader.each(0, &filter, |record| {
        if let Ok(Entry::Decision(decision)) = record.entry()
            && !matches!(decision.by, Decider::Rule | Decider::Cloud)
        {
            too_many = wanted.len() >= REPLAY_DECISIONS_MAX;
            if !too_many {
                wanted.push(Wanted::new(record.stamp(), *decision));
            }
        }
        !too_many
    })?;
    if too_many {
        bail!("more than {REPLAY_DECISIONS_MAX} decisions: take --since and --until");
    }
    Ok(wanted)
}

/// Follows the whole journal and looks where a decision was made. Its beginning counts: what was
/// learned and what operators changed holds until today.
///
/// # Errors
/// Where the journal cannot be read.
pub(super) fn follow(
    reader: &Reader,
    config: &Arc<Config>,
    wanted: &mut [Wanted],
) -> anyhow::Result<()> {
    let mut follower = Follower::new(config.clone());
    let mut next = 0;
    let all = Filter::default();
    reader.each(0, &all, |record| {
        let Some(one) = wanted.get_mut(next) else { return false };
        let stamp = record.stamp();
        let Ok(entry) = record.entry() else { return true };
        let is_it = stamp.seq == one.stamp.seq;
        let here = stamp.boot == one.stamp.boot && stamp.now.tick >= one.from;
        if is_it || here {
            // As it was before this record: after the one before, or by time alone.
            one.look(&mut follower, stamp.now);
        }
        follower.take(&entry, stamp.boot, stamp.now);
        if is_it {
            next += 1;
        } else if here {
            one.look(&mut follower, stamp.now);
        }
        true
    })?;
    Ok(())
}

/// What became of the decisions.
#[derive(Default)]
struct Tally {
    decisions: usize,
    same_candidates: usize,
    other_candidates: usize,
    other_facts: usize,
    scored: usize,
    scores_same: usize,
    scores_other: usize,
    another_model: usize,
    score_difference_max: f64,
    same_choice: usize,
    near_choice: usize,
    other_choice: usize,
}

impl Tally {
    fn others(&self) -> usize {
        self.other_candidates + self.scores_other + self.other_choice
    }

    fn summary(&self) -> Json {
        json!({
            "decisions": self.decisions,
            "same_candidates": self.same_candidates,
            "other_candidates": self.other_candidates,
            "other_facts": self.other_facts,
            "scored": self.scored,
            "scores_within": self.scores_same,
            "scores_other": self.scores_other,
            "score_difference_max": self.score_difference_max,
            "another_model": self.another_model,
            "same_choice": self.same_choice,
            "other_choice_within_margin": self.near_choice,
            "other_choice": self.other_choice,
        })
    }
}

fn judge(
    one: &Wanted,
    config: &Config,
    voice: Option<&mut Voice>,
    tally: &mut Tally,
) -> anyhow::Result<Json> {
    tally.decisions += 1;
    let Wanted { stamp, decision, found, .. } = one;
    let mut line = json!({"decision": decision.id, "seq": stamp.seq,
        "at": rfc3339(stamp.now.unix_ms), "by": decision.by.word(), "cause": decision.cause});
    let Some(Found { proposal, .. }) = found.as_ref().filter(|found| found.same) else {
        tally.other_candidates += 1;
        line["differs"] = json!("other candidates");
        line["was"] = words(decision.candidates.iter().map(|one| &one.text));
        let now = found.as_ref().map(|found| &found.proposal.candidates);
        line["now"] = words(now.into_iter().flatten().map(|one| &one.text));
        return Ok(line);
    };
    tally.same_candidates += 1;
    line["utility_difference"] = json!(found.as_ref().map(|found| found.utility));
    if proposal.facts != decision.facts {
        tally.other_facts += 1;
        line["facts_was"] = words(decision.facts.iter());
        line["facts_now"] = words(proposal.facts.iter());
    }
    let spoke: Option<Vec<f64>> = decision.candidates.iter().map(|one| one.probability).collect();
    let mut p = spoke.clone();
    if let (Some(voice), Some(old), Some(model)) = (voice, &spoke, &decision.model) {
        if voice.spoke(model) {
            let new = voice.score(&model.sha256, proposal, &decision.candidates)?;
            let most = old.iter().zip(&new).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            tally.scored += 1;
            tally.score_difference_max = tally.score_difference_max.max(most);
            line["score_difference"] = json!(most);
            if most <= SCORE_SAME {
                tally.scores_same += 1;
            } else {
                tally.scores_other += 1;
                line["differs"] = json!("other scores");
            }
            p = Some(new);
        } else {
            tally.another_model += 1;
            line["model"] = json!("another one than the configuration's: not scored");
        }
    }
    choice(decision, proposal, config, p.as_deref(), tally, &mut line);
    Ok(line)
}

/// Chooses anew, by the planner's order or by the scores.
fn choice(
    decision: &Decision,
    proposal: &Proposal,
    config: &Config,
    p: Option<&[f64]>,
    tally: &mut Tally,
    line: &mut Json,
) {
    let place = |index: &usize| {
        decision.candidates.iter().position(|one| one.is_same(&proposal.candidates[*index]))
    };
    // The recorded order is the one that scores are in.
    let here: Vec<usize> = proposal.alternatives.iter().filter_map(place).collect();
    let trust = config.mind.as_ref().map_or(1.0, |mind| mind.trust);
    let Some(Other { chosen, margin, near }) = other_choice(decision, &here, p, trust) else {
        tally.same_choice += 1;
        return;
    };
    let (old, new) = (&decision.candidates[decision.chosen], &decision.candidates[chosen]);
    let text = format!("\"{}\" instead of \"{}\"", new.text, old.text);
    line["margin"] = json!(margin);
    if near {
        tally.near_choice += 1;
        line["near"] = json!(text);
    } else {
        tally.other_choice += 1;
        line["differs"] = json!(format!("another choice: {text}"));
    }
}

/// Another choice than the recorded one.
#[derive(Debug, PartialEq)]
struct Other {
    chosen: usize,
    /// Between the two, of what decided now: the mind's scores, or the planner's utilities.
    margin: f64,
    /// A hair decides: next to each other, or next to `trust`.
    near: bool,
}

/// Chooses among `here`, the alternatives in the planner's order; `None` where it is as it was.
fn other_choice(
    decision: &Decision,
    here: &[usize],
    p: Option<&[f64]>,
    trust: f64,
) -> Option<Other> {
    let by_mind = p.and_then(|p| sure(p, here, trust));
    let chosen = by_mind.or(here.first().copied()).unwrap_or(0);
    if chosen == decision.chosen {
        return None;
    }
    let apart = |a: f64, b: f64| (a - b).abs();
    let utility = |index: usize| decision.candidates[index].utility;
    let margin = match p.filter(|_| by_mind.is_some()) {
        Some(p) => apart(p[decision.chosen], p[chosen]),
        None => apart(utility(decision.chosen), utility(chosen)),
    };
    let held: f64 = p.map_or(0.0, |p| here.iter().map(|index| p[*index]).sum());
    let at_trust = p.is_some_and(|p| {
        here.iter().any(|index| held > 0.0 && apart(p[*index] / held, trust) <= SCORE_SAME)
    });
    Some(Other { chosen, margin, near: margin <= SCORE_SAME || at_trust })
}

fn words<'a>(texts: impl Iterator<Item = &'a String>) -> Json {
    Json::from(texts.cloned().collect::<Vec<_>>())
}

fn print(out: &mut impl Write, line: &Json) -> std::io::Result<()> {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let verdict = match line["differs"].as_str() {
        Some(differs) => differs.to_owned(),
        None => "as it was".to_owned(),
    };
    writeln!(out, "{} {} ({}): {verdict}", text("at"), text("decision"), text("cause"))?;
    for key in ["was", "now"] {
        if let Some(texts) = line[key].as_array() {
            let texts: Vec<_> = texts.iter().filter_map(Json::as_str).collect();
            writeln!(out, "  {key}: {}", texts.join(", "))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Candidate, Decider};

    fn decision(utilities: [f64; 3], chosen: usize) -> Decision {
        let candidate = |utility: f64| Candidate {
            set: Vec::new(),
            text: String::new(),
            predicted: Vec::new(),
            cost: 0.0,
            utility,
            probability: None,
        };
        Decision {
            id: "1-1".into(),
            cause: String::new(),
            facts: Vec::new(),
            notes: Vec::new(),
            candidates: utilities.map(candidate).into(),
            chosen,
            by: Decider::Planner,
            guard: "passed".into(),
            model: None,
        }
    }

    #[test]
    fn what_decides_now_says_how_near_two_choices_are() {
        let was = decision([0.9001, 0.9, 0.5], 0);
        assert_eq!(other_choice(&was, &[0, 1], None, 0.6), None);
        let near = |here: &[usize], p: Option<&[f64]>| {
            other_choice(&was, here, p, 0.6).map(|other| (other.chosen, other.near))
        };
        // The planner's order turned, by a hair of utility and by more.
        assert_eq!(near(&[1, 0], None), Some((1, true)));
        assert_eq!(near(&[2, 0], None), Some((2, false)));
        // A mind that is not sure decides nothing, however far apart its scores are.
        assert_eq!(near(&[1, 0], Some(&[0.3, 0.4, 0.3])), Some((1, true)));
        // A sure one does: its scores are the margin, not the utilities.
        assert_eq!(near(&[0, 1], Some(&[0.1, 0.8, 0.1])), Some((1, false)));
        assert_eq!(near(&[0, 1], Some(&[0.39, 0.61, 0.0])), Some((1, true)), "next to trust");
    }
}
