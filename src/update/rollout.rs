//! Rollouts as a board reads them: which boards take which signed release, and when. The document
//! is signed by a key that can only narrow: it names releases that others have signed.
//!
//! Who is in is decided by the board alone, from its name, its labels and the signed share; the
//! same arithmetic tells the one who runs the rollout which boards those are. What must never be
//! here: a way to a release past the list of files.

use std::collections::BTreeMap;
use std::path::Path;

use outpost_launcher::manifest::Name;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits;

/// The delegated role, and with `.json` the only file that it may sign.
pub const ROLE: &str = "rollout";
/// That file.
pub const FILE: &str = "rollout.json";
/// All boards, in parts of ten thousand.
pub const ALL: u16 = 10_000;

/// Labels of a board, or those that a rollout asks for.
pub type Labels = BTreeMap<String, String>;

/// How a rollout stands. Words of later days mean that nobody takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Its steps follow one another.
    Running,
    /// Nobody takes it until it goes on.
    Paused,
    /// Nobody takes it any more.
    Stopped,
    /// All steps are over; boards that come late take it.
    Done,
    /// A word that this program does not know.
    #[serde(other)]
    Unknown,
}

impl Standing {
    /// As it stands in the document.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Paused => "paused",
            Standing::Stopped => "stopped",
            Standing::Done => "done",
            Standing::Unknown => "unknown",
        }
    }

    /// It does not come back.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Standing::Stopped | Standing::Done)
    }
}

/// A step: so many boards, and what must have passed before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Boards that are in, of ten thousand.
    pub of_10000: u16,
    /// Seconds that it lasts at least.
    pub wait_s: u64,
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Later ones have greater numbers; a number is used once.
    pub number: u64,
    /// What the boards take.
    pub release: Name,
    /// A board must have all of these; none: all boards.
    #[serde(default)]
    pub labels: Labels,
    /// Each takes in more than the one before it.
    pub steps: Vec<Step>,
    /// The one that it is at.
    pub step: usize,
    /// When that was signed, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// How it stands.
    pub standing: Standing,
    /// Why it was stopped, for people.
    #[serde(default)]
    pub reason: String,
    /// Boards that undo the release, of ten thousand that are in, at which it stops by itself.
    pub stop_of_10000: u16,
    /// Boards that have confirmed it, of ten thousand that are in, before the next step.
    pub enough_of_10000: u16,
}

/// What is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// By number, the oldest first.
    pub rollouts: Vec<Rollout>,
}

/// Who a board is, for rollouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The device's name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its time zone, for the hours in which it follows; empty: UTC.
    pub timezone: String,
}

impl Rollout {
    /// Boards that are in just now, of ten thousand.
    #[must_use]
    pub fn share(&self) -> u16 {
        self.steps.get(self.step).map_or(0, |step| step.of_10000)
    }

    /// Whether a board has all the labels.
    #[must_use]
    pub fn is_for(&self, labels: &Labels) -> bool {
        self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Whether a board is in.
    #[must_use]
    pub fn has(&self, board: &Board) -> bool {
        self.is_for(&board.labels) && self.place(&board.name) < self.share()
    }

    /// The place of a board in the order in which this rollout takes boards in, of ten thousand.
    /// Another rollout has another order: no board is always the first.
    #[must_use]
    pub fn place(&self, device: &str) -> u16 {
        let digest = Sha256::digest(format!("{}/{device}", self.number).as_bytes());
        let head = digest.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        // Below ten thousand, so it fits.
        u16::try_from(head % u64::from(ALL)).unwrap_or(ALL)
    }

    fn fault(&self) -> Option<String> {
        let shares = self.steps.iter().map(|step| step.of_10000);
        let rises = shares.clone().zip(shares.clone().skip(1)).all(|(one, next)| one < next);
        let wait_s_max = limits::ROLLOUT_WAIT_S_MAX;
        let labels = limits::LABELS_MAX;
        Some(match self {
            _ if self.number == 0 => "its number is 0; they begin with 1".into(),
            _ if self.steps.is_empty() || self.steps.len() > limits::ROLLOUT_STEPS_MAX => {
                let most = limits::ROLLOUT_STEPS_MAX;
                format!("{} steps; allowed are 1 to {most}", self.steps.len())
            }
            _ if self.step >= self.steps.len() => {
                format!("it is at step {} of {}", self.step + 1, self.steps.len())
            }
            _ if shares.clone().any(|share| !(1..=ALL).contains(&share)) || !rises => {
                "its shares do not rise from step to step, above 0 and up to 100 %".into()
            }
            _ if self.steps.iter().any(|step| step.wait_s > wait_s_max) => {
                format!("a step lasts longer than {wait_s_max} s")
            }
            _ if self.labels.len() > labels => format!("more than {labels} labels"),
            _ if self.stop_of_10000 == 0 || self.stop_of_10000 > ALL => {
                "its threshold is not above 0 and up to 100 %".into()
            }
            _ if self.enough_of_10000 > ALL => "more than 100 % would be enough".into(),
            _ => return None,
        })
    }

    /// What a newer document must not do to this rollout.
    fn broken_by(&self, new: &Rollout) -> Option<String> {
        let (before, after) = (self.standing.word(), new.standing.word());
        Some(match new {
            _ if new.release != self.release || new.labels != self.labels => {
                "it is for another release or other labels than before".into()
            }
            _ if new.share() < self.share() => {
                let percent = |of: u16| f64::from(of) / 100.0;
                let (was, is) = (percent(self.share()), percent(new.share()));
                format!("its share shrinks from {was} to {is} %")
            }
            _ if self.standing.is_over() && new.standing != self.standing => {
                format!("it was {before} and is {after} again")
            }
            _ => return None,
        })
    }
}

impl Document {
    /// Reads a document and looks that it makes sense.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(bytes: &[u8]) -> Result<Document, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        document.check()?;
        Ok(document)
    }

