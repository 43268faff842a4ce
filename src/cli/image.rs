//! `lockin image`: this program as a container image.

use super::exit;
use crate::image::{self, Error, Loaded, Packed};
use std::{io::Write, path::PathBuf};

/// Makes a container image of this program and puts it into the container engine, without base image or registry.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The image holds the binary alone if that is static, else also its loader and libraries. It is the same to the byte for
the same binary. `lockin run --runtime docker` uses lockin:<version>. The engine is the one that DOCKER_HOST names, else
the first of Docker and Podman that answers.

Examples:
  lockin image
  lockin image --binary target/x86_64-unknown-linux-musl/release/lockin
  lockin image --binary aarch64/lockin --out lockin-arm64.tar   # for an engine elsewhere: docker load -i FILE")]
pub struct ImageArgs {
    /// The program, if not this one itself.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Name of the image, such as registry.example/lockin:test; may be repeated [default: lockin:<version> and
    /// lockin:latest].
    #[arg(long = "tag", value_name = "NAME[:TAG]")]
    tags: Vec<String>,
    /// Writes the image to a file instead, for `docker load` or `podman load`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the subcommand; the exit code.
pub fn run(args: ImageArgs) -> u8 {
    match make(args) {
        Ok(()) => exit::PASS,
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                Error::NoEngine(_) | Error::Engine { .. } | Error::NotLoaded { .. } => exit::UNKNOWN,
                _ => exit::USAGE,
            }
        }
    }
}

fn make(args: ImageArgs) -> Result<(), Error> {
    let own = || std::env::current_exe().map_err(|source| Error::Read { path: "/proc/self/exe".into(), source });
    let binary = args.binary.map_or_else(own, Ok)?;
    let tags = match args.tags.is_empty() {
        true => vec![image::reference(), format!("{}:latest", image::NAME)],
        false => args.tags,
    };
    let packed = Packed::of(&binary, &tags)?;
    let written = match args.out {
        Some(path) => {
            let file = std::fs::File::create(&path).and_then(|mut file| file.write_all(&packed.archive));
            file.map_err(|source| Error::Write { path: path.clone(), source })?;
            format!("written to {}", path.display())
        }
        None => in_words(&put(&packed)?),
    };
    super::say(&format!("{}: {} for linux/{}, {written}", packed.tags.join(", "), size(packed.size()), packed.arch));
    for part in &packed.parts {
        let from = if part.path == part.from { String::new() } else { format!(", from {}", part.from.display()) };
        super::say(&format!("  {:>9}  {}{from}", size(part.size), part.path.display()));
    }
    Ok(())
}

fn put(packed: &Packed) -> Result<Loaded, Error> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|source| Error::Read { path: "the event loop".into(), source })?;
    tokio.block_on(async { image::load(&image::find().await?, packed).await })
}

fn in_words(loaded: &Loaded) -> String {
    let replaced = match loaded.replaced {
        0 => String::new(),
        count => format!("; removed what had its names before ({count})"),
    };
    format!("{} in the engine, as {}{replaced}", size(loaded.size), loaded.id)
}

/// As people and container engines write it: millions of bytes.
fn size(bytes: u64) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes / 10_000 % 100)
}
