//! What packets a node does not get: rules of the kernel's filter in the network that this very process is in, set over
//! netlink, so that nothing needs to be installed where nodes run.
//!
//! Runs in the container that holds a node's network, as root there. All rules are in one table, replaced as a whole.

mod message;

use super::Fault;
use message::{Batch, Expression};
use std::{collections::BTreeMap, io, net::Ipv4Addr};

/// The table's name.
const TABLE: &str = "lockin";
/// What comes in.
const IN: &str = "in";
/// What goes out.
const OUT: &str = "out";
/// What goes out to other nodes, all together.
const LIMITED: &str = "limited";
/// Bytes beyond a second's worth that may go at once: the largest piece in which the kernel hands data over.
const BURST: u32 = 1 << 16;
/// Where an IPv4 header has its source and its destination, bytes.
const SOURCE: u32 = 12;
const DESTINATION: u32 = 16;

/// The rules of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Of what comes from an address, so many percent are dropped; an address may be there several times.
    pub lose: Vec<(Ipv4Addr, u8)>,
    /// What goes to these addresses together is no more than that, thousands of bits in a second.
    pub limit: Option<(u64, Vec<Ipv4Addr>)>,
}

/// Puts these rules in the place of all that were set before; all or none.
///
/// # Errors
/// The kernel refuses: it lacks a part of the filter, or this process has no right to set it.
pub fn set(rules: &Rules) -> io::Result<()> {
    batch(rules).send()
}

impl Rules {
    /// Those of a node, one of those with addresses, while these faults are in force.
    pub fn of(faults: &[Fault], addresses: &BTreeMap<&str, Ipv4Addr>, node: &str) -> Self {
        let mut rules = Rules::default();
        let others = || addresses.iter().filter(|(name, _)| **name != node);
        let has = |nodes: &[String], name: &str| nodes.iter().any(|other| other == name);
        for fault in faults {
            match fault {
                Fault::Partition { sides } => {
                    let side = |name: &str| sides.iter().position(|side| has(side, name));
                    let Some(own) = side(node) else { continue };
                    let parted = others().filter(|(name, _)| side(name).is_some_and(|side| side != own));
                    rules.lose.extend(parted.map(|(_, address)| (*address, 100)));
                }
                Fault::Loss { nodes, percent } => {
                    let between = others().filter(|(name, _)| has(nodes, node) || has(nodes, name));
                    rules.lose.extend(between.map(|(_, address)| (*address, *percent)));
                }
                Fault::Bandwidth { nodes, kbit_per_s } if has(nodes, node) => {
                    rules.limit = Some((*kbit_per_s, others().map(|(_, address)| *address).collect()));
                }
                _ => {}
            }
        }
        rules
    }

    /// One of each kind that there is, about addresses that nobody has: where these can be set, all can.
    pub fn of_every_kind() -> Self {
        let nobody = Ipv4Addr::new(192, 0, 2, 1);
        Self { lose: vec![(nobody, 100), (nobody, 50)], limit: Some((1000, vec![nobody])) }
    }

    /// As `lockin netns rules` takes them: `--lose 10.1.1.2=30 --limit 1000 --to 10.1.1.3`
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (from, percent) in &self.lose {
            words.extend(["--lose".to_owned(), format!("{from}={percent}")]);
        }
        if let Some((kbit_per_s, to)) = &self.limit {
            words.extend(["--limit".to_owned(), kbit_per_s.to_string()]);
            words.extend(to.iter().flat_map(|to| ["--to".to_owned(), to.to_string()]));
        }
        words
    }
}

