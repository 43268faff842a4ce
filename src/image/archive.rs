//! An image archive: one layer, its configuration, and the list of both, in the form that `docker load` takes.
//!
//! Nothing in it depends on when, where or by whom it was made: one binary with the same libraries is one image.

use super::{BINARY, BINARY_LABEL, DATA, Error, Library, Program, USER};
use crate::ssz::sha256;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use tar::{Builder, EntryType, Header};

/// The date of everything: an image has none of its own.
const WHEN: &str = "1970-01-01T00:00:00Z";

/// A file inside the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path inside.
    pub path: PathBuf,
    /// The file that it was read from.
    pub from: PathBuf,
    /// Bytes.
    pub size: u64,
}

/// An image that is ready to be loaded.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The archive.
    pub archive: Vec<u8>,
    /// `sha256:` and 64 digits: what engines with the classic image store call it.
    pub id: String,
    /// SHA-256 of the binary, 64 digits.
    pub binary: String,
    /// The machine that it is for.
    pub arch: &'static str,
    /// What it is called, with tags.
    pub tags: Vec<String>,
    /// What is inside.
    pub parts: Vec<Part>,
}

impl Packed {
    /// The image of the program at `path`, with whatever it is linked to, under these names; a name without a tag gets
    /// `latest`.
    ///
    /// # Errors
    /// What is there is no program, or not all that it is linked to is there.
    pub fn of(path: &Path, tags: &[String]) -> Result<Packed, Error> {
        let bytes = read(path)?;
        let program = Program::read(path, &bytes)?;
        let libraries = program.libraries(path)?;
        let binary = hex(&bytes);
        let mut files = BTreeMap::from([(PathBuf::from(BINARY), (path.to_owned(), bytes))]);
        let shared = program.loader.iter().cloned().chain(libraries.iter().map(Library::path));
        for file in shared {
            let bytes = read(&file)?;
            files.insert(file.clone(), (file, bytes));
        }
        let part = |(path, (from, bytes)): (&PathBuf, &(PathBuf, Vec<u8>))| Part {
            path: path.clone(),
            from: from.clone(),
            size: bytes.len() as u64,
        };
        let parts = files.iter().map(part).collect();
        let layer = layer(files.into_iter().map(|(path, (_, bytes))| (path, bytes)));
        let tags: Vec<String> = tags.iter().map(|tag| with_tag(tag)).collect();
        let config = config(program.arch, &binary, &libraries, &hex(&layer)).to_string().into_bytes();
        let id = hex(&config);
        Ok(Packed {
            archive: archive(&id, config, layer, &tags),
            id: format!("sha256:{id}"),
            binary,
            arch: program.arch,
            tags,
            parts,
        })
    }

    /// Bytes of all files inside.
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn hex(bytes: &[u8]) -> String {
    ::hex::encode(sha256(bytes).0)
}

/// `registry:5000/name` has no tag, `name:tag` has.
fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

fn config(arch: &str, binary: &str, libraries: &[Library], layer: &str) -> serde_json::Value {
    let mut env = vec!["PATH=/".to_owned()];
    let folders: BTreeSet<_> = libraries.iter().map(|library| library.folder.display().to_string()).collect();
    if !folders.is_empty() {
        // Where they are on this machine may be known to its loader by a cache, which is not inside.
        env.push(format!("LD_LIBRARY_PATH={}", folders.into_iter().collect::<Vec<_>>().join(":")));
    }
    let title = "org.opencontainers.image.title";
    json!({
        "architecture": arch,
        "os": "linux",
        "created": WHEN,
        "config": {
            "User": format!("{USER}:{USER}"),
            "Env": env,
            "Entrypoint": [BINARY],
            "WorkingDir": DATA,
            "Labels": { BINARY_LABEL: binary, title: super::NAME },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        "history": [{ "created": WHEN, "created_by": "lockin image" }],
    })
}

/// The files with the folders that they are in, and the two that programs may write to.
fn layer(files: impl Iterator<Item = (PathBuf, Vec<u8>)>) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    put_folder(&mut tar, Path::new(DATA), 0o777, USER);
    put_folder(&mut tar, Path::new("/tmp"), 0o1777, 0);
    for (path, bytes) in files {
        let above: Vec<&Path> = path.ancestors().skip(1).filter(|folder| folder.parent().is_some()).collect();
        for folder in above.into_iter().rev() {
            if folders.insert(folder.to_owned()) {
                put_folder(&mut tar, folder, 0o755, 0);
            }
        }
        put(&mut tar, header(EntryType::Regular, 0o755, 0), &path, &bytes);
    }
    finished(tar)
}

fn archive(id: &str, config: Vec<u8>, layer: Vec<u8>, tags: &[String]) -> Vec<u8> {
    let layer_name = format!("{}/layer.tar", hex(&layer));
    let config_name = format!("{id}.json");
    let manifest = json!([{ "Config": config_name, "RepoTags": tags, "Layers": [layer_name] }]).to_string();
    let mut tar = Builder::new(Vec::with_capacity(layer.len() + (64 << 10)));
    for (name, bytes) in
        [(config_name.as_str(), config), (layer_name.as_str(), layer), ("manifest.json", manifest.into_bytes())]
    {
        put(&mut tar, header(EntryType::Regular, 0o644, 0), Path::new(name), &bytes);
    }
    finished(tar)
}

fn header(kind: EntryType, mode: u32, owner: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header
}

fn put_folder(tar: &mut Builder<Vec<u8>>, path: &Path, mode: u32, owner: u64) {
    put(tar, header(EntryType::Directory, mode, owner), path, &[]);
}

fn put(tar: &mut Builder<Vec<u8>>, mut header: Header, path: &Path, bytes: &[u8]) {
    header.set_size(bytes.len() as u64);
    let path = path.strip_prefix("/").unwrap_or(path);
    tar.append_data(&mut header, path, bytes).expect("a vector takes everything, and paths without `..` are taken");
}

fn finished(tar: Builder<Vec<u8>>) -> Vec<u8> {
    tar.into_inner().expect("a vector takes everything")
}

#[cfg(test)]
mod tests {
    use super::super::program::tests::headers_of;
    use super::*;
    use object::elf::EM_AARCH64;
    use std::io::Read;

