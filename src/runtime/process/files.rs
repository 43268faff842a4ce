//! Files of a node's folder: written before its programs start, swept when it begins again.

use crate::{client::Command, keystore::write_secret, runtime::Error};
use std::path::Path;

/// A file of a node's folder.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(path, content).map_err(|source| Error::Io { doing: "writing", path: path.to_owned(), source })
}

/// What a network that was given up has left in a node's folder.
pub(super) fn empty_but_for_logs(folder: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { doing: "emptying", path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let emptied = match path.extension() {
            Some(end) if end == "log" => Ok(()),
            _ if path.is_dir() => std::fs::remove_dir_all(&path),
            _ => std::fs::remove_file(&path),
        };
        emptied.map_err(io)?;
    }
    Ok(())
}

/// A role's data folder with the files that are there before its program first starts; for its owner only.
pub(super) fn write_files(data: &Path, command: &Command) -> Result<(), Error> {
    let io = |path: &Path, source| Error::Io { doing: "writing", path: path.to_owned(), source };
    let folder = |path: &Path| {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path).map_err(|source| io(path, source))
    };
    folder(data)?;
    for (path, content) in &command.files {
        let path = data.join(path);
        path.parent().map_or(Ok(()), folder)?;
        write_secret(&path, content).map_err(|source| io(&path, source))?;
    }
    Ok(())
}
