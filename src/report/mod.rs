//! Reports.
use crate::journal::{RunDir, Verdict};
/// What was written.
pub struct Summary {
    /// Table.
    pub table: String,
    /// Verdict.
    pub verdict: Verdict,
}
/// Writes.
pub fn write_all(_: &RunDir) -> Result<Summary, std::io::Error> {
    Ok(Summary { table: String::new(), verdict: Verdict::Unknown })
}