    /// Name, mode, owner and content of every entry.
    fn entries(tar: &[u8]) -> Vec<(String, u32, u64, Vec<u8>)> {
        let mut archive = tar::Archive::new(tar);
        let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let (mode, owner) = (entry.header().mode().unwrap(), entry.header().uid().unwrap());
            assert_eq!(entry.header().mtime().unwrap(), 0, "{name}");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (name, mode, owner, content)
        };
        archive.entries().unwrap().map(entry).collect()
    }

    #[test]
    fn an_image_of_a_static_program_for_another_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let program = headers_of(EM_AARCH64, None);
        fs::write(&path, &program).unwrap();
        let packed = Packed::of(&path, &["lockin:1".into(), "mine".into()]).unwrap();
        assert_eq!((packed.arch, packed.size()), ("arm64", 64));
        assert_eq!(packed.tags, ["lockin:1", "mine:latest"]);
        let files = entries(&packed.archive);
        let [(config_name, .., config), (layer_name, .., layer), (last, .., manifest)] = files.as_slice() else {
            panic!("{} entries", files.len())
        };
        assert_eq!(*config_name, format!("{}.json", hex(config)));
        assert_eq!(packed.id, format!("sha256:{}", hex(config)));
        assert_eq!(last, "manifest.json");
        let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
        let tags = ["lockin:1", "mine:latest"];
        assert_eq!(manifest, json!([{ "Config": config_name, "RepoTags": tags, "Layers": [layer_name] }]));
        let config: serde_json::Value = serde_json::from_slice(config).unwrap();
        assert_eq!(config["architecture"], "arm64");
        assert_eq!(config["rootfs"]["diff_ids"], json!([format!("sha256:{}", hex(layer))]));
        assert_eq!(config["config"]["Labels"][BINARY_LABEL], hex(&program));
        assert_eq!(config["config"]["Env"], json!(["PATH=/"]));
        let inside: Vec<_> = entries(layer).into_iter().map(|(name, mode, owner, _)| (name, mode, owner)).collect();
        let expected = [("data", 0o777, USER), ("tmp", 0o1777, 0), ("lockin", 0o755, 0)];
        assert_eq!(inside, expected.map(|(name, mode, owner)| (name.to_owned(), mode, owner)));
        assert_eq!(entries(layer)[2].3, program);
        // The same again is the same to the byte.
        assert_eq!(Packed::of(&path, &["lockin:1".into(), "mine".into()]).unwrap().archive, packed.archive);
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_once() {
        let files = [("/lib/a/x.so", b"x"), ("/lib/a/y.so", b"y"), ("/lib/z.so", b"z")];
        let tar = layer(files.into_iter().map(|(path, bytes)| (path.into(), bytes.to_vec())));
        let names: Vec<_> = entries(&tar).into_iter().skip(2).map(|entry| entry.0).collect();
        assert_eq!(names, ["lib", "lib/a", "lib/a/x.so", "lib/a/y.so", "lib/z.so"]);
    }

    #[test]
    fn names_get_a_tag() {
        assert_eq!(with_tag("a"), "a:latest");
        assert_eq!(with_tag("a:1"), "a:1");
        assert_eq!(with_tag("localhost:5000/a"), "localhost:5000/a:latest");
        assert_eq!(with_tag("localhost:5000/a:1"), "localhost:5000/a:1");
    }
}
