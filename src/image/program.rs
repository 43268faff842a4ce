//! What a program is for and what it is linked to: read off the file, and asked of its own loader.

use super::Error;
use object::{
    Endianness, elf,
    read::elf::{FileHeader, ProgramHeader},
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Machines: ELF's number, what container engines call it, and the Rust target of static programs for it.
const MACHINES: &[(u16, &str, &str)] = &[
    (elf::EM_X86_64, "amd64", "x86_64-unknown-linux-musl"),
    (elf::EM_AARCH64, "arm64", "aarch64-unknown-linux-musl"),
    (elf::EM_RISCV, "riscv64", "riscv64gc-unknown-linux-musl"),
];

/// What older C libraries load only when a name is looked up; they lie beside the C library.
const LOOKED_UP: [&str; 2] = ["libnss_files.so.2", "libnss_dns.so.2"];

/// What container engines call this machine.
pub fn this_machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A program, by the headers of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The machine that it is for, as container engines call it: `amd64`, `arm64`.
    pub arch: &'static str,
    /// What loads its libraries; `None` for a static program, which needs none.
    pub loader: Option<PathBuf>,
}

/// A library, where the program finds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Library {
    /// The folder, without links.
    pub folder: PathBuf,
    /// The name that it is asked for by.
    pub name: String,
}

impl Library {
    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    fn at(path: &Path) -> Option<Library> {
        let folder = path.parent()?.canonicalize().ok()?;
        Some(Library { folder, name: path.file_name()?.to_str()?.to_owned() })
    }
}

impl Program {
    /// Reads the headers of a program's file; `path` is its name in messages.
    ///
    /// # Errors
    /// [`Error::NotAProgram`].
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Program, Error> {
        headers(bytes).map_err(|why| Error::NotAProgram { path: path.to_owned(), why })
    }

    /// The libraries that the program at `path` is linked to, as its loader finds them on this machine: each once, in
    /// order of their paths, without the loader.
    ///
    /// # Errors
    /// The program is for another machine, or its loader does not find all.
    pub fn libraries(&self, path: &Path) -> Result<Vec<Library>, Error> {
        let Some(loader) = &self.loader else { return Ok(Vec::new()) };
        if self.arch != this_machine() {
            let target = MACHINES.iter().find(|(_, arch, _)| *arch == self.arch).map_or("musl", |(.., target)| target);
            return Err(Error::Foreign { path: path.into(), arch: self.arch, here: this_machine(), target });
        }
        let failed = |says: String| Error::Loader { path: path.into(), loader: loader.clone(), says };
        let path = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
        // What is preloaded into every program of this shell is none of the program's own.
        let listed = Command::new(loader).arg("--list").arg(&path).env_remove("LD_PRELOAD").output();
        let listed = listed.map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let mut found = BTreeSet::new();
        for line in text.lines() {
            match in_list(line) {
                Listed::At(library) => found.extend(Library::at(Path::new(library))),
                Listed::Missing(library) => return Err(Error::NoLibrary { path, library: library.to_owned() }),
                Listed::Nothing => {}
            }
        }
        if !listed.status.success() {
            let says = String::from_utf8_lossy(&listed.stderr);
            return Err(failed(says.lines().next().unwrap_or("it failed without a word").to_owned()));
        }
        let loader_itself = loader.canonicalize().ok();
        found.retain(|library| library.path().canonicalize().ok() != loader_itself);
        let c_library: Vec<PathBuf> =
            found.iter().filter(|library| library.name == "libc.so.6").map(|library| library.folder.clone()).collect();
        for folder in c_library {
            let beside = LOOKED_UP.map(|name| Library { folder: folder.clone(), name: name.to_owned() });
            found.extend(beside.into_iter().filter(|library| library.path().exists()));
        }
        Ok(found.into_iter().collect())
    }
}

fn headers(bytes: &[u8]) -> Result<Program, String> {
    type Header = elf::FileHeader64<Endianness>;
    let said = |error: object::read::Error| error.to_string();
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err("it does not begin as an ELF file does".into());
    }
    let header = Header::parse(bytes).map_err(|_| "it is no ELF file of 64 bits".to_owned())?;
    let endian = header.endian().map_err(said)?;
    let machine = header.e_machine(endian);
    let Some((_, arch, _)) = MACHINES.iter().find(|(number, ..)| *number == machine) else {
        return Err(format!("it is for a machine of another kind (ELF number {machine})"));
    };
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err("it can't be executed".into());
    }
    let mut loader = None;
    for segment in header.program_headers(endian, bytes).map_err(said)? {
        if let Some(name) = segment.interpreter(endian, bytes).map_err(said)? {
            loader = Some(PathBuf::from(OsStr::from_bytes(name)));
        }
    }
    if let Some(loader) = loader.as_ref().filter(|loader| !loader.is_absolute()) {
        return Err(format!("its loader is no path: {}", loader.display()));
    }
    Ok(Program { arch, loader })
}

