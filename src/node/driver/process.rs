//! The process's own figures, as Linux tells them. Where there is no `/proc` they stay zero.

use crate::node::ProcessFigures;

/// Ticks per second of the times in `/proc/self/stat`: fixed by Linux's interface, whatever the kernel's own is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the figures; `start_time` is the unix time at which the process started, seconds.
pub fn figures(start_time: f64) -> ProcessFigures {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ProcessFigures {
        resident_memory: kilobytes(&status, "VmRSS:") * 1024,
        virtual_memory: kilobytes(&status, "VmSize:") * 1024,
        cpu_seconds: cpu_ticks(&stat) as f64 / TICKS_PER_SECOND,
        start_time,
        open_fds: std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
    }
}

/// The number after `name` in `/proc/self/status`.
fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// User and system ticks: the 12th and 13th field after the program's name, which may hold anything up to the last `)`.
fn cpu_ticks(stat: &str) -> u64 {
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_linuxs_text() {
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmRSS:\t   1234 kB\n", "VmRSS:"), 1234);
        assert_eq!(kilobytes("", "VmRSS:"), 0);
        assert_eq!(cpu_ticks("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 13"), 42);
        assert_eq!(cpu_ticks("nonsense"), 0);
        if cfg!(target_os = "linux") {
            assert!(figures(0.0).resident_memory > 1 << 20);
        }
    }
}
