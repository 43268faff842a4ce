//! Several parts of one matrix as one: what CI's last job does with what the shards left.

use super::{CellReport, Day, Error, KnownFailures, Matrix, Shard, VERSION};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The name of the file that is read.
const FILE: &str = "matrix.json";

/// Merges the matrices of these folders, which must be parts of one. Paths in the result are relative to `out`. With
/// `known`, failures are held against that list anew; without, what the parts say of theirs is kept.
///
/// # Errors
/// A folder has no matrix or that of another, two have the same cell, or there is no folder.
pub fn merge(folders: &[PathBuf], out: &Path, known: Option<(&KnownFailures, Day)>) -> Result<Matrix, Error> {
    let mut merged: Option<Matrix> = None;
    for folder in folders {
        let mut part = read(folder)?;
        let way = way(out, folder)?;
        for run in part.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
            run.folder = format!("{way}{}", run.folder);
        }
        merged = Some(match merged {
            None => part,
            Some(whole) => join(whole, part, folder)?,
        });
    }
    let Some(mut whole) = merged else {
        let why = "no folder of a matrix was named".to_owned();
        return Err(Error::Refused { path: out.to_owned(), why });
    };
    whole.shard = missing(&whole);
    let (head, shard, interrupted) = (whole.head, whole.shard, whole.interrupted);
    let (cells, told) = (whole.cells, whole.known_failures);
    let nothing = KnownFailures::default();
    Ok(match known {
        Some((known, today)) => {
            let raw = cells.into_iter().map(|it| CellReport::of(it.cell, it.runs, head.repeat)).collect();
            Matrix::of(head, shard, raw, interrupted, known, today)
        }
        None => {
            let mut whole = Matrix::of(head, shard, cells, interrupted, &nothing, Day::default());
            whole.known_failures = told;
            whole
        }
    })
}

fn read(folder: &Path) -> Result<Matrix, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let path = folder.join(FILE);
    let refused = |why: String| Error::Refused { path: path.clone(), why };
    let bytes = std::fs::read(&path).map_err(|why| refused(format!("{why}; name the folder of a matrix")))?;
    let damaged = |why: serde_json::Error| refused(format!("it is no matrix: {why}"));
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version > VERSION {
        return Err(refused(format!(
            "it has version {version}, this lockin reads up to {VERSION}; use a newer lockin"
        )));
    }
    serde_json::from_slice(&bytes).map_err(damaged)
}

fn join(mut whole: Matrix, part: Matrix, folder: &Path) -> Result<Matrix, Error> {
    let refused = |why: String| Error::Refused { path: folder.to_owned(), why };
    if let Some(why) = whole.head.differs(&part.head) {
        return Err(refused(format!("it is a part of another matrix: {why}")));
    }
    for cell in part.cells {
        if whole.cells.iter().any(|known| known.cell.cast == cell.cell.cast && known.cell.value == cell.cell.value) {
            return Err(refused(format!("it has {}, and so has another folder", cell.title)));
        }
        whole.cells.push(cell);
    }
    let place = |cell: &CellReport| -> Vec<usize> {
        let of = |client: &String| whole.head.clients.iter().position(|it| it == client).unwrap_or(usize::MAX);
        let value = cell.cell.value.as_ref();
        let values = whole.head.sweep.as_ref().map(|sweep| &sweep.values);
        let value = value.zip(values).and_then(|(value, values)| values.iter().position(|it| it == value));
        cell.cell.cast.iter().map(of).chain(value).collect()
    };
    whole.cells.sort_by_cached_key(place);
    whole.interrupted |= part.interrupted;
    // each part tells of every entry that expired
    let known: BTreeSet<(String, String)> =
        whole.known_failures.iter().map(|it| (it.pair.clone(), it.says.clone())).collect();
    let news = part.known_failures.into_iter().filter(|it| !known.contains(&(it.pair.clone(), it.says.clone())));
    whole.known_failures.extend(news);
    // a part of which nothing is known stays one
    whole.shard = whole.shard.or(part.shard);
    Ok(whole)
}

/// The shard that a merged matrix still is: none if every cell is there.
fn missing(whole: &Matrix) -> Option<Shard> {
    let head = &whole.head;
    let choice = super::Choice { size: head.roles.len(), swap: head.swap, with_self: head.with_self };
    let all = super::cells(&super::casts(&head.clients, choice), head.sweep.as_ref()).len();
    whole.shard.filter(|_| whole.cells.len() < all)
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
    use super::*;

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
