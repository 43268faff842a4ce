//! How many blobs a block may hold.

use crate::types::{ChainConfig, Epoch, ForkName, config::BlobParameters};

/// The blob limit of `epoch` and the epoch that it is in force from (fulu/beacon-chain.md, `get_blob_parameters`).
pub fn get_blob_parameters(cfg: &ChainConfig, epoch: Epoch) -> BlobParameters {
    let due = cfg.blob_schedule.iter().filter(|entry| entry.epoch <= epoch);
    // Of entries for one epoch, which the spec rules out, the first one.
    let newest = due.reduce(|newest, entry| if entry.epoch > newest.epoch { entry } else { newest });
    newest.copied().unwrap_or(BlobParameters {
        epoch: cfg.electra_fork_epoch,
        max_blobs_per_block: cfg.max_blobs_per_block_electra,
    })
}

/// The most blobs that a block of `epoch` may commit to: what `process_execution_payload` of each fork compares with.
/// None before deneb.
pub fn max_blobs_per_block(cfg: &ChainConfig, epoch: Epoch) -> u64 {
    match cfg.fork_at_epoch(epoch) {
        ForkName::Phase0 | ForkName::Altair | ForkName::Bellatrix | ForkName::Capella => 0,
        ForkName::Deneb => cfg.max_blobs_per_block,
        ForkName::Electra => cfg.max_blobs_per_block_electra,
        ForkName::Fulu => get_blob_parameters(cfg, epoch).max_blobs_per_block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry_that_has_come_counts() {
        let mut cfg = ChainConfig::minimal();
        for (fork, epoch) in [(ForkName::Deneb, 2), (ForkName::Electra, 4), (ForkName::Fulu, 6)] {
            cfg.set_fork_epoch(fork, epoch);
        }
        let entry = |epoch, max_blobs_per_block| BlobParameters { epoch, max_blobs_per_block };
        cfg.blob_schedule = vec![entry(12, 21), entry(8, 15)];
        assert_eq!(get_blob_parameters(&cfg, 7), entry(4, cfg.max_blobs_per_block_electra));
        assert_eq!([8, 11].map(|epoch| get_blob_parameters(&cfg, epoch)), [entry(8, 15); 2]);
        assert_eq!(get_blob_parameters(&cfg, u64::MAX), entry(12, 21));
        assert_eq!([1, 2, 3, 4, 5, 6, 8, 12].map(|e| max_blobs_per_block(&cfg, e)), [0, 6, 6, 9, 9, 9, 15, 21]);
    }
}
