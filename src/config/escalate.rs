//! `[escalate]` as it was checked: the model in the cloud, what it may be told and what it may
//! cost. Values, and the sums that follow from them.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// A large model that is asked where nobody here is sure.
#[derive(Clone, Debug)]
pub struct Escalate {
    /// Base of its API, as `https://host/v1`.
    pub url: Url,
    /// Its name there.
    pub model: String,
    /// File with the key; `None`: none is sent.
    pub key_file: Option<PathBuf>,
    /// Authorities believed beside the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// A later answer is given up.
    pub timeout: Duration,
    /// The operator's notes stay here.
    pub withhold_notes: bool,
    /// Names of sensors and devices stay here: `sensor 1`, `device 2` go out in their place.
    pub withhold_names: bool,
    /// Most questions a day (UTC).
    pub calls_per_day: u32,
    /// Most that they may cost a day, in the unit of the prices; `None`: no bound but the calls.
    pub money_per_day: Option<f64>,
    /// A million tokens that it reads.
    pub price_read: f64,
    /// A million tokens that it writes.
    pub price_written: f64,
    /// Most tokens that it may write.
    pub answer_tokens: u32,
}

impl Escalate {
    /// What so many tokens cost.
    #[must_use]
    pub fn cost(&self, read: u32, written: u32) -> f64 {
        (f64::from(read) * self.price_read + f64::from(written) * self.price_written) / 1e6
    }

    /// The most that a question of so many bytes can cost: no token has less than a byte.
    #[must_use]
    pub fn most(&self, bytes: usize) -> f64 {
        self.cost(u32::try_from(bytes).unwrap_or(u32::MAX), self.answer_tokens)
    }
}
