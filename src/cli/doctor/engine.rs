//! The container engine: that it answers, what it is, and which images it has.

use super::{Candidate, Finding, bytes, kernel, machine};
use crate::{
    image::{self, BINARY_LABEL, Engine},
    journal::UnixTime,
};
use bollard::models::{ImageInspect, SystemInfo};
use std::{collections::BTreeSet, path::Path, time::SystemTime};

/// The oldest interface that runs were tried with: Docker 20.10.
const OLDEST_API: (u64, u64) = (1, 41);
/// Seconds that the engine's clock may be off, as it is told in whole ones.
const CLOCK_OFF: u64 = 2;
/// Disk for images, volumes and logs.
const LEAST_DISK: u64 = 2 << 30;

/// Lines on the engine, and on the images of these clients.
pub(super) async fn look(candidates: &[Candidate], needed: bool) -> Vec<Finding> {
    let engine = match image::find().await {
        Ok(engine) => engine,
        Err(none) => {
            let says = format!("none answers: {}", none.places());
            return vec![Finding::lacks("container engine", says, none.advice()).needed(needed)];
        }
    };
    let mut findings = Vec::new();
    match (engine.docker.version().await, engine.docker.info().await) {
        (Ok(version), Ok(info)) => {
            let api = version.api_version.unwrap_or_default();
            let says = format!(
                "{} at {}, interface {api}, linux/{}",
                version.version.unwrap_or_default(),
                engine.at,
                version.arch.unwrap_or_default()
            );
            findings.push(match number(&api).is_some_and(|api| api >= OLDEST_API) {
                true => Finding::ok("container engine", says),
                false => Finding::lacks("container engine", says, "it is older than Docker 20.10: take a newer one"),
            });
            findings.extend(about(&info));
            findings.extend(kernels(&info));
        }
        (Err(error), _) | (_, Err(error)) => {
            let mend = "look at its log: journalctl -u docker";
            findings.push(Finding::lacks("container engine", error.to_string(), mend).needed(needed));
        }
    }
    for client in candidates {
        findings.extend(images(&engine, client, needed).await);
    }
    findings
}

/// `1.41`
fn number(api: &str) -> Option<(u64, u64)> {
    let (major, minor) = api.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Where its containers and images lie, and its clock.
fn about(info: &SystemInfo) -> Vec<Finding> {
    let driver = info.driver.clone().unwrap_or_default();
    let cgroups = info.cgroup_version.map(|version| format!(", cgroup v{version}")).unwrap_or_default();
    let (cores, memory) = (info.ncpu.unwrap_or_default(), info.mem_total.unwrap_or_default());
    let memory = bytes(u64::try_from(memory).unwrap_or_default());
    let storage = format!("{driver}{cgroups}, {cores} cores, {memory} of memory");
    let mut findings = vec![match driver.as_str() {
        // Every container would be a whole copy of its image.
        "vfs" => {
            Finding::lacks("engine's storage", storage, "vfs copies whole images: take overlay2 or fuse-overlayfs")
        }
        _ => Finding::ok("engine's storage", storage),
    }];
    let root = info.docker_root_dir.clone().unwrap_or_default();
    if let Ok(free) = machine::free_bytes(Path::new(&root)) {
        let says = format!("{} free in {root}", bytes(free));
        findings.push(match free >= LEAST_DISK {
            true => Finding::ok("engine's disk", says),
            false => Finding::lacks("engine's disk", says, "docker system prune, or `lockin clean`"),
        });
    }
    let now = UnixTime::from(SystemTime::now());
    if let Some(told) = &info.system_time {
        let says = format!("{told}, ours {now}");
        match in_step(told, now) {
            Some(true) => findings.push(Finding::ok("engine's clock", "in step with ours")),
            Some(false) => findings.push(Finding::lacks(
                "engine's clock",
                says,
                "nodes would be in other slots than we count: start the engine's machine again",
            )),
            None => {}
        }
    }
    findings
}

/// Whether a time of the engine, such as `2026-11-22T00:36:01.5Z`, is ours; `None` for one in another form.
fn in_step(told: &str, now: UnixTime) -> Option<bool> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let told = digits(told.strip_suffix('Z')?.split('.').next()?);
    if told.len() != 14 {
        return None;
    }
    let mut near = now.0.saturating_sub(CLOCK_OFF)..=now.0 + CLOCK_OFF;
    Some(near.any(|second| digits(&UnixTime(second).to_string()) == told))
}

/// The kernel that containers run on can be looked at only where it is ours.
fn kernels(info: &SystemInfo) -> Vec<Finding> {
    let ours = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match info.kernel_version.as_deref() {
        Some(theirs) if theirs != ours.trim() => {
            let says = format!("the engine's is {theirs}, another than ours: it can't be looked at from here");
            vec![Finding::lacks(
                "kernel",
                says,
                "a fault that it can't make is `unsupported`, said before a run starts",
            )]
        }
        _ => kernel::look(),
    }
}

/// A line for each image of a client.
async fn images(engine: &Engine, Candidate { def, plays }: &Candidate, needed: bool) -> Vec<Finding> {
    let needed = needed && *plays;
    if def.embedded {
        return vec![own(engine).await.needed(needed)];
    }
    let what = format!("image of {}", def.name);
    let mut references = BTreeSet::new();
    for role in def.roles.keys() {
        match def.images(role) {
            Ok(images) if images.is_empty() => {
                let mend = format!("name one: --image {}.{role}=REF", def.name);
                return vec![Finding::lacks(what, format!("its {role} has none"), mend).needed(needed)];
            }
            Ok(images) => references.extend(images),
            Err(error) => return vec![Finding::lacks(what, error.to_string(), "mend its definition").needed(needed)],
        }
    }
    let mut findings = Vec::new();
    for reference in references {
        findings.push(match engine.docker.inspect_image(&reference).await {
            Ok(image) => Finding::ok(&what, format!("{reference}, {}", size(&image))),
            Err(_) => {
                let mend = format!("docker pull {reference}, or name another: --image {}=REF", def.name);
                Finding::lacks(&what, format!("{reference} is not there"), mend).needed(needed)
            }
        });
    }
    findings
}

/// The image of this program: there, and of this very build.
async fn own(engine: &Engine) -> Finding {
    let (what, reference) = ("image of lockin", image::reference());
    let Ok(image) = engine.docker.inspect_image(&reference).await else {
        return Finding::lacks(what, format!("{reference} is not there"), "lockin image");
    };
    let says = format!("{reference}, {}", size(&image));
    let binary = image.config.and_then(|config| config.labels).and_then(|labels| labels.get(BINARY_LABEL).cloned());
    match binary.is_some() && binary == image::own_digest() {
        true => Finding::ok(what, format!("{says}, of this build")),
        false => Finding::ok(what, format!("{says}, of another build than this one (`lockin image` replaces it)")),
    }
}

fn size(image: &ImageInspect) -> String {
    bytes(image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_times_of_engines() {
        assert!(number("1.41") >= Some(OLDEST_API) && number("1.9") < Some(OLDEST_API) && number("x").is_none());
        let now = UnixTime(1_795_307_761);
        assert_eq!(now.to_string(), "20261122-003601");
        assert_eq!(in_step("2026-11-22T00:36:01.123456789Z", now), Some(true));
        assert_eq!(in_step("2026-11-22T00:36:03Z", now), Some(true));
        assert_eq!(in_step("2026-11-22T00:36:04Z", now), Some(false));
        assert_eq!(in_step("2026-11-22T01:36:01+01:00", now), None);
    }
}
