//! `outpost decide`: typed decisions from a file, answered line by line (design §7): candidates
//! after a state, or typed questions about it as the API has them. The model runs in this process.
//! Reading and printing only; the scores come from `mind::score`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::limits;
use crate::mind::adapters;
use crate::mind::calibrate::{self, Bins, Judged};
use crate::mind::catalog::Store;
use crate::mind::ggml::{Adapter, LoadOptions};
use crate::mind::gguf;
use crate::mind::merge::cache;
use crate::mind::notes::{self, ByNotes, Device, Left, Parts};
use crate::mind::protocol;
use crate::mind::questions::told::{self, Told};
use crate::mind::remember::Remembered;
use crate::mind::score::keep::{Identity, PrefixStore};
use crate::mind::score::{Layout, Normalisation, Scored, Scorer, ScorerOptions};

/// Arguments of `outpost decide`.
#[derive(Args, Clone, Debug)]
pub struct DecideArgs {
    /// Model: an id of the catalogue, or a path to a .gguf
    #[arg(long)]
    model: String,
    /// Adapter: none, an id of the catalogue, or a path to a .gguf
    #[arg(long, default_value = "none")]
    adapter: String,
    /// Load a copy of the model with the adapter in its weights, as `[mind] merge = true` does: it
    /// costs less, and is rounded
    #[arg(long)]
    merged: bool,
    /// Remember no decisions: every line is asked of the model
    #[arg(long)]
    no_memory: bool,
    /// Keep no prefixes on disk, and use none that are there
    #[arg(long)]
    no_prefix_cache: bool,
    /// File with one case a line, or - for standard input
    #[arg(long)]
    cases: String,
    /// Threads [default: the processor's cores, four at most]
    #[arg(long)]
    threads: Option<u16>,
    /// Layout of the prompt: plain, chat, listed, chat-listed
    #[arg(long, default_value = "plain", value_parser = layout)]
    layout: Layout,
    /// How candidates are weighed: parting, sum, mean
    #[arg(long, default_value = "parting", value_parser = normalisation)]
    normalisation: Normalisation,
    /// Temperature of the probabilities [default: what the catalogue knows of the model, else 1]
    #[arg(long)]
    temperature: Option<f64>,
    /// What the model is asked: `parts` only what arithmetic leaves open, where a case comes in
    /// parts; `whole` the text of the case
    #[arg(long, default_value = "parts", value_parser = ["parts", "whole"])]
    ask: String,
    /// Add to the summary the temperature that fits these cases best
    #[arg(long)]
    fit: bool,
}

fn layout(name: &str) -> Result<Layout, String> {
    let found = Layout::NAMES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, layout)| *layout)
        .ok_or_else(|| format!("allowed: {}", Layout::NAMES.map(|(known, _)| known).join(", ")))
}

fn normalisation(name: &str) -> Result<Normalisation, String> {
    let found = Normalisation::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        format!("allowed: {}", Normalisation::NAMES.map(|(known, _)| known).join(", "))
    })
}

/// One line of the cases. The parts say the same as the text; without them it is read whole.
#[derive(Deserialize)]
struct Case {
    id: serde_json::Value,
    prefix: String,
    state: String,
    #[serde(default)]
    candidates: Vec<String>,
    /// In the place of candidates.
    #[serde(default)]
    questions: Vec<CaseQuestion>,
    want: Option<usize>,
    kind: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    facts: Vec<String>,
    #[serde(default)]
    world: Vec<String>,
    #[serde(default)]
    devices: Vec<Device>,
    /// Candidates that would all do, where that is known: only the notes are then asked about, as
    /// the agent did.
    among: Option<Vec<usize>>,
}

/// A typed question, and the right answer where it is known.
#[derive(Deserialize)]
struct CaseQuestion {
    #[serde(flatten)]
    told: Told,
    want: Option<serde_json::Value>,
}

impl DecideArgs {
    /// What `bench mind` has an adapter answer: each case of the model, as the agent would ask it.
    pub(super) fn of_rival(model: &str, adapter: &str, cases: &str, threads: Option<u16>) -> Self {
        Self {
            model: model.to_owned(),
            adapter: adapter.to_owned(),
            merged: false,
            no_memory: false,
            no_prefix_cache: true,
            cases: cases.to_owned(),
            threads,
            layout: Layout::Plain,
            normalisation: Normalisation::Parting,
            temperature: None,
            ask: "parts".to_owned(),
            fit: false,
        }
    }
}

