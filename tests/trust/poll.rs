//! A board that looks for rollouts by itself: what was cut off is begun again, and what happens
//! while its files come counts.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outpost::config::Update;
use outpost::fleet::campaign::{Reports, Tally};
use outpost::fleet::rollout::{advance, pick, stand};
use outpost::mind::pull::Patience;
use outpost::update::rollout::{Board as Who, Labels, Standing};
use outpost::update::{Launched, Looked, Poll, Source, Taking, Trust, lock, look, refusal, report};
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::Staged;
use outpost_launcher::state::{Slot, State, Taken};
use tempfile::TempDir;

use super::{Fleet, ranges};

/// A board with slots.
struct Looker {
    _folder: TempDir,
    launched: Launched,
    update: Update,
    operator: Arc<AtomicBool>,
    poll: Poll,
}

impl Looker {
    fn new(fleet: &Fleet, from: Source) -> Looker {
        let folder = tempfile::tempdir().unwrap();
        let slots = folder.path().join("slots");
        fs::create_dir(&slots).unwrap();
        let launched = Launched { slots, release: None, on_trial: false };
        let root = fleet.path("keys/root.json");
        let update = Update { from: Some(from), root, ..Update::default() };
        let (who, operator) = (Who { name: "b".into(), ..Who::default() }, Arc::default());
        let poll =
            Poll::new(launched.clone(), update.clone(), who, Arc::<AtomicBool>::clone(&operator));
        Looker { _folder: folder, launched, update, operator, poll }
    }

    fn state(&self) -> State {
        self.launched.slots().state().unwrap()
    }
}

/// Has every board in.
fn offer(fleet: &Fleet, release: &str) {
    let number = fleet.begin(release);
    fleet.roll(|document| {
        advance(pick(document, Some(number)).unwrap(), 1);
        advance(pick(document, Some(number)).unwrap(), 2);
    });
}

fn is_taken(looked: Result<Looked, String>) -> bool {
    matches!(looked, Ok(Looked::Taken(text)) if text.contains("is in its slot"))
}

fn name(id: &str) -> Name {
    id.parse().unwrap()
}

#[test]
fn a_board_whose_slot_was_being_filled_when_it_was_cut_off_goes_on() {
    let fleet = Fleet::new();
    offer(&fleet, "1");
    let mut board = Looker::new(&fleet, Source::Folder(fleet.path("repository")));
    let intent = Taken { release: name("1"), slot: Slot::A, manifest: String::new() };
    board.launched.slots().write(&State { intent: Some(intent), ..State::default() }).unwrap();
    // Somebody is at it.
    let filling = lock(&board.launched.slots).unwrap();
    assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
    drop(filling);
    assert!(is_taken(look(&mut board.poll)));
    assert_eq!(board.state().intent, None);
    // A trial comes first.
    assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
}

#[test]
fn a_rollout_that_came_with_an_operators_release_is_seen() {
    let fleet = Fleet::new();
    let from = Source::Folder(fleet.path("repository"));
    let mut board = Looker::new(&fleet, from.clone());
    assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
    offer(&fleet, "1");
    let trust = Trust::of(&board.launched.slots, &board.update.root);
    let now = outpost::clock::RealClock::new(0).now();
    trust.release(&from, &name("1"), now).unwrap();
    assert!(is_taken(look(&mut board.poll)));
}

