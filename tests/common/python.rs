//! The Python that `cross/setup.sh dev` makes for the tests, with what is in their requirements.

use std::path::{Path, PathBuf};

/// Its program.
pub fn python() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    let path = target.join("clients/bin/python");
    assert!(path.exists(), "no {}: `make setup` or `make test` makes it", path.display());
    path
}
