//! The mind's process, asked without a runtime: frames in turn, as a measurement needs them.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::mind::protocol::{self, Load, MemoryReport, Reply, Request};

/// A running child.
pub(super) struct Child {
    process: std::process::Child,
    stream: UnixStream,
}

impl Child {
    /// Starts this very program as a mind and waits for its greeting.
    pub(super) fn start() -> anyhow::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        let program = std::env::current_exe().context("the path of this program")?;
        let process = Command::new(program)
            .arg("mind")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .context("the mind's process")?;
        let mut child = Self { process, stream };
        match child.reply()? {
            Reply::Hello { .. } => Ok(child),
            other => bail!("no greeting: {other:?}"),
        }
    }

    pub(super) fn send(&mut self, request: &Request) -> anyhow::Result<()> {
        self.stream.write_all(&protocol::encode(request)?).context("the mind's socket")
    }

    pub(super) fn reply(&mut self) -> anyhow::Result<Reply> {
        protocol::read(&mut self.stream)?.context("the mind has ended")
    }

    pub(super) fn ask(&mut self, request: &Request) -> anyhow::Result<Reply> {
        self.send(request)?;
        self.reply()
    }

    pub(super) fn load(&mut self, load: Load) -> anyhow::Result<()> {
        match self.ask(&Request::Load(load))? {
            Reply::Loaded { .. } => Ok(()),
            Reply::Failed { text, .. } => bail!("{text}"),
            other => bail!("not loaded: {other:?}"),
        }
    }

    pub(super) fn memory(&mut self) -> anyhow::Result<MemoryReport> {
        match self.ask(&Request::Memory { id: 3 })? {
            Reply::Memory { report, .. } => Ok(report),
            other => bail!("no figures of memory: {other:?}"),
        }
    }

    /// Ends it and waits for its end.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        self.send(&Request::Stop)?;
        drop(self.stream);
        self.process.wait().context("the mind's end")?;
        Ok(())
    }
}
