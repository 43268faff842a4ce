//! `lockin.lock`: which image a reference stood for, so that it stands for the same one in every run.
//!
//! ```yaml
//! images:
//!   chainsafe/lodestar:v1.5.1: sha256:3b5e...      # of a registry: any engine can get it
//!   lockin-peers/prysm:7.0.0: local sha256:fcd5... # an image of one engine alone
//! ```

use super::ClientError;
use crate::yaml;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, fs, io::ErrorKind, path::Path};

/// The file's name in the folder that a run is started in.
pub const LOCK_FILE: &str = "lockin.lock";

/// A lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// What each reference stands for.
    pub images: BTreeMap<String, Digest>,
}

/// What names an image once and for all. Written `sha256:...`, or `local sha256:...`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Digest {
    /// Of its manifest in the registry that its reference names.
    Registry(String),
    /// The id that one engine gave it: it is in no registry, or never came from there.
    Local(String),
}

impl Lock {
    /// Reads the text of a lock file; `file` is its name in messages.
    ///
    /// # Errors
    /// What is no lock file, with the place.
    pub fn parse(file: &str, text: &str) -> Result<Lock, ClientError> {
        Ok(yaml::from_str(file, text)?)
    }

    /// Reads a lock file; `None` if it is not there.
    ///
    /// # Errors
    /// It can't be read, or is no lock file.
    pub fn load(path: &Path) -> Result<Option<Lock>, ClientError> {
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Lock::parse(&file, &text).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ClientError::Unreadable { path: file, source }),
        }
    }

    /// The reference to start a container of: the locked image of `reference`, or `None` if it is not locked.
    pub fn pinned(&self, reference: &str) -> Option<String> {
        self.images.get(reference).map(|digest| digest.pinned(reference))
    }
}

impl Digest {
    /// A reference to the image of this digest, given one that it was locked for.
    pub fn pinned(&self, reference: &str) -> String {
        match self {
            Digest::Registry(digest) => format!("{}@{digest}", repository(reference)),
            Digest::Local(id) => id.clone(),
        }
    }
}

/// A reference without tag and digest.
pub fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    name[last..].find(':').map_or(name, |colon| &name[..last + colon])
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Digest::Registry(digest) => f.write_str(digest),
            Digest::Local(id) => write!(f, "local {id}"),
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Digest, String> {
        let (local, digest) = match text.strip_prefix("local ") {
            Some(id) => (true, id),
            None => (false, text.as_str()),
        };
        let digits = digest.strip_prefix("sha256:").unwrap_or_default();
        if digits.len() != 64 || !digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            let accepted =
                "sha256: and 64 hexadecimal digits, for an image of one engine alone with `local ` before it";
            return Err(format!("`{text}` is no digest of an image; accepted: {accepted}"));
        }
        let digest = digest.to_owned();
        Ok(if local { Digest::Local(digest) } else { Digest::Registry(digest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", String::from_iter([digit; 64]))
    }

    #[test]
    fn what_is_written_is_read_and_starts_containers() {
        let images = [
            ("localhost:5000/a/b:v1", Digest::Registry(digest('1'))),
            ("plain", Digest::Registry(digest('2'))),
            ("lockin-peers/prysm:7.0.0", Digest::Local(digest('3'))),
        ];
        let lock = Lock { images: images.map(|(name, digest)| (name.to_owned(), digest)).into() };
        let text = yaml::to_string(&lock).unwrap();
        assert_eq!(Lock::parse("lockin.lock", &text).unwrap(), lock, "{text}");
        assert_eq!(lock.pinned("localhost:5000/a/b:v1"), Some(format!("localhost:5000/a/b@{}", digest('1'))));
        assert_eq!(lock.pinned("plain"), Some(format!("plain@{}", digest('2'))));
        assert_eq!(lock.pinned("lockin-peers/prysm:7.0.0"), Some(digest('3')));
        assert_eq!(lock.pinned("lockin-peers/prysm"), None);
    }

    #[test]
    fn a_damaged_file_is_refused_with_the_place() {
        let says = |text: &str| Lock::parse("lockin.lock", text).unwrap_err().to_string();
        let short = says("images:\n  a: sha256:12\n");
        assert!(short.starts_with("lockin.lock:2:6: ") && short.contains("64 hexadecimal digits"), "{short}");
        assert!(says("imgaes: {}\n").contains("did you mean `images`"));
        assert_eq!(Lock::load(Path::new("/nowhere/lockin.lock")).unwrap(), None);
    }

    #[test]
    fn references_without_tag_and_digest() {
        for (reference, name) in [("a", "a"), ("a:1", "a"), ("h:5/a", "h:5/a"), ("h:5/a:1@sha256:2", "h:5/a")] {
            assert_eq!(repository(reference), name);
        }
    }
}
