//! Reading what is kept in a file: regular, small, and nothing else.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use secrecy::SecretString;

use crate::problem::CredentialReason;

/// No secret, certificate or assertion comes near to this.
const CAP: u64 = 256 * 1024;

/// What the system tells of itself and of its processes is no credential: the environment of this one stands there, too.
const NOT_KEPT_THERE: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The bytes of a small regular file, such as a secret, a certificate or a key is kept in.
///
/// # Errors
/// A file that is not there, can't be read, is empty, larger than 256 KiB, or no regular file of a user's.
pub fn bytes(path: &Path) -> Result<Vec<u8>, CredentialReason> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => CredentialReason::NoFile,
        ErrorKind::PermissionDenied => CredentialReason::NotPermitted,
        _ => CredentialReason::NotReadable,
    };
    // Asked before it is opened: opening a pipe waits for a writer.
    if !std::fs::metadata(path).map_err(refused)?.is_file() {
        return Err(CredentialReason::NotAFile);
    }
    let place = std::fs::canonicalize(path).map_err(refused)?;
    if NOT_KEPT_THERE.iter().any(|system| place.starts_with(system)) {
        return Err(CredentialReason::NotAFile);
    }
    let mut content = Vec::new();
    File::open(path).map_err(refused)?.take(CAP + 1).read_to_end(&mut content).map_err(refused)?;
    match content.len() as u64 {
        0 => Err(CredentialReason::Empty),
        length if length > CAP => Err(CredentialReason::TooLarge),
        _ => Ok(content),
    }
}

/// The text of a file, without the line's end that editors put there.
pub(crate) fn text(path: &Path) -> Result<SecretString, CredentialReason> {
    let text = String::from_utf8(bytes(path)?).map_err(|_| CredentialReason::NotText)?;
    // A byte order mark is no part of a secret.
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    one_line(text).map(Into::into)
}

/// A secret is something on one line: what is more was not made to be sent as one.
pub(crate) fn one_line(text: &str) -> Result<&str, CredentialReason> {
    if text.is_empty() {
        return Err(CredentialReason::Empty);
    }
    if text.chars().any(char::is_control) { Err(CredentialReason::NotASecret) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn i17_what_the_system_tells_of_its_processes_is_no_secret() {
        assert_eq!(text(Path::new("/proc/self/environ")).map(drop), Err(CredentialReason::NotAFile));
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("secret");
        std::os::unix::fs::symlink("/proc/self/environ", &link).expect("made");
        assert_eq!(text(&link).map(drop), Err(CredentialReason::NotAFile));
    }

    #[test]
    fn a_file_is_read_without_its_last_line_end_and_within_its_cap() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        assert_eq!(text(&file).map(drop), Err(CredentialReason::NoFile));
        assert_eq!(text(&file.join("below")).map(drop), Err(CredentialReason::NoFile));
        assert_eq!(text(folder.path()).map(drop), Err(CredentialReason::NotAFile));
        for (content, expected) in [
            (b"".to_vec(), Err(CredentialReason::Empty)),
            (b"\r\n".to_vec(), Err(CredentialReason::Empty)),
            (vec![b'x'; 256 * 1024 + 1], Err(CredentialReason::TooLarge)),
            (vec![0xff, 0xfe], Err(CredentialReason::NotText)),
            (b"a\0b".to_vec(), Err(CredentialReason::NotASecret)),
            (b"a\nb".to_vec(), Err(CredentialReason::NotASecret)),
            (b"canary~ 1\r\n".to_vec(), Ok("canary~ 1".to_owned())),
            ("\u{feff}a".as_bytes().to_vec(), Ok("a".to_owned())),
        ] {
            std::fs::write(&file, content).expect("written");
            assert_eq!(text(&file).map(|text| text.expose_secret().to_owned()), expected);
        }
    }
}
