//! Exit codes: what a shell, a CI job or another program learns of a run without reading anything.

use crate::journal::Verdict;

/// The network passed its checks, or failed them only in ways that are listed as known.
pub const PASS: u8 = 0;
/// A network failed its checks.
pub const FAIL: u8 = 1;
/// Bad usage, or a file that says something wrong: nothing was started.
pub const USAGE: u8 = 2;
/// The harness or the environment failed, so that nothing can be said of the network.
pub const UNKNOWN: u8 = 3;
/// Client, runtime or this program lacks what was asked for: nothing was started.
pub const UNSUPPORTED: u8 = 4;
/// Interrupted by Ctrl-C or SIGTERM, as shells count it: 128 and SIGINT.
pub const INTERRUPTED: u8 = 130;

/// The exit code of a verdict.
pub fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass | Verdict::KnownFailure => PASS,
        Verdict::Fail => FAIL,
        Verdict::Unknown => UNKNOWN,
        Verdict::Unsupported => UNSUPPORTED,
    }
}
