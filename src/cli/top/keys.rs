//! What the keys of `outpost top` do: which panel, which row, which decision is open, what is
//! filtered. It knows no terminal: keys in, a changed screen out.

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use jiff::tz::TimeZone;

use super::seen::{Decision, Seen, words};
use crate::limits::TOP_FILTER_MAX;

/// Rows that a page key moves.
const PAGE_ROWS: usize = 10;

/// A panel that can be moved in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    Story,
    Readings,
    Devices,
    Goals,
}

const PANELS: [Panel; 4] = [Panel::Story, Panel::Readings, Panel::Devices, Panel::Goals];

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Screen {
    /// The panel that keys move in.
    pub panel: Panel,
    /// The row in it that is marked.
    pub row: usize,
    /// Only what has this in its name or words.
    pub filter: String,
    /// The filter is being typed.
    pub is_typing: bool,
    /// Id of the decision that is open.
    pub open: Option<String>,
    /// Rows of the open decision that lie above the window.
    pub scrolled: u16,
    /// Colours may be used.
    pub colours: bool,
    /// In whose time moments are told.
    pub zone: TimeZone,
}

impl Screen {
    /// The beginning.
    pub fn new(colours: bool, zone: TimeZone) -> Screen {
        Screen {
            panel: Panel::Story,
            row: 0,
            filter: String::new(),
            is_typing: false,
            open: None,
            scrolled: 0,
            colours,
            zone,
        }
    }

    /// A name or a text passes the filter.
    pub fn takes(&self, text: &str) -> bool {
        let wanted = words(&self.filter).to_lowercase();
        wanted.is_empty() || words(text).to_lowercase().contains(&wanted)
    }

    /// A decision passes the filter.
    pub fn takes_decision(&self, decision: &Decision) -> bool {
        let Decision { cause, by, guard, .. } = decision;
        self.takes(&format!("{} {cause} {by} {guard}", decision.choice()))
    }

    /// The decisions that pass, the newest first.
    pub fn story<'a>(&self, seen: &'a Seen) -> Vec<&'a Decision> {
        seen.decisions.iter().filter(|decision| self.takes_decision(decision)).collect()
    }

    /// The names in the panel that pass, in the order in which they are shown.
    pub fn names<'a>(&self, seen: &'a Seen) -> Vec<&'a str> {
        let Some(state) = &seen.state else { return Vec::new() };
        let all: Vec<&str> = match self.panel {
            Panel::Story => Vec::new(),
            Panel::Readings => {
                // Those that are wanted somewhere come first.
                let wanted = state.sensors.iter().filter(|one| one.band.is_some());
                let rest = state.sensors.iter().filter(|one| one.band.is_none());
                wanted.chain(rest).map(|one| one.name.as_str()).collect()
            }
            Panel::Devices => state.actuators.iter().map(|one| one.name.as_str()).collect(),
            Panel::Goals => state.goals.iter().map(|one| one.name.as_str()).collect(),
        };
        all.into_iter().filter(|name| self.takes(name)).collect()
    }

    fn rows(&self, seen: &Seen) -> usize {
        match self.panel {
            Panel::Story => self.story(seen).len(),
            _ => self.names(seen).len(),
        }
    }

    /// Does what a key asks for; true where it means the end.
    pub fn press(&mut self, event: &Event, seen: &Seen) -> bool {
        let Event::Key(key) = event else { return false };
        if key.kind != KeyEventKind::Press {
            return false;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        if ctrl && key.code == KeyCode::Char('c') {
            return true;
        }
        if self.is_typing {
            self.type_filter(key.code);
            return false;
        }
        match key.code {
            KeyCode::Char('q' | 'Q') => return true,
            KeyCode::Esc | KeyCode::Backspace if self.open.is_some() => self.open = None,
            KeyCode::Esc => self.filter.clear(),
            _ if self.open.is_some() => self.press_in_open(key.code, seen),
            code => self.press_in_panel(code, seen),
        }
        self.row = self.row.min(self.rows(seen).saturating_sub(1));
        false
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) if self.filter.chars().count() < TOP_FILTER_MAX => {
                self.filter.push(c);
            }
            _ => {}
        }
        self.row = 0;
    }

    fn press_in_panel(&mut self, code: KeyCode, seen: &Seen) {
        let at = PANELS.iter().position(|panel| *panel == self.panel).unwrap_or(0);
        match code {
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.go(PANELS[(at + 1) % 4]),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => self.go(PANELS[(at + 3) % 4]),
            KeyCode::Down | KeyCode::Char('j') => self.row += 1,
            KeyCode::Up | KeyCode::Char('k') => self.row = self.row.saturating_sub(1),
            KeyCode::PageDown => self.row += PAGE_ROWS,
            KeyCode::PageUp => self.row = self.row.saturating_sub(PAGE_ROWS),
            KeyCode::Home | KeyCode::Char('g') => self.row = 0,
            KeyCode::End | KeyCode::Char('G') => self.row = usize::MAX,
            KeyCode::Char('/') => {
                self.is_typing = true;
                self.filter.clear();
            }
            KeyCode::Enter => self.enter(seen),
            _ => {}
        }
    }

    fn go(&mut self, panel: Panel) {
        (self.panel, self.row) = (panel, 0);
    }

    /// Opens the decision; of a reading, device or goal what was decided about it.
    fn enter(&mut self, seen: &Seen) {
        if self.panel == Panel::Story {
            self.open = self.story(seen).get(self.row).map(|decision| decision.id.clone());
            self.scrolled = 0;
        } else if let Some(name) = self.names(seen).get(self.row) {
            self.filter = (*name).to_owned();
            self.go(Panel::Story);
        }
    }

    fn press_in_open(&mut self, code: KeyCode, seen: &Seen) {
        let story = self.story(seen);
        let at = story.iter().position(|decision| Some(&decision.id) == self.open.as_ref());
        let at = at.unwrap_or(0);
        let other = match code {
            KeyCode::Left | KeyCode::Char('h' | 'p') => at.saturating_sub(1),
            KeyCode::Right | KeyCode::Char('l' | 'n') => at + 1,
            KeyCode::Down | KeyCode::Char('j') => {
                self.scrolled = self.scrolled.saturating_add(1);
                at
            }
            KeyCode::Up | KeyCode::Char('k') => {
                self.scrolled = self.scrolled.saturating_sub(1);
                at
            }
            KeyCode::Home | KeyCode::Char('g') => {
                self.scrolled = 0;
                at
            }
            KeyCode::Enter => {
                self.open = None;
                return;
            }
            _ => at,
        };
        if other != at
            && let Some(decision) = story.get(other)
        {
            (self.open, self.row, self.scrolled) = (Some(decision.id.clone()), other, 0);
        }
    }
}
