//! The request/response protocols: their names, and the sizes of what they carry. Nothing here knows a wire or a rule.

use std::fmt;

/// MAX_REQUEST_BLOCKS of the phase0 p2p specification.
pub const MAX_REQUEST_BLOCKS: u64 = 1024;
/// MAX_PAYLOAD_SIZE of the phase0 p2p specification: uncompressed bytes of a gossip message or a chunk.
pub const MAX_PAYLOAD_SIZE: usize = 10 * 1024 * 1024;
/// Bytes of the smallest SignedBeaconBlock of any fork (phase0, no operations): 100 + 84 + 220.
pub const MIN_SIGNED_BLOCK_SIZE: usize = 404;
/// Blob sidecars in one request or answer, more than any network's `compute_max_request_blob_sidecars`; the service holds
/// requests to what the configuration says.
pub const MAX_REQUEST_BLOB_SIDECARS: u64 = 1 << 14;
/// NUMBER_OF_COLUMNS of both presets.
pub const NUMBER_OF_COLUMNS: u64 = 128;
/// Bytes of the smallest sidecar that says anything: its header with the signature is 208.
pub const MIN_SIDECAR_SIZE: usize = 208;
/// A request/response protocol and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `status/1`
    Status1,
    /// `goodbye/1`
    Goodbye1,
    /// `ping/1`
    Ping1,
    /// `metadata/1`
    MetaData1,
    /// `metadata/2`: with the sync subnets (altair)
    MetaData2,
    /// `beacon_blocks_by_range/1`
    BlocksByRange1,
    /// `beacon_blocks_by_range/2`: chunks carry the fork digest (altair)
    BlocksByRange2,
    /// `beacon_blocks_by_root/1`
    BlocksByRoot1,
    /// `beacon_blocks_by_root/2`: chunks carry the fork digest (altair)
    BlocksByRoot2,
    /// `blob_sidecars_by_range/1` (deneb)
    BlobsByRange1,
    /// `blob_sidecars_by_root/1` (deneb)
    BlobsByRoot1,
    /// `status/2`: with the earliest slot available (fulu)
    Status2,
    /// `metadata/3`: with the custody group count (fulu)
    MetaData3,
    /// `data_column_sidecars_by_range/1` (fulu)
    ColumnsByRange1,
    /// `data_column_sidecars_by_root/1` (fulu)
    ColumnsByRoot1,
}

impl Protocol {
    /// Every protocol, in declaration order.
    pub const ALL: [Protocol; 15] = [
        Protocol::Status1,
        Protocol::Goodbye1,
        Protocol::Ping1,
        Protocol::MetaData1,
        Protocol::MetaData2,
        Protocol::BlocksByRange1,
        Protocol::BlocksByRange2,
        Protocol::BlocksByRoot1,
        Protocol::BlocksByRoot2,
        Protocol::BlobsByRange1,
        Protocol::BlobsByRoot1,
        Protocol::Status2,
        Protocol::MetaData3,
        Protocol::ColumnsByRange1,
        Protocol::ColumnsByRoot1,
    ];

    /// Message name and version: the two variable parts of the protocol id.
    pub fn name(self) -> (&'static str, u8) {
        match self {
            Protocol::Status1 => ("status", 1),
            Protocol::Status2 => ("status", 2),
            Protocol::Goodbye1 => ("goodbye", 1),
            Protocol::Ping1 => ("ping", 1),
            Protocol::MetaData1 => ("metadata", 1),
            Protocol::MetaData2 => ("metadata", 2),
            Protocol::MetaData3 => ("metadata", 3),
            Protocol::BlocksByRange1 => ("beacon_blocks_by_range", 1),
            Protocol::BlocksByRange2 => ("beacon_blocks_by_range", 2),
            Protocol::BlocksByRoot1 => ("beacon_blocks_by_root", 1),
            Protocol::BlocksByRoot2 => ("beacon_blocks_by_root", 2),
            Protocol::BlobsByRange1 => ("blob_sidecars_by_range", 1),
            Protocol::BlobsByRoot1 => ("blob_sidecars_by_root", 1),
            Protocol::ColumnsByRange1 => ("data_column_sidecars_by_range", 1),
            Protocol::ColumnsByRoot1 => ("data_column_sidecars_by_root", 1),
        }
    }

