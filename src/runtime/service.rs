//! What systemd is told (sd_notify(3)): that we are ready, that the loop is alive, that we stop.
//! Says nothing where nobody asked. The loop itself speaks, so that a loop that hangs falls silent.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::clock::Tick;

/// The service manager's end of the line.
#[derive(Debug, Default)]
pub struct Service {
    line: Option<(UnixDatagram, SocketAddr)>,
    /// Time between two signs of life: half of what the manager waits.
    pulse: Option<Duration>,
    due: Tick,
}

impl Service {
    /// By `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. A socket that cannot be used is
    /// logged once; the manager's own time limit says the rest.
    #[must_use]
    pub fn of_environment() -> Service {
        let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
            return Service::default();
        };
        let line = address(&socket).and_then(|to| {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok((socket, to))
        });
        let line = line.map_err(|error| tracing::warn!(%error, "NOTIFY_SOCKET cannot be used"));
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let pulse = number("WATCHDOG_USEC").filter(|us| ours && *us > 0);
        let pulse = pulse.map(|us| Duration::from_micros(us / 2));
        Service { line: line.ok(), pulse, due: Tick(0) }
    }

    /// When the loop has to wake for a sign of life.
    #[must_use]
    pub fn due(&self) -> Option<Tick> {
        self.pulse.map(|_| self.due)
    }

    /// The loop has gone round: says so when it is time.
    pub fn alive(&mut self, now: Tick) {
        let Some(pulse) = self.pulse else { return };
        if now >= self.due {
            self.due = now.after(pulse);
            self.tell("WATCHDOG=1");
        }
    }

    /// Journal and rules run.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The hand-over to `safe` begins.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, word: &str) {
        let Some((socket, to)) = &self.line else { return };
        if let Err(error) = socket.send_to_addr(word.as_bytes(), to) {
            tracing::debug!(%error, word, "the service manager does not listen");
        }
    }
}

/// A path, or a name in the abstract name space where it begins with `@`.
fn address(socket: &OsStr) -> std::io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(socket),
    }
}
