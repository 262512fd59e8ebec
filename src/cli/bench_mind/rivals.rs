//! Adapters against each other on cases whose right answer is known, such as a board's own
//! decisions that were held out: which of them wins, and how likely that is by chance.
//!
//! What must never be here: scoring, which is `outpost decide`'s.

use std::process::ExitCode;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::decide::{self, DecideArgs, Outcome};

/// A win that chance alone would bring this often is none: the usual 1 in 20 of a sign test.
const CHANCE_MAX: f64 = 0.05;

/// Has each adapter answer all cases, and compares each with the first one.
///
/// # Errors
/// Where the model or an adapter cannot be used, a case cannot be read, or none says what is right.
pub(super) fn run(
    model: &str,
    adapters: &[String],
    cases: &str,
    threads: Option<u16>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if cases == "-" {
        bail!("--cases: found -, allowed is a file, which each adapter reads from its beginning");
    }
    let [first, others @ ..] = adapters else {
        bail!("--adapters: found none, allowed are two or more");
    };
    if others.is_empty() {
        bail!("--adapters: found only {first}, allowed are two or more");
    }
    let reference = answered(model, first, cases, threads, json)?;
    for adapter in others {
        let rival = answered(model, adapter, cases, threads, json)?;
        let line = compared((first, &reference.rights), (adapter, &rival.rights));
        if json {
            println!("{line}");
        } else {
            let only = |which: &str| line[which].as_u64().unwrap_or(0);
            println!(
                "only {first} is right in {}, only {adapter} in {}; as much by chance: {:.3}; {}",
                only("only_first"),
                only("only_second"),
                line["chance"].as_f64().unwrap_or(1.0),
                line["winner"]
                    .as_str()
                    .map_or("no winner".to_owned(), |name| format!("{name} wins")),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What an adapter makes of the cases, told as a line.
fn answered(
    model: &str,
    adapter: &str,
    cases: &str,
    threads: Option<u16>,
    json: bool,
) -> anyhow::Result<Outcome> {
    let bar = ProgressBar::new_spinner().with_message(adapter.to_owned());
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} {pos} cases {elapsed}")?);
    let args = DecideArgs::of_rival(model, adapter, cases, threads);
    let outcome = decide::answer_all(&args, |_| {
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    if outcome.rights.is_empty() {
        bail!("--cases {cases}: no case says which answer is right (`want`)");
    }
    let mut line = outcome.summary.clone();
    line["adapter"] = json!(adapter);
    if json {
        println!("{line}");
    } else {
        let right = outcome.rights.iter().filter(|right| **right).count();
        let ece = line["ece"].as_f64().unwrap_or(f64::NAN);
        println!("{adapter:<32} right {right} of {}  ECE {ece:.3}", outcome.rights.len());
    }
    Ok(outcome)
}

/// Who wins: the one that is right more often where only one of the two is, if a sign test of both
/// sides says that this is no chance.
fn compared(first: (&str, &[bool]), second: (&str, &[bool])) -> Value {
    let differ =
        |yes: &[bool], no: &[bool]| yes.iter().zip(no).filter(|(y, n)| **y && !**n).count();
    let only_first = differ(first.1, second.1);
    let only_second = differ(second.1, first.1);
    let all = only_first + only_second;
    // Which side to look at was seen first, so that both count.
    let chance = (2.0 * by_chance(all, only_first.max(only_second))).min(1.0);
    let ahead = if only_first > only_second { first.0 } else { second.0 };
    let winner = (chance <= CHANCE_MAX).then_some(ahead);
    json!({"first": first.0, "second": second.0, "cases": first.1.len(),
        "only_first": only_first, "only_second": only_second, "chance": chance, "winner": winner})
}

/// Probability that a fair coin thrown `all` times falls on the same side at least `most` times,
/// that side being the one that is ahead: the upper tail of the binomial distribution.
fn by_chance(all: usize, most: usize) -> f64 {
    // Each term from the one before, beginning at 2^-all, in logarithms: 2^-2000 is nought.
    let mut log = -(all as f64) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for k in 0..=all {
        if k >= most {
            sum += log.exp();
        }
        log += ((all - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_the_tail_of_a_coin() {
        assert!((by_chance(0, 0) - 1.0).abs() < 1e-12);
        assert!((by_chance(5, 5) - 1.0 / 32.0).abs() < 1e-12);
        assert!((by_chance(6, 5) - 7.0 / 64.0).abs() < 1e-12);
        assert!(by_chance(3000, 1800) < 1e-9, "nor does it fail for many cases");
    }

    #[test]
    fn few_cases_make_no_winner() {
        let old = [true, true, false, false, false, false, false, false];
        let better = [true; 8];
        let line = compared(("old", &old), ("new", &better));
        assert_eq!((&line["only_second"], &line["winner"]), (&json!(6), &json!("new")));
        let line = compared(("old", &better), ("new", &old));
        assert_eq!(line["winner"], "old", "the one in use may win as well");
        let line = compared(("old", &old[..7]), ("new", &better[..7]));
        assert_eq!((&line["only_second"], &line["winner"]), (&json!(5), &Value::Null));
    }
}
