//! The node's network key: given as hex, read from a file, or made once and kept in the data directory.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Why there is no node key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "what --node-key says ({length} characters, not shown: it may be a secret) is neither 64 hexadecimal digits nor a file; give a secp256k1 secret key in hex, or a file that holds one"
    )]
    Neither { length: usize },
    #[error("the node key file {path} holds no 64 hexadecimal digits; remove it and a new key is made")]
    Malformed { path: PathBuf },
    #[error("can't {doing} the node key file {path}: {source}")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// The secret key of 32 bytes that `given` (hex or a path) says, or that of `DIR/node-key`, made if it is not there.
pub fn node_key(given: Option<&str>, dir: &Path) -> Result<[u8; 32], KeyError> {
    let path = match given {
        Some(text) => {
            if let Some(key) = parse(text) {
                return Ok(key);
            }
            let path = PathBuf::from(text);
            if !path.is_file() {
                return Err(KeyError::Neither { length: text.chars().count() });
            }
            path
        }
        None => dir.join("node-key"),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or(KeyError::Malformed { path }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && given.is_none() => create(&path),
        Err(source) => Err(KeyError::File { doing: "read", path, source }),
    }
}

/// 64 hexadecimal digits, with or without 0x. Zero is no key.
fn parse(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()?;
    <[u8; 32]>::try_from(bytes).ok().filter(|key| key.iter().any(|byte| *byte != 0))
}

fn create(path: &Path) -> Result<[u8; 32], KeyError> {
    let failed = |source| KeyError::File { doing: "write", path: path.to_path_buf(), source };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let key: [u8; 32] = rand::random();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    writeln!(file, "{}", hex::encode(key)).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let made = node_key(None, dir.path()).expect("made");
        assert_eq!(node_key(None, dir.path()).expect("read"), made);
        let path = dir.path().join("node-key");
        let named = path.to_str().expect("utf-8");
        assert_eq!(node_key(Some(named), Path::new("/nowhere")).expect("read"), made);
    }

    #[test]
    fn keys_are_taken_as_hex_and_refused_with_advice() {
        let hex = "0x".to_string() + &"0b".repeat(32);
        assert_eq!(node_key(Some(&hex), Path::new("/nowhere")).expect("hex"), [11; 32]);
        for text in ["0x12", &"00".repeat(32), "no such file"] {
            let error = node_key(Some(text), Path::new("/nowhere")).expect_err(text).to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
            let length = format!("({} characters", text.len());
            assert!(!error.contains(text) && error.contains(&length), "a mistyped secret is not repeated: {error}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("node-key"), "rubbish").expect("writes");
        assert!(matches!(node_key(None, dir.path()), Err(KeyError::Malformed { .. })));
    }
}
