//! Several parts of one matrix as one: what CI's last job does with what the shards left.

use super::folder::PLAN;
use super::{CellReport, Day, Error, Head, KnownFailures, Matrix, VERSION};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The name of the file that is read.
const FILE: &str = "matrix.json";

/// Merges the matrices of these folders, which must be parts of one. Paths in the result are relative to `out`. With
/// `known`, failures are held against that list anew; without, what the parts say of theirs is kept. A cell that no part has
/// was not run, and is unknown.
///
/// Also gives the folders of parts that were cut off before they had a grid: nothing of them is in it.
///
/// # Errors
/// A folder has no matrix or that of another, two have run the same cell, or there is no folder.
pub fn merge(
    folders: &[PathBuf],
    out: &Path,
    known: Option<(&KnownFailures, Day)>,
) -> Result<(Matrix, Vec<PathBuf>), Error> {
    let (mut merged, mut cut_off): (Option<Matrix>, _) = (None, Vec::new());
    for folder in folders {
        let mut part = match read(folder)? {
            Some(part) => part,
            None => {
                cut_off.push(folder.clone());
                begun(folder)?
            }
        };
        let way = way(out, folder)?;
        for run in part.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
            run.folder = format!("{way}{}", run.folder);
        }
        merged = Some(match merged {
            None => part,
            Some(whole) => join(whole, part, folder)?,
        });
    }
    let Some(Matrix { head, cells, interrupted, known_failures: told, .. }) = merged else {
        let why = "no folder of a matrix was named".to_owned();
        return Err(Error::Refused { path: out.to_owned(), why });
    };
    let cells = complete(&head, cells);
    let matrix = match known {
        Some((known, today)) => {
            let raw = cells.into_iter().map(|it| CellReport::of(it.cell, it.runs, head.repeat)).collect();
            Matrix::of(head, None, raw, interrupted, known, today)
        }
        None => {
            let whole = Matrix::of(head, None, cells, interrupted, &KnownFailures::default(), Day::default());
            Matrix { known_failures: told, ..whole }
        }
    };
    Ok((matrix, cut_off))
}

