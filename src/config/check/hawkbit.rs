//! `[update.hawkbit]`: a server that names releases.

use std::path::PathBuf;

use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::{Checker, quoted};
use crate::config::{HawkBit, HawkBitToken};
use crate::limits::HAWKBIT_NAME_BYTES_MAX;

const URL_FORM: &str = "http:// or https:// with a host, without user and query, such as \
                        \"https://hawkbit.example.org\"";
const NAME_FORM: &str = "1 to 256 letters, digits, - _ . : @";
const TOKEN_FORM: &str = "`target_token_file` or `gateway_token_file`, one of them";

impl Checker<'_> {
    /// The table below `[update]`.
    pub(super) fn hawkbit(&mut self, update: &mut Section<'_>) -> Option<HawkBit> {
        let mut section = update.table(self, "hawkbit", "a table [update.hawkbit]")?;
        if !update.has("from") {
            let allowed = "`from` in [update]: hawkBit names releases, and that is where they are";
            update.missing(self, "from", allowed);
        }
        let url = self.web_url(&mut section, URL_FORM, |url| {
            let bare = url.query().is_none() && url.fragment().is_none();
            bare && url.as_str().len() <= PATH_BYTES_MAX
        });
        let tenant = self.hawkbit_name(&mut section, "tenant");
        let controller = self.hawkbit_name(&mut section, "controller");
        let mut path = |key| section.bounded_text(self, key, PATH_BYTES_MAX).map(PathBuf::from);
        let token = match (path("target_token_file"), path("gateway_token_file")) {
            (Some(path), None) => Some(HawkBitToken::Target(path)),
            (None, Some(path)) => Some(HawkBitToken::Gateway(path)),
            (Some(_), Some(_)) => {
                section.fault(self, "gateway_token_file", "both".into(), TOKEN_FORM);
                None
            }
            (None, None) => {
                section.missing(self, "target_token_file", TOKEN_FORM);
                None
            }
        };
        for key in ["target_token_file", "gateway_token_file"] {
            self.warn_of_open_secret(&section, key, url.as_ref());
        }
        section.finish(self);
        let tenant = tenant.unwrap_or_else(|| "DEFAULT".into());
        Some(HawkBit { url: url?, tenant, controller, token: token? })
    }

    /// A part of an address: nothing that would lead elsewhere.
    fn hawkbit_name(&mut self, section: &mut Section<'_>, key: &'static str) -> Option<String> {
        let text = section.text(self, key)?;
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
        let dots = text.bytes().all(|byte| byte == b'.');
        if dots || text.len() > HAWKBIT_NAME_BYTES_MAX || !text.bytes().all(is_fit) {
            section.fault(self, key, quoted(text), NAME_FORM);
            return None;
        }
        Some(text.to_owned())
    }
}
