//! Runs a rollout: hears what the boards report, and says when the next step is to be signed, or
//! that it stops. It remembers nothing: what is signed and the retained reports are all there is,
//! so that it can be ended and begun again anywhere. The judgement is pure; the line is the link's.

mod listener;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use outpost_launcher::manifest::Name;
use serde::Deserialize;
use tokio::time::Instant;

pub use listener::{Listener, gather};

use super::FleetError;
use super::publish::Days;
use super::rollout::{advance, change, now_unix_ms, pick, read, stand};
use crate::limits::CAMPAIGN_LOOK_MS;
use crate::link::Endpoint;
use crate::link::topics::DeviceTopic;
use crate::update::rollout::{Board, Document, Labels, Rollout, Standing};

/// What a board tells of its updates: of the retained topic `update` as much as is needed here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Report {
    /// How its last update stands.
    #[serde(default)]
    pub state: String,
    /// Of which release.
    #[serde(default)]
    pub release: Option<Name>,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
    /// What runs and has proved itself.
    #[serde(default)]
    pub confirmed: Option<Name>,
    /// What ran before that.
    #[serde(default)]
    pub previous: Option<Name>,
    /// Its labels.
    #[serde(default)]
    pub labels: Labels,
}

/// The last report of each board.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    boards: BTreeMap<String, Report>,
}

impl Reports {
    /// Takes a message in; whether it changed anything.
    pub fn hear(&mut self, topic: &str, payload: &[u8]) -> bool {
        let Some(device) = DeviceTopic::device_of_update(topic) else { return false };
        match serde_json::from_slice::<Report>(payload) {
            Ok(report) => self.boards.insert(device.to_string(), report.clone()) != Some(report),
            // Cleared: a board that is no more. What cannot be read says nothing.
            Err(_) => self.boards.remove(device.as_str()).is_some(),
        }
    }

    /// Boards that have reported.
    #[must_use]
    pub fn len(&self) -> usize {
        self.boards.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.boards.is_empty()
    }
}

/// Where the boards of a rollout are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Boards that have its labels.
    pub meant: usize,
    /// Of these, boards that are in by now.
    pub inside: usize,
    /// Of these, boards that have confirmed it.
    pub confirmed: usize,
    /// Boards that have undone it.
    pub undone: usize,
    /// Boards that have not taken it and say why: it is not for them, or needs what is not there.
    pub refused: usize,
    /// Boards that could not fetch or unpack it, and try again.
    pub failed: usize,
    /// Boards that take it or have it on trial.
    pub under_way: usize,
    /// The reason of one that has undone it, with its name.
    pub example: Option<(String, String)>,
}

impl Tally {
    /// Counts. `document` has the rollouts beside it.
    #[must_use]
    pub fn of(rollout: &Rollout, document: &Document, reports: &Reports) -> Tally {
        let mut tally = Tally::default();
        for (name, report) in &reports.boards {
            if !rollout.is_for(&report.labels) {
                continue;
            }
            tally.meant += 1;
            let (name_, labels) = (name.clone(), report.labels.clone());
            let board = Board { name: name_, labels, ..Board::default() };
            if !rollout.has(&board) {
                continue;
            }
            tally.inside += 1;
            let is = |found: &Option<Name>| found.as_ref() == Some(&rollout.release);
            match report.state.as_str() {
                "undone" if is(&report.release) => {
                    tally.undone += 1;
                    tally.example.get_or_insert_with(|| (name.clone(), report.reason.clone()));
                }
                "refused" if is(&report.release) => tally.refused += 1,
                "failed" if is(&report.release) => tally.failed += 1,
                "staging" | "trial" if is(&report.release) => tally.under_way += 1,
                _ if is(&report.confirmed) || has_gone_on(rollout, document, report) => {
                    tally.confirmed += 1;
                }
                _ => {}
            }
        }
        tally
    }
}

/// Whether a board had the release of a rollout and was led on by a later one. What it runs after
/// it by any other way says nothing: in a rollout that brings an older release back, each board had
/// that one before.
fn has_gone_on(rollout: &Rollout, document: &Document, report: &Report) -> bool {
    let mut later = document.rollouts.iter().filter(|one| one.number > rollout.number);
    report.previous.as_ref() == Some(&rollout.release)
        && later.any(|one| report.confirmed.as_ref() == Some(&one.release))
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet, and why not.
    Wait(String),
    /// The next step is to be signed, or the end after the last one.
    Next,
    /// It stops by itself, with the reason.
    Stop(String),
    /// It is over.
    Over,
}

