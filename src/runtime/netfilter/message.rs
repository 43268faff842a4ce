//! Messages to the kernel's packet filter: nf_tables over netlink, in the few forms that the rules here need. Numbers are
//! those of the kernel's `linux/netfilter/nf_tables.h` and `linux/netlink.h`.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

/// Hooks of the kernel's path of packets.
pub const LOCAL_IN: u32 = 1;
pub const LOCAL_OUT: u32 = 3;

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const IPV4: u8 = 2;
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;
/// The register in which expressions hand on what they found.
const REGISTER: u32 = 1;
/// Type of an answer that says whether a message was carried out.
const ERROR: u16 = 2;
/// Bytes of a message's header.
const HEADER: usize = 16;

/// Messages that are carried out together or not at all.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    count: u32,
}

impl Batch {
    /// One without anything to do.
    pub fn new() -> Self {
        let mut batch = Self { bytes: Vec::new(), count: 0 };
        batch.message(BATCH_BEGIN, REQUEST, 0, SUBSYSTEM, &[]);
        batch
    }

    /// How many messages are carried out.
    #[cfg(test)]
    pub fn messages(&self) -> u32 {
        self.count
    }

    /// Makes a table, if it is not there.
    pub fn add_table(&mut self, table: &str) {
        self.request(NEW_TABLE, CREATE, &text(1, table));
    }

    /// Removes a table with all that is in it.
    pub fn delete_table(&mut self, table: &str) {
        self.request(DELETE_TABLE, 0, &text(1, table));
    }

    /// Makes a chain that packets come to at a hook.
    pub fn add_base_chain(&mut self, table: &str, chain: &str, hook: u32) {
        let place = [number(1, hook), number(2, 0)].concat();
        let body = [text(1, table), text(3, chain), nested(4, &place), text(7, "filter")].concat();
        self.request(NEW_CHAIN, CREATE, &body);
    }

    /// Makes a chain that packets come to from other chains.
    pub fn add_chain(&mut self, table: &str, chain: &str) {
        self.request(NEW_CHAIN, CREATE, &[text(1, table), text(3, chain)].concat());
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, table: &str, chain: &str, expressions: &[Expression]) {
        let list: Vec<u8> = expressions.iter().flat_map(|expression| nested(1, &expression.bytes())).collect();
        let body = [text(1, table), text(2, chain), nested(4, &list)].concat();
        self.request(NEW_RULE, CREATE | APPEND, &body);
    }

    /// Has all of it carried out.
    ///
    /// # Errors
    /// What the kernel says to the first message that it refuses; then nothing was carried out.
    pub fn send(mut self) -> io::Result<()> {
        self.message(BATCH_END, REQUEST, 0, SUBSYSTEM, &[]);
        // SAFETY: the call has no preconditions; what it gives is a new descriptor or -1.
        let socket =
            unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_NETFILTER) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just opened and belongs to nobody else.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        // SAFETY: the buffer is valid for its length. The kernel is who an unconnected netlink socket speaks with.
        let sent = unsafe { libc::send(socket.as_raw_fd(), self.bytes.as_ptr().cast(), self.bytes.len(), 0) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut answered = 0;
        let mut buffer = vec![0u8; 1 << 16];
        while answered < self.count {
            // SAFETY: the buffer is valid for writes of its length.
            let read = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
            if read < 0 {
                return Err(io::Error::last_os_error());
            }
            answered += answers(&buffer[..read as usize])?;
        }
        Ok(())
    }

    fn request(&mut self, kind: u16, flags: u16, body: &[u8]) {
        self.count += 1;
        self.message(SUBSYSTEM << 8 | kind, REQUEST | ACKNOWLEDGE | flags, IPV4, 0, body);
    }

    fn message(&mut self, kind: u16, flags: u16, family: u8, resource: u16, body: &[u8]) {
        let length = (HEADER + 4 + body.len()) as u32;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(self.count.to_ne_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend([family, 0]);
        self.bytes.extend(resource.to_be_bytes());
        self.bytes.extend(body);
    }
}

/// How many messages were carried out by these answers; an error where one was refused.
fn answers(mut bytes: &[u8]) -> io::Result<u32> {
    let mut count = 0;
    while bytes.len() >= HEADER + 4 {
        let field = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let length = u32::from_ne_bytes(field(0)) as usize;
        if u16::from_ne_bytes([bytes[4], bytes[5]]) == ERROR {
            match i32::from_ne_bytes(field(HEADER)) {
                0 => count += 1,
                error => return Err(io::Error::from_raw_os_error(-error)),
            }
        }
        bytes = bytes.get(aligned(length.max(HEADER))..).unwrap_or_default();
    }
    Ok(count)
}

/// A part of a rule: what is looked at, compared or done.
#[derive(Clone, Debug)]
pub struct Expression {
    name: &'static str,
    body: Vec<u8>,
}

impl Expression {
    /// Takes bytes of the packet's network header.
    pub fn load(offset: u32, length: u32) -> Self {
        let body = [number(1, REGISTER), number(2, 1), number(3, offset), number(4, length)].concat();
        Self { name: "payload", body }
    }

    /// Takes a random number of 32 bits, all equally likely.
    pub fn random() -> Self {
        Self { name: "meta", body: [number(1, REGISTER), number(2, 24)].concat() }
    }

    /// Goes on where what was taken is this.
    pub fn equals(value: &[u8]) -> Self {
        Self::compare(0, value)
    }

    /// Goes on where what was taken comes before this, byte by byte.
    pub fn less_than(value: &[u8]) -> Self {
        Self::compare(2, value)
    }

    fn compare(how: u32, value: &[u8]) -> Self {
        let body = [number(1, REGISTER), number(2, how), nested(3, &attribute(1, value))].concat();
        Self { name: "cmp", body }
    }

    /// Goes on where more comes than so many bytes in a second.
    pub fn over(bytes_per_s: u64, burst: u32) -> Self {
        let long = |kind: u16, value: u64| attribute(kind, &value.to_be_bytes());
        let body = [long(1, bytes_per_s), long(2, 1), number(3, burst), number(4, 1), number(5, 1)].concat();
        Self { name: "limit", body }
    }

    /// Throws the packet away.
    pub fn drop() -> Self {
        Self::verdict(&number(1, 0))
    }

    /// Goes on in another chain, and comes back.
    pub fn jump(chain: &str) -> Self {
        Self::verdict(&[number(1, -3i32 as u32), text(2, chain)].concat())
    }

    fn verdict(verdict: &[u8]) -> Self {
        Self { name: "immediate", body: [number(1, 0), nested(2, &nested(2, verdict))].concat() }
    }

    /// As it stands in a rule.
    pub fn bytes(&self) -> Vec<u8> {
        [text(1, self.name), nested(2, &self.body)].concat()
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = [(length as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(aligned(length), 0);
    bytes
}

fn text(kind: u16, text: &str) -> Vec<u8> {
    attribute(kind, &[text.as_bytes(), &[0]].concat())
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

fn nested(kind: u16, inner: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, inner)
}

fn aligned(length: usize) -> usize {
    length.div_ceil(4) * 4
}
