//! `outpost fleet rollout|status|pause|abort`: arguments and printing only.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;
use outpost_launcher::manifest::Name;
use serde_json::{Value as Json, json};

use super::fleet::BrokerArgs;
use super::stop_signal;
use crate::config::duration_of;
use crate::fleet::campaign::{self, Observer, Setup, Tally, Verdict, gather, judge};
use crate::fleet::publish::Days;
use crate::fleet::rollout::{Plan, begin, change, now_unix_ms, pick, read, stand};
use crate::limits::FLEET_STATUS_MS_MAX;
use crate::update::rollout::{ALL, Labels, Rollout, Standing, Step};

/// Where the keys and the repository are.
#[derive(Args, Clone, Debug)]
pub struct SignArgs {
    /// Folder with root.json and the keys
    #[arg(long)]
    pub(super) keys: PathBuf,
    /// Folder of the repository
    #[arg(long)]
    pub(super) repository: PathBuf,
    /// Days that what is signed is good for
    #[arg(long, default_value_t = Days::default().online)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: i64,
}

impl SignArgs {
    pub(super) fn days(&self) -> Days {
        Days { online: self.days, ..Days::default() }
    }
}

/// Arguments of `outpost fleet rollout`.
#[derive(Args, Clone, Debug)]
pub struct RolloutArgs {
    /// The release; left out: the rollout that is under way goes on
    release: Option<Name>,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    broker: BrokerArgs,
    /// Only boards with this label, as key=value; several: with all of them
    #[arg(long, value_parser = label)]
    label: Vec<(String, String)>,
    /// Percent of the boards, and how long that lasts at least
    #[arg(long, value_name = "PERCENT@TIME,…", value_parser = steps)]
    #[arg(default_value = "1@1h,10@6h,50@1d,100@1d")]
    steps: Steps,
    /// Percent of the boards that undo it, at which it stops by itself
    #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = percent)]
    stop_at: u16,
    /// Percent of the boards that must have confirmed it before the next step
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent)]
    enough: u16,
    /// Run by the shell each time that something was signed, such as a copy to the web server
    #[arg(long, value_name = "COMMAND")]
    then: Option<String>,
    /// Tell the boards of each step to look at once
    #[arg(long)]
    nudge: bool,
    /// Look once, sign what is due, and end
    #[arg(long)]
    once: bool,
}

/// Arguments of `outpost fleet pause` and `abort`.
#[derive(Args, Clone, Debug)]
pub struct HaltArgs {
    /// Number of the rollout; left out: the one that is under way
    rollout: Option<u64>,
    #[command(flatten)]
    sign: SignArgs,
    /// Why, for those who look later
    #[arg(long, default_value = "by hand")]
    reason: String,
}

/// Arguments of `outpost fleet status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Folder with root.json
    #[arg(long)]
    keys: PathBuf,
    /// Folder of the repository
    #[arg(long)]
    repository: PathBuf,
    #[command(flatten)]
    broker: BrokerArgs,
}

/// Steps as they are written on the command line.
#[derive(Clone, Debug)]
pub struct Steps(pub Vec<Step>);

fn label(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty());
    let (key, value) = parts.ok_or("allowed is key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Percent with at most two digits after the point, in parts of ten thousand.
///
/// # Errors
/// What is allowed.
pub fn percent(text: &str) -> Result<u16, String> {
    let allowed = || "allowed are 0.01 to 100 percent, two digits after the point".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(allowed());
    }
    let read: u32 = format!("{whole}{part:0<2}").parse().map_err(|_| allowed())?;
    let read = u16::try_from(read).ok().filter(|read| (1..=ALL).contains(read));
    read.ok_or_else(allowed)
}

/// Steps as `10@6h,100@1d`.
///
/// # Errors
/// What is allowed.
pub fn steps(text: &str) -> Result<Steps, String> {
    let step = |text: &str| -> Result<Step, String> {
        let (share, wait) = text.split_once('@').unwrap_or((text, "0s"));
        let allowed = "allowed is percent@time, such as 10@6h";
        let wait = duration_of(wait).ok_or(allowed)?;
        Ok(Step { of_10000: percent(share)?, wait_s: wait.as_secs() })
    };
    Ok(Steps(text.split(',').map(step).collect::<Result<_, _>>()?))
}

