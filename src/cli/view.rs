//! The live view of the demo: what it shows (`Snapshot`) and the terminal that it is shown on.
//!
//! Drawing is pure (`draw`): a snapshot in, cells out. The view changes nothing in the agent, and
//! everything that it says by colour it also says by a word or a sign.

mod draw;
pub(super) mod marks;

use std::io::{self, IsTerminal};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use thiserror::Error;

use crate::domain::Decider;

pub use draw::draw;

/// Everything that the view shows, as it is at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Where the page is.
    pub page: Option<std::net::SocketAddr>,
    /// Name of the device: `greenhouse-1`.
    pub device: String,
    /// What it looks after: `simulated greenhouse, seed 1`.
    pub place: String,
    /// Time of the place: `day 1, 14:32`.
    pub time: String,
    /// Seconds of the place in a real second, as asked for.
    pub speed: f64,
    /// The same as reached lately; `None` before it is known.
    pub speed_reached: Option<f64>,
    /// Hours of the place that have passed.
    pub hours: f64,
    /// Hours after which it ends; `None`: it runs until somebody ends it.
    pub hours_total: Option<f64>,
    /// Sensors; those with a goal first reads best.
    pub readings: Vec<ReadingView>,
    /// Actuators.
    pub actuators: Vec<ActuatorView>,
    /// Share of the time in which all goals were met, 0 to 1; `None` before the first sample.
    pub share: Option<f64>,
    /// The same of a place that nobody looks after, from the same seed and over the same hours.
    pub share_safe: Option<f64>,
    /// Decisions, the newest first.
    pub decisions: Vec<DecisionView>,
    /// The language model.
    pub mind: MindView,
    /// Commands so far.
    pub commands: CommandCounts,
}

/// A sensor.
#[derive(Clone, Debug, Default)]
pub struct ReadingView {
    /// Its name; underscores are shown as spaces.
    pub name: String,
    /// Its value in words, with its unit: `23.4 °C`; `None` while unknown.
    pub text: Option<String>,
    /// Its value where it is a number.
    pub value: Option<f64>,
    /// Values of the last hours, the oldest first; drawn at any width.
    pub history: Vec<f64>,
    /// The goal that keeps it, if any.
    pub goal: Option<GoalView>,
}

/// A goal that keeps a sensor within a band.
#[derive(Clone, Debug, Default)]
pub struct GoalView {
    /// Least wanted value.
    pub min: Option<f64>,
    /// Greatest wanted value.
    pub max: Option<f64>,
    /// Share of the time so far in which it was met, 0 to 1.
    pub share: Option<f64>,
}

/// An actuator.
#[derive(Clone, Debug, Default)]
pub struct ActuatorView {
    /// Its name.
    pub name: String,
    /// Its confirmed setting in words: `on`, `50`; `None` while unknown.
    pub setting: Option<String>,
    /// How far on it is, 0 to 1.
    pub level: f64,
    /// What it was sent and has not confirmed yet.
    pub pending: Option<String>,
    /// An operator holds it for so long.
    pub held_for: Option<Duration>,
    /// It did not answer twice.
    pub not_responding: bool,
}

/// A decision.
#[derive(Clone, Debug)]
pub struct DecisionView {
    /// Time of the place: `14:31`.
    pub at: String,
    /// Whose voice.
    pub by: Decider,
    /// What was chosen: `vent 50`; `nothing` where all stays, `call the keeper`.
    pub choice: String,
    /// The cause: `goal climate: air_temperature 29.1 above 26`.
    pub cause: String,
    /// Why this one: `utility 0.91 of 8; the mind agreed, p 0.83`. May be empty.
    pub why: String,
}

/// The language model.
#[derive(Clone, Debug, Default)]
pub struct MindView {
    /// `ready`, `loading`, `missing`, `failed` or `off`, as in the status topic.
    pub state: String,
    /// Its id; empty where there is none.
    pub model: String,
    /// How often it was asked.
    pub calls: u64,
    /// Tokens and milliseconds of its last answer.
    pub last: Option<(u32, f64)>,
}

/// Messages to actuators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    /// Handed to the bus.
    pub sent: u64,
    /// Confirmed by the device.
    pub confirmed: u64,
    /// Refused by the guard.
    pub refused: u64,
    /// Sent and neither confirmed nor given up.
    pub open: u64,
}

/// Why the view cannot be shown.
#[derive(Debug, Error)]
pub enum ViewError {
    /// Standard output is a file or a pipe.
    #[error("the live view needs a terminal, found a file or a pipe; --headless runs without one")]
    NoTerminal,
    /// There is no terminal behind it, or it refuses the modes that a live view needs.
    #[error("the live view needs a terminal ({source}); --headless runs without one")]
    Terminal {
        /// What the terminal said.
        #[source]
        source: io::Error,
    },
}

/// The terminal while the live view has it. Dropping it, or a panic, gives the terminal back as it
/// was.
#[derive(Debug)]
pub struct View {
    terminal: ratatui::DefaultTerminal,
}

impl View {
    /// Takes the terminal: other screen, no echo, keys one by one.
    ///
    /// # Errors
    /// Where standard output is no terminal or refuses.
    pub fn open() -> Result<View, ViewError> {
        if !io::stdout().is_terminal() {
            return Err(ViewError::NoTerminal);
        }
        match ratatui::try_init() {
            Ok(terminal) => Ok(View { terminal }),
            Err(source) => {
                // It may have come half way.
                ratatui::restore();
                Err(ViewError::Terminal { source })
            }
        }
    }

    /// Shows a snapshot; takes a changed size of the window into account.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub fn show(&mut self, snapshot: &Snapshot) -> Result<(), ViewError> {
        let shown = self.terminal.draw(|frame| draw(frame, snapshot));
        shown.map(|_| ()).map_err(|source| ViewError::Terminal { source })
    }

    /// Reads the keys that were pressed, waiting at most `wait` for one; true where one of them
    /// means "end": q, Escape or Ctrl-C, which is a mere key while the view has the terminal.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub fn wants_to_end(&mut self, wait: Duration) -> Result<bool, ViewError> {
        let failed = |source| ViewError::Terminal { source };
        let mut wait = wait;
        while event::poll(wait).map_err(failed)? {
            if ends(&event::read().map_err(failed)?) {
                return Ok(true);
            }
            wait = Duration::ZERO;
        }
        Ok(false)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn ends(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let quit = matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc);
    key.kind == KeyEventKind::Press && (quit || ctrl_c)
}

#[cfg(test)]
mod tests;
