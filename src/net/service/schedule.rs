//! Which digest is in force when, and which fork a digest belongs to: digests change with forks and, from fulu on, with
//! the limit of blobs.

use std::collections::BTreeSet;

use crate::spec::duties::compute_fork_digest;
use crate::ssz::Root;
use crate::types::{ChainConfig, EnrForkId, Epoch, FAR_FUTURE_EPOCH, ForkName};

/// From `epoch` on, until the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// First epoch.
    pub epoch: Epoch,
    /// The fork whose containers are in force.
    pub fork: ForkName,
    /// What topics, status and contexts carry.
    pub digest: [u8; 4],
}

/// The network's digests by epoch, from genesis on. Forks that are overtaken in their own epoch don't appear.
#[derive(Clone, Debug)]
pub struct Schedule {
    entries: Vec<Entry>,
    /// The fork version of each entry.
    versions: Vec<[u8; 4]>,
}

impl Schedule {
    /// The schedule of a network.
    pub fn new(cfg: &ChainConfig, genesis_validators_root: Root) -> Schedule {
        let forks = ForkName::ALL.map(|fork| cfg.fork_epoch(fork));
        let limits = cfg.blob_schedule.iter().map(|entry| entry.epoch).filter(|epoch| *epoch > cfg.fulu_fork_epoch);
        let epochs: BTreeSet<Epoch> =
            forks.into_iter().chain(limits).filter(|epoch| *epoch < FAR_FUTURE_EPOCH).collect();
        let mut entries: Vec<Entry> = Vec::new();
        for epoch in epochs {
            let digest = compute_fork_digest(cfg, genesis_validators_root, epoch).0;
            if entries.last().is_none_or(|last| last.digest != digest) {
                entries.push(Entry { epoch, fork: cfg.fork_at_epoch(epoch), digest });
            }
        }
        let versions = entries.iter().map(|e| cfg.fork_version(e.fork).0).collect();
        Schedule { entries, versions }
    }

    /// Every digest that the network ever uses.
    pub fn digests(&self) -> Vec<[u8; 4]> {
        self.entries.iter().map(|e| e.digest).collect()
    }

    /// The digest of phase0, if the network has a phase0.
    pub fn phase0_digest(&self) -> Option<[u8; 4]> {
        self.entries.iter().find(|e| e.fork == ForkName::Phase0).map(|e| e.digest)
    }

    /// All entries, oldest first; the first begins at epoch 0.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is in force in an epoch.
    pub fn at(&self, epoch: Epoch) -> Entry {
        self.entries[self.index_at(epoch)]
    }

    /// The entry with this digest.
    pub fn of_digest(&self, digest: [u8; 4]) -> Option<Entry> {
        self.entries.iter().find(|e| e.digest == digest).copied()
    }

    /// The entry that follows the one in force.
    pub fn after(&self, epoch: Epoch) -> Option<Entry> {
        self.entries.iter().find(|e| e.epoch > epoch).copied()
    }

    /// Whether the network ever comes to this fork.
    pub fn reaches(&self, fork: ForkName) -> bool {
        self.entries.iter().any(|e| e.fork >= fork)
    }

    /// What a node record says about us in this epoch (phase0 and fulu p2p-interface, "`eth2` field"). Next comes whatever
    /// changes the digest; its version is another one only if that is a fork, and not just another limit of blobs. (Prysm and
    /// Nimbus read the text so. Lighthouse gives the version of the fork behind the limit, and holds no record against a peer
    /// for it.)
    pub fn enr_fork_id(&self, epoch: Epoch) -> EnrForkId {
        let now = self.index_at(epoch);
        let next = self.entries.get(now + 1);
        EnrForkId {
            fork_digest: self.entries[now].digest.into(),
            next_fork_version: self.versions[next.map_or(now, |_| now + 1)].into(),
            next_fork_epoch: next.map_or(FAR_FUTURE_EPOCH, |e| e.epoch),
        }
    }

    /// Whether a node whose record says this is where we are in this epoch: by its digest, or by what it said of the entry in
    /// force while the last one was. News of a record travels for seconds after a change, and a node that was ready for it
    /// need not wait for them.
    pub fn has_come_to(&self, epoch: Epoch, told: &EnrForkId, nfd: Option<[u8; 4]>) -> bool {
        let now = self.index_at(epoch);
        let entry = self.entries[now];
        let was_ready = |last: &Entry| {
            let next_is_ours = nfd.map_or(told.next_fork_version.0 == self.versions[now], |nfd| nfd == entry.digest);
            told.fork_digest.0 == last.digest && told.next_fork_epoch == entry.epoch && next_is_ours
        };
        told.fork_digest.0 == entry.digest || now.checked_sub(1).is_some_and(|last| was_ready(&self.entries[last]))
    }

