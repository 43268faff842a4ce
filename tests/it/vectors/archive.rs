//! Streams the cases of one `.tar.zst`, one case in memory at a time.

use super::case::{Case, CaseId};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The archives are written with this window (`zstd --long=27`).
const WINDOW_LOG: u32 = 27;
/// `preset/fork/runner/handler/suite/case/file`.
const DEPTH: usize = 7;

/// A case whose files are being read; `None` for one that is passed over.
type Open = (CaseId, Option<BTreeMap<String, Vec<u8>>>);

/// Calls `run` with each case that `wanted` asks for. The files of a case must follow each other.
pub fn for_each_case(
    path: &Path,
    mut wanted: impl FnMut(&CaseId) -> bool,
    mut run: impl FnMut(Case),
) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("opening: {error}"))?;
    let mut decoder = zstd::Decoder::new(file).map_err(|error| format!("not zstd: {error}"))?;
    decoder.window_log_max(WINDOW_LOG).map_err(|error| format!("window: {error}"))?;
    let mut archive = tar::Archive::new(decoder);

    let mut seen: BTreeSet<CaseId> = BTreeSet::new();
    let mut current: Option<Open> = None;
    for entry in archive.entries().map_err(|error| format!("not tar: {error}"))? {
        let mut entry = entry.map_err(|error| format!("not tar: {error}"))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (id, file) = split(&name)?;
        if current.as_ref().is_none_or(|(open, _)| *open != id) {
            finish(current.take(), &mut run);
            if !seen.insert(id.clone()) {
                return Err(format!("the files of case {id} do not follow each other"));
            }
            let files = wanted(&id).then(BTreeMap::new);
            current = Some((id, files));
        }
        if let Some((_, Some(files))) = &mut current {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|error| format!("reading {name}: {error}"))?;
            files.insert(file, bytes);
        }
    }
    finish(current, &mut run);
    Ok(())
}

fn finish(case: Option<Open>, run: &mut impl FnMut(Case)) {
    if let Some((id, Some(files))) = case {
        run(Case { id, files });
    }
}

/// The case and the file's name. Folders above the preset (`./`, `tests/`) are allowed.
fn split(path: &str) -> Result<(CaseId, String), String> {
    let parts: Vec<&str> = path.split('/').collect();
    let Some((&[preset, fork, runner, handler, suite, name], file)) = parts.len().checked_sub(DEPTH).and_then(|skip| {
        let (file, folders) = parts[skip..].split_last()?;
        Some((<&[&str; DEPTH - 1]>::try_from(folders).ok()?, *file))
    }) else {
        return Err(format!("`{path}` is not <preset>/<fork>/<runner>/<handler>/<suite>/<case>/<file>"));
    };
    let [preset, fork, runner, handler, suite, name] = [preset, fork, runner, handler, suite, name].map(str::to_owned);
    Ok((CaseId { preset, fork, runner, handler, suite, name }, file.to_owned()))
}
