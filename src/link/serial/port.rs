//! The device itself: opened, given up. The two calls of the kernel that may wait (a converter that
//! is asked over USB, a driver that drains what nobody takes) run beside the loop.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::time::timeout;
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

use crate::config::Parity;
use crate::limits::{SERIAL_DRAIN_LOOK_MS, SERIAL_DRAIN_MS_MAX, SERIAL_OPEN_MS_MAX};

/// Why a device is not open.
#[derive(Debug, Error)]
pub(super) enum PortError {
    #[error("cannot open {}: {reason}", device.display())]
    Open { device: PathBuf, reason: String },
    #[error("cannot open {}: not within {SERIAL_OPEN_MS_MAX} ms", device.display())]
    Slow { device: PathBuf },
    #[error("unplugged or hung up")]
    HungUp,
    #[error("reading failed: {0}")]
    Read(#[source] io::Error),
    #[error("writing failed: {0}")]
    Write(#[source] io::Error),
    #[error("it takes nothing that we write")]
    Stuck,
}

/// Opens the device, 8 bits, one stop bit, no flow control, for us alone.
pub(super) async fn open(
    device: &Path,
    baud: u32,
    parity: Parity,
) -> Result<SerialStream, PortError> {
    let path = device.to_string_lossy().into_owned();
    let parity = match parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let attempt = tokio::task::spawn_blocking(move || {
        let stream = tokio_serial::new(path, baud).parity(parity).open_native_async()?;
        // What came before us has no beginning.
        stream.clear(ClearBuffer::Input)?;
        Ok::<_, tokio_serial::Error>(stream)
    });
    let device = || device.to_path_buf();
    match timeout(Duration::from_millis(SERIAL_OPEN_MS_MAX), attempt).await {
        Ok(Ok(Ok(stream))) => Ok(stream),
        Ok(Ok(Err(error))) => {
            // ENOTTY has an old name.
            let reason = error.description.replace("Not a typewriter", "it is no serial device");
            Err(PortError::Open { device: device(), reason })
        }
        Ok(Err(error)) => Err(PortError::Open { device: device(), reason: error.to_string() }),
        Err(_) => Err(PortError::Slow { device: device() }),
    }
}

/// Closes it. Where it `still_takes` what we write, what the kernel has goes out first: half a
/// command may be another one.
pub(super) async fn close(stream: SerialStream, still_takes: bool) {
    let end = tokio::task::spawn_blocking(move || {
        let until = Instant::now() + Duration::from_millis(SERIAL_DRAIN_MS_MAX);
        while still_takes
            && Instant::now() < until
            && stream.bytes_to_write().is_ok_and(|bytes| bytes > 0)
        {
            // The kernel wakes nobody for this without waiting for ever.
            std::thread::sleep(Duration::from_millis(SERIAL_DRAIN_LOOK_MS));
        }
        // Else a driver waits for a device that is gone to take the rest.
        let flushed = stream.clear(ClearBuffer::All);
        drop(stream);
        flushed
    });
    match timeout(Duration::from_millis(SERIAL_OPEN_MS_MAX), end).await {
        Ok(_) => {}
        Err(_) => tracing::warn!("a serial device takes long to close"),
    }
}
