//! `outpost bench mind`: what the language model costs on this machine.
//!
//! Plain reading and writing in this process, each round in turn with `llama-bench` where its path
//! is given; the rest with the real child process and its frames: a first decision with and
//! without a kept prefix, how long a decision lives after it was given up, memory, and whether that
//! grows with many decisions. Decisions against a server that writes them are `benches/mind.py`'s
//! matter.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::figures;
use crate::limits;
use crate::mind::catalog::{Catalog, Store};
use crate::mind::ggml::{self, Batch, Context, ContextOptions, LoadOptions, Model, Token};
use crate::mind::gguf;
use crate::mind::protocol::{Decide, FailureKind, Load, MemoryReport, Reply, Request};

mod child;
mod rivals;
mod soak;
use child::Child;

/// Tokens of the plain measurements: long enough that starting threads is noise.
const READ_TOKENS: u32 = 512;
const WRITE_TOKENS: u32 = 64;
/// Questions after a decision until its prefix is on the disk; each takes milliseconds.
const QUESTIONS_MAX: u32 = 10_000;
/// Decisions that are made before memory is looked at.
const DECISIONS: usize = 50;

/// Measure the language model
#[derive(Clone, Debug, Args)]
pub struct BenchMindArgs {
    /// Model: an id of the catalogue, or a path to a .gguf [default: the catalogue's]
    #[arg(long)]
    model: Option<String>,
    /// Threads [default: the processor's cores, four at most]
    #[arg(long)]
    threads: Option<u16>,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Tokens worked on at once
    #[arg(long, default_value_t = limits::MIND_UBATCH_TOKENS)]
    ubatch: u32,
    /// Tokens of the prefix that is kept
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(64..=1500))]
    prefix_tokens: u32,
    /// Decisions that are given up
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    cancels: u32,
    /// Decisions one after the other, over which memory must not grow
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..))]
    soak: u32,
    /// Which parts to measure
    #[arg(long, value_enum, value_delimiter = ',',
        default_values_t = [Part::Plain, Part::Prefix, Part::Cancel, Part::Memory])]
    parts: Vec<Part>,
    /// `llama-bench` of the same source, to be run in turn with ours
    #[arg(long, value_name = "PROGRAM")]
    llama_bench: Option<PathBuf>,
    /// Adapters to be compared on the cases instead, each with the first: names, paths or none
    #[arg(long, value_delimiter = ',', requires = "cases")]
    adapters: Vec<String>,
    /// Cases with their right answers, as `outpost decide` reads them
    #[arg(long, value_name = "FILE", requires = "adapters")]
    cases: Option<String>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Reading and writing with nothing else around
    Plain,
    /// The first decision after a start
    Prefix,
    /// From giving up to the end
    Cancel,
    /// What the process takes
    Memory,
    /// Whether that grows
    Soak,
}

/// Runs the benchmark.
///
/// # Errors
/// Where the model cannot be used, or the child process does not answer.
pub fn run(args: &BenchMindArgs, json: bool) -> anyhow::Result<ExitCode> {
    let store = Store::of_environment();
    let name = args.model.clone().unwrap_or_else(|| Catalog::embedded().default.to_string());
    if let Some(cases) = &args.cases {
        return rivals::run(&name, &args.adapters, cases, args.threads, json);
    }
    let file = store.resolve(&name)?;
    let facts = gguf::check(&file.path)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = usize::from(limits::MIND_THREADS_DEFAULT_MAX);
    let threads = args.threads.unwrap_or(u16::try_from(cores.min(most)).unwrap_or(1));
    let bench = Bench { args, path: &file.path, threads, json };
    let mut summary = json!({
        "model": file.id, "quantization": facts.quantization, "kernels": ggml::kernels(),
        "machine": processor(), "cores": cores, "threads": threads, "ubatch": args.ubatch,
        "load": load_average(),
    });
    for part in &args.parts {
        let part = match part {
            Part::Plain => bench.plain()?,
            Part::Prefix => bench.prefix()?,
            Part::Cancel => bench.cancel()?,
            Part::Memory => bench.memory()?,
            Part::Soak => bench.soak()?,
        };
        if let (Some(all), Value::Object(part)) = (summary.as_object_mut(), part) {
            all.extend(part);
        }
    }
    bench.print(&summary);
    Ok(ExitCode::SUCCESS)
}

