//! A file over HTTP, from where it is asked for: what servers of the tests' own share that send its
//! bytes slowly, or break off.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

/// Reads a request below `root`: the path, and the first byte that is wanted.
pub fn asked(stream: &TcpStream, root: &str) -> std::io::Result<(String, usize)> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let mut start = 0;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().unwrap();
        }
    }
    let path = first.split(' ').nth(1).unwrap();
    Ok((path.strip_prefix(root).unwrap().to_owned(), start))
}

/// Writes the head of the answer; the bytes that are to follow, none where there is no such file.
pub fn answer(
    stream: &mut TcpStream,
    folder: &Path,
    path: &str,
    start: usize,
) -> std::io::Result<Vec<u8>> {
    let Ok(mut bytes) = fs::read(folder.join(path)) else {
        stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(Vec::new());
    };
    let (total, left) = (bytes.len(), bytes.len() - start);
    let status = match start {
        0 => "200 OK".to_owned(),
        _ => format!("206 Part\r\nContent-Range: bytes {start}-{}/{total}", total - 1),
    };
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {left}\r\n\r\n")?;
    Ok(bytes.split_off(start))
}
