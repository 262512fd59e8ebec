//! The line to the running agent: its window (`live::window_path`), found again when it is lost,
//! and what the journal knows from before. It decides nothing and draws nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::seen::Heard;
use crate::board::{self, Root};
use crate::domain::Entry;
use crate::journal::{Kind, QueryError, Reader, Record, decision_json, rfc3339};
use crate::limits::{LOOK_AGAIN_MS, LOOK_BOARD_MS, LOOK_LINE_BYTES_MAX, PAGE_RECORDS_MAX};
use crate::live::window_path;

/// Listens to the agent of this journal's folder until nobody wants to hear any more.
pub async fn listen(folder: PathBuf, tell: mpsc::Sender<Heard>) {
    let mut told = None;
    while !tell.is_closed() {
        let lost = match look(&folder, &tell).await {
            Ok(()) => "the agent has ended".to_owned(),
            Err(error) => reason(&folder, &error),
        };
        // The same again is not news. What is told after a line that was there always is.
        if told.as_ref() != Some(&lost) {
            past(&folder, &tell).await;
        }
        told = Some(lost.clone());
        if tell.send(Heard::Lost(lost)).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
    }
}

/// How the board feels, again and again.
pub async fn feel(folder: PathBuf, tell: mpsc::Sender<Heard>) {
    let root = Root::of_environment();
    let thermal = &board::recognise(&root).profile.thermal;
    let mut pace = tokio::time::interval(Duration::from_millis(LOOK_BOARD_MS));
    loop {
        pace.tick().await;
        let (root, folder) = (root.clone(), folder.clone());
        let look = move || board::sense(&root, thermal, &folder);
        let Ok(senses) = tokio::task::spawn_blocking(look).await else { return };
        if tell.send(Heard::Board(senses)).await.is_err() {
            return;
        }
    }
}

fn reason(folder: &Path, error: &io::Error) -> String {
    let path = window_path(folder);
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("no agent runs on {}", folder.display())
        }
        io::ErrorKind::PermissionDenied => {
            format!("{path} may not be opened: try sudo, or join the folder's group")
        }
        _ => format!("{path}: {error}"),
    }
}

/// One connection, to its end.
async fn look(folder: &Path, tell: &mpsc::Sender<Heard>) -> io::Result<()> {
    let mut stream = BufReader::new(UnixStream::connect(window_path(folder)).await?);
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    tell.send(Heard::Found).await.map_err(gone)?;
    // After the line is there, so that nothing falls between the two.
    past(folder, tell).await;
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = LOOK_LINE_BYTES_MAX as u64;
        let read = (&mut stream).take(most).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line: Json = serde_json::from_slice(&line).map_err(io::Error::from)?;
        if line.get("missed").is_some() {
            past(folder, tell).await;
        }
        let refused = line["refused"].as_str().map(ToOwned::to_owned);
        tell.send(Heard::Line(line)).await.map_err(gone)?;
        if let Some(refused) = refused {
            return Err(io::Error::other(refused));
        }
    }
}

/// The newest of the journal. A board whose journal cannot be read still shows what is now.
async fn past(folder: &Path, tell: &mpsc::Sender<Heard>) {
    let folder = folder.to_owned();
    if let Ok(Ok(lines)) = tokio::task::spawn_blocking(move || newest(&folder)).await {
        // Whoever asked is gone: so are we, at once.
        drop(tell.send(Heard::Past(lines)).await);
    }
}

fn newest(folder: &Path) -> Result<Vec<Json>, QueryError> {
    let reader = Reader::open(folder)?;
    let mut lines = Vec::new();
    for kind in [Kind::Decision, Kind::Event] {
        let records = reader.newest(kind, u64::MAX, PAGE_RECORDS_MAX)?;
        lines.extend(records.iter().filter_map(line_of));
    }
    Ok(lines)
}

fn line_of(record: &Record) -> Option<Json> {
    match record.entry() {
        Ok(Entry::Decision(decision)) => {
            Some(json!({ "decision": decision_json(&decision, record.stamp()) }))
        }
        Ok(Entry::Event { kind, text, severity }) => {
            let (severity, at) = (severity.word(), rfc3339(record.unix_ms));
            Some(json!({"event": {"kind": kind, "text": text, "severity": severity, "at": at}}))
        }
        _ => None,
    }
}