    /// Looks that it makes sense.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self) -> Result<(), String> {
        let most = limits::ROLLOUTS_MAX;
        if self.rollouts.len() > most {
            return Err(format!("{} rollouts; allowed are {most}", self.rollouts.len()));
        }
        if !self.rollouts.is_sorted_by(|one, next| one.number < next.number) {
            return Err("the rollouts are not in the order of their numbers".into());
        }
        let fault =
            |one: &Rollout| one.fault().map(|what| format!("rollout {}: {what}", one.number));
        self.rollouts.iter().find_map(fault).map_or(Ok(()), Err)
    }

    /// Looks that a newer document goes on from this one: shares grow, what is over stays so,
    /// numbers are used once. One that is no longer there is forgotten.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn goes_on_to(&self, new: &Document) -> Result<(), String> {
        let last = self.newest();
        for rollout in &new.rollouts {
            let number = rollout.number;
            let before = self.rollouts.iter().find(|one| one.number == number);
            let broken = match before {
                Some(before) => before.broken_by(rollout),
                None => (number <= last)
                    .then(|| format!("it is new, and there was one with number {last} already")),
            };
            if let Some(what) = broken {
                return Err(format!("rollout {number}: {what}"));
            }
        }
        Ok(())
    }

    /// The greatest number; 0: there is none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.rollouts.last().map_or(0, |rollout| rollout.number)
    }

    /// What a board is to take that has followed all rollouts up to a number: of those that have
    /// it in, the newest.
    #[must_use]
    pub fn offer(&self, board: &Board, followed: u64) -> Option<&Rollout> {
        let open = |one: &&Rollout| matches!(one.standing, Standing::Running | Standing::Done);
        let newer = self.rollouts.iter().rev().filter(|one| one.number > followed);
        newer.filter(open).find(|one| one.has(board))
    }
}

/// The file with the number of the last rollout that this board has followed.
const FOLLOWED: &str = "rollout.json";

#[derive(Serialize, Deserialize)]
struct Followed {
    followed: u64,
}

/// The last rollout that this board has followed, or that an operator's word came after; 0: none.
#[must_use]
pub fn followed(slots: &Path) -> u64 {
    let bytes = std::fs::read(slots.join(FOLLOWED)).unwrap_or_default();
    serde_json::from_slice(&bytes).map_or(0, |Followed { followed }| followed)
}

