//! YAML in and out: the one place that knows which YAML library is in use.
//!
//! Every file that people write (client definitions, scenarios, chain configurations) comes through [`from_str`] or
//! [`from_bytes`], so that every mistake is shown the same way: file, line, column, the line itself with a caret, and
//! what would have been accepted. Reading is strict: a key given twice is an error, only `true` and `false` are
//! booleans, and nesting, aliases and size are bounded. Types refuse unknown keys with
//! `#[serde(deny_unknown_fields)]`. Plain scalars keep their spelling when read into a `String` (`0x00000001` stays).
//!
//! What this module NEVER does: open files, or know any of the types that are read.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error as SaphyrError, MessageFormatter, UserMessageFormatter};

/// Larger input is refused before it is parsed; the largest real files (scenarios, configurations) are kilobytes.
pub const MAX_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 100_000;
const MAX_ALIAS_EVENTS: usize = 50_000;
/// A caret line is shown for the first so many columns; longer lines are cut around the column.
const MAX_SHOWN_COLUMNS: usize = 110;

/// A file that could not be read as what it should be. `Display` is ready for a terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The name given by the caller, usually a path.
    pub file: String,
    /// Line and column, from 1, where known.
    pub position: Option<(usize, usize)>,
    /// What is wrong, with the accepted values where there are any.
    pub message: String,
    snippet: Option<String>,
}

impl Error {
    /// An error about a file as a whole, or found after parsing.
    pub fn new(file: &str, message: impl Into<String>) -> Self {
        Error { file: file.into(), position: None, message: message.into(), snippet: None }
    }

    /// An error at a place of `text`, for checks made after parsing; line and column count from 1.
    pub fn at(file: &str, text: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        let snippet = snippet(text, line, column);
        Error { file: file.into(), position: Some((line, column)), message: message.into(), snippet }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message)?,
            None => write!(f, "{}: {}", self.file, self.message)?,
        }
        self.snippet.as_ref().map_or(Ok(()), |snippet| write!(f, "\n{snippet}"))
    }
}

/// Reads one document. `file` is only used in error messages.
///
/// # Errors
/// Anything that is not exactly one document of the type `T`.
pub fn from_str<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(file, format!("{} bytes are too large for YAML (at most {MAX_BYTES})", text.len())));
    }
    if let Some((line, column)) = control_character(text) {
        return Err(Error::at(file, "", line, column, "a control character: this is not a YAML text file"));
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(Error::new(file, "the file is empty (nothing but blanks and comments)"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES, max_documents: 2 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIAS_EVENTS },
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(file, text, &error))
}

/// Reads one document from bytes, which must be UTF-8.
///
/// # Errors
/// As [`from_str`], and for bytes that are not text.
pub fn from_bytes<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => from_str(file, text),
        Err(error) => {
            let at = error.valid_up_to();
            Err(Error::new(file, format!("not a text file: byte {at} is not UTF-8; YAML files are saved as UTF-8")))
        }
    }
}

/// Writes a document.
///
/// # Errors
/// A value that YAML can't hold (a map key that is no scalar, say).
pub fn to_string<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_saphyr::to_string(value).map_err(|error| Error::new("(output)", error.to_string()))
}

fn control_character(text: &str) -> Option<(usize, usize)> {
    text.lines().enumerate().find_map(|(line, content)| {
        let column = content.chars().position(|c| c.is_control() && c != '\t')?;
        Some((line + 1, column + 1))
    })
}

fn explain(file: &str, text: &str, error: &SaphyrError) -> Error {
    let error = error.without_snippet();
    let message = match error {
        SaphyrError::AliasError { error: inner, .. } => describe(inner.without_snippet()),
        other => describe(other),
    };
    match error.location() {
        Some(location) if location.line() > 0 => {
            let position = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            Error::at(file, text, position(location.line()), position(location.column()).max(1), message)
        }
        _ => Error::new(file, message),
    }
}

