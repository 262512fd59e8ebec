//! The window that `outpost top` looks in through: a Unix socket in the journal's folder, JSON
//! lines, one way. Every board has it, with or without `[web]`; who may open the folder may look.
//!
//! A line is `{"state":…}`, or news: `{"decision":…}`, `{"event":…}`, `{"command":…}`; `missed`
//! where one who reads slowly lost some, and `refused` where too many look. Nothing is ever read:
//! what must never be here is a command, or a wait of the agent for who looks.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinHandle;

use super::Viewer;
use crate::limits::{LOOK_AGAIN_MS, LOOKER_STALLED_MS, LOOKERS_MAX};

/// Whoever owns the journal, and their group.
const MODE: u32 = 0o660;

/// Where the window of a journal's folder is.
#[must_use]
pub fn window_path(folder: &Path) -> PathBuf {
    folder.join("live.sock")
}

/// An open window; dropping it closes it.
#[derive(Debug)]
pub struct Window {
    path: PathBuf,
    open: JoinHandle<()>,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.open.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "the closed window stays");
        }
    }
}

/// Opens the window of a folder. One that a killed program left is taken away first: the journal's
/// lock sees to it that nobody else runs here.
///
/// # Errors
/// Where the socket cannot be made: a disk that is full or read-only, a path of over 107 bytes,
/// something else of that name.
pub fn open_window(folder: &Path, viewer: &Viewer) -> io::Result<Window> {
    let path = window_path(folder);
    match std::fs::symlink_metadata(&path) {
        Ok(old) if old.file_type().is_socket() => std::fs::remove_file(&path)?,
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(MODE))?;
    let open = tokio::spawn(receive(listener, viewer.clone()));
    Ok(Window { path, open })
}

async fn receive(listener: UnixListener, viewer: Viewer) {
    let places = Arc::new(Semaphore::new(LOOKERS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptor is left: one may be free a moment later.
            tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
            continue;
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let (state, news) = (viewer.state.subscribe(), viewer.news.subscribe());
        tokio::spawn(async move {
            // Whoever looked is gone, or never read: nobody needs to know.
            drop(match place {
                Ok(place) => show(stream, state, news).await.map(|()| drop(place)),
                Err(_) => say(&mut { stream }, &refusal()).await,
            });
        });
    }
}

fn refusal() -> String {
    format!("{{\"refused\":\"{LOOKERS_MAX} look already; end one of them\"}}")
}

/// Until who looks is gone. One who is slow misses states, not the newest one.
async fn show(
    mut stream: UnixStream,
    mut state: watch::Receiver<Arc<str>>,
    mut news: broadcast::Receiver<Arc<str>>,
) -> io::Result<()> {
    state.mark_changed();
    loop {
        let line = tokio::select! {
            changed = state.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let text = Arc::clone(&state.borrow_and_update());
                if text.is_empty() {
                    continue;
                }
                format!("{{\"state\":{text}}}")
            }
            line = news.recv() => match line {
                Ok(text) => text.to_string(),
                // What was missed is in the journal.
                Err(broadcast::error::RecvError::Lagged(lost)) => format!("{{\"missed\":{lost}}}"),
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        };
        say(&mut stream, &line).await?;
    }
}

async fn say(stream: &mut UnixStream, line: &str) -> io::Result<()> {
    let line = format!("{line}\n");
    let stalled = Duration::from_millis(LOOKER_STALLED_MS);
    tokio::time::timeout(stalled, stream.write_all(line.as_bytes())).await?
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    fn viewer() -> Viewer {
        let text = "device.name = \"d\"";
        let strictness = crate::config::Strictness::Check;
        let (config, _) = crate::config::from_text(text, "here.toml", &[], strictness).unwrap();
        let (_, viewer, _) = crate::live::open(&Arc::new(config), 1);
        viewer.state.send_replace(Arc::from("{\"device\":\"d\"}"));
        Viewer { news: broadcast::channel(4).0, ..viewer }
    }

    async fn line(stream: &mut BufReader<UnixStream>) -> String {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        line
    }

    #[tokio::test]
    async fn who_looks_in_has_the_state_at_once_and_then_the_news() {
        let folder = tempfile::tempdir().unwrap();
        let viewer = viewer();
        // What a killed program leaves.
        drop(std::os::unix::net::UnixListener::bind(window_path(folder.path())).unwrap());
        let window = open_window(folder.path(), &viewer).unwrap();
        assert_eq!(viewer.state.receiver_count(), 0, "nobody looks yet");
        let path = window_path(folder.path());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let mut one = BufReader::new(UnixStream::connect(&path).await.unwrap());
        assert_eq!(line(&mut one).await, "{\"state\":{\"device\":\"d\"}}\n");
        viewer.news.send(Arc::from("{\"event\":1}")).unwrap();
        assert_eq!(line(&mut one).await, "{\"event\":1}\n");
        drop(window);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn one_too_many_is_told_so_and_a_slow_one_that_it_missed_something() {
        let folder = tempfile::tempdir().unwrap();
        let viewer = viewer();
        let _window = open_window(folder.path(), &viewer).unwrap();
        let mut all = Vec::new();
        for _ in 0..LOOKERS_MAX {
            let stream = UnixStream::connect(window_path(folder.path())).await.unwrap();
            let mut stream = BufReader::new(stream);
            assert!(line(&mut stream).await.contains("state"));
            all.push(stream);
        }
        let stream = UnixStream::connect(window_path(folder.path())).await.unwrap();
        assert!(line(&mut BufReader::new(stream)).await.contains("refused"));
        // On one thread nobody reads between these.
        for number in 0..10 {
            viewer.news.send(Arc::from(format!("{{\"event\":{number}}}"))).unwrap();
        }
        assert_eq!(line(&mut all[0]).await, "{\"missed\":6}\n");
        assert_eq!(line(&mut all[0]).await, "{\"event\":6}\n");
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(window_path(folder.path())).unwrap();
        assert!(open_window(folder.path(), &viewer()).is_err());
        assert!(window_path(folder.path()).is_dir());
    }
}
