//! Failures that are listed: which group of clients, how it fails, why, and until when that may stay so. Pure.
//!
//! ```yaml
//! - pair: lodestar / prysm
//!   check: [steps, peered, finalized]     # all the checks that fail; another one failing is news
//!   reason: "irrelevant network"          # a text in the reason, a check's reason or an issue; alone it is not enough for
//!                                         # a failure of preflight or referee
//!   why: Lodestar 1.5.1 refuses the status that Prysm has until the first finality.
//!   until: 2027-06-30
//! ```

use super::{CellReport, RunRecord};
use crate::journal::{UnixTime, Verdict};
use crate::yaml;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Checks whose failure is known only by an entry that names them.
const GRAVE: [&str; 2] = ["preflight", "referee"];

/// A day of the calendar, UTC. The default is before all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// The day of a moment.
    pub fn of(time: UnixTime) -> Day {
        let text = time.to_string();
        let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<u16>().ok()).unwrap_or(0);
        Day { year: number(0..4), month: number(4..6) as u8, day: number(6..8) as u8 }
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Day, String> {
        let wrong = || format!("`{text}` is no day; accepted: YEAR-MONTH-DAY, such as 2027-06-30");
        let mut parts = text.trim().splitn(3, '-');
        let mut part = |length: usize| {
            let digits = parts.next().filter(|digits| digits.len() == length);
            let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse::<u16>().ok()
        };
        let (Some(year), Some(month), Some(day)) = (part(4), part(2), part(2)) else { return Err(wrong()) };
        let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
        let days = match month {
            2 => 28 + u16::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(wrong()),
        };
        if !(1..=days).contains(&day) {
            return Err(wrong());
        }
        Ok(Day { year, month: month as u8, day: day as u8 })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Day, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// One name or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// `a / b`, in any order; `*` stands for any client.
    pair: String,
    #[serde(default)]
    check: Option<Names>,
    #[serde(default)]
    reason: Option<String>,
    why: String,
    until: Day,
}

/// The listed failure that a cell's failure is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Why it is known.
    pub why: String,
    /// Its last day.
    pub until: Day,
}

/// Something to be said of an entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The entry's clients, as it names them.
    pub pair: String,
    /// A sentence.
    pub says: String,
}

/// The list.
#[derive(Clone, Debug, Default)]
pub struct KnownFailures {
    entries: Vec<Entry>,
}

impl KnownFailures {
    /// Reads the text of a list; `file` is its name in messages.
    ///
    /// # Errors
    /// Broken YAML, an unknown key, no day, or an entry that says neither check nor reason.
    pub fn parse(file: &str, text: &str) -> Result<KnownFailures, yaml::Error> {
        let entries: Vec<Entry> = yaml::from_str(file, text)?;
        for entry in &entries {
            let wrong = |why: &str| yaml::Error::new(file, format!("the entry for `{}` {why}", entry.pair));
            if entry.check.is_none() && entry.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
                return Err(wrong("says neither `check` nor `reason`: it would hide any failure"));
            }
            if entry.why.trim().is_empty() {
                return Err(wrong("does not say `why`"));
            }
            if words(&entry.pair).iter().any(|word| word.is_empty()) {
                return Err(wrong("names no clients; accepted: `pair: lodestar / prysm`"));
            }
        }
        Ok(KnownFailures { entries })
    }

    /// The entry that a failed run is; one that has expired only if there is no other.
    fn position(&self, cast: &[String], run: &RunRecord, today: Day) -> Option<usize> {
        let first =
            |expired: bool| self.entries.iter().position(|it| (it.until < today) == expired && it.is(cast, run));
        first(false).or_else(|| first(true))
    }

    /// Marks the cells whose every failed run is listed, of which `wanted` runs should be there: known are they if nothing
    /// else of them is unknown. Says what of the list is worth saying: entries that have expired, and entries whose clients
    /// were run and did not fail so.
    pub(super) fn apply(&self, cells: &mut [CellReport], wanted: u32, today: Day) -> Vec<Told> {
        let mut told = Vec::new();
        let mut used = vec![false; self.entries.len()];
        for cell in cells.iter_mut().filter(|cell| cell.verdict == Verdict::Fail) {
            let failed = cell.runs.iter().filter(|run| run.record.verdict == Verdict::Fail);
            let listed: Option<Vec<usize>> =
                failed.map(|run| self.position(&cell.cell.cast, &run.record, today)).collect();
            for entry in listed.iter().flatten() {
                used[*entry] = true;
            }
            let Some(entries) = listed else { continue };
            let valid = entries.iter().all(|entry| self.entries[*entry].until >= today);
            if let Some(entry) = entries.first().map(|entry| &self.entries[*entry]).filter(|_| valid) {
                match open(cell, wanted) {
                    None => {
                        cell.verdict = Verdict::KnownFailure;
                        cell.known = Some(Use { why: entry.why.clone(), until: entry.until });
                    }
                    Some(what) => {
                        cell.verdict = Verdict::Unknown;
                        cell.says = format!("what failed is known ({}), but {what}", entry.why);
                    }
                }
            }
        }
        for (entry, used) in self.entries.iter().zip(used) {
            let runs = cells.iter().filter(|cell| entry.names(&cell.cell.cast)).flat_map(|cell| &cell.runs);
            let ran: Vec<Verdict> = runs.map(|run| run.record.verdict).collect();
            let judged = ran.iter().any(|verdict| matches!(verdict, Verdict::Pass | Verdict::Fail));
            let says = match () {
                () if used && entry.until < today => format!("it expired on {}, and still fails so", entry.until),
                () if entry.until < today => format!("it expired on {}; remove it", entry.until),
                () if !used && judged => "it does not fail so any more; remove it".to_owned(),
                () => continue,
            };
            told.push(Told { pair: entry.pair.clone(), says });
        }
        told
    }
}