#[test]
fn a_release_that_does_not_get_into_its_slot_stops_no_rollout() {
    let fleet = Fleet::new();
    offer(&fleet, "1");
    let mut board = Looker::new(&fleet, Source::Folder(fleet.path("repository")));
    let program = fleet.path("release-1/outpost");
    let sum = outpost_launcher::manifest::sha256(&fs::read(&program).unwrap());
    let file = fleet.path(&format!("repository/targets/{sum}.{sum}"));
    let told = |board: &Looker| {
        let kept = refusal(&board.launched.slots);
        let told = report(&Ok(board.state()), false, kept.as_ref(), None, &Labels::new());
        (told["state"].as_str().unwrap().to_owned(), told.to_string())
    };
    // The stick is drawn in the middle.
    fs::remove_file(&file).unwrap();
    let why = look(&mut board.poll).unwrap_err();
    assert!(why.contains("is not taken"), "{why}");
    let (state, text) = told(&board);
    assert_eq!(state, "failed", "{text}");
    let mut reports = Reports::default();
    reports.hear("outpost/b/update", text.as_bytes());
    let document =
        fleet.block(outpost::fleet::rollout::read(&fleet.path("keys"), &fleet.path("repository")));
    let document = document.unwrap();
    let tally = Tally::of(&document.rollouts[0], &document, &reports);
    // It neither stops the rollout nor makes others of those that have it.
    assert_eq!((tally.inside, tally.refused, tally.undone), (1, 0, 0));

    // Damaged once it may be otherwise the next time; twice, by whatever bytes, it lasts.
    for (content, is_kept) in [("program X", false), ("program Y", true)] {
        fs::write(&file, content).unwrap();
        let why = look(&mut board.poll).unwrap_err();
        assert!(why.contains("outpost: SHA-256"), "{why}");
        assert_eq!(refusal(&board.launched.slots).is_some(), is_kept, "{content}");
        assert_eq!(told(&board).0, "failed");
    }
    fs::write(&file, "program 1").unwrap();
    assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
    fleet.publish("2");
    assert!(is_taken(look(&mut board.poll)));
    assert_eq!(told(&board).0, "trial");
}

#[test]
fn a_file_that_is_damaged_twice_is_not_fetched_again() {
    let (fleet, mut board, _, event) = over_http();
    let sum = outpost_launcher::manifest::sha256(b"program 1");
    let file = fleet.path(&format!("repository/targets/{sum}.{sum}"));
    let asked = || event.files.load(Ordering::Relaxed);
    for content in ["program X", "program Y"] {
        fs::write(&file, content).unwrap();
        let before = asked();
        let why = look(&mut board.poll).unwrap_err();
        assert!(why.contains("outpost: SHA-256"), "{why}");
        assert!(asked() > before, "it is fetched");
    }
    let before = asked();
    for _ in 0..3 {
        assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
    }
    assert_eq!(asked(), before);
    // Repaired, and signed anew.
    fs::write(&file, "program 1").unwrap();
    fleet.publish("3");
    assert!(is_taken(look(&mut board.poll)));
}

/// What happens when files of a release are asked for.
#[derive(Default)]
struct Happens {
    /// Once, with the first one.
    once: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// How many were asked for.
    files: AtomicUsize,
}

type Event = Arc<Happens>;

/// Serves a repository.
fn serve(fleet: &Fleet, listener: TcpListener, event: &Event) {
    let (folder, event) = (fleet.path("repository"), event.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let (folder, event) = (folder.clone(), event.clone());
            // A client that hangs up is what is tested.
            std::thread::spawn(move || drop(answer(stream, &folder, &event)));
        }
    });
}

fn answer(mut stream: TcpStream, folder: &Path, event: &Event) -> std::io::Result<()> {
    use std::io::Write;
    let (path, start) = ranges::asked(&stream, "/")?;
    if path.starts_with("targets/") && !path.ends_with(".json") {
        event.files.fetch_add(1, Ordering::Relaxed);
        let event = event.once.lock().unwrap().take();
        event.into_iter().for_each(|event| event());
    }
    let bytes = ranges::answer(&mut stream, folder, &path, start)?;
    stream.write_all(&bytes)
}

/// A fleet that offers release 1, a board that looks over HTTP, and what is to happen.
fn over_http() -> (Arc<Fleet>, Looker, Source, Event) {
    let fleet = Arc::new(Fleet::new());
    fleet.publish("2");
    offer(&fleet, "1");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let from: Source = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let event = Event::default();
    serve(&fleet, listener, &event);
    let board = Looker::new(&fleet, from.clone());
    (fleet, board, from, event)
}