struct Bench<'a> {
    args: &'a BenchMindArgs,
    path: &'a Path,
    threads: u16,
    json: bool,
}

impl Bench<'_> {
    fn print(&self, line: &Value) {
        figures::print(line, self.json);
    }

    /// Tokens a second that are read and written with nothing else around.
    fn plain(&self) -> anyhow::Result<Value> {
        let model = Arc::new(Model::load(self.path, LoadOptions::default())?);
        let options = ContextOptions {
            context_tokens: READ_TOKENS,
            batch_tokens: self.args.ubatch,
            ubatch_tokens: self.args.ubatch,
            outputs_max: 1,
            sequences_max: 1,
            threads_decode: self.threads,
            threads_prefill: self.threads,
            kv_unified: true,
        };
        let mut context = Context::new(&model, options)?;
        // As `llama-bench` does: once without looking.
        reading(&mut context)?;
        let (mut rows, mut ratios) = (Vec::new(), Vec::new());
        for round in 0..self.args.rounds {
            let ours = [reading(&mut context)?, writing(&mut context)?];
            let mut line = json!({"part": "plain", "round": round + 1,
                "read_tokens_per_s": ours[0].round(), "written_tokens_per_s": ours[1].round()});
            if let Some(program) = &self.args.llama_bench {
                let theirs = self.llama_bench(program)?;
                let ratio = [ours[0] / theirs[0], ours[1] / theirs[1]];
                line["read_of_llama_bench"] = json!(round3(ratio[0]));
                line["written_of_llama_bench"] = json!(round3(ratio[1]));
                ratios.push(ratio);
            }
            self.print(&line);
            rows.push(ours);
        }
        let of = |rows: &[[f64; 2]], at: usize| median(rows.iter().map(|row| row[at]).collect());
        let mut found = json!({"read_tokens_per_s": of(&rows, 0).round(),
            "written_tokens_per_s": of(&rows, 1).round()});
        if !ratios.is_empty() {
            found["read_of_llama_bench"] = json!(round3(of(&ratios, 0)));
            found["written_of_llama_bench"] = json!(round3(of(&ratios, 1)));
        }
        Ok(found)
    }

    /// The same by the library's own program with the same sizes and threads.
    fn llama_bench(&self, program: &Path) -> anyhow::Result<[f64; 2]> {
        let (threads, ubatch) = (self.threads.to_string(), self.args.ubatch.to_string());
        let (read, write) = (READ_TOKENS.to_string(), WRITE_TOKENS.to_string());
        let numbers = ["-t", &threads, "-b", &ubatch, "-ub", &ubatch, "-p", &read, "-n", &write];
        let output = Command::new(program)
            .arg("-m")
            .arg(self.path)
            .args(numbers)
            .args(["-r", "1", "-o", "json"])
            .output()
            .with_context(|| program.display().to_string())?;
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} answers no JSON", program.display()))?;
        let speed = |key: &str| {
            let row = rows.iter().find(|row| row[key].as_u64().is_some_and(|n| n > 0));
            row.and_then(|row| row["avg_ts"].as_f64()).context("no avg_ts")
        };
        Ok([speed("n_prompt")?, speed("n_gen")?])
    }

    fn load(&self, prefixes: &str, repack: bool) -> Load {
        Load {
            id: 1,
            path: self.path.to_string_lossy().into_owned(),
            sha256: None,
            context_tokens: limits::MIND_CONTEXT_TOKENS,
            ubatch_tokens: self.args.ubatch,
            threads_decode: self.threads,
            threads_prefill: self.threads,
            prefixes: prefixes.to_owned(),
            repack,
            temperature_percent: 100,
            adapter: String::new(),
            merged: String::new(),
        }
    }

    /// A text of about so many tokens; `mark` stands first, so that no other begins like it.
    fn text(&self, model: &Model, tokens: u32, mark: u32) -> anyhow::Result<String> {
        let mut text = format!("Place {mark}: you look after a greenhouse.");
        let mut line = 0;
        while model.tokenize(&text, true, false)?.len() < tokens as usize {
            line += 1;
            text.push_str(&format!(" Note {line}: at night prefer the vent to the fan."));
        }
        text.push('\n');
        Ok(text)
    }

    fn vocabulary(&self) -> anyhow::Result<Model> {
        let only = LoadOptions { vocabulary_only: true, ..LoadOptions::default() };
        Ok(Model::load(self.path, only)?)
    }

    /// The first decision after a start, with and without the prefix on disk.
    fn prefix(&self) -> anyhow::Result<Value> {
        self.prefix_in(tempfile::tempdir()?.path())
    }

    fn prefix_in(&self, base: &Path) -> anyhow::Result<Value> {
        let model = self.vocabulary()?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..self.args.rounds {
            let prefix = self.text(&model, self.args.prefix_tokens, round)?;
            let folder = base.join(round.to_string()).to_string_lossy().into_owned();
            let mut took = [0.0; 2];
            for took in &mut took {
                let mut child = Child::start()?;
                child.load(self.load(&folder, true))?;
                let start = Instant::now();
                match child.ask(&Request::Decide(decide(2, &prefix, 29)))? {
                    Reply::Decided(_) => {}
                    other => bail!("no decision: {other:?}"),
                }
                *took = start.elapsed().as_secs_f64() * 1e3;
                // The prefix is written when nobody waits: a question or two later it is there.
                let mut questions = 0;
                while !kept(Path::new(&folder)) && questions < QUESTIONS_MAX {
                    child.memory()?;
                    questions += 1;
                }
                child.end()?;
            }
            self.print(&json!({"part": "prefix", "round": round + 1,
                "first_ms_without": round3(took[0]), "first_ms_with": round3(took[1])}));
            without.push(took[0]);
            with.push(took[1]);
        }
        let ratios = without.iter().zip(&with).map(|(without, with)| with / without).collect();
        Ok(json!({"prefix_tokens": self.args.prefix_tokens,
            "first_ms_without_kept_prefix": round3(median(without)),
            "first_ms_with_kept_prefix": round3(median(with)),
            "first_with_of_without": round3(median(ratios))}))
    }

    /// From the wish to give a decision up to its end.
    fn cancel(&self) -> anyhow::Result<Value> {
        let model = self.vocabulary()?;
        let mut child = Child::start()?;
        child.load(self.load("", true))?;
        let mut random = StdRng::seed_from_u64(1);
        let (mut took, mut answered) = (Vec::new(), 0);
        for number in 0..self.args.cancels {
            let prefix = self.text(&model, 1500, number)?;
            let id = u64::from(number) + 10;
            child.send(&Request::Decide(decide(id, &prefix, 29)))?;
            // A moment within the reading; nothing tells when that begins.
            std::thread::sleep(Duration::from_millis(random.random_range(1..200)));
            let start = Instant::now();
            child.send(&Request::Cancel { id })?;
            match child.reply()? {
                Reply::Failed { kind: FailureKind::Cancelled, .. } => {
                    took.push(start.elapsed().as_secs_f64() * 1e3);
                }
                Reply::Decided(_) => answered += 1,
                other => bail!("neither given up nor decided: {other:?}"),
            }
        }
        child.end()?;
        took.sort_by(f64::total_cmp);
        let at = |part: usize| took.get(took.len() * part / 100).copied().map(round3);
        Ok(json!({"cancelled": took.len(), "answered_before": answered,
            "cancel_ms_median": at(50), "cancel_ms_p99": at(99),
            "cancel_ms_max": took.last().copied().map(round3)}))
    }

    /// Memory after some decisions; the repacked weights are the difference of two runs.
    fn memory(&self) -> anyhow::Result<Value> {
        let (with, without) = (self.memory_of(true)?, self.memory_of(false)?);
        let mb = |bytes: u64| round3(bytes as f64 / 1e6);
        let repacked = with.anonymous_bytes.saturating_sub(without.anonymous_bytes);
        let rest = with.anonymous_bytes.saturating_sub(with.kv_bytes + repacked);
        Ok(json!({"pss_mb": mb(with.pss_bytes), "anonymous_mb": mb(with.anonymous_bytes),
            "file_mb": mb(with.file_bytes), "kv_mb": mb(with.kv_bytes),
            "repacked_mb": mb(repacked), "rest_mb": mb(rest), "weights_mb": mb(with.weights_bytes),
            "anonymous_mb_without_repacking": mb(without.anonymous_bytes)}))
    }

    fn memory_of(&self, repack: bool) -> anyhow::Result<MemoryReport> {
        let model = self.vocabulary()?;
        // Together with the rest the cache is nearly full, so that its pages have been touched.
        let prefix = self.text(&model, limits::MIND_CONTEXT_TOKENS - 200, 0)?;
        let mut child = Child::start()?;
        child.load(self.load("", repack))?;
        for number in 0..DECISIONS {
            let id = number as u64 + 10;
            match child.ask(&Request::Decide(decide(id, &prefix, number)))? {
                Reply::Decided(_) => {}
                other => bail!("no decision: {other:?}"),
            }
        }
        let report = child.memory()?;
        child.end()?;
        Ok(report)
    }
}