/// What is unknown of a cell of which `wanted` runs should be there, as a phrase.
fn open(cell: &CellReport, wanted: u32) -> Option<String> {
    if cell.made < wanted {
        return Some(format!("{} of {wanted} runs were made", cell.made));
    }
    let unknown = cell.runs.iter().find(|run| run.record.verdict == Verdict::Unknown)?;
    Some(format!("another run is unknown: {}", unknown.record.says))
}

fn words(pair: &str) -> Vec<&str> {
    pair.split(" / ").map(str::trim).collect()
}

impl Entry {
    /// Whether it is about these clients, in any order.
    fn names(&self, cast: &[String]) -> bool {
        let words = words(&self.pair);
        if words.len() != cast.len() {
            return false;
        }
        // a word that names its client takes it before a `*` does
        let mut left: Vec<&str> = cast.iter().map(String::as_str).collect();
        words.iter().filter(|word| **word != "*").all(|word| match left.iter().position(|client| client == word) {
            Some(place) => {
                left.swap_remove(place);
                true
            }
            None => false,
        })
    }

    /// Whether this failed run is what it says.
    fn is(&self, cast: &[String], run: &RunRecord) -> bool {
        let checks = match &self.check {
            None => None,
            Some(Names::One(name)) => Some(std::slice::from_ref(name)),
            Some(Names::Many(names)) => Some(names.as_slice()),
        };
        // a reason alone hides no other configuration and no block against the rules
        let as_listed = run.failed().all(|failed| match checks {
            Some(checks) => checks.contains(&failed.check),
            None => !GRAVE.contains(&failed.check.as_str()),
        });
        let texts = || std::iter::once(&run.says).chain(run.failed().map(|check| &check.says)).chain(&run.issues);
        let said = self.reason.as_ref().is_none_or(|reason| texts().any(|text| text.contains(reason.as_str())));
        self.names(cast) && as_listed && said
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::RunReport;
    use super::super::{Cell, Identity};
    use super::*;
    use crate::report::CheckReport;

    const LIST: &str = "
- pair: prysm / lodestar
  check: [peered, finalized]
  reason: irrelevant
  why: one refuses the other's status
  until: 2027-06-30
- pair: '* / nimbus'
  reason: panic
  why: old
  until: 2026-01-31
- pair: lockin / lockin
  check: peered
  why: it was so once
  until: 2027-01-01
";

    fn cell(cast: &str, failed: &[&str], issue: &str) -> CellReport {
        let verdict = if failed.is_empty() { Verdict::Pass } else { Verdict::Fail };
        let mut record = RunRecord::without_run(Identity::of("", "", ""), Vec::new(), verdict, "it is so".into());
        let check = |name: &&str| CheckReport { check: (*name).into(), verdict: Verdict::Fail, says: "no".into() };
        record.checks = failed.iter().map(check).collect();
        record.issues.push(issue.to_owned());
        let cast = cast.split(' ').map(str::to_owned).collect();
        let run = RunReport { folder: "f".into(), record };
        CellReport::of(Cell { folder: "f".into(), cast, value: None }, vec![run], 1)
    }

    fn applied(cells: &mut [CellReport], today: &str) -> Vec<String> {
        let told = KnownFailures::parse("known.yaml", LIST).unwrap().apply(cells, 1, today.parse().unwrap());
        told.into_iter().map(|told| format!("{}: {}", told.pair, told.says)).collect()
    }

    #[test]
    fn a_listed_failure_is_known_until_its_day_and_in_any_order() {
        let mut cells = [cell("lodestar prysm", &["peered", "finalized"], "an irrelevant network")];
        assert_eq!(
            applied(&mut cells, "2027-06-30"),
            ["* / nimbus: it expired on 2026-01-31; remove it", "lockin / lockin: it expired on 2027-01-01; remove it"]
        );
        assert_eq!(cells[0].verdict, Verdict::KnownFailure);
        assert_eq!(cells[0].known.as_ref().unwrap().why, "one refuses the other's status");
        let mut cells = [cell("lodestar prysm", &["peered"], "an irrelevant network")];
        assert!(applied(&mut cells, "2027-07-01")[0].ends_with("it expired on 2027-06-30, and still fails so"));
        assert_eq!(cells[0].verdict, Verdict::Fail);
    }

    #[test]
    fn another_check_another_reason_or_another_client_is_news() {
        for (cast, failed, issue) in [
            ("lodestar prysm", &["peered", "same_head"][..], "irrelevant"),
            ("lodestar prysm", &["peered"], "quite another thing"),
            ("lodestar lockin", &["peered"], "irrelevant"),
            ("lodestar prysm lockin", &["peered"], "irrelevant"),
        ] {
            let mut cells = [cell(cast, failed, issue)];
            applied(&mut cells, "2026-12-01");
            assert_eq!(cells[0].verdict, Verdict::Fail, "{cast} {failed:?} {issue}");
        }
    }

    #[test]
    fn what_no_longer_fails_is_told_but_not_what_was_not_run() {
        let mut cells = [cell("lockin lockin", &[], "")];
        assert_eq!(
            applied(&mut cells, "2026-12-01"),
            [
                "* / nimbus: it expired on 2026-01-31; remove it",
                "lockin / lockin: it does not fail so any more; remove it"
            ]
        );
        assert_eq!(cells[0].verdict, Verdict::Pass);
    }

    #[test]
    fn one_unlisted_run_makes_the_cell_a_failure() {
        let mut cells = [cell("lodestar prysm", &["peered"], "irrelevant")];
        cells[0].runs.extend(cell("lodestar prysm", &["same_head"], "").runs);
        applied(&mut cells, "2026-12-01");
        assert_eq!(cells[0].verdict, Verdict::Fail);
    }

    fn verdict(list: &str, cell: &mut CellReport, wanted: u32) -> Verdict {
        let list = KnownFailures::parse("known.yaml", list).unwrap();
        list.apply(std::slice::from_mut(cell), wanted, "2026-12-01".parse().unwrap());
        cell.verdict
    }

    #[test]
    fn a_known_failure_hides_nothing_that_is_unknown() {
        let listed = || cell("lodestar prysm", &["peered"], "irrelevant");
        let mut both = listed();
        let mut unknown = listed().runs.remove(0);
        (unknown.record.verdict, unknown.record.says) = (Verdict::Unknown, "no engine".into());
        both.runs.push(unknown);
        let mut both = CellReport::of(both.cell, both.runs, 2);
        assert_eq!((both.verdict, verdict(LIST, &mut both, 2)), (Verdict::Fail, Verdict::Unknown));
        assert!(both.says.ends_with("but another run is unknown: no engine") && both.known.is_none(), "{}", both.says);
        let mut cut = CellReport::of(listed().cell, listed().runs, 2);
        assert_eq!((cut.verdict, verdict(LIST, &mut cut, 2)), (Verdict::Fail, Verdict::Unknown));
        assert!(cut.says.ends_with("but 1 of 2 runs were made"), "{}", cut.says);
        let mut whole = CellReport::of(listed().cell, [listed().runs, listed().runs].concat(), 2);
        assert_eq!(verdict(LIST, &mut whole, 2), Verdict::KnownFailure);
    }

    #[test]
    fn an_entry_that_was_renewed_holds_whatever_stands_before_it() {
        let entry = |until: &str| format!("- {{ pair: a / b, check: peered, why: x, until: {until} }}\n");
        let renewed = entry("2026-01-31") + &entry("2027-01-31");
        assert_eq!(verdict(&renewed, &mut cell("a b", &["peered"], ""), 1), Verdict::KnownFailure);
        assert_eq!(verdict(&entry("2026-01-31"), &mut cell("a b", &["peered"], ""), 1), Verdict::Fail);
    }

    #[test]
    fn a_reason_alone_hides_no_broken_rule_and_no_other_configuration() {
        let reason = "- { pair: a / b, reason: odd, why: x, until: 2027-01-31 }";
        let both = "- { pair: a / b, check: [referee, preflight], reason: odd, why: x, until: 2027-01-31 }";
        for grave in ["referee", "preflight"] {
            assert_eq!(verdict(reason, &mut cell("a b", &[grave], "an odd thing"), 1), Verdict::Fail);
            assert_eq!(verdict(both, &mut cell("a b", &[grave], "an odd thing"), 1), Verdict::KnownFailure);
        }
        assert_eq!(verdict(reason, &mut cell("a b", &["peered"], "an odd thing"), 1), Verdict::KnownFailure);
    }

    #[test]
    fn a_list_that_would_hide_anything_is_refused() {
        for (text, mentions) in [
            ("- { pair: a / b, why: x, until: 2027-01-01 }", "neither `check` nor `reason`"),
            ("- { pair: a / b, reason: ' ', why: x, until: 2027-01-01 }", "neither `check` nor `reason`"),
            ("- { pair: a / b, check: peered, why: '', until: 2027-01-01 }", "`why`"),
            ("- { pair: a / b, check: peered, why: x }", "until"),
            ("- { pair: a / b, check: peered, why: x, until: 2027-02-29 }", "2027-02-29"),
            ("- { pair: a / b, check: peered, why: x, until: soon }", "soon"),
            ("- { pair: a / b, chekc: peered, why: x, until: 2027-01-01 }", "chekc"),
        ] {
            let said = KnownFailures::parse("known.yaml", text).unwrap_err().to_string();
            assert!(said.contains(mentions) && said.contains("known.yaml"), "{said}");
        }
    }
}
