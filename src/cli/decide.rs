//! `outpost decide`: typed decisions from a file, answered line by line (design §7). The model
//! runs in this process. Reading and printing only; the scores come from `mind::score`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::limits;
use crate::mind::catalog::Store;
use crate::mind::ggml::LoadOptions;
use crate::mind::gguf;
use crate::mind::score::{Normalisation, Scorer, ScorerOptions};

/// Arguments of `outpost decide`.
#[derive(Args, Clone, Debug)]
pub struct DecideArgs {
    /// Model: an id of the catalogue, or a path to a .gguf
    #[arg(long)]
    model: String,
    /// Adapter; this version knows none but `none`
    #[arg(long, default_value = "none")]
    adapter: String,
    /// Remember no decisions (this version never does)
    #[arg(long)]
    no_memory: bool,
    /// File with one case a line, or - for standard input
    #[arg(long)]
    cases: String,
    /// Threads [default: the processor's cores, four at most]
    #[arg(long)]
    threads: Option<u16>,
}

/// One line of the cases; the parts that say the same as the text are not needed here.
#[derive(Deserialize)]
struct Case {
    id: serde_json::Value,
    prefix: String,
    state: String,
    candidates: Vec<String>,
    want: Option<usize>,
    kind: Option<String>,
}

/// Answers every case at once, then prints the summary.
///
/// # Errors
/// Where the model cannot be used, a line cannot be read, or a case does not fit.
pub fn run(args: &DecideArgs) -> anyhow::Result<ExitCode> {
    if args.adapter != "none" {
        bail!("--adapter: found \"{}\", this version allows none", args.adapter);
    }
    let model = Store::of_environment().resolve(&args.model)?;
    gguf::check(&model.path)?;
    let threads = args.threads.unwrap_or_else(threads_default);
    let options = ScorerOptions {
        context_tokens: limits::MIND_CONTEXT_TOKENS,
        ubatch_tokens: limits::MIND_UBATCH_TOKENS,
        threads_decode: threads,
        threads_prefill: threads,
        normalisation: Normalisation::default(),
    };
    let mut scorer = Scorer::load(&model.path, LoadOptions::default(), options)?;
    let input: Box<dyn BufRead> = if args.cases == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let path = PathBuf::from(&args.cases);
        let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
        Box::new(std::io::BufReader::new(file))
    };
    let mut out = std::io::stdout().lock();
    let mut tally = Tally::default();
    for (line, text) in input.lines().enumerate() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let began = Instant::now();
        let case: Case = serde_json::from_str(&text)
            .with_context(|| format!("{}, line {}", args.cases, line + 1))?;
        let scored = scorer
            .score(&case.prefix, &case.state, &case.candidates)
            .with_context(|| format!("case {}, line {}", case.id, line + 1))?;
        let p: Vec<f64> = scored.p.iter().map(|p| f64::from(*p)).collect();
        let chosen = best(&p);
        let ms = began.elapsed().as_secs_f64() * 1e3;
        let answer =
            json!({"id": case.id, "chosen": chosen, "p": p, "mass": scored.mass, "ms": ms});
        writeln!(out, "{answer}")?;
        out.flush()?;
        tally.add(&case, chosen, p[chosen], ms, scored.tokens_read);
    }
    writeln!(out, "{}", tally.summary())?;
    Ok(ExitCode::SUCCESS)
}

/// Every core, four at most: nothing else runs in this process.
fn threads_default() -> u16 {
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
    right: usize,
    judged: usize,
    /// Ten bins of the best candidate's p: cases, sum of p, right ones.
    bins: [(usize, f64, usize); 10],
    ms: Vec<f64>,
    tokens: u64,
}

impl Tally {
    fn add(&mut self, case: &Case, chosen: usize, p: f64, ms: f64, tokens: u32) {
        self.cases += 1;
        self.ms.push(ms);
        self.tokens += u64::from(tokens);
        let Some(want) = case.want else { return };
        let right = usize::from(chosen == want);
        self.judged += 1;
        self.right += right;
        if let Some(kind) = &case.kind {
            let (cases, rights) = self.by_kind.entry(kind.clone()).or_default();
            *cases += 1;
            *rights += right;
        }
        let bin = &mut self.bins[((p * 10.0) as usize).min(9)];
        *bin = (bin.0 + 1, bin.1 + p, bin.2 + right);
    }

    /// Expected calibration error: how far confidence and accuracy lie apart, a bin weighted by
    /// its cases.
    fn ece(&self) -> Option<f64> {
        let apart = self.bins.iter().map(|(_, p, right)| (p - *right as f64).abs());
        (self.judged > 0).then(|| apart.sum::<f64>() / self.judged as f64)
    }

    fn summary(mut self) -> serde_json::Value {
        let share = |right: usize, cases: usize| right as f64 / cases.max(1) as f64;
        let ece = self.ece();
        self.ms.sort_by(f64::total_cmp);
        let at =
            |part: usize| self.ms.get((self.ms.len() * part / 10).min(self.ms.len().max(1) - 1));
        let kinds = self
            .by_kind
            .iter()
            .map(|(kind, (cases, right))| (kind.clone(), json!(share(*right, *cases))));
        json!({
            "cases": self.cases,
            "accuracy": (self.judged > 0).then(|| share(self.right, self.judged)),
            "accuracy_by_kind": kinds.collect::<serde_json::Map<_, _>>(),
            "ece": ece,
            "ms_median": at(5),
            "ms_p90": at(9),
            "ms_total": self.ms.iter().sum::<f64>(),
            "tokens_read": self.tokens,
            "tokens_written": 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(want: usize) -> Case {
        Case {
            id: json!(1),
            prefix: String::new(),
            state: String::new(),
            candidates: vec!["a".into(), "b".into()],
            want: Some(want),
            kind: Some("gap".into()),
        }
    }

    #[test]
    fn a_sure_and_right_answer_has_no_calibration_error_and_a_sure_wrong_one_has_all() {
        let mut right = Tally::default();
        right.add(&case(0), 0, 1.0, 2.0, 10);
        let mut wrong = Tally::default();
        wrong.add(&case(1), 0, 1.0, 2.0, 10);
        assert_eq!((right.ece(), wrong.ece()), (Some(0.0), Some(1.0)));
        assert_eq!(wrong.summary()["accuracy_by_kind"]["gap"], json!(0.0));
    }

    #[test]
    fn nothing_asked_is_no_fault() {
        let summary = Tally::default().summary();
        assert_eq!((&summary["cases"], &summary["accuracy"]), (&json!(0), &json!(null)));
    }
}
