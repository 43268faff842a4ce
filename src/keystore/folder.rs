//! Keystores on disk: writing a node's keys in a client's layout, and reading them back from any.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::eip2335::{Kdf, Keystore, KeystoreError, Salts};
use super::layout::Layout;
use super::wallet;
use crate::crypto::SecretKey;
use crate::types::BlsPubkey;

/// The password of every keystore that is written here. Nothing depends on its being secret; it is long enough for
/// every client.
pub const PASSWORD: &str = "lockin-interop";

/// How deep below the given folder a keystore may be: the deepest layout is a wallet's.
const DEEPEST: usize = 4;
/// Longest file that is looked at; a wallet of thousands of keys stays below.
const LONGEST: u64 = 16 << 20;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system's answer.
    #[error("can't {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// The file's content.
    #[error("{}: {source}", path.display())]
    Keystore { path: PathBuf, source: KeystoreError },
    /// Nothing to open the keystore with.
    #[error("{}: there is no password for it: looked for {looked_for}", path.display())]
    NoPassword { path: PathBuf, looked_for: String },
    /// Nothing there.
    #[error("{}: there is no keystore in it", .0.display())]
    Empty(PathBuf),
}

/// Writes keys in a client's layout: keystores below `dir/keys`, their passwords below `dir/secrets`. Folders and files
/// are made readable by their owner only, as Nimbus demands; what was there under the same names is replaced.
///
/// # Errors
/// The first file that could not be written.
pub fn write(dir: &Path, layout: Layout, kdf: Kdf, secrets: &[SecretKey]) -> Result<(), FolderError> {
    let put = |path: PathBuf, content: &str| {
        let path = dir.join(path);
        let parent = path.parent().unwrap_or(dir);
        make_folder(parent).map_err(|source| FolderError::Io { what: "make", path: parent.into(), source })?;
        write_secret(&path, content).map_err(|source| FolderError::Io { what: "write", path, source })
    };
    for secret in secrets {
        let Some((keystore, password)) = layout.files(&secret.public_key()) else { continue };
        put(keystore, &Keystore::of_key(secret, PASSWORD, kdf, random_salts()).to_json())?;
        put(password, PASSWORD)?;
    }
    if layout == Layout::Prysm {
        put("keys/direct/keymanageropts.json".into(), wallet::OPTIONS)?;
        let accounts = wallet::seal(secrets, PASSWORD, kdf, random_salts());
        put("keys/direct/accounts/all-accounts.keystore.json".into(), &accounts.to_json())?;
        put("secrets/password.txt".into(), PASSWORD)?;
    }
    Ok(())
}

fn random_salts() -> Salts {
    Salts { salt: rand::random(), iv: rand::random(), id: rand::random() }
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that only its owner can read, and that never was readable by others with this content.
///
/// # Errors
/// What the system says.
pub fn write_secret(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_ref())
}

/// Reads every keystore at `keystores`, a file or a folder in any layout, in the order of their public keys. `passwords`
/// is a folder with one file a key, named as any of the layouts names them, or one file for all.
///
/// # Errors
/// The first file that can't be read or opened, or no keystore at all. JSON files that are no keystores are passed over.
pub fn read(keystores: &Path, passwords: &Path) -> Result<Vec<SecretKey>, FolderError> {
    let mut files = Vec::new();
    find(keystores, 0, &mut files)?;
    let mut found: BTreeMap<BlsPubkey, SecretKey> = BTreeMap::new();
    for path in files {
        let Some(keystore) = keystore_at(&path)? else { continue };
        let password = password_of(&path, &keystore, passwords)?;
        let failed = |source| FolderError::Keystore { path: path.clone(), source };
        let message = keystore.open(&password).map_err(failed)?;
        let keys = match wallet::keys(&message) {
            Some(keys) => keys.map_err(failed)?,
            None => vec![keystore.key_in(&message).map_err(failed)?],
        };
        found.extend(keys.into_iter().map(|key| (key.public_key(), key)));
    }
    match found.is_empty() {
        true => Err(FolderError::Empty(keystores.into())),
        false => Ok(found.into_values().collect()),
    }
}