/// What came of all cases.
pub(super) struct Outcome {
    /// Of each case that can be judged, in their order.
    pub(super) rights: Vec<bool>,
    /// As `outpost decide` ends with it.
    pub(super) summary: serde_json::Value,
}

/// Answers every case at once, then prints the summary.
///
/// # Errors
/// Where the model cannot be used, a line cannot be read, or a case does not fit.
pub fn run(args: &DecideArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let outcome = answer_all(args, |answer| {
        writeln!(out, "{answer}")?;
        out.flush()
    })?;
    writeln!(out, "{}", outcome.summary)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers every case and gives each answer away at once.
pub(super) fn answer_all(
    args: &DecideArgs,
    mut each: impl FnMut(&serde_json::Value) -> std::io::Result<()>,
) -> anyhow::Result<Outcome> {
    let mut asker = Asker::new(args)?;
    let input: Box<dyn BufRead> = if args.cases == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let path = PathBuf::from(&args.cases);
        let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
        Box::new(std::io::BufReader::new(file))
    };
    let mut tally = Tally::default();
    for (line, text) in input.lines().enumerate() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let began = Instant::now();
        let case: Case = serde_json::from_str(&text)
            .with_context(|| format!("{}, line {}", args.cases, line + 1))?;
        let answered = match case.questions.is_empty() {
            true => asker.choose(&case),
            false => asker.questions(&case),
        };
        let Answered { mut answer, tokens, remembered, judged } =
            answered.with_context(|| format!("case {}, line {}", case.id, line + 1))?;
        let ms = began.elapsed().as_secs_f64() * 1e3;
        (answer["id"], answer["ms"]) = (case.id, json!(ms));
        if remembered {
            answer["remembered"] = json!(true);
        }
        each(&answer)?;
        asker.scorer.keep_prefix(); // nobody waits now
        tally.add(ms, tokens);
        for one in judged {
            tally.judge(case.kind.as_deref().or(one.kind), one.want, &one.p);
        }
    }
    let rights = tally.rights.clone();
    Ok(Outcome { rights, summary: tally.summary(args.fit.then_some(asker.temperature)) })
}

/// What came of a case.
struct Answered {
    /// As it is printed, but for `id` and `ms`.
    answer: serde_json::Value,
    /// That were read.
    tokens: u32,
    remembered: bool,
    /// What of it can be told right or wrong.
    judged: Vec<Answer>,
}

/// Probabilities beside the right candidate.
struct Answer {
    /// Of question.
    kind: Option<&'static str>,
    want: usize,
    p: Vec<f64>,
}

/// The model with what it keeps between cases.
struct Asker {
    scorer: Scorer,
    remembered: Option<Remembered>,
    temperature: f64,
    in_parts: bool,
}

