//! `lockin keys`: the interop keys, for other tools and other clients.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::crypto::SecretKey;
use crate::genesis::{InteropKey, interop_keys};
use crate::keystore::{self, Kdf, Layout};
use crate::topology::KeyRange;
use crate::types::{BlsPubkey, Root};
use crate::yaml;

/// More keys than this are refused: it is meant for a look and for small tools.
const MAX_KEYS: u64 = 1_000_000;

/// Print the interop keys, which every client can make from the number alone, or write them as keystores (EIP-2335)
/// in a client's own layout.
///
/// They are known to everybody: never use them where anything has value.
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  lockin keys 0..10
  lockin keys 0..64 --format json --out keys.json
  lockin keys 0..8 --keystores teku --out keys-of-a     # keys/ and secrets/, for the client's own flags")]
pub struct KeysArgs {
    /// Which keys, the end not included
    #[arg(value_name = "FIRST..END", default_value = "0..10", value_parser = |text: &str| text.parse::<KeyRange>())]
    pub range: KeyRange,
    /// Form of the output
    #[arg(long, value_enum, default_value_t)]
    pub format: KeyFormat,
    /// Write keystores as this client looks for them, into the folder --out: lighthouse, lodestar, nimbus, teku,
    /// grandine or prysm
    #[arg(long, value_name = "CLIENT", requires = "out", conflicts_with = "format")]
    pub keystores: Option<Layout>,
    /// How the keystores' password becomes a key; weakly either way. Nimbus takes no weak scrypt
    #[arg(long, value_enum, default_value_t, requires = "keystores")]
    pub kdf: KdfChoice,
    /// File (with --keystores: folder) to write to instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A key derivation of EIP-2335.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KdfChoice {
    /// 1024 rounds
    #[default]
    Pbkdf2,
    /// n = 1024
    Scrypt,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum KeyFormat {
    /// One key a line: number, public key, secret key
    #[default]
    Text,
    /// A list of objects
    Json,
    /// A list of maps, as the interop key files of 2019 had it
    Yaml,
}

#[derive(Serialize)]
struct Entry {
    index: u64,
    pubkey: BlsPubkey,
    privkey: Root,
    withdrawal_credentials: Root,
}

impl Entry {
    fn of(key: &InteropKey) -> Self {
        let withdrawal_credentials = key.withdrawal_credentials();
        let privkey = crate::ssz::Bytes(key.secret.to_bytes());
        Entry { index: key.index, pubkey: key.pubkey, privkey, withdrawal_credentials }
    }
}

/// Runs the subcommand: 0, 2 for a range too large, 3 if the file can't be written.
pub fn run(args: KeysArgs) -> u8 {
    if args.range.count() > MAX_KEYS {
        eprintln!("error: {} are too many keys; at most {MAX_KEYS} at once", args.range.count());
        return 2;
    }
    if let (Some(layout), Some(dir)) = (args.keystores, &args.out) {
        return write_keystores(args.range, layout, args.kdf, dir);
    }
    let text = match render(args.range, args.format) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("error: {error}");
            return 3;
        }
    };
    let written = match &args.out {
        None => io::stdout().write_all(text.as_bytes()),
        Some(path) => {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path).and_then(|mut file| file.write_all(text.as_bytes()))
        }
    };
    match (written, &args.out) {
        (Err(error), Some(path)) => {
            eprintln!("error: can't write {}: {error}; choose another file", path.display());
            3
        }
        // A reader that went away needs no answer.
        _ => 0,
    }
}

fn write_keystores(range: KeyRange, layout: Layout, kdf: KdfChoice, dir: &Path) -> u8 {
    let kdf = match kdf {
        KdfChoice::Pbkdf2 => Kdf::QUICK,
        KdfChoice::Scrypt => Kdf::QUICK_SCRYPT,
    };
    let secrets: Vec<SecretKey> = interop_keys(range.keys()).into_iter().map(|key| key.secret).collect();
    match keystore::write(dir, layout, kdf, &secrets) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error}; choose another folder");
            3
        }
    }
}

fn render(range: KeyRange, format: KeyFormat) -> Result<String, yaml::Error> {
    let entries: Vec<Entry> = interop_keys(range.keys()).iter().map(Entry::of).collect();
    match format {
        KeyFormat::Json => {
            let json = serde_json::to_string_pretty(&entries).expect("keys are plain text");
            Ok(json + "\n")
        }
        KeyFormat::Yaml => yaml::to_string(&entries),
        KeyFormat::Text => Ok(entries.iter().fold(String::new(), |mut text, key| {
            writeln!(text, "{} {} {}", key.index, key.pubkey, key.privkey).expect("writing to a string cannot fail");
            text
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_the_same_keys() {
        let range = KeyRange { first: 1, end: 3 };
        let text = render(range, KeyFormat::Text).expect("renders");
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("1 0xb89bebc699769726a318c8e9971bd3171297c61aea4a6578a7a4f94b547dcba5"));
        let json: serde_json::Value =
            serde_json::from_str(&render(range, KeyFormat::Json).expect("renders")).expect("parses");
        let yaml: serde_json::Value =
            yaml::from_str("keys", &render(range, KeyFormat::Yaml).expect("renders")).expect("parses");
        assert_eq!(json[0]["privkey"], "0x51d0b65185db6989ab0b560d6deed19c7ead0e24b9b6372cbecb1f26bdfad000");
        assert_eq!(json[0]["privkey"], yaml[0]["privkey"]);
        assert_eq!(json[1]["index"], 2);
    }

    #[test]
    fn files_and_limits() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("keys.txt");
        let args = |end, out: PathBuf| KeysArgs {
            range: KeyRange { first: 0, end },
            format: KeyFormat::Text,
            keystores: None,
            kdf: KdfChoice::default(),
            out: Some(out),
        };
        assert_eq!(run(args(2, out.clone())), 0);
        assert_eq!(std::fs::read_to_string(&out).expect("there").lines().count(), 2);
        assert_eq!(run(args(u64::MAX, out)), 2);
        assert_eq!(run(args(2, dir.path().join("no/such/folder"))), 3);
        let keystores = |out: PathBuf| KeysArgs { keystores: Some(Layout::Teku), ..args(2, out) };
        assert_eq!(run(keystores(dir.path().join("teku"))), 0);
        let read = keystore::read(&dir.path().join("teku/keys"), &dir.path().join("teku/secrets")).expect("readable");
        assert_eq!(read.len(), 2);
        assert_eq!(run(keystores(dir.path().join("keys.txt"))), 3, "a file is in the way");
    }
}
