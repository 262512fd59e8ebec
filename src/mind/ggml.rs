//! The fence around ggml and llama.cpp: safe types that own what C allocated.
//!
//! ggml ends the process when an assertion fails, so every length, token, sequence and position is
//! checked here before C sees it; what cannot be checked (a corrupt file, no memory) is why the
//! library runs in a process of its own. Exceptions are caught by the shim of `ggml-sys` and come
//! as [`GgmlError`]. What must never be here: prompts, scores, policy.

#![expect(unsafe_code, reason = "the fence around a C library; the rest of the package has none")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ggml_sys as sys;

mod adapter;
mod batch;
mod context;
mod heap;
mod model;
mod quantize;
mod threads;
pub use adapter::Adapter;
pub use batch::Batch;
pub use context::{AbortFlag, Context, ContextOptions};
pub use heap::give_back;
pub use model::{Facts, LoadOptions, Model};
pub use quantize::{FileType, UnknownFileType, dequantize, quantize, quantize_rows};

/// A token's number in its model's vocabulary.
pub type Token = i32;

/// Bytes of a message that the shim copies out.
const ERROR_BYTES: usize = 1024;

/// What the library refused, or what was refused on its behalf.
#[derive(Debug, thiserror::Error)]
pub enum GgmlError {
    /// A path that C cannot take.
    #[error("the path {} has a NUL byte in it", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A value that would end in an assertion of the library. A fault of the caller.
    #[error("{what}: found {found}, allowed {allowed}")]
    Bound {
        /// The value's name.
        what: &'static str,
        /// What was asked for.
        found: i64,
        /// What is allowed, in words.
        allowed: String,
    },
    /// The library said no, or threw. The file may be corrupt, or of an unknown architecture.
    #[error("ggml could not {action}: {text}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// The library's own words.
        text: String,
    },
    /// No memory for it. Smaller context, smaller model.
    #[error("ggml could not {action}: out of memory")]
    NoMemory {
        /// What was tried.
        action: &'static str,
    },
    /// The key-value cache has no room for the batch; the cache is as it was before.
    #[error("the context has no room for {tokens} more tokens")]
    NoSlot {
        /// Tokens of the batch.
        tokens: usize,
    },
    /// The abort flag was set while the batch was worked on; the cache holds a part of it.
    #[error("the work was aborted")]
    Aborted,
}

/// Refuses `found` unless it is in `allowed`.
fn bound(what: &'static str, found: i64, allowed: Range<i64>) -> Result<(), GgmlError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    let allowed = format!("{} to {}", allowed.start, allowed.end - 1);
    Err(GgmlError::Bound { what, found, allowed })
}

/// Calls a function of the shim with room for its message, and turns its status into an error.
fn fenced(
    action: &'static str,
    call: impl FnOnce(*mut c_char, usize) -> c_int,
) -> Result<(), GgmlError> {
    let mut error = [0_u8; ERROR_BYTES];
    let status = call(error.as_mut_ptr().cast(), error.len());
    match u32::try_from(status).unwrap_or(sys::OUTPOST_FAILED) {
        sys::OUTPOST_OK => Ok(()),
        sys::OUTPOST_NO_MEMORY => Err(GgmlError::NoMemory { action }),
        sys::OUTPOST_NO_SLOT => Err(GgmlError::NoSlot { tokens: 0 }),
        sys::OUTPOST_ABORTED => Err(GgmlError::Aborted),
        _ => {
            let text = CStr::from_bytes_until_nul(&error).unwrap_or_default();
            let text = text.to_string_lossy();
            let text = if text.is_empty() { "no reason given".into() } else { text };
            Err(GgmlError::Refused { action, text: text.into_owned() })
        }
    }
}

fn c_path(path: &Path) -> Result<CString, GgmlError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| GgmlError::Path { path: path.into() })
}

/// Copies a text that C owns; empty where C has none.
fn c_text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not NULL; every caller passes a NUL-terminated text that C keeps for the process
    // or for the model, and it is copied before anything else is called.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Takes the library's log lines. Called by C from any thread, so it must not unwind.
unsafe extern "C" fn log_line(level: sys::ggml_log_level, text: *const c_char) {
    let line = std::panic::catch_unwind(|| {
        let text = c_text(text);
        let text = text.trim_end();
        match level {
            _ if text.trim_matches('.').is_empty() => {} // the dots of its progress
            sys::GGML_LOG_LEVEL_ERROR => tracing::warn!(target: "ggml", "{text}"),
            sys::GGML_LOG_LEVEL_WARN => tracing::debug!(target: "ggml", "{text}"),
            _ => tracing::trace!(target: "ggml", "{text}"),
        }
    });
    drop(line); // a panic of a subscriber has been reported by the panic hook
}

/// Proof that the library is initialised. It stays so until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct Backend(());

impl Backend {
    /// Initialises the library once, however often it is called, and takes its log lines over:
    /// they go to `tracing` under the target `ggml`, nothing to stderr.
    pub fn init() -> Self {
        static ONCE: OnceLock<()> = OnceLock::new();
        ONCE.get_or_init(|| {
            // SAFETY: once per process, before any other call; `log_line` lives as long as the
            // process, does not unwind and may be called from any thread.
            unsafe {
                sys::outpost_log_init(Some(log_line));
                sys::llama_backend_init();
            }
        });
        Self(())
    }
}

/// The processor features that the kernels of this build use, such as `AVX2,FMA,REPACK`.
pub fn kernels() -> String {
    static KERNELS: OnceLock<String> = OnceLock::new();
    KERNELS
        .get_or_init(|| {
            let _backend = Backend::init();
            // SAFETY: takes nothing; its static text is built within this `OnceLock` only, so no
            // second thread changes it while it is copied.
            condense(&c_text(unsafe { sys::llama_print_system_info() }))
        })
        .clone()
}

/// The library's source and the processor that it was built for.
#[must_use]
pub fn build() -> String {
    format!("{} {}", sys::SOURCE, sys::CPU)
}

/// `CPU : AVX2 = 1 | FMA = 1 | AMX = 0 |` becomes `AVX2,FMA`.
fn condense(info: &str) -> String {
    let mut names = Vec::new();
    for part in info.split('|') {
        let part = part.rsplit(" : ").next().unwrap_or(part);
        match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            None | Some((_, "0" | "")) => {}
            Some((name, "1")) => names.push(name.to_owned()),
            Some((name, value)) => names.push(format!("{name}={value}")),
        }
    }
    names.join(",")
}

#[cfg(test)]
mod tests;