/// A line of what a loader lists: that of glibc and that of musl write alike.
#[derive(Debug, PartialEq, Eq)]
enum Listed<'a> {
    At(&'a str),
    Missing(&'a str),
    /// The kernel's own, or no library at all.
    Nothing,
}

fn in_list(line: &str) -> Listed<'_> {
    // name => path (address), path (address), name => not found
    let line = line.trim();
    let (name, place) = line.split_once(" => ").unwrap_or((line, line));
    if place.starts_with("not found") {
        return Listed::Missing(name);
    }
    let path = place.rsplit_once(" (").map_or(place, |(path, _)| path);
    if path.contains('/') { Listed::At(path) } else { Listed::Nothing }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The headers of a program, with a loader or without.
    pub(crate) fn headers_of(machine: u16, loader: Option<&str>) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        file.resize(16, 0);
        file.extend([elf::ET_DYN, machine].into_iter().flat_map(u16::to_le_bytes));
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].into_iter().flat_map(u64::to_le_bytes)); // entry, program headers, sections
        file.extend(0u32.to_le_bytes());
        file.extend([64u16, 56, u16::from(loader.is_some()), 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
        assert_eq!(file.len(), 64);
        if let Some(loader) = loader {
            let size = loader.len() as u64 + 1;
            file.extend([elf::PT_INTERP, 4].into_iter().flat_map(u32::to_le_bytes));
            file.extend([120u64, 120, 120, size, size, 1].into_iter().flat_map(u64::to_le_bytes));
            file.extend(loader.bytes().chain([0]));
        }
        file
    }

    fn read(bytes: &[u8]) -> Result<Program, String> {
        Program::read(Path::new("p"), bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn static_and_dynamic_programs_of_each_machine() {
        let program = read(&headers_of(elf::EM_X86_64, None)).unwrap();
        assert_eq!(program, Program { arch: "amd64", loader: None });
        assert_eq!(program.libraries(Path::new("p")).unwrap(), []);
        let program = read(&headers_of(elf::EM_AARCH64, Some("/lib/ld-linux-aarch64.so.1"))).unwrap();
        assert_eq!(program, Program { arch: "arm64", loader: Some("/lib/ld-linux-aarch64.so.1".into()) });
        if this_machine() == "amd64" {
            let says = program.libraries(Path::new("p")).unwrap_err().to_string();
            assert!(says.contains("for arm64") && says.contains("aarch64-unknown-linux-musl"), "{says}");
        }
    }

    #[test]
    fn what_is_no_program_is_said() {
        let says = |bytes: &[u8]| read(bytes).unwrap_err();
        assert_eq!(says(b"#!/bin/sh"), "p is no Linux program: it does not begin as an ELF file does");
        assert!(says(&headers_of(elf::EM_386, None)).contains("another kind (ELF number 3)"));
        assert!(says(&headers_of(elf::EM_X86_64, Some("ld.so"))).contains("no path"));
        let mut object = headers_of(elf::EM_X86_64, None);
        object[16] = 1;
        assert!(says(&object).contains("can't be executed"));
        // Cut anywhere, or with any byte of its headers changed: an answer, never a panic.
        let whole = headers_of(elf::EM_X86_64, Some("/lib64/ld.so"));
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 0xff;
            let _ = read(&wrong);
        }
    }

    #[test]
    fn lists_of_loaders() {
        assert_eq!(in_list("\tlinux-vdso.so.1 (0x00007ffd)"), Listed::Nothing);
        assert_eq!(in_list("\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)"), Listed::At("/lib/x/libc.so.6"));
        assert_eq!(in_list("\t/lib64/ld-linux-x86-64.so.2 (0x00007f)"), Listed::At("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(in_list("\tlibz.so.1 => not found"), Listed::Missing("libz.so.1"));
        assert_eq!(in_list(""), Listed::Nothing);
    }
}
