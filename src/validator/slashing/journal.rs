//! The durable form of slashing protection: a file that only grows, record after record, each batch framed by a marker,
//! its length and a checksum, and synced before anyone acts upon it.
//!
//! A process killed while writing leaves a torn last frame; it was never acted upon, so the next start drops it. Damage
//! anywhere else is an error for a human: guessing could cost a slashing. The file is replaced (write, sync, rename)
//! only by a shorter one that says the same. A lock file beside it keeps a second process out; the kernel drops the lock
//! with its holder, however that ends.

use super::history::{Record, Signed};
use crate::ssz::{Bytes, Root, sha256};
use crate::types::BlsPubkey;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "slashing-protection.log";
const LOCK: &str = "slashing-protection.lock";
/// Begins every frame, so that a whole frame after a bad one can be found.
const MARKER: [u8; 4] = *b"\xf5LK1";
const CHECKSUM: usize = 8;
/// A batch is one slot's attestations of one process; even 100,000 keys stay below.
const MAX_PAYLOAD: usize = 16 << 20;
/// The file is rewritten above this size, if little of it still matters.
const BLOATED: u64 = 1 << 20;

const HEADER: u8 = 0;
const BLOCK: u8 = 1;
const ATTESTATION: u8 = 2;
/// Kind, key, two numbers, whether the root is known, root.
const RECORD: usize = 1 + 48 + 8 + 8 + 1 + 32;

/// Why the database could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("slashing protection: can't {doing} {}: {source}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "slashing protection in {} is in use by another validator process{}; stop that one first (two validators \
         with the same keys get slashed)", .path.display(), if .holder.is_empty() { String::new() } else { format!(" (pid {holder})") }
    )]
    InUse { path: PathBuf, holder: String },
    #[error(
        "slashing protection in {} belongs to another network (genesis validators root {found}, this network has \
         {expected}); give another data directory", .path.display()
    )]
    OtherNetwork { path: PathBuf, found: Root, expected: Root },
    #[error(
        "slashing protection in {} is damaged at byte {offset}; restore it from a backup, or move it away and import an \
         interchange file before signing again", .path.display()
    )]
    Damaged { path: PathBuf, offset: usize },
    #[error("slashing protection failed to be written before; nothing more is signed by this process")]
    FailedBefore,
}

/// The open file. Dropping it releases the lock.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    file: File,
    length: u64,
    genesis_validators_root: Root,
    /// After a failed write nobody knows what is on disk, so nothing more is written.
    failed: bool,
    _lock: File,
}

