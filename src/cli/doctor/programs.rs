//! The programs of the process runtime: where they are, or that they are not on PATH.

use super::{Candidate, Finding};
use crate::runtime::process;

/// A line for each client that is a local program.
pub(super) fn look(candidates: &[Candidate], needed: bool) -> Vec<Finding> {
    candidates.iter().map(|client| of(client, needed)).collect()
}

fn of(Candidate { def, plays }: &Candidate, needed: bool) -> Finding {
    let what = format!("programs of {}", def.name);
    if def.embedded {
        return Finding::ok(what, "this one");
    }
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for (role, process) in &def.roles {
        match &process.program {
            Some(program) => match process::found(program) {
                Some(path) => there.push(path.display().to_string()),
                None => missing.push((role.as_str(), program.as_str())),
            },
            None => missing.push((role.as_str(), "a program, which its definition does not name")),
        }
    }
    there.dedup();
    let Some((role, _)) = missing.first() else { return Finding::ok(what, there.join(", ")) };
    let mend = format!("put them on PATH, or name them: --program {}.{role}=FILE", def.name);
    let missing: Vec<String> = missing.iter().map(|(role, program)| format!("{role}: {program}")).collect();
    Finding::lacks(what, format!("not found ({})", missing.join(", ")), mend).needed(needed && *plays)
}
