//! A repository over HTTP, on lines that break: a server of the test's own, which serves a folder
//! with ranges and cuts each transfer of a large file.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use outpost::config::Update;
use outpost::fleet::publish::{Days, Shorter};
use outpost::mind::pull::Patience;
use outpost::update::{Source, Taking, take};
use outpost_launcher::manifest::sha256;
use outpost_launcher::slots::Staged;

use crate::{Fleet, ranges};

/// Bytes of the release's large file.
const LARGE_BYTES: usize = 100_000_000;
/// How often the line breaks while it comes.
const CUTS: usize = 100;

struct Server {
    address: String,
    /// Bytes of bodies that were sent.
    sent: Arc<AtomicU64>,
    /// Requests for files below `targets`.
    asked: Arc<AtomicU64>,
}

impl Server {
    /// Serves a folder; no body of more than `most` bytes is sent whole.
    fn start(folder: PathBuf, most: usize) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/fleet", listener.local_addr().unwrap());
        let (sent, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counts = (sent.clone(), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                // A client that hangs up is part of what is tested.
                drop(serve(stream, &folder, most, &counts));
            }
        });
        Server { address, sent, asked }
    }

    fn source(&self) -> Source {
        self.address.parse().unwrap()
    }
}

fn serve(
    mut stream: TcpStream,
    folder: &Path,
    most: usize,
    (sent, asked): &(Arc<AtomicU64>, Arc<AtomicU64>),
) -> std::io::Result<()> {
    let (path, start) = ranges::asked(&stream, "/fleet/")?;
    asked.fetch_add(u64::from(path.starts_with("targets/")), Ordering::Relaxed);
    let bytes = ranges::answer(&mut stream, folder, &path, start)?;
    let now = bytes.len().min(most);
    sent.fetch_add(now as u64, Ordering::Relaxed);
    stream.write_all(&bytes[..now])?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // What the client still says is read, so that the end is an end and not a reset.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn taking<'a>(slots: &'a Path, from: &'a Source, update: &'a Update) -> Taking<'a> {
    let pause = Duration::from_millis(1);
    let patience = Patience { pause, ..Patience::default() };
    Taking { slots, from, update, again: false, patience, budget: None, goes_on: &|| true }
}

fn name(id: &str) -> outpost_launcher::manifest::Name {
    id.parse().unwrap()
}

#[test]
fn a_line_that_breaks_a_hundred_times_costs_next_to_nothing() {
    let fleet = Fleet::new();
    let release = fleet.path("release-2");
    fs::create_dir_all(&release).unwrap();
    let mut rng = 1_u64;
    let large: Vec<u8> = std::iter::repeat_with(|| {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        rng.to_be_bytes()[0]
    })
    .take(LARGE_BYTES)
    .collect();
    fs::write(release.join("model.gguf"), large).unwrap();
    fleet.publish("2");
    let server = Server::start(fleet.path("repository"), LARGE_BYTES / CUTS + 1);
    let board = tempfile::tempdir().unwrap();
    let update = Update { root: fleet.path("keys/root.json"), ..Update::default() };
    let from = server.source();
    let slots = board.path().join("slots");
    let (staged, _) = take(&taking(&slots, &from, &update), &name("2")).unwrap();
    assert_eq!(staged, Staged::Ready);
    let asked = server.asked.load(Ordering::Relaxed);
    assert!(asked >= CUTS as u64, "{asked} requests");
    let more = server.sent.load(Ordering::Relaxed) as f64 / LARGE_BYTES as f64 - 1.0;
    println!("{asked} requests; {:.3} % more than the file was sent", more * 100.0);
    assert!(more < 0.02, "{more}");
    assert!(!slots.join("fetched").exists(), "what was fetched is in its slot");
}

