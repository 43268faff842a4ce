//! Files of a node's folder: written before its programs start, swept when it begins again.

use super::Node;
use crate::{
    client::Command,
    genesis::{Peers, write_keystores},
    keystore::write_secret,
    runtime::{Error, config_of},
    topology::NetworkPlan,
    types::BeaconState,
    yaml,
};
use std::{os::unix::fs::MetadataExt, path::Path};

impl Node {
    /// Writes what its programs load: the network directory, its key, its keystores, what its engine is told.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn write_folder(&self, plan: &NetworkPlan, genesis: &BeaconState) -> Result<(), Error> {
        let other = |error: &dyn std::fmt::Display| Error::Other(error.to_string());
        let config = config_of(plan, &self.plan)?;
        self.network().write(&config, genesis, &Peers::default()).map_err(|error| other(&error))?;
        if let (Some(engine), Some(path)) = (&self.plan.engine, self.engine_script()) {
            let text = yaml::to_string(&engine.script).map_err(|error| other(&error))?;
            write(&path, text.as_bytes())?;
        }
        if let Some(layout) = self.keystore_layout() {
            let keys = self.plan.validators.iter().flat_map(|range| range.keys());
            write_keystores(&self.keystores(), layout, keys).map_err(|error| other(&error))?;
        }
        let path = self.key_file();
        let written = write_secret(&path, hex::encode(self.plan.node_key.0));
        written.map_err(|source| Error::Io { doing: "writing", path, source })
    }
}

/// Bytes of disk that a file takes, or a folder with all that is in it. What vanishes meanwhile takes nothing.
pub fn disk_use(path: &Path) -> u64 {
    let Ok(seen) = std::fs::symlink_metadata(path) else { return 0 };
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| disk_use(&entry.path()));
    seen.blocks() * 512 + if seen.is_dir() { inside.sum() } else { 0 }
}

/// A file of a node's folder.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(path, content).map_err(|source| Error::Io { doing: "writing", path: path.to_owned(), source })
}

/// What a network that was given up has left in a node's folder.
pub fn empty_but_for_logs(folder: &Path) -> Result<(), Error> {
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
pub fn write_files(data: &Path, command: &Command) -> Result<(), Error> {
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
