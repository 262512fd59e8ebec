//! Secrets of files that the configuration names. What must never be here: one in an error.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::limits::SECRET_BYTES_MAX;

/// The secret in a file, without the end of its line.
///
/// # Errors
/// Where the file cannot be read, is longer than a secret may be, or is no text.
pub fn secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        let text = format!("longer than a secret may be, {SECRET_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_line_is_no_part_of_a_secret_and_a_disk_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        crate::disk::replace(&path, b"one two \r\n").unwrap();
        assert_eq!(secret(&path).unwrap(), "one two ");
        crate::disk::replace(&path, &vec![b'x'; 20_000]).unwrap();
        assert_eq!(secret(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        crate::disk::replace(&path, &[0xff]).unwrap();
        assert!(secret(&path).is_err() && secret(&folder.path().join("none")).is_err());
    }
}
