//! Blobs beside blocks: `/eth/v1/beacon/blobs`, deneb's and electra's `blob_sidecars`, fulu's data columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::beacon_blocks::{found, meta, shape_of};
use super::call::{bytes, number};
use super::{Call, Meta, Refusal, Reply, Route, get_ssz};
use crate::api::contents::Blobs;
use crate::chain::FoundBlock;
use crate::node::Core;
use crate::spec::das::recover_matrix;
use crate::spec::kzg_commitment_to_versioned_hash;
use crate::ssz::{Json, List, Shape, Ssz};
use crate::types::limits::{MaxBlobCommitmentsPerBlock, NumberOfColumns};
use crate::types::{Blob, DataColumnSidecar, ForkName, Hash32, MatrixEntry};

pub(super) const ROUTES: &[Route] = &[
    get_ssz("/eth/v1/beacon/blobs/{block_id}", blobs),
    get_ssz("/eth/v1/beacon/blob_sidecars/{block_id}", blob_sidecars),
    get_ssz("/eth/v1/debug/beacon/data_column_sidecars/{block_id}", data_column_sidecars),
];

/// The path's block, which must be of one of these forks.
fn block_of(core: &Core, call: &Call<'_>, forks: &[ForkName]) -> Result<(FoundBlock, Shape), Refusal> {
    let found = found(core, call)?;
    let shape = shape_of(core, &found.block);
    if forks.contains(&shape.fork) {
        return Ok((found, shape));
    }
    let names: Vec<&str> = forks.iter().map(|fork| fork.name()).collect();
    Err(Refusal::bad_request(format!(
        "the block of slot {} is of {}; accepted: {}",
        found.block.message.slot,
        shape.fork,
        names.join(", ")
    )))
}

/// The query's `indices`; `None` is all.
fn indices(call: &Call<'_>) -> Result<Option<BTreeSet<u64>>, Refusal> {
    let given = call.query_list("indices");
    let indices = given.into_iter().map(|text| number("indices", text)).collect::<Result<BTreeSet<u64>, _>>()?;
    Ok((!indices.is_empty()).then_some(indices))
}

/// Sidecars of a block as an answer.
fn sidecars<T: Ssz + Json, L: crate::ssz::Limit>(
    core: &Core,
    call: &Call<'_>,
    (found, shape): (&FoundBlock, Shape),
    sidecars: Vec<T>,
) -> Reply {
    let list: List<T, L> = sidecars.into();
    let reply = if call.wants_ssz() {
        Reply::ssz(list.encode(shape))
    } else {
        let meta = Meta { version: Some(shape.fork), ..meta(core, found) };
        Reply::with_meta(meta.fields(), list.iter().map(|sidecar| sidecar.to_json(shape)).collect())
    };
    reply.version(shape.fork)
}

fn blob_sidecars(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (found, shape) = block_of(core, call, &[ForkName::Deneb, ForkName::Electra])?;
    let wanted = indices(call)?;
    let all = core.chain().blob_sidecars(&found.root);
    let fitting = all.iter().filter(|sidecar| wanted.as_ref().is_none_or(|wanted| wanted.contains(&sidecar.index)));
    let fitting = fitting.map(|sidecar| (**sidecar).clone()).collect();
    Ok(sidecars::<_, MaxBlobCommitmentsPerBlock>(core, call, (&found, shape), fitting))
}

fn data_column_sidecars(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (found, shape) = block_of(core, call, &[ForkName::Fulu])?;
    let wanted = indices(call)?;
    let all = core.chain().data_column_sidecars(&found.root);
    let fitting = all.iter().filter(|sidecar| wanted.as_ref().is_none_or(|wanted| wanted.contains(&sidecar.index)));
    let fitting = fitting.map(|sidecar| (**sidecar).clone()).collect();
    Ok(sidecars::<_, NumberOfColumns>(core, call, (&found, shape), fitting))
}

/// All blobs of a block, or those with the query's `versioned_hashes`, in the order of the block's commitments.
fn blobs(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (found, shape) = block_of(core, call, &[ForkName::Deneb, ForkName::Electra, ForkName::Fulu])?;
    let given = call.query_list("versioned_hashes");
    let wanted = given.into_iter().map(|text| bytes("versioned_hashes", text)).collect::<Result<Vec<Hash32>, _>>()?;
    let commitments = &found.block.message.body.blob_kzg_commitments;
    let all = all_blobs(core, &found, shape)?;
    let fits = |hash: Hash32| wanted.is_empty() || wanted.contains(&hash);
    let chosen =
        commitments.iter().zip(all).filter(|(commitment, _)| fits(kzg_commitment_to_versioned_hash(commitment)));
    let chosen: Blobs = chosen.map(|(_, blob)| blob).collect();
    if call.wants_ssz() {
        return Ok(Reply::ssz(chosen.encode(shape)));
    }
    let data: Vec<Value> = chosen.iter().map(|blob| blob.to_json(shape)).collect();
    Ok(Reply::with_meta(meta(core, &found).fields(), Value::Array(data)))
}

fn all_blobs(core: &Core, found: &FoundBlock, shape: Shape) -> Result<Vec<Blob>, Refusal> {
    let count = found.block.message.body.blob_kzg_commitments.len();
    let blobs = if shape.fork < ForkName::Fulu {
        let mut sidecars = core.chain().blob_sidecars(&found.root);
        sidecars.sort_by_key(|sidecar| sidecar.index);
        sidecars.iter().map(|sidecar| sidecar.blob.clone()).collect()
    } else {
        blobs_of_columns(shape, count, &core.chain().data_column_sidecars(&found.root))?
    };
    if blobs.len() == count {
        return Ok(blobs);
    }
    Err(Refusal::not_found(format!("the block has {count} blobs, of which this node holds {}", blobs.len())))
}

/// The blobs that columns were cut from. The first half of the columns is the blobs themselves; another half gives
/// them after recovery.
fn blobs_of_columns(shape: Shape, count: usize, columns: &[Arc<DataColumnSidecar>]) -> Result<Vec<Blob>, Refusal> {
    let half = shape.preset.number_of_columns / 2;
    let held = columns.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    if (held as u64) < half {
        return Err(Refusal::not_found(format!(
            "this node holds {held} columns of the block; its blobs can be had from {half} or more"
        )));
    }
    let mut entries: Vec<MatrixEntry> = Vec::with_capacity(held * count);
    for column in columns {
        for (row, (cell, proof)) in (0..).zip(column.column.iter().zip(column.kzg_proofs.iter())) {
            let (cell, kzg_proof) = (cell.clone(), *proof);
            entries.push(MatrixEntry { cell, kzg_proof, column_index: column.index, row_index: row });
        }
    }
    if columns.iter().filter(|column| column.index < half).count() as u64 != half {
        entries = recover_matrix(&entries, count as u64)
            .map_err(|error| Refusal::internal(format!("recovering the block's blobs: {error}")))?;
    }
    entries.retain(|entry| entry.column_index < half);
    entries.sort_by_key(|entry| (entry.row_index, entry.column_index));
    let rows = entries.chunks(usize::try_from(half).unwrap_or(usize::MAX).max(1));
    Ok(rows.map(|row| row.iter().flat_map(|entry| entry.cell.iter().copied()).collect::<Vec<u8>>().into()).collect())
}