    fn index_at(&self, epoch: Epoch) -> usize {
        self.entries.iter().rposition(|e| e.epoch <= epoch).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::config::BlobParameters;

    fn config(altair: Epoch) -> ChainConfig {
        let mut cfg = ChainConfig::minimal();
        for fork in ForkName::ALL.into_iter().skip(1) {
            cfg.set_fork_epoch(fork, FAR_FUTURE_EPOCH);
        }
        cfg.set_fork_epoch(ForkName::Altair, altair);
        cfg
    }

    /// genesis_validators_root of 64 interop keys.
    fn root() -> Root {
        "0x83431ec7fcf92cfc44947fc0418e831c25e1d0806590231c439830db7ad54fda".parse().unwrap()
    }

    #[test]
    fn known_digests_of_the_interop_network() {
        let schedule = Schedule::new(&config(2), root());
        assert_eq!(schedule.digests(), [[0x52, 0x67, 0xd9, 0xc6], [0x11, 0x2f, 0xc2, 0xa3]]);
        assert_eq!(schedule.phase0_digest(), Some([0x52, 0x67, 0xd9, 0xc6]));
        assert_eq!((schedule.at(1).fork, schedule.at(2).fork), (ForkName::Phase0, ForkName::Altair));
        assert_eq!((schedule.after(1).map(|e| e.epoch), schedule.after(2)), (Some(2), None));
    }

    #[test]
    fn a_fork_overtaken_at_once_never_happens() {
        let schedule = Schedule::new(&config(0), root());
        assert_eq!(schedule.digests(), [[0x11, 0x2f, 0xc2, 0xa3]]);
        assert_eq!(schedule.phase0_digest(), None);
    }

    #[test]
    fn another_limit_of_blobs_is_another_digest_of_the_same_fork() {
        let mut cfg = config(0);
        cfg.start_at(ForkName::Electra);
        cfg.set_fork_epoch(ForkName::Fulu, 4);
        let limit = |epoch, max_blobs_per_block| BlobParameters { epoch, max_blobs_per_block };
        cfg.blob_schedule = vec![limit(2, 9), limit(4, 12), limit(6, 15)];
        let schedule = Schedule::new(&cfg, root());
        let entries: Vec<_> = schedule.entries().iter().map(|e| (e.epoch, e.fork)).collect();
        assert_eq!(entries, [(0, ForkName::Electra), (4, ForkName::Fulu), (6, ForkName::Fulu)]);
        let digests: std::collections::BTreeSet<_> = schedule.digests().into_iter().collect();
        assert_eq!(digests.len(), 3);
        let before = schedule.enr_fork_id(3);
        assert_eq!((before.next_fork_version, before.next_fork_epoch), (cfg.fulu_fork_version, 4));
        let between = schedule.enr_fork_id(4);
        assert_eq!((between.next_fork_version, between.next_fork_epoch), (cfg.fulu_fork_version, 6));
        assert_eq!(schedule.of_digest(schedule.at(7).digest).map(|e| e.fork), Some(ForkName::Fulu));
    }

    #[test]
    fn node_records_announce_the_next_fork() {
        let cfg = config(2);
        let schedule = Schedule::new(&cfg, root());
        let before = schedule.enr_fork_id(1);
        assert_eq!((before.next_fork_version, before.next_fork_epoch), (cfg.fork_version(ForkName::Altair), 2));
        let after = schedule.enr_fork_id(2);
        assert_eq!(
            (after.next_fork_version, after.next_fork_epoch),
            (cfg.fork_version(ForkName::Altair), FAR_FUTURE_EPOCH)
        );
    }

    #[test]
    fn a_limit_of_blobs_before_a_fork_is_next_without_a_version_of_its_own() {
        // no fork follows the one that brought such limits: this schedule is made by hand
        let (cfg, entry) = (config(0), |epoch, fork, n| Entry { epoch, fork, digest: [n; 4] });
        let entries = vec![entry(0, ForkName::Electra, 1), entry(2, ForkName::Electra, 2), entry(4, ForkName::Fulu, 3)];
        let versions = entries.iter().map(|e| cfg.fork_version(e.fork).0).collect();
        let schedule = Schedule { entries, versions };
        let says = |epoch| {
            let id = schedule.enr_fork_id(epoch);
            (id.fork_digest.0[0], id.next_fork_version, id.next_fork_epoch)
        };
        assert_eq!(says(1), (1, cfg.fork_version(ForkName::Electra), 2));
        assert_eq!(says(3), (2, cfg.fork_version(ForkName::Fulu), 4));
        assert_eq!(says(4), (3, cfg.fork_version(ForkName::Fulu), FAR_FUTURE_EPOCH));
        assert_eq!(schedule.after(1).map(|next| next.digest), Some([2; 4]), "what `nfd` says");
    }

    #[test]
    fn a_record_of_before_a_change_counts_if_it_announced_the_change() {
        let mut cfg = config(0);
        cfg.start_at(ForkName::Electra);
        cfg.set_fork_epoch(ForkName::Fulu, 4);
        let schedule = Schedule::new(&cfg, root());
        let fulu = Some(schedule.at(4).digest);
        let before = schedule.enr_fork_id(3);
        assert!(schedule.has_come_to(3, &before, fulu) && schedule.has_come_to(4, &before, fulu));
        assert!(schedule.has_come_to(4, &before, None), "the version says it too");
        assert!(schedule.has_come_to(4, &schedule.enr_fork_id(4), Some([0; 4])));
        assert!(!schedule.has_come_to(3, &schedule.enr_fork_id(4), Some([0; 4])), "it is ahead of us");
        let unprepared = EnrForkId { next_fork_epoch: FAR_FUTURE_EPOCH, ..before };
        let otherwise = EnrForkId { next_fork_version: [9; 4].into(), ..before };
        let stranger = EnrForkId { fork_digest: [9; 4].into(), ..before };
        for (told, nfd) in [(unprepared, fulu), (otherwise, None), (before, Some([9; 4])), (stranger, fulu)] {
            assert!(!schedule.has_come_to(4, &told, nfd), "{told:?} {nfd:?}");
        }
    }
}