impl Journal {
    /// Opens or creates the file in `folder`, and gives all that it remembers.
    pub fn open(folder: &Path, genesis_validators_root: Root) -> Result<(Self, Vec<Record>), StoreError> {
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { doing, path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let lock = take_lock(&folder.join(LOCK))?;
        let path = folder.join(FILE);
        if !path.try_exists().map_err(failed("look for", &path))? {
            replace(folder, &header(&genesis_validators_root)).map_err(failed("create", &path))?;
        }
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed("open", &path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read", &path))?;
        let content = parse(&bytes).map_err(|offset| StoreError::Damaged { path: path.clone(), offset })?;
        let found = content.genesis_validators_root;
        if found != genesis_validators_root {
            return Err(StoreError::OtherNetwork { path, found, expected: genesis_validators_root });
        }
        let length = content.length as u64;
        if content.length < bytes.len() {
            file.set_len(length).and_then(|()| file.sync_all()).map_err(failed("drop the torn end of", &path))?;
        }
        let folder = folder.to_owned();
        Ok((Self { folder, file, length, genesis_validators_root, failed: false, _lock: lock }, content.records))
    }

    /// Writes a batch and returns once it is on disk.
    pub fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::FailedBefore);
        }
        let mut bytes = Vec::new();
        for batch in records.chunks(MAX_PAYLOAD / RECORD) {
            bytes.extend(frame(&payload(batch)));
        }
        let written = self.file.seek(SeekFrom::Start(self.length)).and_then(|_| self.file.write_all(&bytes));
        if let Err(source) = written.and_then(|()| self.file.sync_data()) {
            self.failed = true;
            return Err(StoreError::Io { doing: "write to", path: self.folder.join(FILE), source });
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether the file is worth rewriting, given how many keys it is about.
    pub fn is_bloated(&self, keys: usize) -> bool {
        self.length > BLOATED && self.length > 8 * (2 * RECORD * keys) as u64
    }

    /// Replaces the file by one with only these records. If that fails, the old file stays and nothing more is written.
    pub fn rewrite(&mut self, records: &[Record]) {
        let mut bytes = header(&self.genesis_validators_root);
        for batch in records.chunks(MAX_PAYLOAD / RECORD) {
            bytes.extend(frame(&payload(batch)));
        }
        match replace(&self.folder, &bytes) {
            Ok(file) => (self.file, self.length) = (file, bytes.len() as u64),
            Err(_) => self.failed = true,
        }
    }
}

fn take_lock(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::Io { doing: "lock", path: path.to_owned(), source };
    let mut lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder); // only for the message
            let path = path.parent().unwrap_or(path).to_owned();
            return Err(StoreError::InUse { path, holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(failed)?;
    Ok(lock)
}

/// Puts a whole new file in place: after a crash there is the old one or the new one.
fn replace(folder: &Path, bytes: &[u8]) -> io::Result<File> {
    let (fresh, path) = (folder.join("slashing-protection.new"), folder.join(FILE));
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn header(genesis_validators_root: &Root) -> Vec<u8> {
    let mut payload = vec![HEADER];
    payload.extend(genesis_validators_root.0);
    frame(&payload)
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = MARKER.to_vec();
    out.extend(u32::try_from(payload.len()).expect("batches are cut at MAX_PAYLOAD").to_le_bytes());
    out.extend(payload);
    out.extend(checksum(payload));
    out
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM] {
    let digest = sha256(payload);
    std::array::from_fn(|i| digest.0[i])
}

fn payload(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.len() * RECORD);
    for Record { pubkey, signed } in records {
        let (kind, first, second, root) = match signed {
            Signed::Block(block) => (BLOCK, block.slot, 0, block.signing_root),
            Signed::Attestation(it) => (ATTESTATION, it.source, it.target, it.signing_root),
        };
        out.push(kind);
        out.extend(pubkey.0);
        out.extend(first.to_le_bytes());
        out.extend(second.to_le_bytes());
        out.push(u8::from(root.is_some()));
        out.extend(root.unwrap_or_default().0);
    }
    out
}

#[derive(Debug)]
struct Content {
    genesis_validators_root: Root,
    records: Vec<Record>,
    /// Bytes that make sense; what follows is a torn frame.
    length: usize,
}

/// Reads a whole file; the error is the offset of the damage.
fn parse(bytes: &[u8]) -> Result<Content, usize> {
    let Some((&[HEADER, ref root @ ..], mut at)) = read_frame(bytes, 0) else { return Err(0) };
    let genesis_validators_root = Bytes(root.try_into().map_err(|_| 0usize)?);
    let mut records = Vec::new();
    while at < bytes.len() {
        match read_frame(bytes, at) {
            Some((payload, end)) => {
                records.extend(read_payload(payload).ok_or(at)?);
                at = end;
            }
            None if (at + 1..bytes.len()).any(|later| read_frame(bytes, later).is_some()) => return Err(at),
            None => break,
        }
    }
    Ok(Content { genesis_validators_root, records, length: at })
}

/// The payload of the frame at `at` and the offset after it, if the frame is whole.
fn read_frame(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?.strip_prefix(&MARKER)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_PAYLOAD)?;
    let (payload, rest) = rest.split_at_checked(length)?;
    let whole = rest.starts_with(&checksum(payload));
    whole.then_some((payload, at + MARKER.len() + 4 + length + CHECKSUM))
}

fn read_payload(payload: &[u8]) -> Option<Vec<Record>> {
    if !payload.len().is_multiple_of(RECORD) {
        return None;
    }
    payload.chunks_exact(RECORD).map(read_record).collect()
}

fn read_record(bytes: &[u8]) -> Option<Record> {
    let (kind, rest) = bytes.split_first()?;
    let (pubkey, rest) = rest.split_first_chunk::<48>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (second, rest) = rest.split_first_chunk::<8>()?;
    let (known, root) = rest.split_first_chunk::<1>()?;
    let pubkey: BlsPubkey = Bytes(*pubkey);
    let (first, second) = (u64::from_le_bytes(*first), u64::from_le_bytes(*second));
    let root: Option<Root> = match known {
        [0] => None,
        _ => Some(Bytes(root.try_into().ok()?)),
    };
    match *kind {
        BLOCK => Some(Record::block(pubkey, first, root)),
        ATTESTATION => Some(Record::attestation(pubkey, first, second, root)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GVR: Root = Bytes([7; 32]);

    fn records(count: u64) -> Vec<Record> {
        let key = |i: u64| Bytes([i as u8; 48]);
        let both = |i| [Record::block(key(i), i, Some(Bytes([9; 32]))), Record::attestation(key(i), i, i + 1, None)];
        (0..count).flat_map(both).collect()
    }

    fn file_of(batches: &[Vec<Record>]) -> Vec<u8> {
        batches.iter().fold(header(&GVR), |mut bytes, batch| {
            bytes.extend(frame(&payload(batch)));
            bytes
        })
    }

    #[test]
    fn every_torn_end_keeps_what_was_synced_before() {
        let synced = file_of(&[records(2), records(3)]);
        let whole = file_of(&[records(2), records(3), records(4)]);
        for end in synced.len()..whole.len() {
            let content = parse(&whole[..end]).unwrap();
            assert_eq!(content.records.len(), 10, "cut at {end}");
            assert_eq!(content.length, synced.len());
        }
        // a file system may have grown the file without writing the data
        let mut zeros = synced.clone();
        zeros.resize(whole.len(), 0);
        assert_eq!(parse(&zeros).unwrap().length, synced.len());
        assert_eq!(parse(&whole).unwrap().records.len(), 18);
    }

    #[test]
    fn damage_before_a_whole_frame_is_an_error_wherever_it_is() {
        let whole = file_of(&[records(1), records(1)]);
        let last = whole.len() - frame(&payload(&records(1))).len();
        for at in 0..last {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            assert!(parse(&bytes).is_err(), "byte {at}");
        }
    }

    #[test]
    fn rewriting_keeps_the_meaning_and_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path(), GVR).unwrap();
        journal.append(&records(2)).unwrap();
        journal.append(&records(2)).unwrap();
        journal.rewrite(&records(2));
        journal.append(&records(1)).unwrap();
        assert!(
            matches!(Journal::open(folder.path(), GVR), Err(StoreError::InUse { holder, .. }) if !holder.is_empty())
        );
        drop(journal);
        let (_, found) = Journal::open(folder.path(), GVR).unwrap();
        assert_eq!(found, [records(2), records(1)].concat());
    }

    #[test]
    fn a_database_of_another_network_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        drop(Journal::open(folder.path(), GVR).unwrap());
        let error = Journal::open(folder.path(), Bytes([8; 32])).unwrap_err();
        assert!(matches!(error, StoreError::OtherNetwork { .. }), "{error}");
    }
}