/// The matrix of a folder; `None` if it was begun and nothing is known of its cells.
fn read(folder: &Path) -> Result<Option<Matrix>, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let path = folder.join(FILE);
    let refused = |why: String| Error::Refused { path: path.clone(), why };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound && folder.join(PLAN).exists() => return Ok(None),
        Err(error) => return Err(refused(format!("{error}; name the folder of a matrix"))),
    };
    let damaged = |why: serde_json::Error| refused(format!("it is no matrix: {why}"));
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version > VERSION {
        return Err(refused(format!(
            "it has version {version}, this lockin reads up to {VERSION}; use a newer lockin"
        )));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// The matrix that a folder was begun for, without any cell.
fn begun(folder: &Path) -> Result<Matrix, Error> {
    let path = folder.join(PLAN);
    let refused = |why: String| Error::Refused { path: path.clone(), why };
    let bytes = std::fs::read(&path).map_err(|error| refused(error.to_string()))?;
    let head: Head = serde_json::from_slice(&bytes).map_err(|why| refused(format!("it is of no matrix: {why}")))?;
    Ok(Matrix::of(head, None, Vec::new(), false, &KnownFailures::default(), Day::default()))
}

fn join(mut whole: Matrix, part: Matrix, folder: &Path) -> Result<Matrix, Error> {
    let refused = |why: String| Error::Refused { path: folder.to_owned(), why };
    if let Some(why) = whole.head.differs(&part.head) {
        return Err(refused(format!("it is a part of another matrix: {why}")));
    }
    for cell in part.cells {
        let same = |known: &&mut CellReport| known.cell.cast == cell.cell.cast && known.cell.value == cell.cell.value;
        match whole.cells.iter_mut().find(same) {
            None => whole.cells.push(cell),
            // one was cut off before it, and the other made it
            Some(known) if known.made == 0 => *known = cell,
            Some(_) if cell.made == 0 => {}
            Some(_) => return Err(refused(format!("it has {}, and so has another folder", cell.title))),
        }
    }
    whole.interrupted |= part.interrupted;
    // each part tells of every entry that expired
    let known: BTreeSet<(String, String)> =
        whole.known_failures.iter().map(|it| (it.pair.clone(), it.says.clone())).collect();
    let news = part.known_failures.into_iter().filter(|it| !known.contains(&(it.pair.clone(), it.says.clone())));
    whole.known_failures.extend(news);
    Ok(whole)
}

/// Every cell of the grid, in its order. Those that are not there were not run.
fn complete(head: &Head, mut found: Vec<CellReport>) -> Vec<CellReport> {
    let mut all = Vec::new();
    for cell in head.cells() {
        let place = found.iter().position(|it| it.cell.cast == cell.cast && it.cell.value == cell.value);
        all.push(match place {
            Some(place) => found.swap_remove(place),
            None => CellReport::of(cell, Vec::new(), head.repeat),
        });
    }
    // what does not belong there was run all the same
    all.extend(found);
    all
}

/// The way from one folder to another, with a slash at its end; empty if they are one.
fn way(from: &Path, to: &Path) -> Result<String, Error> {
    let absolute = |path: &Path| {
        let absolute = std::path::absolute(path);
        absolute.map_err(|source| Error::Io { doing: "finding", path: path.to_owned(), source })
    };
    let (from, to) = (absolute(from)?, absolute(to)?);
    let parts = |path: &Path| -> Vec<String> {
        let normal = path.components().filter(|part| !matches!(part, Component::CurDir));
        normal.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let (from, to) = (parts(&from), parts(&to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - shared);
    Ok(up.chain(to[shared..].iter().cloned()).map(|part| part + "/").collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Cell, Folder, Identity, RunRecord, RunReport, Shard};
    use super::*;
    use crate::journal::Verdict;

    /// A folder with the cells of a shard, all of which passed, of the pairs of three clients.
    fn part(root: &Path, shard: &str) -> PathBuf {
        let head = Head {
            scenario: "pairwise".into(),
            about: String::new(),
            runtime: "simulation".into(),
            roles: vec!["A".into(), "B".into()],
            clients: vec!["a".into(), "b".into(), "c".into()],
            swap: false,
            with_self: false,
            repeat: 1,
            sweep: None,
        };
        let shard: Shard = shard.parse().unwrap();
        let ours = head.cells().into_iter().enumerate().filter(|(n, _)| shard.has(*n));
        let report = |(_, cell): (usize, Cell)| {
            let identity = Identity::of("", "", "");
            let record = RunRecord::without_run(identity, Vec::new(), Verdict::Pass, "so".into());
            let run = RunReport { folder: cell.folder.clone(), record };
            CellReport::of(cell, vec![run], 1)
        };
        let folder = root.join(shard.index.to_string());
        let (folder, _) = Folder::open(&folder, &head).unwrap();
        let cells = ours.map(report).collect();
        let matrix = Matrix::of(head, Some(shard), cells, false, &KnownFailures::default(), Day::default());
        crate::matrix::write(&matrix, folder.path()).unwrap();
        folder.path().to_owned()
    }

    #[test]
    fn a_cell_that_no_part_has_is_unknown() {
        let root = tempfile::tempdir().unwrap();
        let parts = ["1/3", "2/3", "3/3"].map(|shard| part(root.path(), shard));
        let verdicts = |matrix: &Matrix| matrix.cells.iter().map(|cell| cell.verdict).collect::<Vec<_>>();
        let merged = |parts: &[PathBuf]| merge(parts, &root.path().join("whole"), None).unwrap();
        let (whole, cut_off) = merged(&parts);
        assert_eq!((whole.exit_code, whole.shard, cut_off.len()), (0, None, 0));
        let (lacking, _) = merged(&parts[1..2]);
        assert_eq!(verdicts(&lacking), [Verdict::Unknown, Verdict::Pass, Verdict::Unknown]);
        assert_eq!((lacking.exit_code, lacking.cells[0].title.as_str()), (3, "a / b"));
        let known = KnownFailures::default();
        let listed = merge(&parts[1..2], root.path(), Some((&known, Day::default()))).unwrap().0;
        assert_eq!(verdicts(&listed), verdicts(&lacking));
        // what was not run once may be brought later
        let kept = root.path().join("kept");
        std::fs::create_dir(&kept).unwrap();
        crate::matrix::write(&lacking, &kept).unwrap();
        assert_eq!(merged(&[kept, parts[0].clone(), parts[2].clone()]).0.exit_code, 0);
    }

    #[test]
    fn a_part_that_was_cut_off_is_told_and_hinders_nobody() {
        let root = tempfile::tempdir().unwrap();
        let parts = ["1/2", "2/2"].map(|shard| part(root.path(), shard));
        std::fs::remove_file(parts[1].join(FILE)).unwrap();
        let (matrix, cut_off) = merge(&parts, root.path(), None).unwrap();
        assert_eq!((matrix.exit_code, cut_off.as_slice()), (3, &parts[1..]));
        assert_eq!((matrix.tally.pass, matrix.tally.unknown), (2, 1));
        // a folder of something else is a mistake
        assert!(matches!(merge(&[root.path().to_owned()], root.path(), None), Err(Error::Refused { .. })));
    }

    #[test]
    fn the_way_leads_there() {
        for (from, to, expected) in [
            ("/m", "/m/shard-1", "shard-1/"),
            ("/m/out", "/m/shard-1", "../shard-1/"),
            ("/m", "/m", ""),
            ("/a/b", "/c", "../../c/"),
            ("/m/./x", "/m/x/y", "y/"),
        ] {
            assert_eq!(way(Path::new(from), Path::new(to)).unwrap(), expected, "{from} {to}");
        }
    }
}