fn decide(id: u64, prefix: &str, degrees: usize) -> Decide {
    let candidates = ["heater on", "fan on", "roof vent open", "pump on", "do nothing"];
    Decide {
        id,
        prefix: prefix.to_owned(),
        state: format!("Now: air temperature {degrees}.1 °C; it is night.\nDo:"),
        candidates: candidates.map(str::to_owned).into(),
        by_notes: None,
        questions: Vec::new(),
        priority: limits::MIND_PRIORITY_DECISION,
        within_ms: 0,
        adapter: None,
    }
}

/// Whether a prefix is in the folder.
fn kept(folder: &Path) -> bool {
    let ending = |path: &Path| path.extension().is_some_and(|ending| ending == "prefix");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.path()).any(|path| ending(&path))
}

/// Tokens of no meaning, as `llama-bench` reads them.
fn tokens(context: &Context, count: u32) -> Vec<Token> {
    let words = context.model().facts().vocabulary.max(1);
    let mut random = StdRng::seed_from_u64(7);
    (0..count).map(|_| random.random_range(0..words).cast_signed()).collect()
}

/// Tokens a second of a prompt.
fn reading(context: &mut Context) -> anyhow::Result<f64> {
    measured(context, READ_TOKENS, context.options().batch_tokens)
}

/// Tokens a second, one after the other.
fn writing(context: &mut Context) -> anyhow::Result<f64> {
    measured(context, WRITE_TOKENS, 1)
}

fn measured(context: &mut Context, count: u32, at_once: u32) -> anyhow::Result<f64> {
    let tokens = tokens(context, count);
    context.clear();
    let mut batch = Batch::new();
    let start = Instant::now();
    let mut position = 0;
    for chunk in tokens.chunks(at_once.max(1) as usize) {
        batch.clear();
        for (index, token) in chunk.iter().enumerate() {
            batch.push(*token, position, 0..1, index + 1 == chunk.len());
            position += 1;
        }
        context.decode(&mut batch)?;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

fn round3(number: f64) -> f64 {
    figures::rounded(number, 3)
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}