impl Asker {
    fn new(args: &DecideArgs) -> anyhow::Result<Self> {
        let store = Store::of_environment();
        let model = store.resolve(&args.model)?;
        gguf::check(&model.path)?;
        let adapter = adapters::locate(&store, &args.adapter)?
            .map(|path| adapters::check(store.catalog(), &path, &model.path))
            .transpose()?;
        let threads = args.threads.unwrap_or_else(threads_default);
        let known = store.temperature_percent(&model.path, model.sha256.as_deref());
        let known = adapter.as_ref().map_or(Some(known), |one| one.facts.temperature_percent);
        let known = f64::from(known.unwrap_or(100)) / 100.0;
        let temperature = args.temperature.unwrap_or(known);
        if !(calibrate::TEMPERATURE_MIN..=calibrate::TEMPERATURE_MAX).contains(&temperature) {
            let (least, most) = (calibrate::TEMPERATURE_MIN, calibrate::TEMPERATURE_MAX);
            bail!("--temperature: found {temperature}, allowed {least} to {most}");
        }
        let options = ScorerOptions {
            context_tokens: limits::MIND_CONTEXT_TOKENS,
            ubatch_tokens: limits::MIND_UBATCH_TOKENS,
            threads_decode: threads,
            threads_prefill: threads,
            reuse: true,
            layout: args.layout,
            normalisation: args.normalisation,
            temperature,
        };
        let merged = adapter.as_ref().filter(|_| args.merged);
        let merged =
            merged.and_then(|adapter| cache::of_file(&store.merged(), &model.path, adapter));
        let (path, sha256, adapter) = match merged {
            Some(copy) => (copy.path, Some(copy.sha256), None),
            None => (model.path, model.sha256, adapter),
        };
        let mut scorer = Scorer::load(&path, LoadOptions::default(), options)?;
        if let Some(adapter) = &adapter {
            let loaded = Adapter::load(&scorer.shared_model(), &adapter.path)?;
            scorer.put_on(Some(Arc::new(loaded)), temperature)?;
        }
        // A file whose checksum nobody knows cannot be told from another one.
        let adapter = adapter.as_ref().map_or("none", adapters::AdapterFile::prefixes);
        if let Some(sha256) = sha256.filter(|_| !args.no_prefix_cache) {
            let identity = Identity::new(&sha256, adapter, args.layout.name());
            scorer.keep_in(PrefixStore::open(&store.prefixes(), identity));
        }
        let remembered = (!args.no_memory).then(Remembered::default);
        let in_parts = args.ask == "parts";
        Ok(Self { scorer, remembered, temperature, in_parts })
    }

    /// The best candidate of a case.
    fn choose(&mut self, case: &Case) -> anyhow::Result<Answered> {
        let (scored, remembered) = self.ask(case)?;
        let p: Vec<f64> = scored.p.iter().map(|p| f64::from(*p)).collect();
        let answer = json!({"chosen": best(&p), "p": p, "mass": scored.mass});
        let want = case.want.filter(|want| *want < p.len());
        let judged = want.map(|want| Answer { kind: None, want, p }).into_iter().collect();
        Ok(Answered { answer, tokens: scored.tokens_read, remembered, judged })
    }

    /// The answers to the questions of a case, in one pass.
    fn questions(&mut self, case: &Case) -> anyhow::Result<Answered> {
        let Case { prefix, state, questions: asked, .. } = case;
        if !case.candidates.is_empty() {
            bail!("found candidates and questions, allowed is one of them");
        }
        let told: Vec<Told> = asked.iter().map(|one| one.told.clone()).collect();
        let questions = told::typed(&told)?;
        let scored = match &mut self.remembered {
            Some(memory) => {
                memory.ask(prefix, state, &questions, |new| self.scorer.ask(prefix, state, new))?
            }
            None => self.scorer.ask(prefix, state, &questions)?,
        };
        // The pass is one: each of those that were asked has the tokens of all.
        let tokens = scored.iter().map(|scored| scored.tokens_read).max().unwrap_or(0);
        let mass = scored.iter().map(|scored| scored.mass).fold(1.0, f32::min);
        let mut judged = Vec::new();
        for (number, (CaseQuestion { told, want }, scored)) in asked.iter().zip(&scored).enumerate()
        {
            let Some(right) = want else { continue };
            let Some(want) = told::place(&told.kind, right) else {
                bail!("question {number}: want: found {right}, which is no answer to it");
            };
            let p = scored.p.iter().map(|p| f64::from(*p)).collect();
            judged.push(Answer { kind: Some(told.kind.name()), want, p });
        }
        let answers = scored.into_iter().map(|Scored { p, mass, .. }| protocol::Answer { p, mass });
        let answers = told::answers(&told, &answers.collect::<Vec<_>>());
        let answer = json!({"answers": answers.context("not as many answers")?, "mass": mass});
        Ok(Answered { answer, tokens, remembered: tokens == 0, judged })
    }

