//! A board that is updated while its power fails: it starts what the launcher chooses, and what it
//! runs behaves as the release says. Counts what must never happen.

use std::io::{self, Cursor, Read};
use std::path::Path;

use outpost_launcher::disk::Disk;
use outpost_launcher::manifest::{Name, sha256};
use outpost_launcher::slots::{SlotError, Slots, Wish};
use outpost_launcher::state::{Baseline, End};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::disk::{Lie, SimDisk};

/// Where the slots lie.
const ROOT: &str = "/slots";
/// Where the installed program lies.
const INSTALLED: &str = "/usr/outpost";
/// Boots after which a board that has come to no end never will.
const BOOTS_MAX: u32 = 200;
/// Power cuts of one run, at most.
const CUTS_MAX: u32 = 3;

/// What a release does when it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Good,
    /// The system cannot start it: another architecture, a missing library.
    DoesNotStart,
    /// Runs, and ends before it has proved itself.
    Crashes,
    /// Its rules never run; the alarm ends it.
    Hangs,
    /// Sees itself that it is not as well as what ran before.
    Unwell,
    /// Its files are not what the manifest says.
    Damaged,
}

const BEHAVIOURS: [Behaviour; 9] = [
    Behaviour::Good,
    Behaviour::Good,
    Behaviour::Good,
    Behaviour::Good,
    Behaviour::DoesNotStart,
    Behaviour::Crashes,
    Behaviour::Hangs,
    Behaviour::Unwell,
    Behaviour::Damaged,
];

/// A release as it is published.
pub struct Release {
    pub id: Name,
    pub behaviour: Behaviour,
    manifest: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
}

fn release(number: usize, behaviour: Behaviour, rng: &mut StdRng) -> Release {
    let id = format!("{number}.0.0");
    let mut files = Vec::new();
    for name in ["outpost", "model.gguf", "outpost.toml"] {
        let mut bytes = format!("{id} {name} ").into_bytes();
        bytes.extend((0..rng.random_range(1..400)).map(|_| rng.random::<u8>()));
        files.push((name.to_owned(), bytes));
    }
    let listed: Vec<_> = files
        .iter()
        .map(|(name, bytes)| {
            serde_json::json!({"name": name, "length": bytes.len(), "sha256": sha256(bytes)})
        })
        .collect();
    let manifest = serde_json::json!({"release": id, "program": "outpost", "files": listed});
    if behaviour == Behaviour::Damaged {
        let file = rng.random_range(0..files.len());
        let at = rng.random_range(0..files[file].1.len());
        files[file].1[at] ^= 1;
    }
    let manifest = serde_json::to_vec(&manifest).unwrap();
    Release { id: id.parse().unwrap(), behaviour, manifest, files }
}

/// What must never happen, and what did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub runs: u64,
    pub cuts: u64,
    /// Nothing could be started, or the board came to no end.
    pub bricked: u64,
    /// Something ran that was not a whole release.
    pub half_updated: u64,
    /// A bad release was confirmed, or a confirmed one is not what lies in its slot.
    pub wrong_confirmed: u64,
    /// A release ended other than it should: a good one undone, a bad one without its reason.
    pub wrong_end: u64,
    pub confirmed: u64,
    pub undone: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.runs += other.runs;
        self.cuts += other.cuts;
        self.bricked += other.bricked;
        self.half_updated += other.half_updated;
        self.wrong_confirmed += other.wrong_confirmed;
        self.wrong_end += other.wrong_end;
        self.confirmed += other.confirmed;
        self.undone += other.undone;
    }

    pub fn faults(&self) -> u64 {
        self.bricked + self.half_updated + self.wrong_confirmed + self.wrong_end
    }
}

/// What is wrong with the board itself, so that the checks are known to bite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    None,
    Disk(Lie),
    /// Whatever runs on trial is confirmed.
    ConfirmsAnything,
    /// Starts of a trial are not counted.
    NeverCounts,
}

