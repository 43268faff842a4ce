//! The runner itself: it must see what is wrong.

use super::run;
use std::path::Path;

/// The parts of a valid case of one byte: `true`.
const VALID: [(&str, &[u8]); 3] = [
    ("meta.yaml", b"{root: '0x0100000000000000000000000000000000000000000000000000000000000000'}"),
    ("serialized.ssz_snappy", b"\x01\x00\x01"),
    ("value.yaml", b"true"),
];

fn archive(folder: &Path, name: &str, files: &[(String, &[u8])]) {
    let file = std::fs::File::create(folder.join(name)).unwrap();
    let mut tar = tar::Builder::new(zstd::Encoder::new(file, 1).unwrap());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

/// What the runner says of these files, given as `path under general/phase0/` and content.
fn verdict(files: &[(&str, &[u8])]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = files.iter().map(|(path, bytes)| (format!("general/phase0/{path}"), *bytes)).collect();
    archive(folder.path(), "general-phase0.tar.zst", &files);
    run(folder.path(), None).verdict()
}

fn boolean(meta: &'static [u8], serialized: &'static [u8], value: &'static [u8]) -> Result<(), String> {
    verdict(&[
        ("ssz_generic/boolean/valid/true/meta.yaml", meta),
        ("ssz_generic/boolean/valid/true/serialized.ssz_snappy", serialized),
        ("ssz_generic/boolean/valid/true/value.yaml", value),
    ])
}

#[test]
fn a_right_case_passes_and_each_wrong_part_of_it_fails() {
    let [(_, meta), (_, serialized), (_, value)] = VALID;
    assert_eq!(boolean(meta, serialized, value), Ok(()));
    let root = b"{root: '0x0200000000000000000000000000000000000000000000000000000000000000'}";
    assert!(boolean(root, serialized, value).unwrap_err().contains("has the root"));
    assert!(boolean(meta, b"\x01\x00\x00", value).unwrap_err().contains("has the root"));
    assert!(boolean(meta, b"\x01\x00\x07", value).unwrap_err().contains("decoding"));
    assert!(boolean(meta, b"\x09", value).unwrap_err().contains("serialized"));
    assert!(boolean(meta, serialized, b"false").unwrap_err().contains("value.yaml differs"));
    assert!(boolean(b"{}", serialized, value).unwrap_err().contains("no root"));
}

#[test]
fn an_invalid_case_must_be_refused() {
    assert_eq!(verdict(&[("ssz_generic/boolean/invalid/2/serialized.ssz_snappy", b"\x01\x00\x02")]), Ok(()));
    let accepted = verdict(&[("ssz_generic/boolean/invalid/1/serialized.ssz_snappy", b"\x01\x00\x01")]);
    assert!(accepted.unwrap_err().contains("was decoded"));
}

#[test]
fn what_is_unknown_or_missing_fails() {
    let unknown = [
        ("no_such_runner/x/y/z/data.yaml", "unknown runner"),
        ("ssz_generic/no_such_handler/valid/z/data.yaml", "unknown handler"),
        ("ssz_generic/boolean/no_such_suite/z/serialized.ssz_snappy", "unknown suite"),
        ("too/short.yaml", "could not be read"),
    ];
    for (path, expected) in unknown {
        let error = verdict(&[(path, b"\x01\x00\x01")]).unwrap_err();
        assert!(error.contains(expected), "{path}: {error}");
    }
    let split = ["a/x.yaml", "b/x.yaml", "a/y.yaml"].map(|file| (format!("networking/n/s/{file}"), &b"{}"[..]));
    let split: Vec<_> = split.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    assert!(verdict(&split).unwrap_err().contains("do not follow each other"));
}

#[test]
fn nothing_run_is_a_failure() {
    assert!(verdict(&[]).unwrap_err().contains("no case was run"));
    // A runner that is not offered is counted, but is nothing run.
    assert!(verdict(&[("light_client/sync/s/c/meta.yaml", b"{}")]).unwrap_err().contains("no case was run"));
    let empty = tempfile::tempdir().unwrap();
    assert!(run(empty.path(), None).verdict().unwrap_err().contains("no case was run"));
    let broken = tempfile::tempdir().unwrap();
    std::fs::write(broken.path().join("general-phase0.tar.zst"), b"not an archive").unwrap();
    assert!(run(broken.path(), None).verdict().unwrap_err().contains("could not be read"));
}