/// Collects the JSON files at and below `path`, sorted. A pipe or the like is read if it is what was asked for; one that
/// lies in a folder would be waited for in vain, and is passed over.
fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), FolderError> {
    let failed = |source| FolderError::Io { what: "read", path: path.into(), source };
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if !kind.is_dir() {
        if depth > 0 && !kind.is_file() {
            tracing::warn!(path = %path.display(), "not looked at for keystores: neither a file nor a folder");
        } else if depth == 0 || path.extension().is_some_and(|extension| extension == "json") {
            files.push(path.into());
        }
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for entry in entries.iter().filter(|_| depth < DEEPEST) {
        find(entry, depth + 1, files)?;
    }
    Ok(())
}

/// The keystore in a file; `None` for JSON that says nothing of a `crypto` section.
fn keystore_at(path: &Path) -> Result<Option<Keystore>, FolderError> {
    let text = text_of(path)?;
    let is_keystore = |value: &serde_json::Value| value.get("crypto").is_some();
    if serde_json::from_str(&text).is_ok_and(|value| !is_keystore(&value)) {
        return Ok(None);
    }
    Keystore::from_json(&text).map(Some).map_err(|source| FolderError::Keystore { path: path.into(), source })
}

fn text_of(path: &Path) -> Result<String, FolderError> {
    let failed = |source| FolderError::Io { what: "read", path: path.into(), source };
    let mut text = String::new();
    fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text)).map_err(failed)?;
    if text.len() as u64 > LONGEST {
        return Err(failed(io::Error::other("it is too large for a keystore or a password")));
    }
    Ok(text)
}

