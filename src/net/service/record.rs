//! What a node's record says of it in an epoch (phase0 p2p-interface, "ENR structure", and its fulu changes).

use std::net::SocketAddr;

use super::Service;
use crate::crypto::enr::Record;
use crate::ssz::Ssz;
use crate::types::ForkName;

/// Where a node can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Where libp2p listens.
    pub tcp: SocketAddr,
    /// Its UDP port for QUIC, on the same address, if there is any.
    pub quic: Option<u16>,
    /// Where discovery answers, if it does.
    pub udp: Option<SocketAddr>,
}

impl Service {
    /// The record of a node as it is at `now_ms`. Each fork and each limit of blobs brings the next sequence number; nothing else in it changes. The first is 2:
    /// a plan may have given out a record with less in it before the node ran, and that is number 1.
    pub fn node_record(&self, reach: Reach, now_ms: u64) -> Record {
        let Reach { tcp, quic, udp } = reach;
        let epoch = self.epoch_at(now_ms);
        let (shape, fulu) = (self.shape(), self.schedule.reaches(ForkName::Fulu));
        let next = self.schedule.after(epoch).map_or([0; 4], |next| next.digest);
        Record {
            seq: 1 + self.schedule.entries().iter().filter(|entry| entry.epoch <= epoch).count() as u64,
            ip: udp.unwrap_or(tcp).ip(),
            tcp: Some(tcp.port()),
            udp: udp.map(|udp| udp.port()),
            quic,
            eth2: self.schedule.enr_fork_id(epoch).encode(shape).try_into().ok(),
            attnets: self.metadata.attnets.encode(shape).try_into().ok(),
            syncnets: self.metadata.syncnets.encode(shape).first().copied(),
            cgc: fulu.then_some(self.metadata.custody_group_count),
            nfd: fulu.then_some(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Reach;
    use crate::net::service::Service;
    use crate::ssz::Root;
    use crate::types::{ChainConfig, FAR_FUTURE_EPOCH, ForkName};

    #[test]
    fn a_record_follows_the_forks() {
        let mut cfg = ChainConfig::minimal();
        cfg.start_at(ForkName::Electra);
        cfg.set_fork_epoch(ForkName::Fulu, 2);
        let epoch_ms = cfg.preset.slots_per_epoch * cfg.slot_duration_ms;
        let service = Service::new(Arc::new(cfg), 1000, Root::ZERO, Root::ZERO);
        let [electra, fulu] = [0, 2].map(|epoch| service.schedule().at(epoch).digest);
        let reach = Reach { tcp: ([127, 0, 0, 1], 9000).into(), quic: None, udp: None };
        let record = |epoch: u64| service.node_record(reach, 1_000_000 + epoch * epoch_ms);
        let (before, after) = (record(1), record(2));
        assert_eq!((before.seq, after.seq), (2, 3));
        let eth2 = |digest: [u8; 4], next: u64| {
            [&digest[..], &service.schedule().enr_fork_id(2).next_fork_version.0, &next.to_le_bytes()].concat()
        };
        assert_eq!(before.eth2.unwrap().to_vec(), eth2(electra, 2));
        assert_eq!(after.eth2.unwrap().to_vec(), eth2(fulu, FAR_FUTURE_EPOCH));
        assert_eq!((before.nfd, after.nfd), (Some(fulu), Some([0; 4])));
        assert_eq!((before.tcp, before.udp, before.attnets), (Some(9000), None, Some([0xff; 8])));
        assert_eq!((before.syncnets, before.cgc), (Some(0x0f), Some(128)));
    }

    #[test]
    fn a_network_without_fulu_has_no_custody_in_it() {
        let mut cfg = ChainConfig::minimal();
        cfg.set_fork_epoch(ForkName::Fulu, FAR_FUTURE_EPOCH);
        let (tcp, udp) = (([0, 0, 0, 0], 9000).into(), Some(([10, 0, 0, 1], 9001).into()));
        let reach = Reach { tcp, quic: Some(9002), udp };
        let record = Service::new(Arc::new(cfg), 1000, Root::ZERO, Root::ZERO).node_record(reach, 2_000_000);
        assert_eq!((record.cgc, record.nfd), (None, None));
        // discovery names the address that others reach
        assert_eq!((record.ip, record.tcp, record.udp), ([10, 0, 0, 1].into(), Some(9000), Some(9001)));
        assert_eq!(record.quic, Some(9002));
    }
}
