//! Free ports on loopback, reserved against other runs on this machine.

use crate::runtime::Error;
use std::{
    fs::{File, OpenOptions},
    net::{TcpListener, UdpSocket},
    ops::Range,
    path::PathBuf,
};

/// Below the range from which the kernel takes the ports of outgoing connections, so that none of those comes between
/// reserving a port and a node's binding it.
const FIRST: u16 = 20_000;
const END: u16 = 32_000;

/// Ports of one run. A port stays reserved, by a lock on a file, until this is dropped or its process ends.
#[derive(Debug)]
pub struct Ports {
    folder: PathBuf,
    held: Vec<File>,
    next: u16,
}

impl Ports {
    /// Reserves through files in the machine's temporary folder. `seed` spreads runs over the range.
    pub fn new(seed: u64) -> Self {
        // SAFETY: getuid has no preconditions. A folder a user: others may not make files in ours.
        let user = unsafe { libc::getuid() };
        let next = FIRST + (seed % u64::from(END - FIRST)) as u16;
        Self { folder: std::env::temp_dir().join(format!("lockin-ports-{user}")), held: Vec::new(), next }
    }

    /// A port that nobody listens on and no other run has reserved.
    pub fn take(&mut self) -> Result<u16, Error> {
        let io = |source| Error::Io { doing: "reserving a port in", path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        for _ in FIRST..END {
            let port = self.next;
            self.next = if port + 1 == END { FIRST } else { port + 1 };
            let path = self.folder.join(port.to_string());
            // Another user's file can't be opened: that port counts as taken.
            let Ok(file) = OpenOptions::new().create(true).truncate(false).write(true).open(&path) else { continue };
            if file.try_lock().is_ok() && is_free(port) {
                self.held.push(file);
                return Ok(port);
            }
        }
        Err(Error::NoPort { first: FIRST, end: END })
    }
}

/// The ports that runs take theirs from, and how many of them nobody listens on now.
pub fn free_ports() -> (Range<u16>, usize) {
    (FIRST..END, (FIRST..END).filter(|port| is_free(*port)).count())
}

/// For TCP and for UDP: a client may want both of one number.
fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_never_share_a_port_and_a_listener_is_passed_over() {
        let (mut one, mut two) = (Ports::new(7), Ports::new(7));
        let first = one.take().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", first + 1));
        let rest = [one.take().unwrap(), two.take().unwrap(), two.take().unwrap()];
        assert!(!rest.contains(&first));
        if listener.is_ok() {
            assert!(!rest.contains(&(first + 1)));
        }
        assert_eq!(std::collections::BTreeSet::from(rest).len(), 3);
    }
}
