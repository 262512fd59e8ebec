//! A repository in a store of objects: a server of the test's own that speaks as much of S3 as is
//! needed. `make test-cloud` has a real one.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value as Json, json};

use crate::{Board, Fleet};

/// Names of what was put, in order.
type Order = Arc<Mutex<Vec<String>>>;

/// Keeps what is put in a folder; where it listens.
fn serve(folder: PathBuf, order: Order) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            drop(answer(stream.unwrap(), &folder, &order));
        }
    });
    address
}

fn answer(mut stream: TcpStream, folder: &Path, order: &Order) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length, mut signed) = (String::new(), 0, false);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().unwrap();
        }
        // A token of the session would be one of the environment's that is not of this store.
        assert!(!line.starts_with("x-amz-security-token"), "{line}");
        signed |= line.starts_with("authorization: aws4-hmac-sha256 credential=us/");
    }
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap().trim_start_matches('/'));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let file = folder.join(path);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let head = match (method, fs::metadata(&file)) {
        _ if !signed => "403 No\r\nContent-Length: 0".to_owned(),
        ("HEAD", Ok(there)) => format!(
            "200 OK\r\nContent-Length: {}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
            there.len()
        ),
        ("POST", _) if query.starts_with("uploads") => {
            let answer = "<InitiateMultipartUploadResult><UploadId>u1</UploadId>\
                          </InitiateMultipartUploadResult>";
            format!("200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
        }
        // Large files are not taken here, after their first part.
        ("PUT", _) if query.contains("partNumber=1&") => "200 OK\r\nContent-Length: 0".to_owned(),
        ("PUT", _) if query.contains("partNumber=") => "403 No\r\nContent-Length: 0".to_owned(),
        ("DELETE", _) if query.contains("uploadId=u1") => {
            order.lock().unwrap().push(format!("taken back {path}"));
            "204 Done\r\nContent-Length: 0".to_owned()
        }
        ("PUT", _) => {
            fs::create_dir_all(file.parent().unwrap())?;
            fs::write(&file, body)?;
            order.lock().unwrap().push(path.to_owned());
            "200 OK\r\nContent-Length: 0".to_owned()
        }
        _ => "404 No\r\nContent-Length: 0".to_owned(),
    };
    let (head, body) = head.split_once("\r\n\r\n").unwrap_or((&head, ""));
    write!(stream, "HTTP/1.1 {head}\r\nETag: \"1\"\r\nConnection: close\r\n\r\n{body}")
}

/// Runs `outpost fleet upload`; what it said, and whether it is done.
fn upload(fleet: &Fleet, address: &str, key: &str) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
    command.args(["--json", "fleet", "upload"]).arg(fleet.path("repository"));
    command.args(["--to", "s3://boards/north", "--region", "eu", "--endpoint", address]);
    command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", "secret-of-the-test");
    // Of something else on this machine.
    command.env("TOKEN", "another").env("BUCKET", "another").env("ACCESS_KEY_ID", "another");
    let end = command.output().unwrap();
    let said = String::from_utf8([end.stdout, end.stderr].concat()).unwrap();
    assert!(!said.contains("secret-of-the-test"), "{said}");
    (said, end.status.success())
}

#[test]
fn the_parts_of_a_file_that_is_not_taken_are_taken_back() {
    let fleet = Fleet::new();
    let large = fs::File::create(fleet.path("repository/targets/large")).unwrap();
    large.set_len((10 << 20) + 1).unwrap();
    let order = Order::default();
    let address = serve(fleet.path("store"), order.clone());
    let (said, good) = upload(&fleet, &address, "us");
    assert!(!good && said.contains("s3://boards/north"), "{said}");
    let order = order.lock().unwrap();
    assert_eq!(order.last().unwrap(), "taken back boards/north/targets/large");
    assert!(order.iter().all(|name| !name.contains("/metadata/")), "{order:?}");
}

#[test]
fn a_repository_in_a_store_is_taken_and_what_is_there_is_not_sent_again() {
    let fleet = Fleet::new();
    let order = Order::default();
    let address = serve(fleet.path("store"), order.clone());
    let upload = |key: &str| upload(&fleet, &address, key);
    let numbers = |said: String| serde_json::from_str::<Json>(said.trim()).unwrap();
    let (said, good) = upload("somebody");
    assert!(!good && said.contains("s3://boards/north"), "{said}");

    let (said, good) = upload("us");
    assert!(good, "{said}");
    assert_eq!(numbers(said)["there"], json!(0));
    let there = fleet.path("store/boards/north");
    let board = Board::new(&fleet);
    board.take(&there, "1").unwrap();
    let first = order.lock().unwrap().len();
    fleet.publish("2");
    let (said, good) = upload("us");
    assert!(good, "{said}");
    assert!(numbers(said)["there"].as_u64().unwrap() >= 2, "files of the first release");
    board.take(&there, "2").unwrap();

    // Whoever looks in the middle sees the set before: files, then lists, then what makes it count.
    let order = order.lock().unwrap();
    for part in [&order[..first], &order[first..]] {
        let lists = part.iter().position(|name| name.contains("/metadata/")).unwrap();
        assert!(part[lists..].iter().all(|name| name.contains("/metadata/")), "{part:?}");
        assert!(part.last().unwrap().ends_with("/timestamp.json"), "{part:?}");
    }
}