#[test]
fn an_attempt_goes_on_where_the_last_one_ended_and_unchanged_files_do_not_come_again() {
    let fleet = Fleet::new();
    let release = fleet.path("release-2");
    fs::create_dir_all(&release).unwrap();
    fs::write(release.join("model.gguf"), vec![7; 200_000]).unwrap();
    fleet.publish("2");
    let board = tempfile::tempdir().unwrap();
    let slots = board.path().join("slots");
    let update = Update { root: fleet.path("keys/root.json"), ..Update::default() };
    // A server that is gone after its first bytes.
    let short = Server::start(fleet.path("repository"), 60_000);
    let from = short.source();
    let mut impatient = taking(&slots, &from, &update);
    impatient.patience.attempts_max = 1;
    let targets = fleet.path("repository/targets");
    let hidden = fleet.path("hidden");
    let model = fs::read_dir(&targets).unwrap().map(|entry| entry.unwrap().path());
    let model = model.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    fs::rename(&model, &hidden).unwrap();
    let why = take(&impatient, &name("2")).unwrap_err();
    assert!(why.contains("model.gguf: the server answered 404"), "{why}");
    fs::rename(&hidden, &model).unwrap();
    let (staged, _) = take(&impatient, &name("2")).unwrap();
    assert_eq!(staged, Staged::Ready);
    // Confirmed; the next release has the same model and another program.
    let all = outpost_launcher::slots::Slots::new(&slots, outpost_launcher::disk::RealDisk);
    all.start("boot", None, true);
    all.confirm(&name("2")).unwrap();
    let next = fleet.path("release-3");
    fs::create_dir_all(&next).unwrap();
    fs::copy(release.join("model.gguf"), next.join("model.gguf")).unwrap();
    fleet.publish("3");
    let before = short.sent.load(Ordering::Relaxed);
    let (staged, _) = take(&impatient, &name("3")).unwrap();
    assert_eq!(staged, Staged::Ready);
    let came = short.sent.load(Ordering::Relaxed) - before;
    assert!(came < 20_000, "{came} bytes: the model came again");
    assert_eq!(all.verify(&all.state().unwrap().trial.unwrap().taken).unwrap().files.len(), 2);
}

#[test]
fn what_is_wrong_on_the_server_is_fetched_anew_next_time() {
    let fleet = Fleet::new();
    let board = tempfile::tempdir().unwrap();
    let slots = board.path().join("slots");
    let update = Update { root: fleet.path("keys/root.json"), ..Update::default() };
    let server = Server::start(fleet.path("repository"), usize::MAX);
    let from = server.source();
    let taking = taking(&slots, &from, &update);
    let targets = fs::read_dir(fleet.path("repository/targets")).unwrap();
    let program = targets
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.to_string_lossy().ends_with(".release.json"));
    let program = program.unwrap();
    fs::write(&program, "program X").unwrap();
    let why = take(&taking, &name("1")).unwrap_err();
    assert!(why.contains("outpost: SHA-256"), "{why}");
    fs::write(&program, "program 1").unwrap();
    assert_eq!(take(&taking, &name("1")).unwrap().0, Staged::Ready);
    let gone = format!("http://127.0.0.1:{}/", 1).parse::<Source>().unwrap();
    let why = take(&Taking { from: &gone, ..taking.clone() }, &name("1")).unwrap_err();
    assert!(why.contains("is not believed") && why.contains("refused"), "{why}");
}

