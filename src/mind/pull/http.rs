//! One file over HTTP, in as many transfers as it takes.
//!
//! What came is kept in a `.part` file. A transfer that breaks goes on there with a range; a
//! server that does not do ranges begins again. Never more than the expected bytes are taken.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use super::Report;
use crate::disk::{self, DiskError};
use crate::limits;

/// How long HTTP waits, and how often it tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts in a row that bring nothing before the source is given up.
    pub attempts_max: u32,
    /// Pause before the second attempt; doubles with each.
    pub pause: Duration,
    /// Until a connection stands.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts_max: limits::PULL_ATTEMPTS_MAX,
            pause: limits::PULL_PAUSE,
            connect: limits::PULL_CONNECT_TIMEOUT,
            read: limits::PULL_READ_TIMEOUT,
        }
    }
}

/// A file could not be fetched over HTTP.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The server does not give the file: wrong address, or no right to it.
    #[error("the server answered {status}")]
    Status {
        /// Its answer.
        status: StatusCode,
    },
    /// The server has another file.
    #[error("the server has {found} bytes; the catalogue says {wanted}")]
    WrongLength {
        /// Bytes that it has.
        found: u64,
        /// Bytes of the catalogue.
        wanted: u64,
    },
    /// No connection, or it broke too often. What came is kept for the next time.
    #[error("given up after {attempts} attempts that brought nothing, at {done} of {wanted} bytes")]
    Broken {
        /// Attempts in a row that brought nothing.
        attempts: u32,
        /// Bytes that are kept for the next time.
        done: u64,
        /// Bytes of the file.
        wanted: u64,
        /// The last attempt's error.
        source: Box<ureq::Error>,
    },
    /// No more bytes may be fetched for now. What came is kept for the next time.
    #[error("no more may be fetched for now, at {done} of {wanted} bytes")]
    Held {
        /// Bytes that are kept for the next time.
        done: u64,
        /// Bytes of the file.
        wanted: u64,
    },
    /// The part file cannot be opened.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The part file cannot be written: the disk is full, for example.
    #[error("cannot write {}", path.display())]
    Write {
        /// The part file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// How one transfer ended.
enum End {
    Complete,
    /// The line broke, or the server is busy. Bytes that came are in the part file.
    Broken(ureq::Error),
}

/// The file that is being completed.
struct Part<'a> {
    path: &'a Path,
    wanted: u64,
}

impl Part<'_> {
    fn length(&self) -> u64 {
        self.path.metadata().map_or(0, |facts| facts.len())
    }

    /// Empties it; the next attempt asks for the whole.
    fn restart(&self) -> Result<End, HttpError> {
        disk::create(self.path)?;
        let why = io::Error::other("the server does not go on where the file ends");
        Ok(End::Broken(ureq::Error::Io(why)))
    }
}

/// Completes `part` to `wanted` bytes from `address`. The checksum is the caller's business.
pub(crate) fn fetch(
    address: &str,
    part: &Path,
    wanted: u64,
    patience: &Patience,
    report: &mut dyn Report,
) -> Result<(), HttpError> {
    let agent: Agent = Agent::config_builder()
        .user_agent(concat!("outpost", "/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .timeout_connect(Some(patience.connect))
        .timeout_recv_response(Some(patience.read))
        .timeout_per_read(Some(patience.read))
        .build()
        .into();
    let part = Part { path: part, wanted };
    report.begin("fetching", Some(wanted));
    let mut failed = 0;
    loop {
        if part.length() > wanted {
            part.restart()?;
        }
        let before = part.length();
        if before == wanted {
            return Ok(());
        }
        if !report.goes_on() {
            return Err(HttpError::Held { done: before, wanted });
        }
        match transfer(&agent, address, &part, report)? {
            End::Complete => return Ok(()),
            End::Broken(source) => {
                let done = part.length();
                failed = if done > before { 0 } else { failed + 1 };
                if failed >= patience.attempts_max {
                    let source = Box::new(source);
                    return Err(HttpError::Broken { attempts: failed, done, wanted, source });
                }
                report.note(&format!("the transfer broke at {done} bytes, going on: {source}"));
                // One who is no longer wanted gives way within a slice.
                let mut left = patience.pause * 2_u32.saturating_pow(failed);
                while !left.is_zero() && report.goes_on() {
                    let slice = left.min(limits::PULL_PAUSE_SLICE);
                    std::thread::sleep(slice);
                    left -= slice;
                }
            }
        }
    }
}

/// One request, from the end of the part file on.
fn transfer(
    agent: &Agent,
    address: &str,
    part: &Part<'_>,
    report: &mut dyn Report,
) -> Result<End, HttpError> {
    let have = part.length();
    let mut request = agent.get(address).header(header::ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => return Ok(End::Broken(error)),
    };
    let status = response.status();
    let busy = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let start = match status {
        StatusCode::PARTIAL_CONTENT => match range(&response) {
            Some((start, total)) if start == have => {
                expect_length(total, part.wanted)?;
                have
            }
            // Not what was asked for: begin again without a range.
            _ => return part.restart(),
        },
        StatusCode::OK => {
            expect_length(response.body().content_length(), part.wanted)?;
            0
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return part.restart(),
        _ if busy => return Ok(End::Broken(ureq::Error::StatusCode(status.as_u16()))),
        _ => return Err(HttpError::Status { status }),
    };
    let mut file = if start == 0 { disk::create(part.path)? } else { disk::append(part.path)? };
    copy(response.body_mut().as_reader(), &mut file, part, start, report)
}

fn copy(
    mut body: impl Read,
    file: &mut impl Write,
    part: &Part<'_>,
    start: u64,
    report: &mut dyn Report,
) -> Result<End, HttpError> {
    let mut done = start;
    let mut chunk = vec![0; limits::FILE_CHUNK_BYTES];
    while done < part.wanted {
        report.advance(done);
        if !report.goes_on() {
            return Err(HttpError::Held { done, wanted: part.wanted });
        }
        // Never more than what is missing, whatever the server sends.
        let room = usize::try_from(part.wanted - done).unwrap_or(usize::MAX).min(chunk.len());
        match body.read(&mut chunk[..room]) {
            Ok(0) => {
                let why = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Ok(End::Broken(ureq::Error::Io(why)));
            }
            Ok(count) => {
                file.write_all(&chunk[..count])
                    .map_err(|source| HttpError::Write { path: part.path.into(), source })?;
                done += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(End::Broken(ureq::Error::Io(error))),
        }
    }
    report.advance(done);
    Ok(End::Complete)
}

fn expect_length(found: Option<u64>, wanted: u64) -> Result<(), HttpError> {
    match found {
        Some(found) if found != wanted => Err(HttpError::WrongLength { found, wanted }),
        _ => Ok(()),
    }
}

/// Start and total of `Content-Range: bytes 100-199/200`; the total may be unknown (`*`).
fn range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    parse_range(response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?)
}

fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    let total = match total {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    Some((start.trim().parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(parse_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(parse_range("bytes 0-0/*"), Some((0, None)));
        for wrong in ["", "bytes", "bytes */200", "items 0-1/2", "bytes a-b/c", "bytes 1-2"] {
            assert_eq!(parse_range(wrong), None, "{wrong}");
        }
    }
}