    /// Scores of a case, and whether they were remembered.
    fn ask(&mut self, case: &Case) -> anyhow::Result<(Scored, bool)> {
        let left = match (self.in_parts, case.by_notes()) {
            (true, Some(by_notes)) => Left::Notes(by_notes),
            (true, None) => notes::narrow(&case.parts()),
            (false, _) => case.whole(),
        };
        let count = case.candidates.len();
        match left {
            Left::Settled(only) => {
                let p = notes::joined(count, &[only], &[]);
                Ok((Scored::joined(p, &[]), false))
            }
            Left::Whole { among } => {
                let candidates = among.iter().map(|index| case.candidates[*index].clone());
                let (prefix, state) = (&case.prefix, &case.state);
                let (one, known) = self.score(prefix, state, &candidates.collect::<Vec<_>>())?;
                let p = notes::joined(count, &among, std::slice::from_ref(&one.p));
                Ok((Scored::joined(p, &[one]), known))
            }
            Left::Notes(by_notes) => {
                let (mut answers, mut all_known) = (Vec::new(), true);
                let p = by_notes.answer(count, |prefix, question| {
                    let (answer, known) =
                        self.score(prefix, &question.state, &question.candidates)?;
                    all_known &= known;
                    let p = answer.p.clone();
                    answers.push(answer);
                    anyhow::Ok(p)
                })?;
                Ok((Scored::joined(p, &answers), all_known))
            }
        }
    }

    /// Scores of one question, and whether they were remembered.
    fn score(
        &mut self,
        prefix: &str,
        state: &str,
        candidates: &[String],
    ) -> anyhow::Result<(Scored, bool)> {
        let known = self.remembered.as_ref().and_then(|known| known.get(prefix, state, candidates));
        if let Some(scored) = known {
            return Ok((scored, true));
        }
        let scored = self.scorer.score(prefix, state, candidates)?;
        if let Some(remembered) = &mut self.remembered {
            remembered.put(prefix, state, candidates, &scored);
        }
        Ok((scored, false))
    }
}

impl Case {
    fn parts(&self) -> Parts<'_> {
        let Self { facts, world, notes, devices, candidates, .. } = self;
        Parts { facts, world, notes, devices, candidates }
    }

    /// What was asked about notes, where it is known which candidates would do.
    fn by_notes(&self) -> Option<ByNotes> {
        let named = |index: &usize| {
            let name = notes::longest_named(self.candidates.get(*index)?, &self.devices)?;
            Some((*index, name))
        };
        let among: Option<Vec<_>> = self.among.as_ref()?.iter().map(named).collect();
        let facts: Vec<_> = self.facts.iter().chain(&self.world).cloned().collect();
        ByNotes::new(&self.notes, &facts, &among?)
    }

    fn whole(&self) -> Left {
        Left::Whole { among: (0..self.candidates.len()).collect() }
    }
}

/// Every core, four at most: nothing else runs in this process.
pub(super) fn threads_default() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = limits::MIND_THREADS_DEFAULT_MAX;
    u16::try_from(cores).unwrap_or(most).min(most)
}

fn best(p: &[f64]) -> usize {
    let greatest = p.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    greatest.map_or(0, |(index, _)| index)
}

/// What the summary needs.
#[derive(Default)]
struct Tally {
    cases: usize,
    by_kind: BTreeMap<String, (usize, usize)>,
    rights: Vec<bool>,
    bins: Bins,
    judged_scores: Vec<Judged>,
    ms: Vec<f64>,
    tokens: u64,
}

impl Tally {
    fn add(&mut self, ms: f64, tokens: u32) {
        self.cases += 1;
        self.ms.push(ms);
        self.tokens += u64::from(tokens);
    }

    fn judge(&mut self, kind: Option<&str>, want: usize, p: &[f64]) {
        let chosen = best(p);
        let right = chosen == want;
        self.rights.push(right);
        if let Some(kind) = kind {
            let (cases, rights) = self.by_kind.entry(kind.to_owned()).or_default();
            *cases += 1;
            *rights += usize::from(right);
        }
        self.bins.add(p[chosen], right);
        // The least number keeps a probability that was rounded to nothing finite.
        let scores = p.iter().map(|p| p.max(f64::from(f32::MIN_POSITIVE)).ln()).collect();
        self.judged_scores.push(Judged { scores, want });
    }