#[test]
fn a_day_brings_no_more_than_its_budget_and_the_next_attempt_goes_on() {
    let fleet = Fleet::new();
    let release = fleet.path("release-2");
    fs::create_dir_all(&release).unwrap();
    fs::write(release.join("model.gguf"), vec![7; 2_000_000]).unwrap();
    fleet.publish("2");
    let board = tempfile::tempdir().unwrap();
    let slots = board.path().join("slots");
    let update = Update { root: fleet.path("keys/root.json"), ..Update::default() };
    let server = Server::start(fleet.path("repository"), usize::MAX);
    let from = server.source();
    let sparing = Taking { budget: Some(500_000), ..taking(&slots, &from, &update) };
    let why = take(&sparing, &name("2")).unwrap_err();
    assert!(why.contains("no more may be fetched for now"), "{why}");
    let kept = |folder: &Path| -> u64 {
        let files = fs::read_dir(folder.join("fetched")).unwrap();
        files.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    let first = kept(&slots);
    assert!((500_000..700_000).contains(&first), "{first}");
    // The same day, also after a start again: nothing more.
    let why = take(&sparing, &name("2")).unwrap_err();
    assert!(why.contains("no more may be fetched for now") && kept(&slots) == first, "{why}");
    // An operator's word is not held up, and what is there is not fetched again.
    let before = server.sent.load(Ordering::Relaxed);
    assert_eq!(take(&taking(&slots, &from, &update), &name("2")).unwrap().0, Staged::Ready);
    let came = server.sent.load(Ordering::Relaxed) - before;
    assert!(came < 1_600_000, "{came}");
}

/// A file that looks like a program of some size: words, of which some are addresses.
fn program(shift: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let word = |index: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word =
            if index.is_multiple_of(8) { 0x0040_0000 + (state >> 12) + shift } else { state >> 8 };
        word.to_le_bytes()
    };
    (0..100_000).flat_map(word).collect()
}

#[test]
fn a_patch_release_comes_as_a_delta_and_a_wrong_one_is_made_up_for() {
    let fleet = Fleet::new();
    let write = |id: &str, shift: u32| {
        let release = fleet.path(&format!("release-{id}"));
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("library"), program(shift)).unwrap();
    };
    let shorter = Shorter { compress: true, ..Shorter::default() };
    write("2", 0);
    fleet.publish_as("2", Days::default(), &shorter);
    write("3", 0x40);
    let shorter = Shorter { delta_from: vec![name("2")], ..shorter };
    fleet.publish_as("3", Days::default(), &shorter);
    let board = tempfile::tempdir().unwrap();
    let slots = board.path().join("slots");
    let update = Update { root: fleet.path("keys/root.json"), ..Update::default() };
    let server = Server::start(fleet.path("repository"), usize::MAX);
    let from = server.source();
    let all = outpost_launcher::slots::Slots::new(&slots, outpost_launcher::disk::RealDisk);
    let bytes = |id: &str| {
        let before = server.sent.load(Ordering::Relaxed);
        assert_eq!(take(&taking(&slots, &from, &update), &name(id)).unwrap().0, Staged::Ready);
        server.sent.load(Ordering::Relaxed) - before
    };
    // Compressed, where there is nothing to begin at; a delta from then on.
    let whole = bytes("2");
    assert!(whole < 390_000, "{whole}");
    all.start("boot", None, true);
    all.confirm(&name("2")).unwrap();
    let delta = bytes("3");
    println!("{delta} bytes of a patch release, {whole} of the whole, compressed");
    assert!(delta < whole / 4, "{delta} of {whole}");
    let taken = all.state().unwrap().trial.unwrap().taken;
    assert_eq!(fs::read(all.folder(taken.slot).join("library")).unwrap(), program(0x40));

    // A delta that is another one than was meant: as many bytes, and nothing of use in them.
    all.undo(&name("3"), "to try again").unwrap();
    let way = fs::read_dir(fleet.path("repository/targets")).unwrap();
    let mut ways = way.map(|entry| entry.unwrap().path());
    let sum = sha256(&program(0));
    let way = ways.find(|path| path.to_string_lossy().ends_with(&format!(".from.{sum}"))).unwrap();
    let length = fs::metadata(&way).unwrap().len();
    fs::write(&way, vec![3; usize::try_from(length).unwrap()]).unwrap();
    let again = Taking { again: true, ..taking(&slots, &from, &update) };
    assert_eq!(take(&again, &name("3")).unwrap().0, Staged::Ready);
    let taken = all.state().unwrap().trial.unwrap().taken;
    assert_eq!(fs::read(all.folder(taken.slot).join("library")).unwrap(), program(0x40));
}
