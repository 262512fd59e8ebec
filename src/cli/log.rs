//! `outpost log tail|query|stats|effects|export|verify`: the journal for people and, with
//! `--json`, for programs. Reads only; the agent may run beside it.

mod after;
mod dataset;
mod effects;
mod export;
mod sheet;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock::ClockTrust;
use crate::domain::{Candidate, Decision, Entry};
use crate::journal::{AuditReport, Filter, Kind, Reader, Record, Report, record_json, step_word};
use crate::limits::{JOURNAL_FOLLOW_MS, OUTCOMES_AT_ONCE_MAX};

/// Read the journal
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Show the last records, and with -f those that come
    Tail {
        #[command(flatten)]
        place: Place,
        /// Go on showing new records
        #[arg(short, long)]
        follow: bool,
        /// How many records to begin with
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: u32,
    },
    /// Show the records that fit, oldest first
    Query {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Show what was learned: what each actuator does to each sensor
    Effects {
        #[command(flatten)]
        place: Place,
    },
    /// Prove the sequence whole: checksums, missing ranges, the file's structure
    Verify {
        #[command(flatten)]
        place: Place,
        /// Compute the hash chain of commands, decisions and changes again
        #[arg(long)]
        audit: bool,
        /// A hash that a receiver was told: it must be a link of the chain
        #[arg(long, value_name = "HASH", requires = "audit", value_parser = parse_hash)]
        head: Option<[u8; 32]>,
    },
    /// Count records by kind, bytes and files
    Stats {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Print the records that fit for another program
    Export {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        wanted: Wanted,
        /// jsonl, csv or parquet
        #[arg(long, value_enum, default_value_t = export::Format::Jsonl)]
        format: export::Format,
        /// Decisions as cases to learn from, with what people said of them and what came of them
        #[arg(long, conflicts_with = "format")]
        dataset: bool,
        /// Another name in the place of one of the configuration, in a dataset; may be repeated
        #[arg(long, value_name = "OLD=NEW", value_parser = dataset::Rename::parse,
            requires = "dataset")]
        rename: Vec<dataset::Rename>,
    },
}

/// Where the journal is.
#[derive(Debug, Args)]
struct Place {
    /// Configuration whose [journal] path is read
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The journal's folder itself
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

/// Which records.
#[derive(Debug, Default, Args)]
struct Wanted {
    /// boot, reading, faults, decision, step, command, hold, mode, event, dropped, goal or learned
    #[arg(long, value_parser = parse_kind)]
    kind: Option<Kind>,
    /// From here on: 2026-08-20T06:00:00Z, 2026-08-20T06:00 (local), or 2h or 7d (ago)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<i64>,
    /// Up to here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<i64>,
    /// Only readings and faults of this sensor
    #[arg(long, value_name = "NAME")]
    sensor: Option<String>,
    /// Only this decision and its steps
    #[arg(long, value_name = "ID")]
    decision: Option<String>,
    /// At most so many records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl Wanted {
    /// Ranges that were given up stand between the records of every file, which a search for one
    /// kind passes over: `takes` picks them out of all.
    fn filter(&self) -> Filter {
        Filter {
            kind: self.kind.filter(|kind| *kind != Kind::Dropped),
            since_ms: self.since,
            until_ms: self.until,
            sensor: self.sensor.clone(),
            decision: self.decision.clone(),
        }
    }

