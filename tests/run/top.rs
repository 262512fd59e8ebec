//! `outpost top` on a real pseudo-terminal, beside a real agent: what stands on the screen, and
//! that the terminal is given back at every end.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::common::{Broker, eventually};
use crate::mind;
use crate::place::Place;

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// A person's terminal with `outpost top` on it.
struct Terminal {
    /// Our end; `None` where the line was cut.
    master: Option<File>,
    /// The program's end, kept open to ask for its modes.
    side: File,
    before: Termios,
    written: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Terminal {
    fn open(site: &Site) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let noctty = OFlags::NOCTTY.bits().try_into().unwrap();
        let side = File::options().read(true).write(true).custom_flags(noctty).open(name).unwrap();
        let before = tcgetattr(&side).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(["top", "--config"])
            .arg(site.config())
            .env("OUTPOST_BOARD_ROOT", site.folder())
            .env("NO_COLOR", "1")
            .stdin(side.try_clone().unwrap())
            .stdout(side.try_clone().unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let master = File::from(master);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (master.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Terminal { master: Some(master), side, before, written, child }
    }

    fn press(&mut self, keys: &str) {
        self.master.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// What stands on the screen.
    fn picture(&self) -> String {
        let written = self.written.lock().unwrap();
        picture(&String::from_utf8_lossy(&written))
    }

    /// Waits until these words stand on the screen.
    fn wait(&self, what: &str) -> String {
        self.wait_all(&[what])
    }

    /// Waits until all of these stand there: it is drawn row by row, and one may be seen before
    /// another.
    fn wait_all(&self, what: &[&str]) -> String {
        eventually(&what.join(", "), SOON, || {
            let picture = self.picture();
            let is_there = what.iter().all(|words| picture.contains(words));
            if !is_there {
                println!("{picture}");
            }
            is_there.then_some(picture)
        })
    }

    /// Waits until there is no word of a line that is missing.
    fn wait_line(&self) {
        eventually("a line", SOON, || (!self.picture().contains("NO LINE")).then_some(()));
    }

    fn wait_end(&mut self) -> ExitStatus {
        eventually("the end of top", SOON, || self.child.try_wait().unwrap())
    }

    /// The modes are those of before, the first screen is back, and the cursor is seen.
    fn is_as_before(&self) {
        let now = tcgetattr(&self.side).unwrap();
        assert_eq!(now.local_modes, self.before.local_modes);
        assert_eq!(now.input_modes, self.before.input_modes);
        assert!(now.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
        // What was written last is read a moment later.
        eventually("the first screen", SOON, || {
            let text = String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned();
            let last = |words: &str| text.rfind(words);
            let left = last("\u{1b}[?1049l") > last("\u{1b}[?1049h");
            (left && last("\u{1b}[?25h") > last("\u{1b}[?25l")).then_some(())
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Has ended already: all the better.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The screen after all that was written: text where the cursor was put. Nothing else moves it.
fn picture(text: &str) -> String {
    let mut cells = vec![vec![' '; usize::from(COLUMNS)]; usize::from(ROWS)];
    let (mut row, mut column) = (0, 0);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            if let Some(cell) =
                cells.get_mut(row).and_then(|row: &mut Vec<char>| row.get_mut(column))
            {
                *cell = c;
            }
            column += 1;
            continue;
        }
        rest.next();
        let mut words = String::new();
        match rest.by_ref().inspect(|c| words.push(*c)).find(|c| c.is_ascii_alphabetic()) {
            Some('H') => {
                let mut numbers = words[..words.len() - 1].split(';').map(|word| word.parse().ok());
                let mut next = || numbers.next().flatten().unwrap_or(1_usize) - 1;
                (row, column) = (next(), next());
            }
            Some('J') => cells.iter_mut().for_each(|row| row.fill(' ')),
            _ => {}
        }
    }
    let rows = cells.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn top_shows_the_room_mends_a_lost_line_and_gives_the_terminal_back() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-top", "");
    let mut top = Terminal::open(&site);
    top.wait("NO LINE: no agent runs on");
    let agent = Agent::start(&site);
    top.wait_all(&["compressor", "cold-top · mode act"]);
    top.wait_line();
    top.wait_all(&["✓ keep cold", "room", "├"]);

    mind::acts(&place);
    top.wait("keep cold: room");
    top.press("\r");
    top.wait_all(&["utility", "guard   passed", "✓ "]);
    top.press("\u{1b}");
    top.wait("Story: when");

    // A pulled plug, and back: what was decided is still there.
    agent.kill();
    top.wait("NO LINE");
    let _agent = Agent::start(&site);
    top.wait_line();
    top.wait("keep cold: room");
    top.press("/nothing of that name\r");
    top.wait("none with this filter");
    top.press("q");
    assert!(top.wait_end().success());
    top.is_as_before();

    // Every other end: a signal, and a line that is cut.
    let mut top = Terminal::open(&site);
    top.wait("keep cold: room");
    kill_process(Pid::from_child(&top.child), Signal::TERM).unwrap();
    assert!(top.wait_end().success());
    top.is_as_before();
    let mut top = Terminal::open(&site);
    top.wait("compressor");
    kill_process(Pid::from_child(&top.child), Signal::HUP).unwrap();
    assert!(top.wait_end().success());
    top.is_as_before();
}

#[test]
fn top_for_programs_prints_lines_and_a_pipe_is_no_terminal() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-top-json", "");
    let program = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
        command.arg("top").args(more).arg("--config").arg(site.config());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let refused = program(&[]).output().unwrap();
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && text.contains("top needs a terminal"), "{text}");

    let _agent = Agent::start(&site);
    let mut child = program(&["--json"]).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut line =
        || -> Option<Json> { Some(serde_json::from_str(&lines.next()?.unwrap()).unwrap()) };
    let known = |line: &Json| line["state"]["sensors"][0]["value"].is_number();
    while !known(&line().expect("it goes on")) {}
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let last = std::iter::from_fn(line).last().unwrap();
    assert!(last["states"].as_u64().unwrap() > 0, "{last}");
    assert!(child.wait().unwrap().success());
}