fn describe(error: &SaphyrError) -> String {
    match error {
        SaphyrError::SerdeUnknownField { field, expected, .. } => {
            format!("unknown key `{field}`{}", accepted("keys", field, expected))
        }
        SaphyrError::SerdeUnknownVariant { variant, expected, .. } => {
            format!("unknown value `{variant}`{}", accepted("values", variant, expected))
        }
        SaphyrError::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        SaphyrError::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is given twice"),
        SaphyrError::SerdeInvalidType { unexpected, expected, .. } => {
            format!("found {unexpected}, expected {expected}")
        }
        SaphyrError::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("invalid value {unexpected}, expected {expected}")
        }
        SaphyrError::InvalidBooleanStrict { .. } => "expected a boolean; accepted values: true, false".into(),
        SaphyrError::InvalidScalar { ty: "u8" | "u16" | "u32" | "u64" | "usize", .. } => {
            "expected a whole number, 0 or more".into()
        }
        SaphyrError::InvalidScalar { ty, .. } => format!("expected {ty}"),
        SaphyrError::Budget { .. } => {
            format!("nested too deeply or too large (at most {MAX_DEPTH} levels and {MAX_NODES} values)")
        }
        SaphyrError::AliasReplayLimitExceeded { .. }
        | SaphyrError::AliasExpansionLimitExceeded { .. }
        | SaphyrError::AliasReplayStackDepthExceeded { .. } => "aliases (`*name`) repeat too much content".into(),
        SaphyrError::Unexpected { expected: "sequence start", .. } => {
            "expected a list: items after `- `, one a line, or `[a, b]`".into()
        }
        SaphyrError::Unexpected { expected: "mapping start", .. } => {
            "expected keys with values: `key: value`, one a line, or `{ key: value }`".into()
        }
        SaphyrError::NullIntoString { .. } => "nothing is written here, expected text".into(),
        SaphyrError::MultipleDocuments { .. } => "more than one document (`---`); expected exactly one".into(),
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

fn accepted(what: &str, given: &str, expected: &[&'static str]) -> String {
    if expected.is_empty() {
        return format!("; no {what} are accepted here");
    }
    let meant = expected.iter().find(|name| close(given, name));
    let hint = meant.map_or(String::new(), |name| format!(" (did you mean `{name}`?)"));
    format!("{hint}; accepted {what}: {}", expected.join(", "))
}

/// One letter more, less, or changed; or two neighbours swapped.
fn close(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (left, right) = (a.len() - head - tail, b.len() - head - tail);
    (left <= 1 && right <= 1 && a.len() > 2)
        || (left == 2 && right == 2 && a[head] == b[head + 1] && a[head + 1] == b[head])
}

fn snippet(text: &str, line: usize, column: usize) -> Option<String> {
    let content = text.lines().nth(line.checked_sub(1)?)?;
    let start = (column - 1).saturating_sub(MAX_SHOWN_COLUMNS * 2 / 3);
    let shown: String =
        content.chars().skip(start).take(MAX_SHOWN_COLUMNS).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let caret = " ".repeat((column - 1 - start).min(shown.chars().count()));
    Some(format!("{gutter} |\n{number} | {shown}\n{gutter} | {caret}^"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        #[serde(default)]
        count: u64,
        #[serde(default)]
        on: bool,
        #[serde(default)]
        colour: Colour,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        #[default]
        Red,
        Green,
    }

    fn fail(text: &str) -> String {
        from_str::<Sample>("f.yaml", text).expect_err("must fail").to_string()
    }

    #[test]
    fn reads_and_writes() {
        let value = Sample { name: "0x01".into(), count: 3, on: true, colour: Colour::Green };
        let read: Sample = from_str("f", &to_string(&value).expect("writes")).expect("reads");
        assert_eq!(read, value);
        let plain: Sample = from_str("f", "name: 0x00000001\n").expect("reads");
        assert_eq!(plain.name, "0x00000001", "plain scalars keep their spelling");
    }

    #[test]
    fn unknown_key_shows_place_and_accepted_keys() {
        insta::assert_snapshot!(fail("name: a\ncuont: 4\n"), @r"
        f.yaml:2:1: unknown key `cuont` (did you mean `count`?); accepted keys: name, count, on, colour
          |
        2 | cuont: 4
          | ^
        ");
    }

    #[test]
    fn duplicate_key() {
        insta::assert_snapshot!(fail("name: a\ncount: 1\nname: b\n"), @r"
        f.yaml:3:1: the key `name` is given twice
          |
        3 | name: b
          | ^
        ");
    }

    #[test]
    fn wrong_types() {
        insta::assert_snapshot!(fail("name: a\ncount: many\n"), @r"
        f.yaml:2:8: expected a whole number, 0 or more
          |
        2 | count: many
          |        ^
        ");
        assert!(fail("name: [a]\n").starts_with("f.yaml:1:7: "), "{}", fail("name: [a]\n"));
        assert!(fail("name: a\ncount: -1\n").starts_with("f.yaml:2:8: expected a whole number"));
    }

    #[test]
    fn no_is_not_false() {
        insta::assert_snapshot!(fail("name: a\non: no\n"), @r"
        f.yaml:2:5: expected a boolean; accepted values: true, false
          |
        2 | on: no
          |     ^
        ");
    }

    #[test]
    fn unknown_variant_lists_values() {
        insta::assert_snapshot!(fail("name: a\ncolour: blue\n"), @r"
        f.yaml:2:9: unknown value `blue`; accepted values: red, green
          |
        2 | colour: blue
          |         ^
        ");
    }

    #[test]
    fn missing_key() {
        assert!(fail("count: 1\n").contains("the key `name` is missing"), "{}", fail("count: 1\n"));
    }

    #[test]
    fn empty_and_comment_only_documents() {
        for text in ["", "\n\n", "# only a comment\n"] {
            assert!(fail(text).contains("the file is empty"), "{text:?}: {}", fail(text));
        }
        assert!(from_str::<Sample>("f", "---\n").is_err());
        assert!(from_str::<BTreeMap<String, u64>>("f", "").is_err());
    }

    #[test]
    fn two_documents() {
        assert!(
            fail("name: a\n---\nname: b\n").contains("more than one document"),
            "{}",
            fail("name: a\n---\nname: b\n")
        );
    }

    #[test]
    fn bytes_that_are_no_text() {
        let error = from_bytes::<Sample>("f", b"name: \xff\xfe").expect_err("must fail");
        assert_eq!(error.to_string(), "f: not a text file: byte 6 is not UTF-8; YAML files are saved as UTF-8");
        assert!(fail("name: a\u{0}b\n").contains("control character"));
        // Noise of any kind is an error or a value, never a panic.
        let mut seed = 1u64;
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    b"ab:-?[]{}&*!|>%@`'\"#, \n\t0x\xc3\xa9\xff~<=.\\"[(seed >> 33) as usize % 34]
                })
                .collect();
            assert!(from_bytes::<Sample>("f", &bytes).is_err());
        }
    }

    #[test]
    fn nesting_and_aliases_are_bounded() {
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        assert!(from_str::<serde_json::Value>("f", &deep).is_err());
        let block: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert!(from_str::<serde_json::Value>("f", &block).is_err());
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 9].join(",");
            bomb += &format!("a{i}: &a{i} [{refs}]\n");
        }
        assert!(from_str::<serde_json::Value>("f", &bomb).is_err());
        let large = format!("name: {}", "x".repeat(MAX_BYTES));
        assert!(fail(&large).contains("too large"));
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("name: a\ncolour: {}blue\n", " ".repeat(300));
        let shown = fail(&text);
        assert!(shown.lines().all(|line| line.chars().count() < 130), "{shown}");
        assert!(shown.contains("blue"), "{shown}");
    }

    #[test]
    fn places_found_later_are_shown_alike() {
        let error = Error::at("f", "a: 1\nb: 2\n", 2, 4, "two is too many");
        assert_eq!(error.to_string(), "f:2:4: two is too many\n  |\n2 | b: 2\n  |    ^");
        assert_eq!(Error::at("f", "", 9, 1, "gone").to_string(), "f:9:1: gone");
    }
}
