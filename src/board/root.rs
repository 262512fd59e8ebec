//! The one folder through which `/sys` and `/proc` are read: `/`, or a test's tree of files.
//!
//! What must never be here: what the files mean, and writing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::limits::BOARD_FILE_BYTES_MAX;

/// Environment variable that names another folder than `/`, for tests of the whole program.
pub const VARIABLE: &str = "OUTPOST_BOARD_ROOT";

/// Where `/sys` and `/proc` are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// This machine's, or the folder that `VARIABLE` names.
    #[must_use]
    pub fn of_environment() -> Root {
        let given = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
        Root::at(given.map_or_else(|| PathBuf::from("/"), PathBuf::from))
    }

    /// A tree of files below a folder.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Root {
        Root(folder.into())
    }

    /// The real path of one such as `sys/class/thermal`.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// A file's text without its end of line. `None` where it is not there or not readable, as
    /// sensors of a chip may be for a while.
    #[must_use]
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let mut bytes = Vec::new();
        let file = File::open(self.0.join(path)).ok()?;
        file.take(BOARD_FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        Some(text.trim_end_matches(['\n', '\0']).to_owned())
    }

    /// A file that holds one number.
    #[must_use]
    pub fn number(&self, path: impl AsRef<Path>) -> Option<f64> {
        self.text(path)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The names in a folder that begin with `prefix`, in order; none where there is no folder.
    #[must_use]
    pub fn names(&self, folder: impl AsRef<Path>, prefix: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort_unstable();
        names
    }
}