    fn takes(&self, record: &Record) -> bool {
        self.kind != Some(Kind::Dropped) || record.kind == Kind::Dropped
    }
}

/// Runs the subcommand. `journal_path` gives the journal's folder of a configuration file, or of
/// the default one where none is named; it is not asked where `--path` says it.
///
/// # Errors
/// Where there is no journal, it cannot be read, or the output cannot be written.
pub fn run(
    args: LogArgs,
    json: bool,
    journal_path: impl Fn(Option<&Path>) -> anyhow::Result<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let out = io::stdout();
    let is_terminal = out.is_terminal();
    let to = io::BufWriter::new(out.lock());
    let mut out = Output { to, json, is_terminal, shown: 0 };
    let done = out.run(args.command, &journal_path);
    match done.and_then(|code| out.to.flush().map(|()| code).map_err(anyhow::Error::from)) {
        // `log query | head`: the reader has what it wants.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

struct Output<W: Write> {
    to: W,
    json: bool,
    /// A person looks at it.
    is_terminal: bool,
    shown: u64,
}

impl<W: Write> Output<W> {
    fn run(
        &mut self,
        command: LogCommand,
        journal_path: &dyn Fn(Option<&Path>) -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<ExitCode> {
        let folder = |place: &Place| match &place.path {
            Some(path) => Ok(path.clone()),
            None => journal_path(place.config.as_deref()),
        };
        match command {
            LogCommand::Tail { place, follow, lines } => {
                self.tail(&folder(&place)?, follow, lines)?;
            }
            LogCommand::Query { place, wanted } => self.query(&folder(&place)?, &wanted)?,
            LogCommand::Effects { place } => self.effects(&folder(&place)?)?,
            LogCommand::Verify { place, audit, head } => {
                return self.verify(&folder(&place)?, audit, head);
            }
            LogCommand::Stats { place, wanted } => self.stats(&folder(&place)?, &wanted)?,
            LogCommand::Export { place, wanted, dataset: true, rename, .. } => {
                let file = place.config.as_deref();
                let file = file.unwrap_or(Path::new(crate::config::DEFAULT_PATH));
                let (config, _) = crate::config::load(file, crate::config::Strictness::Run)?;
                let folder = place.path.clone().unwrap_or(config.journal.path.clone());
                self.dataset(&Arc::new(config), &folder, &wanted, &rename)?;
            }
            LogCommand::Export { place, wanted, format, .. } => {
                self.export(&folder(&place)?, &wanted, format)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn tail(&mut self, folder: &Path, follow: bool, lines: u32) -> anyhow::Result<()> {
        let mut reader = Reader::open(folder)?;
        let mut last = 0;
        for record in reader.last(lines)? {
            last = record.seq;
            self.show(&record)?;
        }
        if !follow {
            return self.summary();
        }
        if lines == 0 {
            last = reader.last(1)?.last().map_or(0, |record| record.seq);
        }
        let mut file = identity(reader.path());
        loop {
            self.to.flush()?;
            std::thread::sleep(Duration::from_millis(JOURNAL_FOLLOW_MS));
            // A damaged database is renamed and a new one takes its name.
            let now = identity(reader.path());
            if now != file
                && now.is_some()
                && let Ok(renewed) = Reader::open(folder)
            {
                reader = renewed;
                file = now;
            }
            last = self.show_from(&reader, last, &Wanted::default())?;
        }
    }

    fn query(&mut self, folder: &Path, wanted: &Wanted) -> anyhow::Result<()> {
        let reader = Reader::open(folder)?;
        let of_decisions = wanted.kind == Some(Kind::Decision)
            || wanted.kind.is_none() && wanted.decision.is_some();
        if self.json && of_decisions {
            self.show_with_outcomes(&reader, wanted)?;
        } else {
            self.show_from(&reader, 0, wanted)?;
        }
        self.summary()
    }

    /// Shows what comes after a sequence; gives the last sequence looked at.
    fn show_from(&mut self, reader: &Reader, after: u64, wanted: &Wanted) -> anyhow::Result<u64> {
        if wanted.limit == Some(0) {
            return Ok(after);
        }
        let mut written = Ok(());
        let last = reader.each(after, &wanted.filter(), |record| {
            if !wanted.takes(&record) {
                return true;
            }
            written = self.show(&record);
            written.is_ok() && wanted.limit.is_none_or(|limit| self.shown < limit)
        })?;
        written?;
        Ok(last)
    }

    /// Decisions with what the sensors said after them, which stands an hour further on: so many at
    /// once that the way there is gone once for many.
    fn show_with_outcomes(&mut self, reader: &Reader, wanted: &Wanted) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let left = wanted.limit.map_or(u64::MAX, |limit| limit - self.shown);
            let most = left.min(OUTCOMES_AT_ONCE_MAX);
            let mut records = Vec::new();
            if most > 0 {
                reader.each(after, &wanted.filter(), |record| {
                    records.push(record);
                    (records.len() as u64) < most
                })?;
            }
            let Some(last) = records.last() else { return Ok(()) };
            after = last.seq;
            let decision = |record: &Record| match record.entry() {
                Ok(Entry::Decision(decision)) => Some((record.stamp(), *decision)),
                _ => None,
            };
            let decisions: Vec<_> = records.iter().filter_map(decision).collect();
            let mut outcomes = after::outcomes(reader, &decisions)?.into_iter();
            for record in &records {
                let mut line = record_json(record);
                if line.get("outcome").is_some() {
                    line["outcome"] = outcomes.next().unwrap_or_default();
                }
                self.shown += 1;
                writeln!(self.to, "{line}")?;
            }
        }
    }

    fn show(&mut self, record: &Record) -> anyhow::Result<()> {
        self.shown += 1;
        if self.json {
            writeln!(self.to, "{}", record_json(record))?;
        } else {
            writeln!(self.to, "{}", line(record))?;
        }
        Ok(())
    }

    fn summary(&mut self) -> anyhow::Result<()> {
        if self.json {
            writeln!(self.to, "{}", json!({ "records": self.shown }))?;
        } else if self.shown == 0 {
            writeln!(self.to, "no such records")?;
        }
        Ok(())
    }

    fn verify(
        &mut self,
        folder: &Path,
        audit: bool,
        head: Option<[u8; 32]>,
    ) -> anyhow::Result<ExitCode> {
        let reader = Reader::open(folder)?;
        let report = reader.verify()?;
        let audit = if audit { Some(reader.verify_audit(head)?) } else { None };
        let holds = audit
            .as_ref()
            .is_none_or(|audit| audit.broken.is_none() && (head.is_none() || audit.has_wanted));
        if self.json {
            let mut line = report_json(&report);
            if let (Some(audit), Some(line)) = (&audit, line.as_object_mut()) {
                line.insert("audit".into(), audit_json(audit, head.is_some()));
            }
            writeln!(self.to, "{line}")?;
        } else {
            self.report(&report)?;
            if let Some(audit) = &audit {
                self.audit_report(audit, head.is_some())?;
            }
        }
        let good = report.is_whole() && holds;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn audit_report(&mut self, audit: &AuditReport, wanted: bool) -> anyhow::Result<()> {
        let (records, head) = (audit.records, hex(&audit.head.hash));
        writeln!(self.to, "audit    {records} linked records, head {head}")?;
        if let Some((seq, why)) = &audit.broken {
            writeln!(self.to, "BROKEN: the hash chain at {seq}: {why}")?;
        }
        if wanted && !audit.has_wanted {
            writeln!(self.to, "BROKEN: the hash that was asked for is no link of the chain")?;
        }
        Ok(())
    }

    fn report(&mut self, report: &Report) -> anyhow::Result<()> {
        let range = match (report.first, report.last) {
            (Some(first), Some(last)) => format!(", sequence {first} to {last}"),
            _ => String::new(),
        };
        writeln!(self.to, "{} records{range}", report.records)?;
        for (first, last) in &report.gap_ranges {
            writeln!(self.to, "gap      {first} to {last}: no record says why")?;
        }
        for (seq, reason) in &report.damaged_records {
            writeln!(self.to, "damaged  {seq}: {reason}")?;
        }
        for fault in &report.structure {
            writeln!(self.to, "file     {fault}")?;
        }
        if report.altered > 0 {
            writeln!(self.to, "altered  {} records of the audit database", report.altered)?;
        }
        if report.newer > 0 {
            writeln!(self.to, "newer    {} records of a newer program", report.newer)?;
        }
        if report.is_whole() {
            writeln!(self.to, "whole: no gap, every checksum right")?;
        } else {
            let (gaps, damaged) = (report.gaps, report.damaged);
            writeln!(self.to, "BROKEN: {gaps} gaps, {damaged} damaged records")?;
        }
        Ok(())
    }
}

fn report_json(report: &Report) -> serde_json::Value {
    let damaged = report.damaged_records.iter().map(|(seq, why)| json!({"seq": seq, "why": why}));
    json!({
        "records": report.records,
        "first": report.first,
        "last": report.last,
        "gaps": report.gaps,
        "gap_ranges": report.gap_ranges,
        "damaged": report.damaged,
        "damaged_records": damaged.collect::<Vec<_>>(),
        "altered": report.altered,
        "newer": report.newer,
        "structure": report.structure,
    })
}

fn audit_json(audit: &AuditReport, wanted: bool) -> serde_json::Value {
    json!({
        "records": audit.records,
        "head": hex(&audit.head.hash),
        "head_seq": audit.head.seq,
        "broken": audit.broken.as_ref().map(|(seq, why)| json!({"seq": seq, "why": why})),
        "has_wanted": wanted.then_some(audit.has_wanted),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hash(text: &str) -> anyhow::Result<[u8; 32]> {
    let digits = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digits).collect();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| anyhow!("a hash is 64 hexadecimal digits"))
}

/// Tells a database from another one of the same name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

fn parse_kind(word: &str) -> anyhow::Result<Kind> {
    Kind::from_word(word).ok_or_else(|| {
        let words: Vec<_> = Kind::all().map(Kind::word).collect();
        anyhow!("not a kind of record; kinds are {}", words.join(", "))
    })
}

/// A moment in milliseconds since 1970: RFC 3339, a local time without zone, or how long ago.
pub(super) fn parse_time(text: &str) -> anyhow::Result<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    if let Ok(local) = text.parse::<DateTime>() {
        let moment = local.to_zoned_datetime(TimeZone::system()).context("no such local time")?;
        return Ok(moment.timestamp().as_millisecond());
    }
    if let Ok(ago) = text.parse::<jiff::Span>() {
        let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
        let moment = now.checked_sub(ago).context("before the calendar begins")?;
        return Ok(moment.timestamp().as_millisecond());
    }
    bail!("a time looks like 2026-08-20T06:00:00Z, 2026-08-20T06:00 (local), or 2h or 7d (ago)")
}

/// A record in one line: local time, sequence, kind, what it says. A `~` marks a time that was not
/// trusted.
fn line(record: &Record) -> String {
    let mark = if record.trust == ClockTrust::Synced { ' ' } else { '~' };
    let time = local_time(record.unix_ms);
    let head = format!("{time}{mark} {:>9}  {:<8}", record.seq, record.kind.word());
    match record.entry() {
        Ok(entry) => format!("{head}  {}", words(&entry)),
        Err(error) => format!("{head}  UNREADABLE: {error}"),
    }
}

fn local_time(unix_ms: i64) -> String {
    match Timestamp::from_millisecond(unix_ms) {
        Ok(moment) => {
            let local = moment.to_zoned_datetime(TimeZone::system());
            local.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
        }
        Err(_) => crate::journal::rfc3339(unix_ms),
    }
}

fn words(entry: &Entry) -> String {
    match entry {
        Entry::Boot { version, mode } => format!("version {version}, mode {mode}"),
        Entry::Reading { sensor, value } => format!("{sensor:<24} {value}"),
        Entry::Faults { source, kind, count, found } => {
            format!("{source:<24} {count} times {}, last: {found}", kind.words())
        }
        Entry::Decision(decision) => decision_words(decision),
        Entry::Step { actuator, setting, state, by, cause, off_after_ms } => {
            let off = off_after_ms.map_or(String::new(), |ms| format!(", off after {ms} ms"));
            let (state, by) = (step_word(*state), by.word());
            format!("{actuator:<24} {setting} {state} by {by}: {cause}{off}")
        }
        Entry::Command { kind, id, state, reason } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{:<24} {}{why}", format!("{kind}/{id}"), state.word())
        }
        Entry::Hold { actuator, for_ms } => format!("{actuator:<24} held for {for_ms} ms"),
        Entry::Mode { actuator, mode } if actuator.is_empty() => mode.clone(),
        Entry::Mode { actuator, mode } => format!("{actuator:<24} {mode}"),
        Entry::Event { kind, text, severity } => format!("{} {kind}: {text}", severity.word()),
        Entry::Goal { name, put: Some(goal) } => format!("{name:<24} put {goal}"),
        Entry::Goal { name, put: None } => format!("{name:<24} removed"),
        Entry::Learned(one) => {
            let (error, stays) = (one.error_square.sqrt(), one.stays_square.sqrt());
            let (sensor, steps) = (&one.sensor, one.steps);
            format!("{sensor:<24} {steps} steps, an hour ahead {error:.3}, as it is {stays:.3}")
        }
        Entry::Escalated(one) => {
            let (decision, state, model, cost) = (&one.decision, &one.state, &one.model, one.cost);
            let text = if one.text.is_empty() { String::new() } else { format!(": {}", one.text) };
            format!("{decision:<24} {} to {model}, {state}, cost {cost}{text}", one.why)
        }
        Entry::Memory(one) => {
            let numbers = one.numbers.iter().map(|one| one.map_or("-".into(), |n| n.to_string()));
            format!("{:<24} {}: {}", one.sensor, one.of, numbers.collect::<Vec<_>>().join(" "))
        }
        Entry::Dropped { first, last, reason } => format!("{first} to {last}: {reason}"),
    }
}

fn decision_words(decision: &Decision) -> String {
    let Decision { id, cause, candidates, chosen, by, guard, .. } = decision;
    let candidate = candidates.get(*chosen);
    let set = candidate.map_or_else(|| "nothing".to_owned(), Candidate::doing);
    let p = candidate.and_then(|candidate| candidate.probability);
    let p = p.map_or(String::new(), |p| format!(" (p {p:.2})"));
    format!("{id} {cause}: {set}, by {}{p} of {}, guard: {guard}", by.word(), candidates.len())
}

#[cfg(test)]
mod tests;
