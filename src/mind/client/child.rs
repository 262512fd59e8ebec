//! The child process and the two tasks at its socket.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::MindConfig;
use crate::limits;
use crate::mind::protocol::{self, ProtocolError, Reply};

/// Frames that wait to be written: what may be in flight, a load and a question about memory.
const FRAMES_MAX: usize =
    limits::MIND_QUEUE_MAX + limits::MIND_WRITERS as usize + limits::MIND_WRITES_WAITING_MAX + 2;

/// A running child. Dropped without [`Child::end`] or [`Child::kill`] it is killed all the same.
pub(super) struct Child {
    process: tokio::process::Child,
    id: u32,
    started: Instant,
    frames: mpsc::Sender<Vec<u8>>,
    replies: mpsc::Receiver<Result<Reply, ProtocolError>>,
}

impl Child {
    /// Starts the program with one end of a socket pair as its stdin. Its stderr is ours, for its
    /// log and for ggml's last words.
    pub(super) fn start(config: &MindConfig) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (mut reader, mut writer) = UnixStream::from_std(ours)?.into_split();
        // The command holds the child's end and is dropped with this statement: otherwise we would
        // never see the socket close.
        let process = Command::new(&config.program)
            .args(&config.args)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (frames, mut queue) = mpsc::channel::<Vec<u8>>(FRAMES_MAX);
        tokio::spawn(async move {
            while let Some(frame) = queue.recv().await {
                // The reader sees the same end and reports it.
                if writer.write_all(&frame).await.is_err() {
                    break;
                }
            }
        });
        let (heard, replies) = mpsc::channel(FRAMES_MAX);
        tokio::spawn(async move {
            loop {
                let reply = protocol::read_async(&mut reader).await.transpose();
                let Some(reply) = reply else { break };
                let last = reply.is_err();
                if heard.send(reply).await.is_err() || last {
                    break;
                }
            }
        });
        let id = process.id().unwrap_or(0);
        Ok(Self { process, id, started: Instant::now(), frames, replies })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Hands a frame to the task that writes; the reason where it takes no more.
    pub(super) fn send(&self, frame: Vec<u8>) -> Result<(), String> {
        self.frames.try_send(frame).map_err(|_| "its socket takes no more".to_owned())
    }

    /// The next reply; `None` where the child closed its end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Reply>, ProtocolError> {
        self.replies.recv().await.transpose()
    }

    /// Closes the socket, waits for the child to end by itself, and kills it if it does not.
    pub(super) async fn end(mut self) {
        drop(self.frames); // the writer's task ends, and closes our direction with it
        let patience = Duration::from_millis(limits::MIND_END_MS_MAX);
        match tokio::time::timeout(patience, self.process.wait()).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(process = self.id, "the mind did not end and is killed");
                if let Err(error) = self.process.kill().await {
                    tracing::warn!(process = self.id, %error, "the mind cannot be killed");
                }
            }
        }
    }

    /// Kills the child and returns how it ended, for people, with a colon before.
    pub(super) async fn kill(mut self) -> String {
        // One that has closed its socket is most often just ending: its own status says more.
        let patience = Duration::from_millis(limits::MIND_END_MS_MAX);
        let closed = self.replies.is_closed();
        let status = if closed {
            tokio::time::timeout(patience, self.process.wait()).await.ok().and_then(Result::ok)
        } else {
            None
        };
        if let Some(status) = status {
            return format!(": {}", describe(status));
        }
        match self.process.kill().await {
            Ok(()) => String::new(),
            Err(error) => format!(": it cannot be killed: {error}"),
        }
    }
}

/// How a process ended, in words.
fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(6), _) => "abort (an assertion of ggml, or no memory)".to_owned(),
        (Some(9), _) => "killed by signal 9 (by hand, or for want of memory)".to_owned(),
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "for no known reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_said_in_words() {
        assert_eq!(describe(ExitStatus::from_raw(0x100)), "exit code 1");
        assert!(describe(ExitStatus::from_raw(9)).contains("signal 9"));
        assert!(describe(ExitStatus::from_raw(6)).contains("abort"));
        assert_eq!(describe(ExitStatus::from_raw(11)), "killed by signal 11");
    }
}
