//! `[update.hawkbit]` as it was checked: who decides which release this board takes. No I/O.

use std::path::{Path, PathBuf};

use url::Url;

/// A hawkBit server, and who this board is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HawkBit {
    /// Where the server is, as its own addresses begin.
    pub url: Url,
    /// The tenant, `DEFAULT` on a server with one.
    pub tenant: String,
    /// The board's controller id; `None`: the device's name.
    pub controller: Option<String>,
    /// What it shows who it is by.
    pub token: HawkBitToken,
}

/// A file with a token, and whose token that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HawkBitToken {
    /// This board's own.
    Target(PathBuf),
    /// That of all boards of the tenant.
    Gateway(PathBuf),
}

impl HawkBitToken {
    /// The word before the token in the header.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            HawkBitToken::Target(_) => "TargetToken",
            HawkBitToken::Gateway(_) => "GatewayToken",
        }
    }

    /// The file, which is read at every question.
    #[must_use]
    pub fn file(&self) -> &Path {
        let (HawkBitToken::Target(path) | HawkBitToken::Gateway(path)) = self;
        path
    }
}