    /// The protocol id on the wire, e.g. `/eth2/beacon_chain/req/status/1/ssz_snappy`.
    pub fn id(self) -> &'static str {
        match self {
            Protocol::Status1 => "/eth2/beacon_chain/req/status/1/ssz_snappy",
            Protocol::Status2 => "/eth2/beacon_chain/req/status/2/ssz_snappy",
            Protocol::Goodbye1 => "/eth2/beacon_chain/req/goodbye/1/ssz_snappy",
            Protocol::Ping1 => "/eth2/beacon_chain/req/ping/1/ssz_snappy",
            Protocol::MetaData1 => "/eth2/beacon_chain/req/metadata/1/ssz_snappy",
            Protocol::MetaData2 => "/eth2/beacon_chain/req/metadata/2/ssz_snappy",
            Protocol::MetaData3 => "/eth2/beacon_chain/req/metadata/3/ssz_snappy",
            Protocol::BlocksByRange1 => "/eth2/beacon_chain/req/beacon_blocks_by_range/1/ssz_snappy",
            Protocol::BlocksByRange2 => "/eth2/beacon_chain/req/beacon_blocks_by_range/2/ssz_snappy",
            Protocol::BlocksByRoot1 => "/eth2/beacon_chain/req/beacon_blocks_by_root/1/ssz_snappy",
            Protocol::BlocksByRoot2 => "/eth2/beacon_chain/req/beacon_blocks_by_root/2/ssz_snappy",
            Protocol::BlobsByRange1 => "/eth2/beacon_chain/req/blob_sidecars_by_range/1/ssz_snappy",
            Protocol::BlobsByRoot1 => "/eth2/beacon_chain/req/blob_sidecars_by_root/1/ssz_snappy",
            Protocol::ColumnsByRange1 => "/eth2/beacon_chain/req/data_column_sidecars_by_range/1/ssz_snappy",
            Protocol::ColumnsByRoot1 => "/eth2/beacon_chain/req/data_column_sidecars_by_root/1/ssz_snappy",
        }
    }

    /// The protocol with this id.
    pub fn from_id(id: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|p| p.id() == id)
    }

    /// Sizes of the request's SSZ, bytes, inclusive. `(0, 0)`: the request has no body at all.
    pub fn request_bounds(self) -> (usize, usize) {
        match self {
            Protocol::Status1 => (84, 84),
            Protocol::Status2 => (92, 92),
            Protocol::Goodbye1 | Protocol::Ping1 => (8, 8),
            Protocol::MetaData1 | Protocol::MetaData2 | Protocol::MetaData3 => (0, 0),
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 => (24, 24),
            Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => (0, 32 * MAX_REQUEST_BLOCKS as usize),
            Protocol::BlobsByRange1 => (16, 16),
            Protocol::BlobsByRoot1 => (0, 40 * MAX_REQUEST_BLOB_SIDECARS as usize),
            Protocol::ColumnsByRange1 => (20, 20 + 8 * NUMBER_OF_COLUMNS as usize),
            Protocol::ColumnsByRoot1 => {
                let one_block = 4 + 32 + 4 + 8 * NUMBER_OF_COLUMNS as usize;
                (0, one_block * MAX_REQUEST_BLOCKS as usize)
            }
        }
    }

    /// Whether a request carries a body (possibly an empty list).
    pub fn has_request_body(self) -> bool {
        !matches!(self, Protocol::MetaData1 | Protocol::MetaData2 | Protocol::MetaData3)
    }

    /// Sizes of one successful response chunk's SSZ, bytes, inclusive.
    pub fn chunk_bounds(self) -> (usize, usize) {
        match self {
            Protocol::Status1 => (84, 84),
            Protocol::Status2 => (92, 92),
            Protocol::Goodbye1 | Protocol::Ping1 => (8, 8),
            Protocol::MetaData1 => (16, 16),
            Protocol::MetaData2 => (17, 17),
            Protocol::MetaData3 => (25, 25),
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 | Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                (MIN_SIGNED_BLOCK_SIZE, MAX_PAYLOAD_SIZE)
            }
            Protocol::BlobsByRange1 | Protocol::BlobsByRoot1 | Protocol::ColumnsByRange1 | Protocol::ColumnsByRoot1 => {
                (MIN_SIDECAR_SIZE, MAX_PAYLOAD_SIZE)
            }
        }
    }

    /// How many chunks a response may have at most, whatever the request said.
    pub fn max_chunks(self) -> u64 {
        match self {
            Protocol::BlocksByRange1 | Protocol::BlocksByRange2 | Protocol::BlocksByRoot1 | Protocol::BlocksByRoot2 => {
                MAX_REQUEST_BLOCKS
            }
            Protocol::BlobsByRange1 | Protocol::BlobsByRoot1 => MAX_REQUEST_BLOB_SIDECARS,
            Protocol::ColumnsByRange1 | Protocol::ColumnsByRoot1 => MAX_REQUEST_BLOCKS * NUMBER_OF_COLUMNS,
            _ => 1,
        }
    }

    /// Whether successful chunks carry the 4-byte fork digest before the length.
    pub fn has_context(self) -> bool {
        match self {
            Protocol::BlocksByRange2
            | Protocol::BlocksByRoot2
            | Protocol::BlobsByRange1
            | Protocol::BlobsByRoot1
            | Protocol::ColumnsByRange1
            | Protocol::ColumnsByRoot1 => true,
            Protocol::Status1
            | Protocol::Status2
            | Protocol::Goodbye1
            | Protocol::Ping1
            | Protocol::MetaData1
            | Protocol::MetaData2
            | Protocol::MetaData3
            | Protocol::BlocksByRange1
            | Protocol::BlocksByRoot1 => false,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, version) = self.name();
        write!(f, "{name}/{version}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_ids_round_trip_and_match_their_names() {
        for protocol in Protocol::ALL {
            let (name, version) = protocol.name();
            assert_eq!(protocol.id(), format!("/eth2/beacon_chain/req/{name}/{version}/ssz_snappy"));
            assert_eq!(Protocol::from_id(protocol.id()), Some(protocol));
        }
        assert_eq!(Protocol::from_id("/eth2/beacon_chain/req/status/3/ssz_snappy"), None);
    }
}