/// A board with releases that wait for it.
pub struct Board {
    disk: SimDisk,
    slots: Slots<SimDisk>,
    releases: Vec<Release>,
    has_installed: bool,
    mistake: Mistake,
    /// What has ended, in the order of `releases`.
    taken: usize,
    boots: u32,
    pub counts: Counts,
}

impl Board {
    /// A board by its seed. Half of them have no program but what comes over the air: the first
    /// release is then put there in the factory, where the power does not fail.
    pub fn new(seed: u64, mistake: Mistake) -> Board {
        let mut rng = StdRng::seed_from_u64(seed);
        let lie = if let Mistake::Disk(lie) = mistake { lie } else { Lie::None };
        let disk = SimDisk::new(rng.random(), lie, &[ROOT, "/usr"]);
        let has_installed = rng.random_bool(0.5);
        let count = rng.random_range(2..=4);
        let behaviour = |rng: &mut StdRng| BEHAVIOURS[rng.random_range(0..BEHAVIOURS.len())];
        let releases = (0..count).map(|number| {
            let kind = if number == 0 { Behaviour::Good } else { behaviour(&mut rng) };
            release(number + 1, kind, &mut rng)
        });
        let releases = releases.collect();
        let slots = Slots::new(ROOT, disk.clone());
        let counts = Counts { runs: 1, ..Counts::default() };
        let mut board =
            Board { disk, slots, releases, has_installed, mistake, taken: 0, boots: 0, counts };
        if !has_installed {
            assert!(board.take_next().is_ok());
            board.slots.start("factory", None, true);
            board.slots.confirm(&board.releases[0].id).unwrap();
            board.taken = 1;
        }
        board
    }

    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// Runs until everything has ended. The power goes at each of these numbers of operations,
    /// counted from the last time that it came back.
    pub fn run(&mut self, cuts: &[u64]) {
        let mut cuts = cuts.iter().take(CUTS_MAX as usize);
        let arm = |board: &Board, after: Option<&u64>| {
            board.disk.cut_at(after.map_or(u64::MAX, |after| board.disk.count() + after));
        };
        arm(self, cuts.next());
        while self.taken < self.releases.len() {
            self.boots += 1;
            if self.boots > BOOTS_MAX {
                self.counts.bricked += 1;
                return;
            }
            self.start();
            if self.disk.is_off() {
                self.counts.cuts += 1;
                self.disk.power_on();
                arm(self, cuts.next());
            }
            self.settle();
        }
        // A cut after the last word changes nothing that was said.
        self.disk.cut_at(u64::MAX);
        self.disk.power_on();
        self.start();
        self.check_end();
    }

    /// One start of the launcher, and what it starts.
    fn start(&mut self) {
        let installed = self.has_installed.then_some(Path::new(INSTALLED));
        if self.mistake == Mistake::NeverCounts
            && let Ok(mut state) = self.slots.state()
            && let Some(trial) = &mut state.trial
        {
            (trial.starts, trial.starts_in_boot) = (0, 0);
            drop(self.slots.write(&state));
        }
        // The kernel has a new id after each cut.
        let start = self.slots.start(&format!("boot {}", self.counts.cuts), installed, true);
        if self.disk.is_off() {
            return;
        }
        for candidate in &start.candidates {
            let release = candidate
                .release
                .as_ref()
                .and_then(|id| self.releases.iter().find(|r| r.id == *id));
            let behaviour = release.map_or(Behaviour::Good, |release| release.behaviour);
            if behaviour == Behaviour::DoesNotStart {
                if let Some(id) = candidate.release.clone().filter(|_| candidate.trial_s.is_some())
                {
                    drop(self.slots.undo(&id, "cannot be started"));
                }
                if self.disk.is_off() {
                    return;
                }
                continue;
            }
            let release = release.map(|release| release.id.clone());
            if let Some(id) = &release
                && !self.is_whole(id, candidate.program.parent().unwrap())
            {
                self.counts.half_updated += 1;
            }
            self.program(release.as_ref(), behaviour, candidate.trial_s.is_some());
            return;
        }
        if !self.disk.is_off() {
            self.counts.bricked += 1;
        }
    }