/// The password for a keystore, without the line end that editors leave.
fn password_of(path: &Path, keystore: &Keystore, passwords: &Path) -> Result<String, FolderError> {
    let trimmed = |text: String| text.trim_end_matches(['\r', '\n']).to_owned();
    if passwords.is_file() {
        return text_of(passwords).map(trimmed);
    }
    let mut names: Vec<String> =
        keystore.pubkey().iter().flat_map(|key| [key.to_string(), format!("{key}.txt")]).collect();
    let names_near = [path.file_stem(), path.parent().and_then(Path::file_name), Some("password".as_ref())];
    for name in names_near.into_iter().flatten().filter_map(|name| name.to_str()) {
        names.extend([name.to_owned(), format!("{name}.txt")]);
    }
    match names.iter().map(|name| passwords.join(name)).find(|path| path.is_file()) {
        Some(file) => text_of(&file).map(trimmed),
        None => {
            let looked_for = format!("{} in {}", names.join(", "), passwords.display());
            Err(FolderError::NoPassword { path: path.into(), looked_for })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use crate::keystore::eip2335::DERIVATIONS;

    fn keys(count: u8) -> Vec<SecretKey> {
        let mut keys: Vec<SecretKey> =
            (1..=count).map(|i| SecretKey::from_bytes(&[i; 32]).expect("below the order")).collect();
        keys.sort_by_key(SecretKey::public_key);
        keys
    }

    fn bytes(keys: &[SecretKey]) -> Vec<[u8; 32]> {
        keys.iter().map(SecretKey::to_bytes).collect()
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![dir.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(dir).expect("below").display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn every_layout_has_the_clients_names_and_is_read_back() {
        let keys = keys(3);
        for layout in Layout::ALL {
            let dir = tempfile::tempdir().expect("temporary folder");
            let kdf = if layout == Layout::Teku { Kdf::QUICK_SCRYPT } else { Kdf::QUICK };
            write(dir.path(), layout, kdf, &keys).expect("writes");
            let names = files(dir.path());
            let key = keys[0].public_key();
            let expected = match layout {
                Layout::Lighthouse | Layout::Lodestar => {
                    vec![format!("keys/{key}/voting-keystore.json"), format!("secrets/{key}")]
                }
                Layout::Nimbus => vec![format!("keys/{key}/keystore.json"), format!("secrets/{key}")],
                Layout::Teku | Layout::Grandine => vec![format!("keys/{key}.json"), format!("secrets/{key}.txt")],
                Layout::Prysm => vec![
                    "keys/direct/accounts/all-accounts.keystore.json".into(),
                    "keys/direct/keymanageropts.json".into(),
                    "secrets/password.txt".into(),
                ],
            };
            assert!(expected.iter().all(|name| names.contains(name)), "{layout}: {names:?}");
            assert_eq!(names.len(), if layout == Layout::Prysm { 3 } else { 6 }, "{layout}: {names:?}");
            let (folder, secrets) = (dir.path().join("keys"), dir.path().join("secrets"));
            assert_eq!(bytes(&read(&folder, &secrets).expect("readable")), bytes(&keys), "{layout}");
            let one_for_all = secrets.join(if layout == Layout::Prysm {
                "password.txt".into()
            } else {
                names.iter().find_map(|name| name.strip_prefix("secrets/")).expect("there is one").to_owned()
            });
            assert_eq!(bytes(&read(&folder, &one_for_all).expect("readable")), bytes(&keys), "{layout}");
        }
    }

    #[test]
    fn a_password_becomes_a_key_once_a_keystore() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for layout in [Layout::Teku, Layout::Prysm] {
            let dir = dir.path().join(layout.to_string());
            write(&dir, layout, Kdf::QUICK, &keys(2)).expect("writes");
            let before = DERIVATIONS.get();
            read(&dir.join("keys"), &dir.join("secrets")).expect("readable");
            assert_eq!(DERIVATIONS.get() - before, if layout == Layout::Prysm { 1 } else { 2 }, "{layout}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_read_only_when_asked_for() {
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().expect("temporary folder");
        write(dir.path(), Layout::Teku, Kdf::QUICK, &keys(1)).expect("writes");
        let (folder, secrets) = (dir.path().join("keys"), dir.path().join("secrets"));
        let _socket = UnixListener::bind(folder.join("socket.json")).expect("binds");
        let pipe = folder.join("pipe.json");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        assert_eq!(bytes(&read(&folder, &secrets).expect("readable")), bytes(&keys(1)));

        let keystore = fs::read(folder.join(format!("{}.json", keys(1)[0].public_key()))).expect("there");
        let to = pipe.clone();
        let writer = std::thread::spawn(move || fs::write(to, keystore));
        assert_eq!(bytes(&read(&pipe, &secrets).expect("readable")), bytes(&keys(1)));
        writer.join().expect("no panic").expect("written");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_them() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temporary folder");
        write(&dir.path().join("new"), Layout::Nimbus, Kdf::QUICK, &keys(1)).expect("writes");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir.path().join("new/keys")), 0o700);
        for name in files(&dir.path().join("new")) {
            assert_eq!(mode(&dir.path().join("new").join(name)), 0o600);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::write(dir.path().join("list.json"), "[]").expect("writes");
        assert!(matches!(read(dir.path(), dir.path()), Err(FolderError::Empty(_))));
        write(dir.path(), Layout::Teku, Kdf::QUICK, &keys(1)).expect("writes");
        let error = read(&dir.path().join("keys"), &dir.path().join("keys")).expect_err("no passwords there");
        assert!(error.to_string().contains(&format!("{}.txt", keys(1)[0].public_key())), "{error}");
        fs::write(dir.path().join("wrong.txt"), "guess\n").expect("writes");
        let error = read(&dir.path().join("keys"), &dir.path().join("wrong.txt")).expect_err("a wrong password");
        assert!(error.to_string().ends_with("the password does not open it"), "{error}");
        assert!(read(&dir.path().join("nowhere"), dir.path()).is_err());
    }
}
