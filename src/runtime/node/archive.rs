//! Files on their way into a container: a tar archive, made in memory. Everything in it belongs to the user that nodes
//! run as, with the permissions that the files have here.

use super::Node;
use crate::{client::Command, image::USER, runtime::Error};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tar::{Builder, EntryType, Header};

/// An archive that is being made.
struct Archive(Builder<Vec<u8>>);

impl Archive {
    /// An empty one.
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    /// Adds a folder, for its owner only.
    fn folder(&mut self, path: &Path) -> Result<(), Error> {
        let mut header = header(0o700, 0);
        header.set_entry_type(EntryType::Directory);
        self.0.append_data(&mut header, within(path), io::empty()).map_err(failed(path))
    }

    /// Adds a file, for its owner only.
    fn file(&mut self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let mut header = header(0o600, content.len() as u64);
        self.0.append_data(&mut header, within(path), content).map_err(failed(path))
    }

    /// Adds all that is in a folder here, but for the files that `skipped` says, below a folder there.
    fn all_of(&mut self, here: &Path, there: &Path, skipped: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
        self.folder(there)?;
        let mut entries: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(here).map_err(failed(here))? {
            entries.push(entry.map_err(failed(here))?.path());
        }
        entries.sort();
        for path in entries {
            let there = there.join(path.file_name().unwrap_or_default());
            if path.is_dir() {
                self.all_of(&path, &there, skipped)?;
            } else if !skipped(&path) {
                let mut file = File::open(&path).map_err(failed(&path))?;
                let seen = file.metadata().map_err(failed(&path))?;
                let mut header = header(seen.permissions().mode() & 0o777, seen.len());
                self.0.append_data(&mut header, within(&there), &mut file).map_err(failed(&path))?;
            }
        }
        Ok(())
    }

    /// The archive.
    fn finish(self) -> Result<Vec<u8>, Error> {
        self.0.into_inner().map_err(failed(Path::new("an archive")))
    }
}

impl Node {
    /// Its folder but for logs and what `skipped` says, with a folder for each role's data, as its programs see it.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn folder_archive(&self, skipped: &dyn Fn(&Path) -> bool) -> Result<Vec<u8>, Error> {
        let mut archive = Archive::new();
        let log = |path: &Path| path.extension().is_some_and(|end| end == "log");
        archive.all_of(&self.seat.folder, &self.seat.inside, &|path| log(path) || skipped(path))?;
        for (role, _) in self.roles() {
            archive.folder(Path::new(&self.seen(&self.data(role))))?;
        }
        archive.finish()
    }

    /// The files that a role's program finds in its data folder when it first starts.
    ///
    /// # Errors
    /// The archive can't be made.
    pub fn files_of(&self, role: &str, command: &Command) -> Result<Vec<u8>, Error> {
        let mut archive = Archive::new();
        let data = self.seen(&self.data(role));
        for (path, content) in &command.files {
            let path = Path::new(&data).join(path);
            let folders: Vec<&Path> = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&data)).collect();
            for folder in folders.into_iter().rev() {
                archive.folder(folder)?;
            }
            archive.file(&path, content)?;
        }
        archive.finish()
    }
}

/// A command line as people read it. The image's own entry point is not known here.
pub fn line(entrypoint: &[String], args: &[String]) -> Vec<String> {
    entrypoint.iter().chain(args).cloned().collect()
}

fn header(mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(USER);
    header.set_gid(USER);
    // What programs load need not be older than they think they are.
    header.set_mtime(0);
    header
}

/// Names in an archive are relative to where it is put: the root.
fn within(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Io { doing: "copying into a container", path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn an_archive_holds_a_folder_with_its_permissions_and_another_owner() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("network")).unwrap();
        for (name, mode) in [("network/jwt.hex", 0o600), ("node.key", 0o644), ("beacon.log", 0o644)] {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut archive = Archive::new();
        let skipped = |path: &Path| path.extension().is_some_and(|end| end == "log");
        archive.all_of(folder.path(), Path::new("/node"), &skipped).unwrap();
        archive.file(Path::new("/node/data/key"), &[7]).unwrap();
        let bytes = archive.finish().unwrap();
        let mut found = Vec::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (65_532, 65_532));
            found.push((entry.path().unwrap().display().to_string(), header.mode().unwrap(), text));
        }
        let file = |name: &str, mode: u32, text: &str| (name.to_owned(), mode, text.to_owned());
        assert_eq!(
            found,
            [
                file("node", 0o700, ""),
                file("node/network", 0o700, ""),
                file("node/network/jwt.hex", 0o600, "network/jwt.hex"),
                file("node/node.key", 0o644, "node.key"),
                file("node/data/key", 0o600, "\u{7}"),
            ]
        );
    }
}
