//! Values in files: 1-Wire, hwmon, IIO, LEDs and pins as Linux shows them below `/sys`, or what
//! another program keeps. A read may hang in a driver: it runs beside the loop, and a file whose
//! last read has not ended is not read again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::timeout;

use super::{Found, Source, Trouble, Who};
use crate::config::{Files, Line};
use crate::limits::FILE_BYTES_MAX;
use crate::link::backoff::Pace;
use crate::link::serial::{LineEvent, LineHandle, Set, Setting};

/// Starts to read the files of a folder; `names` are their paths in it.
#[must_use]
pub fn spawn(
    line: u16,
    config: &Files,
    names: &[String],
    pace: Pace,
    events: mpsc::Sender<LineEvent>,
) -> LineHandle {
    let config = config.clone();
    let (said, every) = (Line::Files(config.clone()).said(), config.every);
    let source = Folder { config, names: names.to_vec(), stuck: BTreeMap::new() };
    super::spawn(Who { line, said, every }, source, events, pace)
}

struct Folder {
    config: Files,
    names: Vec<String>,
    /// By the place of a name: what has not come back in time.
    stuck: BTreeMap<usize, oneshot::Receiver<io::Result<String>>>,
}

impl Source for Folder {
    async fn open(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn close(&mut self) {}

    fn begin(&mut self) {
        self.stuck.retain(|_, work| matches!(work.try_recv(), Err(TryRecvError::Empty)));
    }

    fn parts(&self) -> usize {
        self.names.len()
    }

    async fn ask(&mut self, part: usize) -> Result<Vec<Found>, Trouble> {
        Ok(vec![(part, Ok(self.work(part, None).await?))])
    }

    async fn set(&mut self, set: &Set) -> Result<Found, Trouble> {
        let Some(at) = self.names.iter().position(|name| *name == set.name) else {
            return Err(Trouble::Refused("no file has this name".into()));
        };
        let (Setting::Switch(_, word) | Setting::Level(_, word) | Setting::Word(word)) =
            &set.setting;
        Ok((at, Ok(self.work(at, Some(format!("{word}\n"))).await?)))
    }
}

impl Folder {
    /// Writes into a file, where there is something to write, and reads it.
    async fn work(&mut self, at: usize, write: Option<String>) -> Result<String, Trouble> {
        let name = self.names.get(at).cloned().unwrap_or_default();
        let late = || Trouble::Silent(format!("{name} takes longer than may be"));
        if self.stuck.contains_key(&at) {
            return Err(late());
        }
        let path: PathBuf = self.config.folder.join(&name);
        let (tell, mut work) = oneshot::channel();
        // A thread of its own: the end of the program does not wait for it, as it would for one of
        // the runtime's.
        let thread = std::thread::Builder::new().name("file".into());
        let begun = thread.spawn(move || drop(tell.send(write_and_read(&path, write))));
        begun.map_err(|error| Trouble::Broken(format!("no thread: {error}")))?;
        match timeout(self.config.answer_within, &mut work).await {
            Err(_) => {
                self.stuck.insert(at, work);
                Err(late())
            }
            Ok(Err(_)) => Err(Trouble::Broken(format!("reading {name} has failed"))),
            // Nobody there is silence: a whole folder that is gone is an outage.
            Ok(Ok(Err(error))) => Err(Trouble::Silent(format!("{name}: {error}"))),
            Ok(Ok(Ok(text))) => Ok(text),
        }
    }
}

fn write_and_read(path: &Path, write: Option<String>) -> io::Result<String> {
    if let Some(text) = write {
        // In place, as the kernel's files want it; one that is not there is not made.
        File::options().write(true).truncate(true).open(path)?.write_all(text.as_bytes())?;
    }
    read(path)
}

/// The text of a file without the end of its line.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than a value"));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no text"))?;
    Ok(text.trim().to_owned())
}
