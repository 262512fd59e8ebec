//! `log export` and `log stats`: records for other programs, and what there is of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::sheet::Sheet;
use super::{Output, Wanted};
use crate::domain::Entry;
use crate::journal::{Reader, Record, boot_hex, record_json, rfc3339, step_word};

/// A form for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line, as `log query --json`.
    Jsonl,
    /// RFC 4180, with a line of names.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl<W: Write> Output<W> {
    pub(super) fn export(
        &mut self,
        folder: &Path,
        wanted: &Wanted,
        format: Format,
    ) -> anyhow::Result<()> {
        match format {
            Format::Jsonl => {
                self.export_each(folder, wanted, |to, record| {
                    Ok(writeln!(to, "{}", record_json(record))?)
                })?;
            }
            Format::Csv => {
                writeln!(self.to, "seq,at,boot,kind,name,value,state,text")?;
                self.export_each(folder, wanted, |to, record| {
                    Ok(writeln!(to, "{}", csv_line(record))?)
                })?;
            }
            Format::Parquet => {
                anyhow::ensure!(!self.json, "`--json` is for lines, and a Parquet file has none");
                anyhow::ensure!(
                    !self.is_terminal,
                    "a Parquet file is not for a terminal: `outpost log export … > records.parquet`"
                );
                let mut sheet = Sheet::new()?;
                self.export_each(folder, wanted, |to, record| {
                    Ok(to.write_all(&sheet.push(record)?)?)
                })?;
                self.to.write_all(&sheet.finish()?)?;
            }
        }
        if self.json {
            writeln!(self.to, "{}", json!({ "records": self.shown }))?;
        }
        Ok(())
    }

    fn export_each(
        &mut self,
        folder: &Path,
        wanted: &Wanted,
        mut write: impl FnMut(&mut W, &Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let reader = Reader::open(folder)?;
        if wanted.limit == Some(0) {
            return Ok(());
        }
        let mut written = Ok(());
        reader.each(0, &wanted.filter(), |record| {
            if !wanted.takes(&record) {
                return true;
            }
            self.shown += 1;
            written = write(&mut self.to, &record);
            written.is_ok() && wanted.limit.is_none_or(|limit| self.shown < limit)
        })?;
        written
    }

    pub(super) fn stats(&mut self, folder: &Path, wanted: &Wanted) -> anyhow::Result<()> {
        let reader = Reader::open(folder)?;
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut first, mut last) = (None, None);
        reader.each(0, &wanted.filter(), |record| {
            if !wanted.takes(&record) {
                return true;
            }
            *kinds.entry(record.kind.word()).or_default() += 1;
            let end = (record.seq, record.unix_ms);
            first.get_or_insert(end);
            last = Some(end);
            true
        })?;
        let records: u64 = kinds.values().sum();
        let size = reader.size();
        if self.json {
            let end = |end: Option<(u64, i64)>| {
                end.map(|(seq, unix_ms)| json!({"seq": seq, "at": rfc3339(unix_ms)}))
            };
            let line = json!({
                "records": records,
                "kinds": kinds,
                "first": end(first),
                "last": end(last),
                "bytes": size.bytes,
                "audit_bytes": size.audit_bytes,
                "files": size.files,
            });
            writeln!(self.to, "{line}")?;
            return Ok(());
        }
        for (kind, count) in &kinds {
            writeln!(self.to, "{kind:<10} {count:>12}")?;
        }
        writeln!(self.to, "{:<10} {records:>12}", "all")?;
        if let (Some((first, from_ms)), Some((last, to_ms))) = (first, last) {
            writeln!(self.to, "sequence   {first} to {last}")?;
            writeln!(self.to, "time       {} to {}", rfc3339(from_ms), rfc3339(to_ms))?;
        }
        writeln!(
            self.to,
            "on disk    {:.1} MB in {} files of the chain, {:.1} MB of it for what matters",
            size.bytes as f64 / 1e6,
            size.files,
            size.audit_bytes as f64 / 1e6
        )?;
        Ok(())
    }
}

fn csv_line(record: &Record) -> String {
    let at = rfc3339(record.unix_ms);
    let head = format!("{},{at},{},{}", record.seq, boot_hex(record.boot), record.kind.word());
    let cells = match record.entry() {
        Ok(entry) => cells(&entry),
        Err(error) => [String::new(), String::new(), "unreadable".into(), error.to_string()],
    };
    cells.iter().fold(head, |line, cell| line + "," + &csv_cell(cell))
}

/// Name, value, state and text of an entry.
pub(super) fn cells(entry: &Entry) -> [String; 4] {
    let none = String::new;
    match entry {
        Entry::Boot { version, mode } => [none(), version.clone(), mode.clone(), none()],
        Entry::Reading { sensor, value } => [sensor.clone(), value.to_string(), none(), none()],
        Entry::Faults { source, kind, count, found } => {
            [source.clone(), count.to_string(), kind.words().to_owned(), found.clone()]
        }
        Entry::Decision(decision) => {
            let by = decision.by.word().to_owned();
            [decision.id.clone(), decision.chosen.to_string(), by, decision.cause.clone()]
        }
        Entry::Step { actuator, setting, state, cause, .. } => {
            let state = step_word(*state).to_owned();
            [actuator.clone(), setting.to_string(), state, cause.clone()]
        }
        Entry::Command { kind, id, state, reason } => {
            [format!("{kind}/{id}"), none(), state.word().to_owned(), reason.clone()]
        }
        Entry::Hold { actuator, for_ms } => [actuator.clone(), for_ms.to_string(), none(), none()],
        Entry::Mode { actuator, mode } => [actuator.clone(), mode.clone(), none(), none()],
        Entry::Event { kind, text, severity } => {
            [kind.clone(), none(), severity.word().to_owned(), text.clone()]
        }
        Entry::Goal { name, put } => {
            let state = if put.is_some() { "put" } else { "removed" };
            [name.clone(), none(), state.to_owned(), put.clone().unwrap_or_default()]
        }
        Entry::Learned(one) => [one.sensor.clone(), one.steps.to_string(), none(), none()],
        Entry::Escalated(one) => {
            [one.decision.clone(), one.cost.to_string(), one.state.clone(), one.text.clone()]
        }
        Entry::Memory(one) => [one.sensor.clone(), none(), one.of.clone(), none()],
        Entry::Dropped { first, last, reason } => {
            [none(), format!("{first} to {last}"), none(), reason.clone()]
        }
    }
}

/// A cell, in quotes where it must be.
pub(super) fn csv_cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
