//! The second opinion on every encoding and root: `ssz_rs`, written by others and from nothing of ours.
//!
//! The mirrors are in `lockin::witness`. Random values, damaged encodings (`damage`) and states that chains came to
//! (`states`) must mean the same to both sides, or differ in a way that `quirks` pins down.

mod damage;
mod quirks;
mod states;

use lockin::ssz::{Fork, Preset, Shape};
use lockin::witness::random::Dice;
use lockin::witness::{Pair, Seen, pairs};
use std::collections::BTreeSet;
use std::path::Path;

/// Random values of each container, at most...
const VALUES: u64 = 40;
/// ...and no further ones once so many bytes were compared.
const BYTES: usize = 400_000;

/// The container called `name`.
fn named(name: &str, shape: Shape) -> Pair {
    lockin::witness::named(name, shape).expect("a container of the table")
}

/// Every fork with both presets.
fn shapes() -> impl Iterator<Item = Shape> {
    Fork::ALL.into_iter().flat_map(|fork| [Preset::minimal(), Preset::mainnet()].map(|preset| Shape::new(fork, preset)))
}

/// Fails, saying where they part, unless both views are the same.
fn assert_same(what: &str, ours: &Seen, theirs: &Seen) {
    let differ = || ours.encoding.iter().zip(&theirs.encoding).position(|(ours, theirs)| ours != theirs);
    assert!(
        ours.encoding == theirs.encoding,
        "{what}: we encode to {} bytes, ssz_rs to {}, the first difference is at {:?}",
        ours.encoding.len(),
        theirs.encoding.len(),
        differ()
    );
    assert_eq!(hex::encode(ours.root), hex::encode(theirs.root), "{what}: our root, that of ssz_rs");
}

/// Both sides read the encoding as the same value, which encodes to it again.
fn assert_agreed(pair: &Pair, encoding: &[u8], what: &str) {
    let what = format!("{} {what}", pair.title());
    let ours = (pair.ours)(pair.shape, encoding).unwrap_or_else(|error| panic!("{what}: we refuse it: {error}"));
    let theirs = (pair.theirs)(encoding).unwrap_or_else(|error| panic!("{what}: ssz_rs refuses it: {error}"));
    assert_same(&what, &ours, &theirs);
    assert!(ours.encoding == encoding, "{what}: it encodes to something else than it was decoded from");
}

#[test]
fn random_values_have_the_same_encoding_and_root() {
    let (mut values, mut containers) = (0, 0);
    for pair in shapes().flat_map(pairs) {
        let mut bytes = 0;
        for seed in 0..VALUES {
            let encoding = (pair.random)(&mut Dice::new(seed));
            assert_agreed(&pair, &encoding, &format!("of seed {seed}"));
            values += 1;
            bytes += encoding.len();
            if bytes > BYTES {
                break;
            }
        }
        containers += 1;
    }
    println!("{values} random values of {containers} containers (by fork and preset) agree");
}

#[test]
fn zero_values_are_the_same() {
    for pair in shapes().flat_map(pairs) {
        assert_same(&format!("{} zero", pair.title()), &(pair.zero)(pair.shape), &(pair.default)());
    }
}

/// The names after `container! { ... pub struct` and the like in `src/types`.
#[test]
fn no_container_is_without_a_mirror() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/types");
    let container = regex::Regex::new(r"(?s)container! \{.*?pub struct (\w+)").expect("a pattern");
    let mut declared = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("src/types is a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a readable source file");
            declared.extend(container.captures_iter(&source).map(|found| found[1].to_owned()));
        }
    }
    let mirrored: BTreeSet<String> = shapes().flat_map(pairs).map(|pair| pair.name.to_owned()).collect();
    assert!(
        declared.len() > 40,
        "only {} containers were found: has the way of declaring them changed?",
        declared.len()
    );
    let missing: Vec<_> = declared.difference(&mirrored).collect();
    assert!(missing.is_empty(), "containers of src/types without a mirror: {missing:?}");
}
