//! A stand-in for the execution engine: what a case has it say of payloads, and what a store makes of that.

use lockin::spec::fork_choice::{
    Store, get_current_slot, is_optimistic_candidate_block, mark_optimistic, nodes, on_invalid_child,
    on_invalid_payload, on_valid_payload,
};
use lockin::ssz::Ssz;
use lockin::types::{BeaconBlock, ChainConfig, Hash32, Root};
use serde::Deserialize;
use std::collections::BTreeMap;

/// As the test format has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadStatus {
    status: String,
    latest_valid_hash: Option<String>,
    #[serde(rename = "validation_error")]
    _validation_error: Option<String>,
}

#[derive(Clone, Copy)]
enum Word {
    Valid,
    NotValidated,
    Invalidated { latest_valid_hash: Option<Hash32> },
}

/// What is to be said, by block hash.
#[derive(Default)]
pub struct Engine {
    words: BTreeMap<Hash32, Word>,
}

impl Engine {
    pub fn say(&mut self, block_hash: Hash32, status: PayloadStatus) -> Result<(), String> {
        let hash = |text: String| text.parse().map_err(|error| format!("latest_valid_hash: {error}"));
        let word = match status.status.as_str() {
            "VALID" => Word::Valid,
            "SYNCING" | "ACCEPTED" => Word::NotValidated,
            "INVALID" | "INVALID_BLOCK_HASH" => {
                Word::Invalidated { latest_valid_hash: status.latest_valid_hash.map(hash).transpose()? }
            }
            other => return Err(format!("unknown payload status `{other}`")),
        };
        self.words.insert(block_hash, word);
        Ok(())
    }

    /// Imports a block as its payload's status allows.
    pub fn import(
        &self,
        cfg: &ChainConfig,
        store: &mut Store,
        block: &BeaconBlock,
        import: impl FnOnce(&mut Store) -> Result<(), String>,
    ) -> Result<(), String> {
        let root = block.hash_tree_root(cfg.shape_at_slot(block.slot));
        match self.words.get(&block.body.execution_payload.block_hash) {
            None => import(store),
            Some(Word::Valid) => {
                import(store)?;
                on_valid_payload(store, &root);
                Ok(())
            }
            Some(Word::NotValidated) if is_optimistic_candidate_block(store, get_current_slot(cfg, store), block) => {
                import(store)?;
                mark_optimistic(store, &root);
                Ok(())
            }
            Some(Word::NotValidated) => Err("it may not be imported before its payload is judged".into()),
            Some(Word::Invalidated { latest_valid_hash }) => {
                on_invalid_child(store, &block.parent_root, *latest_valid_hash);
                Err("its payload is invalid".into())
            }
        }
    }

    /// What the engine says of an imported block when it is told of it as the head.
    pub fn tell_of_known(&self, cfg: &ChainConfig, store: &mut Store, block_hash: &Hash32) {
        let has_hash = |root: &Root| {
            let node = store.node(root);
            node.is_some_and(|node| node.state.latest_execution_payload_header.block_hash == *block_hash)
        };
        let known = nodes(cfg, store).into_iter().map(|node| node.root).filter(has_hash).collect::<Vec<_>>();
        for root in known {
            match self.words.get(block_hash) {
                Some(Word::Valid) => drop(on_valid_payload(store, &root)),
                Some(Word::Invalidated { latest_valid_hash }) => {
                    on_invalid_payload(store, &root, *latest_valid_hash);
                }
                Some(Word::NotValidated) | None => {}
            }
        }
    }
}