/// Begins a rollout or has one go on, and runs it until it is over.
///
/// # Errors
/// Where there is none, it cannot be signed, or the broker refuses us.
pub fn rollout(args: RolloutArgs, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let SignArgs { keys, repository, .. } = &args.sign;
    let plan = args.release.clone().map(|release| Plan {
        release,
        labels: args.label.iter().cloned().collect::<Labels>(),
        steps: args.steps.0.clone(),
        stop_of_10000: args.stop_at,
        enough_of_10000: args.enough,
    });
    let mut number = 0;
    let mut has_changed = false;
    let work = change(keys, repository, args.sign.days(), |document| {
        let before = document.clone();
        number = match &plan {
            Some(plan) => begin(document, plan, now_unix_ms())?,
            None => pick(document, None)?.number,
        };
        // Run by `cron` it only looks: an operator's pause lasts.
        if !args.once {
            stand(pick(document, Some(number))?, Standing::Running, "")?;
        }
        has_changed = *document != before;
        Ok(has_changed)
    });
    runtime.block_on(work)?;
    let mut printer = Printer { json, then: args.then.clone() };
    if has_changed {
        printer.signed();
    }
    let setup = Setup {
        endpoint: args.broker.endpoint("fleet rollout")?,
        keys: keys.clone(),
        repository: repository.clone(),
        days: args.sign.days(),
        number,
        once: args.once,
        nudge: args.nudge,
    };
    let standing = runtime.block_on(campaign::run(setup, stop_signal(), &mut printer))?;
    Ok(if standing == Standing::Stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Tells how the rollouts stand.
///
/// # Errors
/// Where the repository or the reports cannot be read.
pub fn status(args: &StatusArgs, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let document = runtime.block_on(read(&args.keys, &args.repository))?;
    let within = Duration::from_millis(FLEET_STATUS_MS_MAX);
    let reports = runtime.block_on(gather(args.broker.endpoint("fleet status")?, within))?;
    for one in &document.rollouts {
        let tally = Tally::of(one, &document, &reports);
        let verdict = judge(one, &tally, now_unix_ms());
        told(one, &tally, reports.len(), &verdict, json);
    }
    if json {
        println!("{}", json!({"rollouts": document.rollouts.len(), "known": reports.len()}));
    } else if document.rollouts.is_empty() {
        println!("no rollouts; {} boards have reported", reports.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// Pauses a rollout, or ends it for good.
///
/// # Errors
/// Where there is none, it is over, or it cannot be signed.
pub fn halt(args: &HaltArgs, standing: Standing, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut number = 0;
    let work = change(&args.sign.keys, &args.sign.repository, args.sign.days(), |document| {
        let one = pick(document, args.rollout)?;
        number = one.number;
        stand(one, standing, &args.reason)
    });
    runtime.block_on(work)?;
    if json {
        println!("{}", json!({"rollout": number, "standing": standing}));
    } else {
        println!("rollout {number} is {}", standing.word());
    }
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Rollout, tally: &Tally, known: usize, verdict: &Verdict) -> Json {
    let why = match verdict {
        Verdict::Wait(why) | Verdict::Stop(why) => why.as_str(),
        Verdict::Next => "the next step is due",
        Verdict::Over => one.reason.as_str(),
    };
    json!({
        "rollout": one.number, "release": one.release, "standing": one.standing,
        "step": one.step + 1, "steps": one.steps.len(),
        "percent": f64::from(one.share()) / 100.0,
        "known": known, "meant": tally.meant, "inside": tally.inside,
        "confirmed": tally.confirmed, "undone": tally.undone, "refused": tally.refused,
        "failed": tally.failed, "under_way": tally.under_way, "why": why,
    })
}

fn told(one: &Rollout, tally: &Tally, known: usize, verdict: &Verdict, json: bool) {
    let line = line(one, tally, known, verdict);
    if json {
        println!("{line}");
        return;
    }
    let Tally { meant, inside, confirmed, undone, refused, failed, under_way, .. } = tally;
    let begun = confirmed + undone + refused + failed + under_way;
    let quiet = inside.saturating_sub(begun);
    println!(
        "rollout {} (release {}) is {}: step {} of {}, {} % of {meant} boards, {inside} are in: \
         {confirmed} confirmed, {undone} undone, {refused} refused, {failed} try again, \
         {under_way} under way, {quiet} have not begun",
        one.number,
        one.release,
        one.standing.word(),
        one.step + 1,
        one.steps.len(),
        f64::from(one.share()) / 100.0,
    );
    if let Some(why) = line["why"].as_str().filter(|why| !why.is_empty()) {
        println!("  {why}");
    }
}

struct Printer {
    json: bool,
    then: Option<String>,
}

impl Observer for Printer {
    fn told(&mut self, rollout: &Rollout, tally: &Tally, known: usize, verdict: &Verdict) {
        told(rollout, tally, known, verdict, self.json);
    }

    fn signed(&mut self) {
        let Some(then) = &self.then else { return };
        // What is signed is signed: the next one brings it along.
        match Command::new("sh").arg("-c").arg(then).status() {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(then, %status, "--then has failed"),
            Err(error) => tracing::warn!(then, %error, "--then has failed"),
        }
    }

    fn line(&mut self, down: Option<&str>) {
        match down {
            None => tracing::info!("the broker has us"),
            Some(reason) => tracing::warn!(reason, "no broker"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_and_steps_are_read_as_people_write_them() {
        for (text, of_10000) in [("1", 100), ("0.5", 50), ("0.01", 1), ("100", ALL), ("2.25", 225)]
        {
            assert_eq!(percent(text), Ok(of_10000), "{text}");
        }
        for text in ["0", "100.01", "-1", "1.234", "", ".", "1e1", "65537"] {
            assert!(percent(text).is_err(), "{text}");
        }
        let read = steps("1@1h,10@90s,100").unwrap().0;
        let found: Vec<_> = read.iter().map(|step| (step.of_10000, step.wait_s)).collect();
        assert_eq!(found, [(100, 3600), (1000, 90), (ALL, 0)]);
        assert!(steps("1@soon").unwrap_err().contains("such as 10@6h"));
        assert!(label("site=north").is_ok() && label("site").is_err() && label("=x").is_err());
    }
}
