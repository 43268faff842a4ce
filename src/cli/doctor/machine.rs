//! The machine: cores, memory, disk, clock, ports.

use super::{Finding, bytes};
use crate::{journal::UnixTime, runtime::process};
use std::{
    ffi::CString,
    fs,
    io::Error,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Two embedded nodes with their validators fit easily.
const LEAST_MEMORY: u64 = 512 << 20;
/// The logs and stores of a long run.
const LEAST_DISK: u64 = 1 << 30;
/// Ten nodes of a client with many ports.
const LEAST_PORTS: usize = 100;
/// 2025-01-01: no clock that shows less is right.
const EARLIEST: u64 = 1_735_689_600;

/// Looks at what any run needs; ports are what programs on loopback need.
pub(super) fn look(ports_needed: bool) -> Vec<Finding> {
    vec![cores(), memory(), disk(), clock(), ports(ports_needed)]
}

fn cores() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    let says = format!("{cores}, with {load} programs at work or waiting for one");
    match (cores, load > 2.0 * cores as f64) {
        (1, _) => Finding::lacks("cores", says, "on one core only embedded nodes keep short slots: slot_time: 6s"),
        (_, true) => Finding::lacks("cores", says, "slots may be missed: end other work, or take longer slots"),
        _ => Finding::ok("cores", says),
    }
}

fn memory() -> Finding {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match available(&text) {
        None => Finding::lacks("memory", "/proc/meminfo does not tell", "look with `free -m`"),
        Some(free) => {
            let says = format!("{} available", bytes(free));
            if free >= LEAST_MEMORY {
                return Finding::ok("memory", says);
            }
            let least = bytes(LEAST_MEMORY);
            Finding::lacks("memory", says, format!("end other programs: a small run takes {least}")).needed(true)
        }
    }
}

/// `MemAvailable:  123 kB` of /proc/meminfo, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn disk() -> Finding {
    let place = Path::new("runs").canonicalize().or_else(|_| std::env::current_dir()).unwrap_or(PathBuf::from("/"));
    match free_bytes(&place) {
        Err(error) => {
            Finding::lacks("disk", format!("{}: {error}", place.display()), "choose another folder: --out DIR")
        }
        Ok(free) => {
            let says = format!("{} free in {}", bytes(free), place.display());
            if free >= LEAST_DISK {
                return Finding::ok("disk", says);
            }
            Finding::lacks("disk", says, "free some space, or choose another folder: --out DIR").needed(true)
        }
    }
}

/// What an ordinary user may still fill of the file system that holds `path`.
pub(super) fn free_bytes(path: &Path) -> Result<u64, Error> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: statvfs is plain numbers, for which zero is a value.
    let mut told: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the name ends in a zero byte, and the place to write to lives as long as the call.
    match unsafe { libc::statvfs(name.as_ptr(), &raw mut told) } {
        0 => Ok(told.f_bavail.saturating_mul(told.f_frsize)),
        _ => Err(Error::last_os_error()),
    }
}

fn clock() -> Finding {
    let now = UnixTime::from(SystemTime::now());
    let says = format!("{now} UTC");
    if now.0 < EARLIEST {
        let mend = "set it: no node of another machine will be on the same network else";
        return Finding::lacks("clock", says, mend).needed(true);
    }
    // SAFETY: timex is plain numbers, for which zero is a value; and modes 0 asks for no change.
    let mut told: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the place to write to lives as long as the call.
    match unsafe { libc::adjtimex(&raw mut told) } {
        state if state >= 0 && state != libc::TIME_ERROR => {
            Finding::ok("clock", format!("{says}, kept in step, at most {} ms off", told.maxerror / 1000))
        }
        _ => Finding::lacks(
            "clock",
            format!("{says}; nothing keeps it in step, as far as the kernel knows"),
            "nothing to do while all nodes are on this machine; for others: timedatectl set-ntp true",
        ),
    }
}

fn ports(needed: bool) -> Finding {
    let (range, free) = process::free_ports();
    let says = format!("{free} of {}..{} are free on 127.0.0.1", range.start, range.end);
    if free >= LEAST_PORTS {
        return Finding::ok("ports", says);
    }
    Finding::lacks("ports", says, "end what holds them (ss -lntup), or `lockin clean`").needed(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_off_what_the_kernel_writes() {
        assert_eq!(available("MemTotal:  9 kB\nMemAvailable:     2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal:  9 kB\n"), None);
        assert_eq!(available("MemAvailable: 99999999999999999999 kB"), None);
        assert!(available(&fs::read_to_string("/proc/meminfo").unwrap()).is_some());
    }

    #[test]
    fn disk_is_asked_for_where_it_is() {
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
        assert!(free_bytes(Path::new("/no/such/folder")).is_err());
    }
}