    /// The fitted temperature, on top of the one in use, and what it brings: fitted on one half of
    /// the cases and measured on the other, both ways round.
    fn fit(&self, in_use: f64) -> Option<serde_json::Value> {
        let fitted = calibrate::temperature(&self.judged_scores)?;
        let half = |odd: usize| {
            let mut cases = self.judged_scores.iter().enumerate();
            cases.by_ref().filter(|(n, _)| n % 2 == odd).map(|(_, j)| j.clone()).collect::<Vec<_>>()
        };
        let mut bins = Bins::default();
        for odd in 0..2 {
            let temperature = calibrate::temperature(&half(odd))?;
            for judged in half(1 - odd) {
                let (best, p) = judged.best(temperature);
                bins.add(p, best == judged.want);
            }
        }
        let cases = self.rights.len();
        Some(json!({"temperature": fitted * in_use, "ece": bins.error(), "cases": cases}))
    }

    fn summary(mut self, fit: Option<f64>) -> serde_json::Value {
        let share = |right: usize, cases: usize| right as f64 / cases.max(1) as f64;
        let right = self.rights.iter().filter(|right| **right).count();
        let judged = self.rights.len();
        let (ece, fitted) = (self.bins.error(), fit.and_then(|in_use| self.fit(in_use)));
        self.ms.sort_by(f64::total_cmp);
        let at =
            |part: usize| self.ms.get((self.ms.len() * part / 10).min(self.ms.len().max(1) - 1));
        let kinds = self
            .by_kind
            .iter()
            .map(|(kind, (cases, right))| (kind.clone(), json!(share(*right, *cases))));
        let mut summary = json!({
            "cases": self.cases,
            "accuracy": (judged > 0).then(|| share(right, judged)),
            "accuracy_by_kind": kinds.collect::<serde_json::Map<_, _>>(),
            "ece": ece,
            "ms_median": at(5),
            "ms_p90": at(9),
            "ms_total": self.ms.iter().sum::<f64>(),
            "tokens_read": self.tokens,
            "tokens_written": 0,
        });
        if let Some(fitted) = fitted {
            summary["fit"] = fitted;
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_kinds_apart() {
        let mut tally = Tally::default();
        tally.add(2.0, 10);
        tally.judge(Some("gap"), 1, &[0.9, 0.1]);
        let summary = tally.summary(None);
        assert_eq!(summary["accuracy_by_kind"]["gap"], json!(0.0));
        assert!((summary["ece"].as_f64().expect("judged") - 0.9).abs() < 1e-9);
        assert_eq!(summary.get("fit"), None);
    }

    #[test]
    fn the_fit_is_on_top_of_the_temperature_in_use() {
        let mut tally = Tally::default();
        for n in 0..40 {
            // Right in three of four cases, and surer than that; both halves alike.
            tally.judge(None, usize::from(n % 8 < 2), &[0.95, 0.05]);
        }
        let fit = tally.fit(2.0).expect("judged");
        let odds = (0.95_f64 / 0.05).ln() / 3.0_f64.ln();
        assert!((fit["temperature"].as_f64().expect("a number") - 2.0 * odds).abs() < 1e-2);
        assert!(fit["ece"].as_f64().expect("a number") < 1e-3, "{fit}");
    }

    #[test]
    fn a_case_of_a_journal_is_asked_about_as_the_agent_was() {
        let case: Case = serde_json::from_value(json!({
            "id": 1, "prefix": "", "state": "", "candidates": ["no", "fan on", "roof vent 50"],
            "facts": ["air temperature 29 °C, high, rising", "it is night"],
            "notes": ["At night the roof vent."], "among": [1, 2],
            "devices": [{"name": "fan", "effect": "lowers air temperature and lowers humidity"},
                        {"name": "roof vent", "effect": "lowers air temperature"}],
        }))
        .expect("a case");
        let by_notes = case.by_notes().expect("a note names one of them");
        assert_eq!((by_notes.among.as_slice(), by_notes.notes.len()), (&[1, 2][..], 1));
        assert_eq!(by_notes.notes[0].facts.len(), 1, "what has a band is not asked about");
    }

    #[test]
    fn nothing_asked_is_no_fault() {
        let summary = Tally::default().summary(Some(1.0));
        assert_eq!((&summary["cases"], &summary["accuracy"]), (&json!(0), &json!(null)));
    }
}