    /// Whether a folder holds exactly what the release was published as.
    fn is_whole(&self, id: &Name, folder: &Path) -> bool {
        let release = self.releases.iter().find(|release| release.id == *id).unwrap();
        let mut names = self.disk.list(folder).unwrap_or_default();
        names.sort();
        let mut wanted: Vec<_> = release.files.iter().map(|(name, _)| name.clone()).collect();
        wanted.push("release.json".into());
        wanted.sort();
        let same = |(name, bytes): &(String, Vec<u8>)| {
            self.disk.read(&folder.join(name), 1 << 20).is_ok_and(|found| found == *bytes)
        };
        names == wanted && release.files.iter().all(same)
    }

    /// What a program does in its life: on trial it proves itself or not; else it looks for the
    /// next release.
    fn program(&mut self, release: Option<&Name>, behaviour: Behaviour, on_trial: bool) {
        let Some(id) = release.filter(|_| on_trial) else {
            if self.taken < self.releases.len() && self.take_next().is_err() && !self.disk.is_off()
            {
                self.end_of(self.taken);
            }
            return;
        };
        if behaviour != Behaviour::Hangs {
            drop(self.slots.runs(id));
        }
        match behaviour {
            _ if self.mistake == Mistake::ConfirmsAnything => drop(self.slots.confirm(id)),
            Behaviour::Good => drop(self.slots.confirm(id)),
            Behaviour::Unwell => drop(self.slots.undo(id, "the bus is not connected")),
            Behaviour::Crashes | Behaviour::Hangs => {}
            Behaviour::DoesNotStart | Behaviour::Damaged => unreachable!(),
        }
    }

    fn take_next(&self) -> Result<(), SlotError> {
        let release = &self.releases[self.taken];
        let mut open = |name: &Name| -> io::Result<Box<dyn Read>> {
            let file = release.files.iter().find(|(file, _)| file == name.as_str()).unwrap();
            Ok(Box::new(Cursor::new(file.1.clone())))
        };
        let wish = Wish {
            baseline: Baseline { bus: true, mind: true, start_ms: 20 },
            again: false,
            architecture: "aarch64".into(),
        };
        self.slots.stage(&release.manifest, &mut open, &wish).map(drop)
    }

    /// Notes what has ended, as the board reports it.
    fn settle(&mut self) {
        let Ok(state) = self.slots.state() else { return };
        if self.taken == self.releases.len() || state.trial.is_some() || state.intent.is_some() {
            return;
        }
        if state.last.is_some_and(|last| last.release == self.releases[self.taken].id) {
            self.end_of(self.taken);
        }
    }

    fn end_of(&mut self, number: usize) {
        let id = &self.releases[number].id;
        let good = self.releases[number].behaviour == Behaviour::Good;
        let state = self.slots.state();
        let last = state.as_ref().ok().and_then(|state| state.last.clone());
        let confirmed = last.as_ref().is_some_and(|last| {
            last.release == *id && last.end == End::Confirmed && last.reason.is_empty()
        });
        let undone = last.as_ref().is_some_and(|last| {
            last.release == *id && last.end == End::Undone && !last.reason.is_empty()
        });
        if confirmed != good || undone == good {
            self.counts.wrong_end += 1;
        }
        self.counts.confirmed += u64::from(confirmed);
        self.counts.undone += u64::from(undone);
        self.taken = number + 1;
    }

    /// What is confirmed in the end is the last good release, whole.
    fn check_end(&mut self) {
        let good = |release: &&Release| release.behaviour == Behaviour::Good;
        let wanted = self.releases.iter().rfind(good).map(|release| release.id.clone());
        let confirmed = self.slots.state().ok().and_then(|state| state.confirmed);
        let Some(taken) = confirmed else {
            self.counts.wrong_confirmed += 1;
            return;
        };
        let whole = self.slots.verify(&taken).is_ok()
            && self.is_whole(&taken.release, &self.slots.folder(taken.slot));
        if Some(taken.release) != wanted || !whole {
            self.counts.wrong_confirmed += 1;
        }
    }
}