/// Judges a rollout.
#[must_use]
pub fn judge(rollout: &Rollout, tally: &Tally, now_unix_ms: i64) -> Verdict {
    match rollout.standing {
        Standing::Running => {}
        Standing::Paused => return Verdict::Wait("paused".into()),
        Standing::Stopped | Standing::Done | Standing::Unknown => return Verdict::Over,
    }
    let reaches = |part: usize, of_10000: u16, whole: usize| {
        part as u128 * 10_000 >= whole as u128 * u128::from(of_10000)
    };
    let Tally { meant, inside, confirmed, undone, refused, .. } = *tally;
    if undone > 0 && reaches(undone, rollout.stop_of_10000, inside) {
        let example = tally.example.iter().map(|(name, why)| format!("; {name}: {why}"));
        let example: String = example.collect();
        return Verdict::Stop(format!("{undone} of {inside} boards have undone it{example}"));
    }
    if meant == 0 {
        // The clock alone would lead a rollout that nobody reports of to all boards.
        let text = "no board that it is for has reported; is this the boards' broker?";
        return Verdict::Wait(text.into());
    }
    let wait_s = rollout.steps.get(rollout.step).map_or(0, |step| step.wait_s);
    let wait_ms = i64::try_from(wait_s).unwrap_or(i64::MAX).saturating_mul(1000);
    let left_ms = rollout.since_unix_ms.saturating_add(wait_ms).saturating_sub(now_unix_ms);
    if left_ms > 0 {
        return Verdict::Wait(format!("the step lasts {} s more", left_ms.div_euclid(1000) + 1));
    }
    let willing = inside.saturating_sub(refused);
    if inside > 0 && (confirmed == 0 || !reaches(confirmed, rollout.enough_of_10000, willing)) {
        let percent = f64::from(rollout.enough_of_10000) / 100.0;
        let text = format!("{confirmed} of {willing} boards have confirmed it, {percent} % must");
        return Verdict::Wait(text);
    }
    Verdict::Next
}

/// What a campaign is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The broker that the boards report to.
    pub endpoint: Endpoint,
    /// Folder with root.json and the keys.
    pub keys: PathBuf,
    /// Folder of the repository.
    pub repository: PathBuf,
    /// How long what is signed is good for.
    pub days: Days,
    /// Which rollout.
    pub number: u64,
    /// Ends after one judgement.
    pub once: bool,
    /// Tells the boards that are in to look at once.
    pub nudge: bool,
}

/// Looks on.
pub trait Observer {
    /// How it stands, each time that anything of it has changed.
    fn told(&mut self, rollout: &Rollout, tally: &Tally, known: usize, verdict: &Verdict);
    /// A document was signed: the repository has changed.
    fn signed(&mut self);
    /// The broker accepts us, or is gone, with the reason.
    fn line(&mut self, down: Option<&str>);
}

/// Runs a rollout until it is over, has been judged where that was all, or `shutdown` completes.
/// Gives how it stands then.
///
/// # Errors
/// Where the repository cannot be read or signed, or the broker refuses us.
pub async fn run(
    setup: Setup,
    shutdown: impl Future<Output = ()>,
    observer: &mut dyn Observer,
) -> Result<Standing, FleetError> {
    let mut listener = Listener::join(setup.endpoint.clone())?;
    let mut shutdown = std::pin::pin!(shutdown);
    let (mut told, mut standing, mut complete) = (None, Standing::Running, false);
    let mut nudged = None;
    loop {
        let next = Instant::now() + Duration::from_millis(CAMPAIGN_LOOK_MS);
        let mut line = |down: Option<&str>| observer.line(down);
        tokio::select! {
            () = shutdown.as_mut() => break,
            heard = listener.hear_until(next, &mut line) => heard?,
        }
        // Without all reports a few boards would be taken for the fleet.
        complete = listener.is_up && (complete || listener.is_complete());
        if !complete {
            continue;
        }
        let mut document = read(&setup.keys, &setup.repository).await?;
        let rollout = pick(&mut document, Some(setup.number))?.clone();
        let tally = Tally::of(&rollout, &document, &listener.reports);
        let verdict = judge(&rollout, &tally, now_unix_ms());
        standing = rollout.standing;
        let goes_on = matches!(verdict, Verdict::Wait(_)) && standing == Standing::Running;
        if setup.nudge && goes_on && nudged != Some(rollout.step) {
            nudged = Some(rollout.step);
            listener.nudge(&rollout, &document)?;
        }
        listener.send_nudges();
        let news = (rollout, tally, kind(&verdict));
        if told.as_ref() != Some(&news) {
            observer.told(&news.0, &news.1, listener.reports.len(), &verdict);
            told = Some(news.clone());
        }
        if verdict == Verdict::Over {
            break;
        }
        let moved = act(&setup, &news.0, &verdict).await?;
        if moved {
            observer.signed();
        }
        if setup.once && !moved {
            break;
        }
    }
    listener.leave().await;
    Ok(standing)
}

