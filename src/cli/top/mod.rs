//! `outpost top`: what the page shows as "now" and "story", on a terminal, for an agent that runs
//! on this board.
//!
//! It looks through the agent's window, a Unix socket beside the journal: every board has that,
//! with or without `[web]`, with or without a bus, and it says what the agent itself believes
//! (serial lines, derived sensors and the board's own senses are on no topic). What must never be
//! here: a command. It changes nothing.

mod draw;
mod keys;
mod line;
mod opened;
mod seen;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use crossterm::event::{self, Event};
use jiff::tz::TimeZone;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::stop_signal;
use crate::limits::LOOK_LINES_MAX;
use keys::Screen;
use seen::{Heard, Seen};

/// How often the picture is drawn where nothing happens: a silence is counted in seconds.
const DRAW_EVERY: Duration = Duration::from_millis(500);

/// Arguments of `outpost top`.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Configuration of the agent, whose [journal] path is looked into
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    config: Option<PathBuf>,
    /// The journal's folder itself
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

/// Shows the agent until a key or a signal ends it; with `json` its lines, as they come.
///
/// # Errors
/// Where the configuration is wrong, or standard output is no terminal.
pub fn run(args: &TopArgs, json: bool) -> anyhow::Result<ExitCode> {
    let folder = match &args.path {
        Some(path) => path.clone(),
        None => super::run::journal_path(args.config.as_deref())?,
    };
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !json && !is_terminal {
        bail!("top needs a terminal, found a file or a pipe; --json prints what it would show");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(look(folder, json));
    // A thread may be within the journal or at the keyboard: nobody waits for it.
    runtime.shutdown_background();
    done
}

async fn look(folder: PathBuf, json: bool) -> anyhow::Result<ExitCode> {
    let (tell, heard) = mpsc::channel(LOOK_LINES_MAX);
    tokio::spawn(line::listen(folder.clone(), tell.clone()));
    if json {
        drop(tell);
        return print(heard).await;
    }
    tokio::spawn(line::feel(folder, tell));
    let mut terminal = Terminal::open()?;
    show(&mut terminal, heard).await?;
    Ok(ExitCode::SUCCESS)
}

/// Draws until a key or a signal ends it. A terminal that is gone (its line was cut) is an end too.
async fn show(terminal: &mut Terminal, mut heard: mpsc::Receiver<Heard>) -> anyhow::Result<()> {
    let has_colours = std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty());
    let mut screen = Screen::new(has_colours, TimeZone::system());
    let mut seen = Seen::default();
    let mut keys = keyboard();
    let mut pace = tokio::time::interval(DRAW_EVERY);
    let mut hang_up = signal(SignalKind::hangup()).context("SIGHUP")?;
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        terminal.draw(&seen, &screen)?;
        tokio::select! {
            some = heard.recv() => {
                let Some(some) = some else { return Ok(()) };
                seen.hear(some, Instant::now());
            }
            key = keys.recv() => {
                let Some(key) = key else { return Ok(()) };
                if screen.press(&key, &seen) {
                    return Ok(());
                }
            }
            _ = pace.tick() => {}
            _ = hang_up.recv() => return Ok(()),
            () = &mut stop => return Ok(()),
        }
        // What came meanwhile is drawn with it: a slow line never falls behind.
        while let Ok(more) = heard.try_recv() {
            seen.hear(more, Instant::now());
        }
    }
}

/// Keys as they are pressed; ends where the terminal does.
fn keyboard() -> mpsc::Receiver<Event> {
    let (tell, keys) = mpsc::channel(LOOK_LINES_MAX);
    std::thread::spawn(move || {
        while let Ok(key) = event::read() {
            if tell.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}

/// For programs: the lines of the window, and where it is lost; counts last.
async fn print(mut heard: mpsc::Receiver<Heard>) -> anyhow::Result<ExitCode> {
    let (mut states, mut decisions, mut events) = (0_u64, 0_u64, 0_u64);
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        let some = tokio::select! {
            some = heard.recv() => some,
            () = &mut stop => None,
        };
        let line = match some {
            None => break,
            Some(Heard::Line(line)) => line,
            Some(Heard::Lost(reason)) => json!({ "lost": reason }),
            Some(Heard::Found | Heard::Past(_) | Heard::Board(_)) => continue,
        };
        states += u64::from(line.get("state").is_some());
        decisions += u64::from(line.get("decision").is_some());
        events += u64::from(line.get("event").is_some());
        writeln!(io::stdout(), "{line}")?;
    }
    let counts = json!({"states": states, "decisions": decisions, "events": events});
    writeln!(io::stdout(), "{counts}")?;
    Ok(ExitCode::SUCCESS)
}

/// The terminal while it is ours. Dropping it, or a panic, gives it back as it was.
struct Terminal {
    inner: ratatui::DefaultTerminal,
}

impl Terminal {
    fn open() -> anyhow::Result<Terminal> {
        match ratatui::try_init() {
            Ok(inner) => Ok(Terminal { inner }),
            Err(error) => {
                // It may have come half way.
                ratatui::restore();
                Err(error).context("top needs a terminal that can be drawn on")
            }
        }
    }

    fn draw(&mut self, seen: &Seen, screen: &Screen) -> anyhow::Result<()> {
        let now = Instant::now();
        let drawn = self.inner.draw(|frame| draw::draw(frame, seen, screen, now));
        drawn.map(|_| ()).context("the terminal")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
