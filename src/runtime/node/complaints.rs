//! What stands in a program's log that its client's definition calls trouble. Lines that differ only in numbers are one
//! complaint. Never judges: a client may log trouble that is none.

use super::Node;
use crate::{client::LogPatterns, runtime::Complaint};
use regex::{Regex, RegexSet};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that are read of a log, its last ones.
const MOST_READ: u64 = 4 << 20;
/// Kinds of lines that are told of one log.
const MOST_KINDS: usize = 3;
/// Characters that are told of a line.
const LONGEST_LINE: usize = 300;

/// What the logs of all programs of the nodes hold of it.
pub fn of_nodes(nodes: &BTreeMap<String, Node>) -> Vec<Complaint> {
    let mut all = Vec::new();
    for (name, node) in nodes {
        for (role, _) in node.roles() {
            let found = complaints(&node.log(role), &node.def_of(role).logs);
            let (node, role) = (name.clone(), role.to_owned());
            let told = |(line, count)| Complaint { node: node.clone(), role: role.clone(), line, count };
            all.extend(found.into_iter().map(told));
        }
    }
    all
}

/// The lines of trouble in a log, the most frequent first, each as it first stands there and with how often it does.
fn complaints(log: &Path, patterns: &LogPatterns) -> Vec<(String, u64)> {
    // a program that never wrote has no log, and a pattern was checked when its definition was read
    let (Ok(text), Ok(bad), Ok(expected)) =
        (end_of(log), RegexSet::new(&patterns.bad), RegexSet::new(&patterns.expected))
    else {
        return Vec::new();
    };
    let colours = Regex::new("\x1b\\[[0-9;]*m").expect("a pattern of ours");
    let numbers = Regex::new("0x[0-9a-fA-F]+|[0-9]+").expect("a pattern of ours");
    // by their text without numbers: the first line, how often, and where it stands
    let mut kinds: BTreeMap<String, (String, u64, usize)> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = colours.replace_all(line, "");
        if bad.is_match(&line) && !expected.is_match(&line) {
            let kind = numbers.replace_all(&line, "#").into_owned();
            kinds.entry(kind).or_insert_with(|| (line.chars().take(LONGEST_LINE).collect(), 0, at)).1 += 1;
        }
    }
    let mut found: Vec<_> = kinds.into_values().collect();
    found.sort_by_key(|(_, count, at)| (u64::MAX - count, *at));
    found.into_iter().take(MOST_KINDS).map(|(line, count, _)| (line, count)).collect()
}

fn end_of(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let from = file.metadata()?.len().saturating_sub(MOST_READ);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_numbers_are_one_complaint_and_the_harmless_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("beacon.log");
        let patterns = LogPatterns { bad: vec!["level=error".into()], expected: vec!["SLOT_DURATION_MS".into()] };
        assert!(complaints(&log, &patterns).is_empty(), "no log");
        let text = "level=error msg=\"unknown field SLOT_DURATION_MS\"\n\
            \x1b[31mlevel=error\x1b[0m msg=\"no payload\" slot=7 root=0xab\n\
            level=info msg=\"level\"\n\
            level=error msg=\"once\"\n\
            level=error msg=\"no payload\" slot=18 root=0xcd\n";
        std::fs::write(&log, text).unwrap();
        let found = complaints(&log, &patterns);
        assert_eq!(
            found,
            [
                ("level=error msg=\"no payload\" slot=7 root=0xab".to_owned(), 2),
                ("level=error msg=\"once\"".to_owned(), 1)
            ]
        );
    }
}
