//! `merkle_proof`: a branch from a part of a value to its root, checked and made again.

use super::super::case::Case;
use super::unknown_handler;
use lockin::spec::das::{kzg_commitment_branch, kzg_commitments_branch};
use lockin::ssz::{Container, Root, Ssz, is_valid_merkle_branch};
use lockin::types::BeaconBlockBody;
use serde::Deserialize;

#[derive(Deserialize)]
struct Proof {
    leaf: String,
    leaf_index: u64,
    branch: Vec<String>,
}

pub fn run(case: &Case) -> Result<(), String> {
    if case.id.handler != "single_merkle_proof" {
        return Err(unknown_handler(case));
    }
    let root = |text: &String| text.parse::<Root>().map_err(|error| format!("proof.yaml: {error}"));
    let Proof { leaf, leaf_index, branch } = case.yaml("proof.yaml")?;
    let (leaf, branch) = (root(&leaf)?, branch.iter().map(root).collect::<Result<Vec<_>, _>>()?);
    match case.id.suite.as_str() {
        "BeaconBlockBody" => body(case, &leaf, leaf_index, &branch),
        other => Err(format!("unknown suite `{other}`")),
    }
}

/// Of the list of commitments, or of one commitment.
fn body(case: &Case, leaf: &Root, leaf_index: u64, branch: &[Root]) -> Result<(), String> {
    let shape = case.shape()?;
    let body: BeaconBlockBody = case.ssz("object")?;
    let depth = leaf_index.ilog2() as usize;
    let in_level = leaf_index - (1 << depth);
    if !is_valid_merkle_branch(leaf, branch, depth, in_level, &body.hash_tree_root(shape)) {
        return Err("the branch does not lead from the leaf to the root".into());
    }
    let names = BeaconBlockBody::field_names(shape);
    let field_depth = names.len().next_power_of_two().ilog2();
    let below = depth as u32 - field_depth;
    if names.get((in_level >> below) as usize) != Some(&"blob_kzg_commitments") {
        return Err("the leaf is in a field that this runner does not know".into());
    }
    let commitments = &body.blob_kzg_commitments;
    let of_list = kzg_commitments_branch(shape, &body);
    let (own_leaf, own) = if below == 0 {
        (commitments.hash_tree_root(shape), of_list)
    } else {
        // The first bit below the list leads to its elements.
        let index = in_level & ((1 << (below - 1)) - 1);
        let commitment = commitments.get(index as usize).ok_or("the leaf is no element of the list")?;
        (commitment.hash_tree_root(shape), kzg_commitment_branch(shape, commitments, index, &of_list))
    };
    if (&own_leaf, own.as_slice()) != (leaf, branch) {
        return Err("the branch that is made here is another one".into());
    }
    Ok(())
}
