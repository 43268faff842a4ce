//! Reads a journal back, also one whose writer was killed.

use super::{Error, Line, VERSION};
use std::path::Path;

/// A journal that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// Every whole line, in order.
    pub lines: Vec<Line>,
    /// What stands after the last whole line, if the writer was killed in the middle of one.
    pub torn: Option<String>,
}

/// Reads a journal file.
///
/// # Errors
/// If the file can't be read, or a line other than a torn last one is no event.
pub fn read(path: &Path) -> Result<Journal, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    parse(&String::from_utf8_lossy(&bytes))
}

/// Reads the text of a journal. See [`read`].
///
/// # Errors
/// If a line other than a torn last one is no event.
pub fn parse(text: &str) -> Result<Journal, Error> {
    let mut journal = Journal::default();
    let mut rest = text;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let Some((line, after)) = rest.split_once('\n') else {
            journal.torn = Some(rest.to_owned());
            break;
        };
        match whole_line(line, number) {
            Ok(line) => journal.lines.push(line),
            // a crashed machine can leave a last line of zeros or half-written blocks, newline and all
            Err(Error::Damaged { .. }) if after.is_empty() => journal.torn = Some(line.to_owned()),
            Err(error) => return Err(error),
        }
        rest = after;
    }
    Ok(journal)
}

fn whole_line(text: &str, number: usize) -> Result<Line, Error> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        v: u32,
    }
    let damaged = |error: serde_json::Error| Error::Damaged { line: number, why: error.to_string() };
    let Versioned { v } = serde_json::from_str(text).map_err(damaged)?;
    if v > VERSION {
        return Err(Error::Newer { line: number, version: v });
    }
    serde_json::from_str(text).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"v":1,"at":"0.000","event":"note","says":"ö"}"#;

    #[test]
    fn a_torn_last_line_is_set_aside() {
        let journal = parse(&format!("{GOOD}\n{GOOD}\n{{\"v\":1,\"at")).unwrap();
        assert_eq!(journal.lines.len(), 2);
        assert_eq!(journal.torn.as_deref(), Some("{\"v\":1,\"at"));
        assert_eq!(parse(&format!("{GOOD}\n\0\0\0\n")).unwrap().torn.as_deref(), Some("\0\0\0"));
        assert_eq!(parse("").unwrap(), Journal::default());
    }

    #[test]
    fn damage_in_the_middle_and_later_versions_are_errors() {
        let said = parse(&format!("{GOOD}\nnonsense\n{GOOD}\n")).unwrap_err().to_string();
        assert!(said.starts_with("line 2 of the journal is no event"), "{said}");
        let said = parse(&format!("{GOOD}\n{{\"v\":2,\"at\":0}}\n")).unwrap_err().to_string();
        assert!(said.contains("version 2") && said.contains("newer lockin"), "{said}");
    }

    proptest! {
        #[test]
        fn any_truncation_keeps_the_whole_lines(cut in 0usize..200) {
            let text = format!("{GOOD}\n{GOOD}\n{GOOD}\n");
            let cut = cut.min(text.len());
            let bytes = &text.as_bytes()[..cut];
            let journal = parse(&String::from_utf8_lossy(bytes)).unwrap();
            prop_assert_eq!(journal.lines.len(), bytes.iter().filter(|b| **b == b'\n').count());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
