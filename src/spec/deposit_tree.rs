//! The deposit contract's Merkle tree, kept off chain.

use crate::{
    ssz::{Bytes, Root, hash_concat, mix_in_length, zero_hash},
    types::constants::DEPOSIT_CONTRACT_TREE_DEPTH,
};

const DEPTH: usize = DEPOSIT_CONTRACT_TREE_DEPTH as usize;

/// Deposits in order, with the root that a block votes for and the proofs that a block carries
/// (phase0/deposit-contract.md). Adding one and asking for the root takes as many hashes as the tree is deep.
#[derive(Clone, Debug, Default)]
pub struct DepositTree {
    leaves: Vec<Root>,
    /// At each height, the left node that waits for its right sibling.
    waiting: [Root; DEPTH],
}

impl DepositTree {
    /// Adds the root of the next deposit's data.
    pub fn push(&mut self, deposit_data_root: Root) {
        self.leaves.push(deposit_data_root);
        let mut node = deposit_data_root;
        let mut size = self.leaves.len();
        for waiting in &mut self.waiting {
            if size % 2 == 1 {
                *waiting = node;
                return;
            }
            node = hash_concat(waiting, &node);
            size /= 2;
        }
    }

    /// How many deposits there are.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The deposit root: the root of the list of all deposits.
    pub fn root(&self) -> Root {
        let mut node = zero_hash(0);
        let mut size = self.leaves.len();
        for (height, waiting) in self.waiting.iter().enumerate() {
            node = if size % 2 == 1 { hash_concat(waiting, &node) } else { hash_concat(&node, &zero_hash(height)) };
            size /= 2;
        }
        mix_in_length(node, self.leaves.len())
    }

    /// The proof of deposit `index` against [`Self::root`], as a block's deposit carries it; `None` if there is no such
    /// deposit.
    pub fn proof(&self, index: usize) -> Option<Vec<Root>> {
        self.leaves.get(index)?;
        let mut nodes = self.leaves.clone();
        let mut at = index;
        let mut proof = Vec::with_capacity(DEPTH + 1);
        for height in 0..DEPTH {
            let zero = zero_hash(height);
            proof.push(*nodes.get(at ^ 1).unwrap_or(&zero));
            nodes = nodes.chunks(2).map(|pair| hash_concat(&pair[0], pair.get(1).unwrap_or(&zero))).collect();
            at /= 2;
        }
        let mut length = [0; 32];
        length[..8].copy_from_slice(&(self.leaves.len() as u64).to_le_bytes());
        proof.push(Bytes(length));
        Some(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ssz::{List, Ssz, is_valid_merkle_branch},
        types::{ChainConfig, ForkName, limits::DepositTreeLeaves},
    };

    #[test]
    fn the_root_is_that_of_the_list_and_every_proof_leads_to_it() {
        let shape = ChainConfig::minimal().shape(ForkName::Phase0);
        let mut tree = DepositTree::default();
        for count in 0..9u8 {
            let leaves: Vec<Root> = (0..count).map(|i| Bytes([i + 1; 32])).collect();
            let list = List::<Root, DepositTreeLeaves>::from(leaves.clone());
            assert_eq!(tree.root(), list.hash_tree_root(shape));
            for (i, leaf) in leaves.iter().enumerate() {
                let proof = tree.proof(i).unwrap();
                assert!(is_valid_merkle_branch(leaf, &proof, DEPTH + 1, i as u64, &tree.root()));
            }
            assert_eq!(tree.proof(leaves.len()), None);
            tree.push(Bytes([count + 1; 32]));
        }
    }
}
