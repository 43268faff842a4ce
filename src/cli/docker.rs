//! What a run in containers needs before it begins: an engine that answers, nothing of killed runs, and every image.
//! And what is said of a network that stays.

use super::{exit, plan::Resolved};
use crate::client::{LOCK_FILE, Lock};
use crate::image;
use crate::runtime::docker::{Engine, Images, ImagesError, Limits, Pull, Reached, Which, reach, sweep};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Containers, with `--runtime docker`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Containers")]
pub struct DockerArgs {
    /// Leaves the network up when the run is over, and says how each node is reached.
    #[arg(long)]
    pub keep: bool,
    /// Cores that each container may use, such as 0.5 [default: all].
    #[arg(long, value_name = "N", value_parser = cpus)]
    cpus: Option<f64>,
    /// Memory that each container may use, such as 512m or 2g [default: all].
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Whether images that the engine lacks are fetched.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = PullArg::Missing)]
    pull: PullArg,
    /// What images that can't be had make of a run: `fail`, exit code 3, or `skip`, exit code 4.
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = MissingImage::Fail)]
    missing_image: MissingImage,
    /// Digests that images are started by, made by `lockin lock` [default: lockin.lock, if it is here].
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PullArg {
    Missing,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MissingImage {
    Fail,
    Skip,
}

/// What a run in containers begins with.
pub struct Ready {
    /// The engine.
    pub engine: Engine,
    /// Its images.
    pub images: Images,
    /// What is to be known of how it was found.
    pub notes: Vec<String>,
}

impl DockerArgs {
    /// What each container may use.
    pub fn limits(&self) -> Limits {
        Limits { cpus: self.cpus, memory: self.memory }
    }

    /// When a cluster fetches images.
    pub fn pull_policy(&self) -> &'static str {
        match self.pull {
            PullArg::Missing => "IfNotPresent",
            PullArg::Never => "Never",
        }
    }

    /// The digests that were named, or that lie here.
    pub fn locked(&self) -> Result<Lock, u8> {
        let path = self.lock.clone().unwrap_or_else(|| LOCK_FILE.into());
        let says = match Lock::load(&path) {
            Ok(None) if self.lock.is_some() => format!("there is no {}", path.display()),
            Ok(lock) => return Ok(lock.unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        eprintln!("error: {says}");
        Err(exit::USAGE)
    }

    /// Finds the engine, sweeps, and looks for all images. An error is already said on stderr; its exit code is given.
    pub async fn ready(&self, resolved: &Resolved, quiet: bool) -> Result<Ready, u8> {
        let unknown = |error: &dyn std::fmt::Display| {
            eprintln!("error: {error}");
            exit::UNKNOWN
        };
        let found = image::find().await.map_err(|error| unknown(&error))?;
        if let Some(why) = elsewhere(&found.at) {
            return Err(unknown(&why));
        }
        let engine = Engine::over(found.docker);
        let mut notes = Vec::new();
        match sweep(&engine, Which::Left, false).await {
            Ok(found) if found.is_empty() => {}
            Ok(found) => notes.push(format!("removed what a killed run had left: {found}")),
            Err(error) => notes.push(format!("what a killed run had left could not be removed: {error}")),
        }
        let pull = if self.pull == PullArg::Missing { Pull::Missing } else { Pull::Never };
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("fetching {msg} {bytes}/{total_bytes} {wide_bar}") {
            bar.set_style(style);
        }
        let mut progress = |reference: &str, done: u64, of: u64| {
            bar.set_message(reference.to_owned());
            bar.set_length(of);
            bar.set_position(done);
        };
        let lock = self.locked()?;
        let pinned = |reference: &str| lock.pinned(reference);
        let found = Images::find(&engine, &resolved.network, &resolved.clients, pull, &pinned, &mut progress).await;
        bar.finish_and_clear();
        let images = found.map_err(|error| match (&error, self.missing_image) {
            (ImagesError::Missing(_), MissingImage::Skip) => {
                eprintln!("error: unsupported: {error}");
                exit::UNSUPPORTED
            }
            _ => unknown(&error),
        })?;
        if image::own_digest().is_some_and(|own| images.own_build().is_some_and(|build| own != build)) {
            notes.push(format!("the image {} has another build of lockin than the one that runs this", images.net));
        }
        Ok(Ready { engine, images, notes })
    }
}

/// Why an engine at that address can't run a network for us: ports are published on the loopback interface of its machine.
fn elsewhere(at: &str) -> Option<String> {
    let (scheme, rest) = at.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (!matches!(scheme, "unix" | "npipe") && !here).then(|| {
        format!("the container engine at {at} is on another machine, on whose loopback interface the nodes would be; start lockin there")
    })
}

/// Says how each node of a network that stays is reached, and how it is ended.
pub async fn say_kept(engine: &Engine, run: &str, dir: &Path) {
    let nodes = match reach(engine, run).await {
        Ok(nodes) => nodes,
        Err(error) => return eprintln!("error: {error}"),
    };
    super::say(&format!("\nthe network stays up; end it with: lockin clean --run {run}"));
    for (name, Reached { beacon, engine, containers }) in nodes {
        let or_none = |url: Option<String>| url.unwrap_or_else(|| "none".to_owned());
        super::say(&format!("{name}  Beacon API {}", or_none(beacon)));
        if let Some(engine) = engine {
            let secret = dir.join(&name).join("network/jwt.hex");
            super::say(&format!("    Engine API {engine}, secret in {}", secret.display()));
        }
        for container in containers.values() {
            super::say(&format!("    docker logs -f {container}; docker exec {container} PROGRAM"));
        }
    }
}

/// A number of cores.
pub fn cpus(text: &str) -> Result<f64, String> {
    let cpus = text.parse().ok().filter(|cpus: &f64| cpus.is_finite() && *cpus >= 0.01);
    cpus.ok_or_else(|| format!("`{text}` is no number of cores, such as 0.5 or 2"))
}

/// A size of memory, bytes.
pub fn memory(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => Some(0),
        "k" | "kib" => Some(10),
        "m" | "mib" => Some(20),
        "g" | "gib" => Some(30),
        _ => None,
    };
    let bytes = shift.and_then(|shift| digits.parse::<u64>().ok()?.checked_mul(1 << shift));
    // What engines take at least.
    let enough = bytes.filter(|bytes| (6 << 20..=1 << 50).contains(bytes));
    enough.ok_or_else(|| format!("`{text}` is no size of memory, such as 512m or 2g; 6m is the least"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_here_or_elsewhere() {
        for here in ["unix:///var/run/docker.sock", "tcp://127.0.0.1:2375", "tcp://localhost:2375", "http://[::1]:2375"]
        {
            assert_eq!(elsewhere(here), None);
        }
        for there in ["tcp://docker:2375", "tcp://10.1.2.3:2376", "ssh://me@build"] {
            assert!(elsewhere(there).unwrap().contains(there));
        }
    }

    #[test]
    fn sizes_and_shares_are_read_as_people_write_them() {
        assert_eq!((memory("512m"), memory("2G"), memory("8388608")), (Ok(512 << 20), Ok(2 << 30), Ok(8 << 20)));
        for wrong in ["", "m", "5m", "1t", "-1g", "99999999999g", "1.5g"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
        assert_eq!((cpus("0.5"), cpus("2")), (Ok(0.5), Ok(2.0)));
        for wrong in ["", "0", "-1", "nan", "inf"] {
            assert!(cpus(wrong).is_err(), "{wrong}");
        }
    }
}