/// Keeps it: what an older rollout names is not taken any more.
///
/// # Errors
/// The step that failed.
pub fn follow(slots: &Path, number: u64) -> Result<(), crate::disk::DiskError> {
    if number <= followed(slots) {
        return Ok(());
    }
    let text = format!("{{\"followed\":{number}}}");
    crate::disk::replace(&slots.join(FOLLOWED), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(number: u64, of_10000: &[u16]) -> Rollout {
        let step = |of: &u16| Step { of_10000: *of, wait_s: 60 };
        Rollout {
            number,
            release: "1.4.0".parse().unwrap(),
            labels: Labels::new(),
            steps: of_10000.iter().map(step).collect(),
            step: 0,
            since_unix_ms: 0,
            standing: Standing::Running,
            reason: String::new(),
            stop_of_10000: 200,
            enough_of_10000: 5000,
        }
    }

    fn board(name: &str, labels: &[(&str, &str)]) -> Board {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Board { name: name.into(), labels: labels.collect(), ..Board::default() }
    }

    #[test]
    fn a_share_is_a_share_grows_and_is_another_one_in_each_rollout() {
        let (few, many) = (rollout(1, &[100, 2500]), {
            let mut many = rollout(1, &[100, 2500]);
            many.step = 1;
            many
        });
        let boards: Vec<_> = (0..10_000).map(|n| board(&format!("board-{n}"), &[])).collect();
        let of = |one: &Rollout| boards.iter().filter(|board| one.has(board)).count();
        assert!((70..130).contains(&of(&few)), "{}", of(&few));
        assert!((2300..2700).contains(&of(&many)), "{}", of(&many));
        assert!(boards.iter().all(|board| !few.has(board) || many.has(board)));
        let other = rollout(2, &[100]);
        let both = boards.iter().filter(|board| few.has(board) && other.has(board)).count();
        assert!(both < 10, "{both}");
    }

    #[test]
    fn labels_all_of_them_and_the_newest_that_is_open() {
        let mut document = Document { rollouts: vec![rollout(3, &[ALL]), rollout(7, &[ALL])] };
        document.rollouts[1].labels = board("", &[("site", "north"), ("ring", "early")]).labels;
        let number = |document: &Document, board: &Board, followed| {
            document.offer(board, followed).map(|one| one.number)
        };
        let early = board("a", &[("site", "north"), ("ring", "early"), ("more", "x")]);
        let late = board("b", &[("site", "north")]);
        assert_eq!(number(&document, &early, 0), Some(7));
        assert_eq!(number(&document, &late, 0), Some(3));
        assert_eq!(number(&document, &late, 3), None);
        // Nobody is led back to an older release by the end of a newer rollout.
        document.rollouts[1].standing = Standing::Stopped;
        assert_eq!(number(&document, &early, 7), None);
        assert_eq!(number(&document, &early, 0), Some(3));
        document.rollouts[0].standing = Standing::Done;
        assert_eq!(number(&document, &late, 0), Some(3));
        document.rollouts[0].standing = Standing::Paused;
        assert_eq!(number(&document, &late, 0), None);
    }

    #[test]
    fn a_document_that_makes_no_sense_says_what_is_wrong() {
        let said = |change: &dyn Fn(&mut Vec<Rollout>)| {
            let mut document = Document { rollouts: vec![rollout(1, &[100, ALL])] };
            change(&mut document.rollouts);
            let bytes = serde_json::to_vec(&document).unwrap();
            Document::parse(&bytes).map_err(|what| what.clone())
        };
        assert!(said(&|_| {}).is_ok());
        let wrong = |change: &dyn Fn(&mut Vec<Rollout>), what: &str| {
            let found = said(change).unwrap_err();
            assert!(found.contains(what), "{found}; wanted {what}");
        };
        wrong(&|all| all[0].steps[1].of_10000 = 100, "do not rise");
        wrong(&|all| all[0].steps[1].of_10000 = 10_001, "up to 100 %");
        wrong(&|all| all[0].steps.clear(), "0 steps");
        wrong(&|all| all[0].step = 2, "step 3 of 2");
        wrong(&|all| all[0].number = 0, "number is 0");
        wrong(&|all| all.push(rollout(1, &[5])), "order of their numbers");
        wrong(&|all| all[0].stop_of_10000 = 0, "threshold");
        wrong(&|all| all[0].steps[0].wait_s = u64::MAX, "lasts longer");
        assert!(Document::parse(b"[]").is_err());
        let later = br#"{"rollouts":[{"number":1,"release":"1","steps":[{"of_10000":1,"wait_s":1}],
            "step":0,"since_unix_ms":0,"standing":"resting","stop_of_10000":1,"enough_of_10000":1,
            "more":1}],"more":2}"#;
        let later = Document::parse(later).unwrap();
        assert_eq!(later.offer(&board("a", &[]), 0), None);
    }

    #[test]
    fn a_newer_document_goes_on_from_the_one_before() {
        let old = Document { rollouts: vec![rollout(4, &[100, ALL])] };
        let after = |change: &dyn Fn(&mut Vec<Rollout>)| {
            let mut new = old.clone();
            change(&mut new.rollouts);
            old.goes_on_to(&new)
        };
        assert_eq!(after(&|all| all[0].step = 1), Ok(()));
        assert_eq!(after(&|all| all[0].standing = Standing::Paused), Ok(()));
        assert_eq!(after(&|all| all.push(rollout(5, &[1]))), Ok(()));
        assert_eq!(after(&Vec::clear), Ok(()));
        let shrunk = after(&|all| all[0].steps[0].of_10000 = 50).unwrap_err();
        assert_eq!(shrunk, "rollout 4: its share shrinks from 1 to 0.5 %");
        assert!(after(&|all| all[0].release = "2".parse().unwrap()).is_err());
        assert!(after(&|all| all.insert(0, rollout(3, &[1]))).is_err());
        let mut over = old.clone();
        over.rollouts[0].standing = Standing::Stopped;
        let back = over.goes_on_to(&old).unwrap_err();
        assert_eq!(back, "rollout 4: it was stopped and is running again");
    }

    #[test]
    fn what_was_followed_is_kept_and_never_less() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(followed(folder.path()), 0);
        follow(folder.path(), 3).unwrap();
        follow(folder.path(), 2).unwrap();
        assert_eq!(followed(folder.path()), 3);
    }
}