#[test]
fn a_rollout_that_stops_while_its_files_come_is_not_taken() {
    let (fleet, mut board, _, event) = over_http();
    let stopping = fleet.clone();
    let stops = move || {
        stopping.roll(|document| {
            stand(&mut document.rollouts[0], Standing::Stopped, "harm").unwrap();
        });
    };
    *event.once.lock().unwrap() = Some(Box::new(stops));
    let why = look(&mut board.poll).unwrap_err();
    assert!(why.contains("while its files came the rollout has changed"), "{why}");
    assert_eq!(board.state(), State::default());
    assert!(board.launched.slots.join("fetched").exists(), "what came is kept");
    assert_eq!(refusal(&board.launched.slots), None);
    assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
}

#[test]
fn a_next_step_while_its_files_come_is_no_reason_not_to_take_it() {
    let (fleet, mut board, _, event) = over_http();
    let goes_on = fleet.clone();
    let work = move || {
        goes_on.roll(|document| advance(&mut document.rollouts[0], 3));
    };
    *event.once.lock().unwrap() = Some(Box::new(work));
    assert!(is_taken(look(&mut board.poll)));
}

#[test]
fn an_operators_word_does_not_wait_for_a_rollouts_files() {
    let (_fleet, mut board, from, event) = over_http();
    let (slots, update) = (board.launched.slots.clone(), board.update.clone());
    let (operator, (tell, taken)) = (board.operator.clone(), std::sync::mpsc::sync_channel(1));
    let word = move || {
        operator.store(true, Ordering::Relaxed);
        let (tell_begun, begun) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let (again, patience, budget) = (false, Patience::default(), None);
            let (slots, from, update, goes_on) = (&*slots, &from, &update, &|| true);
            let taking = Taking { slots, from, update, again, patience, budget, goes_on };
            tell_begun.send(()).unwrap();
            tell.send(outpost::update::take(&taking, &name("2"))).unwrap();
        });
        begun.recv().unwrap();
    };
    *event.once.lock().unwrap() = Some(Box::new(word));
    let why = look(&mut board.poll).unwrap_err();
    assert!(why.contains("no longer wanted") || why.contains("no more may be fetched"), "{why}");
    // As long as the operator's release is taken, there is nothing else to take.
    assert_eq!(look(&mut board.poll), Ok(Looked::Nothing));
    let (staged, _) = taken.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
    assert_eq!(staged, Staged::Ready);
    assert_eq!(board.state().trial.unwrap().taken.release, name("2"));
}

#[test]
fn two_who_verify_at_once_lose_nothing_of_what_is_known() {
    /// Verifications of each of the two.
    const TIMES: usize = 60;
    let fleet = Fleet::new();
    offer(&fleet, "1");
    let from = Source::Folder(fleet.path("repository"));
    let slots = tempfile::tempdir().unwrap();
    let trust = Trust::of(slots.path(), &fleet.path("keys/root.json"));
    let now = outpost::clock::RealClock::new(0).now();
    trust.rollouts(&from, now).unwrap();
    let whole = || {
        for file in ["root.json", "timestamp.json", "snapshot.json", "rollouts"] {
            assert!(trust.kept.join(file).exists(), "{file} is lost");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..TIMES {
                trust.release(&from, &name("1"), now).unwrap();
            }
        });
        for _ in 0..TIMES {
            trust.rollouts(&from, now).unwrap();
        }
    });
    whole();
    assert_eq!(trust.newest_rollout(), 1);
    // Of the rollouts' own role, each version is kept once and the last one alone.
    fleet
        .roll(|document| stand(&mut document.rollouts[0], Standing::Paused, "").map(drop).unwrap());
    trust.rollouts(&from, now).unwrap();
    let names = fs::read_dir(&trust.kept).unwrap().map(|entry| entry.unwrap().file_name());
    let roles = names.filter(|name| name.to_string_lossy().ends_with(".rollout.json"));
    assert_eq!(roles.count(), 1);
}