fn batch(rules: &Rules) -> Batch {
    let mut batch = Batch::new();
    // Made first, so that there is something to delete.
    batch.add_table(TABLE);
    batch.delete_table(TABLE);
    batch.add_table(TABLE);
    batch.add_base_chain(TABLE, IN, message::LOCAL_IN);
    for (from, percent) in &rules.lose {
        let mut expressions = vec![Expression::load(SOURCE, 4), Expression::equals(&from.octets())];
        if *percent < 100 {
            expressions.extend([Expression::random(), Expression::less_than(&share(*percent).to_be_bytes())]);
        }
        expressions.push(Expression::drop());
        batch.add_rule(TABLE, IN, &expressions);
    }
    if let Some((kbit_per_s, to)) = &rules.limit {
        batch.add_chain(TABLE, LIMITED);
        let bytes_per_s = (kbit_per_s * 125).max(1);
        batch.add_rule(TABLE, LIMITED, &[Expression::over(bytes_per_s, BURST), Expression::drop()]);
        batch.add_base_chain(TABLE, OUT, message::LOCAL_OUT);
        for to in to {
            let matched = [Expression::load(DESTINATION, 4), Expression::equals(&to.octets())];
            batch.add_rule(TABLE, OUT, &[&matched[..], &[Expression::jump(LIMITED)]].concat());
        }
    }
    batch
}

/// That part of all 32-bit numbers.
fn share(percent: u8) -> u32 {
    (u64::from(u32::MAX) * u64::from(percent) / 100) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_loses_what_it_is_not_to_get() {
        let names = ["a", "b", "c", "d"];
        let address = |name: &str| Ipv4Addr::new(10, 1, 1, name.as_bytes()[0]);
        let addresses: BTreeMap<&str, Ipv4Addr> = names.iter().map(|name| (*name, address(name))).collect();
        let nodes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let lost = |faults: &[Fault], node: &str| {
            let from = |(from, percent): &(Ipv4Addr, u8)| format!("{}{percent}", char::from(from.octets()[3]));
            Rules::of(faults, &addresses, node).lose.iter().map(from).collect::<Vec<_>>().join(" ")
        };
        let parted = Fault::Partition { sides: vec![nodes(&["a"]), nodes(&["b", "c"])] };
        let all = |fault: &[Fault]| names.map(|name| lost(fault, name));
        assert_eq!(all(std::slice::from_ref(&parted)), ["b100 c100", "a100", "a100", ""]);
        let loss = Fault::Loss { nodes: nodes(&["a", "b"]), percent: 30 };
        assert_eq!(all(std::slice::from_ref(&loss)), ["b30 c30 d30", "a30 c30 d30", "a30 b30", "a30 b30"]);
        assert_eq!(lost(&[parted, loss], "c"), "a100 a30 b30");
        let slow = Fault::Bandwidth { nodes: nodes(&["a"]), kbit_per_s: 500 };
        assert_eq!(Rules::of(std::slice::from_ref(&slow), &addresses, "b"), Rules::default());
        let limit = Rules::of(&[slow], &addresses, "a");
        assert_eq!(limit.words().join(" "), "--limit 500 --to 10.1.1.98 --to 10.1.1.99 --to 10.1.1.100");
    }

    #[test]
    fn a_share_is_that_part_of_all_numbers() {
        assert_eq!((share(0), share(50), share(100)), (0, u32::MAX / 2, u32::MAX));
    }

    #[test]
    fn a_batch_has_a_message_for_everything() {
        let (a, b) = (Ipv4Addr::new(10, 1, 1, 2), Ipv4Addr::new(10, 1, 1, 3));
        let empty = batch(&Rules::default());
        assert_eq!(empty.messages(), 4);
        let rules = Rules { lose: vec![(a, 100), (b, 30)], limit: Some((1000, vec![a, b])) };
        assert_eq!(batch(&rules).messages(), 4 + 2 + 3 + 2);
    }

    /// As the kernel's own tool writes the rule `ip saddr 10.1.1.2 drop`: what its expressions are and hold.
    #[test]
    fn a_rule_is_encoded_as_the_kernel_reads_it() {
        let bytes = Expression::load(SOURCE, 4).bytes();
        let expected = "0c000100\
            7061796c6f616400\
            24000280\
            0800010000000001\
            0800020000000001\
            080003000000000c\
            0800040000000004";
        assert_eq!(hex::encode(bytes), expected);
        let bytes = Expression::equals(&[10, 1, 1, 2]).bytes();
        let expected = "08000100636d7000200002800800010000000001080002000000000\
            00c000380080001000a010102";
        assert_eq!(hex::encode(bytes), expected);
        let bytes = Expression::drop().bytes();
        let expected = "0e000100696d6d6564696174650000001c00028008000100000000001000028\
            00c00028008000100000000\
            00";
        assert_eq!(hex::encode(bytes), expected);
    }
}
