//! Which addresses a run's network has: a private range that nothing else on this machine uses, chosen by the run's id,
//! and the next one when that is taken.

use sha2::{Digest, Sha256};
use std::{fs, net::Ipv4Addr};

/// Ranges that are tried before it is given up.
pub const MOST_TRIES: usize = 64;
/// Of 10.0.0.0/8, its upper half: what networks of people and clouds use is mostly in the lower one.
const FIRST: u32 = 0x0a80_0000;
/// Addresses of that half.
const SIZE: u32 = 1 << 23;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    base: u32,
    bits: u8,
}

impl Subnet {
    /// As the engine takes it: `10.130.7.0/24`.
    pub fn text(&self) -> String {
        format!("{}/{}", Ipv4Addr::from_bits(self.base), self.bits)
    }

    /// The address of this machine in it.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 1)
    }

    /// The address of the plan's node of that index.
    pub fn address(&self, index: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base + 2 + index as u32)
    }

    fn meets(&self, (base, mask): (u32, u32)) -> bool {
        let mask = mask & (u32::MAX << (32 - self.bits));
        mask != 0 && self.base & mask == base & mask
    }
}

/// Ranges for so many nodes, in the order in which they are tried; none where there are more nodes than addresses.
pub fn candidates(run: &str, nodes: usize) -> impl Iterator<Item = Subnet> + use<> {
    let bits = (8..=24u8).rev().find(|bits| nodes + 3 <= 1 << (32 - bits)).filter(|bits| *bits >= 16);
    let digest = Sha256::digest(run);
    let seed = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let routes = routes(&fs::read_to_string("/proc/net/route").unwrap_or_default());
    let of = move |bits: u8| {
        let size = 1u32 << (32 - bits);
        let at = move |index: u32| Subnet { base: FIRST + index * size, bits };
        let count = SIZE / size;
        (0..count).map(move |step| at((seed % count + step * 37) % count))
    };
    let free = move |subnet: &Subnet| !routes.iter().any(|route| subnet.meets(*route));
    bits.into_iter().flat_map(of).filter(free).take(MOST_TRIES)
}

/// Where this machine already sends packets of its own: base and mask of every route but the default.
fn routes(table: &str) -> Vec<(u32, u32)> {
    let route = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let number = |field: Option<&str>| u32::from_str_radix(field?, 16).ok().map(u32::swap_bytes);
        Some((number(fields.nth(1))?, number(fields.nth(5))?))
    };
    table.lines().skip(1).filter_map(route).filter(|(_, mask)| *mask != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_its_own_ranges_and_none_that_this_machine_routes() {
        let ranges: Vec<_> = candidates("L4-17", 10).collect();
        assert_eq!(ranges, candidates("L4-17", 10).collect::<Vec<_>>());
        assert_ne!(ranges[0], candidates("L4-18", 10).next().unwrap());
        assert_eq!(ranges.len(), MOST_TRIES);
        let mut different: Vec<_> = ranges.iter().map(Subnet::text).collect();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), MOST_TRIES);
        for range in &ranges {
            assert!(range.text().ends_with(".0/24") && range.gateway().octets()[1] >= 128, "{range:?}");
        }
        assert_eq!(candidates("many", 300).next().unwrap().bits, 23);
        assert_eq!(candidates("too many", 70_000).count(), 0);
        let subnet = Subnet { base: 0x0a8c_0700, bits: 24 };
        assert_eq!((subnet.text().as_str(), subnet.address(1).to_string().as_str()), ("10.140.7.0/24", "10.140.7.3"));
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
            eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\n\
            vpn\t00008C0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n";
        assert_eq!(routes(table), [(0x0a8c_0000, 0xffff_0000)]);
        assert!(subnet.meets(routes(table)[0]));
        assert!(!Subnet { base: 0x0a8d_0700, bits: 24 }.meets(routes(table)[0]));
    }
}