/// The verdict without the seconds that are left.
fn kind(verdict: &Verdict) -> std::mem::Discriminant<Verdict> {
    std::mem::discriminant(verdict)
}

/// Signs what the verdict on a rollout says; whether it did.
async fn act(setup: &Setup, judged: &Rollout, verdict: &Verdict) -> Result<bool, FleetError> {
    if matches!(verdict, Verdict::Wait(_) | Verdict::Over) {
        return Ok(false);
    }
    let mut moved = false;
    let edit = |document: &mut Document| {
        moved = carry_out(document, judged, verdict, now_unix_ms())?;
        Ok(moved)
    };
    change(&setup.keys, &setup.repository, setup.days, edit).await?;
    Ok(moved)
}

/// Does what the verdict on a rollout says, where it stands as it was judged: whether it did.
fn carry_out(
    document: &mut Document,
    judged: &Rollout,
    verdict: &Verdict,
    now_unix_ms: i64,
) -> Result<bool, FleetError> {
    let rollout = pick(document, Some(judged.number))?;
    match verdict {
        // Somebody has paused or stopped it since, or another runner has signed the step.
        _ if rollout.standing != Standing::Running => Ok(false),
        Verdict::Next if rollout.step != judged.step => Ok(false),
        Verdict::Next => {
            advance(rollout, now_unix_ms);
            Ok(true)
        }
        Verdict::Stop(reason) => stand(rollout, Standing::Stopped, reason),
        Verdict::Wait(_) | Verdict::Over => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::rollout::Step;

    fn rollout() -> Rollout {
        Rollout {
            number: 1,
            release: "2".parse().unwrap(),
            labels: [("site".to_owned(), "north".to_owned())].into(),
            steps: vec![Step { of_10000: 10_000, wait_s: 60 }],
            step: 0,
            since_unix_ms: 0,
            standing: Standing::Running,
            reason: String::new(),
            stop_of_10000: 1_000,
            enough_of_10000: 5_000,
        }
    }

    /// Boards that report these states of release 2.
    fn heard(states: &[&str]) -> Reports {
        let mut reports = Reports::default();
        for (number, state) in states.iter().enumerate() {
            let payload = serde_json::json!({"state": state, "release": "2", "reason": "its bus",
                "confirmed": (*state == "confirmed").then_some("2"), "labels": {"site": "north"}});
            reports.hear(&format!("outpost/b-{number}/update"), payload.to_string().as_bytes());
        }
        reports.hear("outpost/other/update", br#"{"state":"undone","release":"2"}"#);
        reports
    }

    fn judged(states: &[&str], now_unix_ms: i64) -> Verdict {
        let rollout = rollout();
        judge(&rollout, &tally(&rollout, &heard(states)), now_unix_ms)
    }

    fn tally(rollout: &Rollout, reports: &Reports) -> Tally {
        Tally::of(rollout, &Document { rollouts: vec![rollout.clone()] }, reports)
    }

    #[test]
    fn it_stops_at_its_threshold_whatever_time_it_is() {
        let mut states = vec!["confirmed"; 20];
        states[3] = "undone";
        assert!(matches!(judged(&states, 0), Verdict::Wait(_)));
        states[4] = "undone";
        let Verdict::Stop(reason) = judged(&states, 0) else { panic!("it goes on") };
        assert_eq!(reason, "2 of 20 boards have undone it; b-3: its bus");
        assert!(matches!(judged(&["undone"], 0), Verdict::Stop(_)));
    }

    #[test]
    fn it_goes_on_after_its_time_and_with_enough_boards() {
        assert!(matches!(judged(&["confirmed"; 3], 59_999), Verdict::Wait(_)));
        assert_eq!(judged(&["confirmed"; 3], 60_000), Verdict::Next);
        assert_eq!(judged(&["confirmed", "trial"], 60_000), Verdict::Next);
        let wait = judged(&["confirmed", "trial", "idle"], 60_000);
        assert_eq!(wait, Verdict::Wait("1 of 3 boards have confirmed it, 50 % must".into()));
        // Those that it is not for do not hold it up, and alone prove nothing.
        assert_eq!(judged(&["confirmed", "refused", "refused"], 60_000), Verdict::Next);
        assert!(matches!(judged(&["refused"], 60_000), Verdict::Wait(_)));
        // Those that could not have it are no proof that it does no harm to them.
        let mut states = vec!["failed"; 9];
        states.push("confirmed");
        let wait = "1 of 10 boards have confirmed it, 50 % must";
        assert_eq!(judged(&states, 60_000), Verdict::Wait(wait.into()));
    }

    #[test]
    fn the_clock_alone_leads_to_the_next_step_where_boards_report_and_none_is_in() {
        let mut one = rollout();
        one.steps.insert(0, Step { of_10000: 1, wait_s: 60 });
        let idle = heard(&["idle"; 3]);
        assert_eq!(tally(&one, &idle).inside, 0);
        // Nobody is in: nothing to be learnt by waiting longer.
        assert_eq!(judge(&one, &tally(&one, &idle), 60_000), Verdict::Next);
        // Nobody reports, or only boards that it is not for: another broker, or no right to read.
        let wait = "no board that it is for has reported; is this the boards' broker?";
        for reports in [Reports::default(), heard(&[])] {
            let verdict = judge(&one, &tally(&one, &reports), i64::MAX);
            assert_eq!(verdict, Verdict::Wait(wait.into()));
        }
    }

    #[test]
    fn two_who_judge_the_same_step_sign_one() {
        let mut judged = rollout();
        judged.steps = [1, 2, 3].map(|of_10000| Step { of_10000, wait_s: 60 }).into();
        let mut document = Document { rollouts: vec![judged.clone()] };
        let carried =
            |document: &mut Document| carry_out(document, &judged, &Verdict::Next, 7).unwrap();
        assert!(carried(&mut document));
        assert!(!carried(&mut document));
        assert_eq!((document.rollouts[0].step, document.rollouts[0].since_unix_ms), (1, 7));
        // A stop is one whatever step it was seen at.
        let stop = Verdict::Stop("harm".into());
        assert!(carry_out(&mut document, &rollout(), &stop, 8).unwrap());
        assert!(!carry_out(&mut document, &rollout(), &stop, 9).unwrap());
    }

    #[test]
    fn what_is_paused_waits_and_what_is_over_stays_so() {
        let mut rollout = rollout();
        let all_well = tally(&rollout, &heard(&["confirmed"]));
        rollout.standing = Standing::Paused;
        assert_eq!(judge(&rollout, &all_well, 60_000), Verdict::Wait("paused".into()));
        for standing in [Standing::Stopped, Standing::Done, Standing::Unknown] {
            rollout.standing = standing;
            assert_eq!(judge(&rollout, &all_well, 60_000), Verdict::Over);
        }
    }

    #[test]
    fn a_board_that_has_gone_on_counts_and_one_that_is_no_more_does_not() {
        let mut reports = heard(&["confirmed"]);
        let newer = br#"{"state":"confirmed","release":"3","confirmed":"3","previous":"2",
            "labels":{"site":"north"}}"#;
        assert!(reports.hear("outpost/b-0/update", newer));
        assert!(!reports.hear("outpost/b-0/update", newer));
        let mut later = Rollout { number: 2, release: "3".parse().unwrap(), ..rollout() };
        let document = Document { rollouts: vec![rollout(), later.clone()] };
        assert_eq!(Tally::of(&rollout(), &document, &reports).confirmed, 1);
        // The older release is brought back: nobody has taken it yet, and all have had it.
        (later.number, later.release) = (3, "2".parse().unwrap());
        let document = Document { rollouts: vec![document.rollouts[1].clone(), later.clone()] };
        let back = Tally::of(&later, &document, &reports);
        assert_eq!((back.inside, back.confirmed), (1, 0));
        assert!(matches!(judge(&later, &back, 60_000), Verdict::Wait(_)));
        assert!(reports.hear("outpost/b-0/update", b""));
        assert_eq!(tally(&rollout(), &reports), Tally::default());
    }
}
