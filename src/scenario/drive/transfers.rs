//! Transfers: handed to an execution client, and looked for in the chains of all of them.

use super::{Drive, DriveError};
use crate::engine::{Proofs, Transfer, alloc::FUNDED};
use crate::journal::Event;
use crate::ssz::{Bytes, Fork, Root};
use crate::types::ExecutionAddress;
use crate::types::constants::BYTES_PER_FIELD_ELEMENT;

/// Wei a gas: far above the base fee that a test network begins with.
const GAS_PRICE: u64 = 50_000_000_000;
/// Wei that are sent.
const VALUE: u64 = 1_000_000_000_000_000_000;

impl Drive<'_> {
    /// Hands a node's execution client a transfer between two accounts that every network begins with. That it does not
    /// take it is trouble: it may be wrong of it, but the scenario can't go on.
    pub(super) async fn transact(&mut self, node: &str, blob: bool) -> Result<(), DriveError> {
        match self.hand_over(node, blob).await {
            Ok(hash) => {
                let executing = self.plan.nodes.iter().filter(|node| node.engine.is_some());
                self.transfers.extend(executing.map(|node| (hash, node.name.clone())));
                Ok(self.tell(Event::Transfer { node: node.to_owned(), hash: hash.to_string(), block: None })?)
            }
            Err(says) => {
                self.lost = true;
                let doing = format!("handing a transfer to the execution client of {node}");
                Ok(self.tell(Event::Trouble { doing, says })?)
            }
        }
    }

    async fn hand_over(&self, node: &str, blob: bool) -> Result<Root, String> {
        let engine = self.runtime.engine(node).map_err(|error| error.to_string())?;
        let engine = engine.ok_or("this runtime has no execution client that could be asked")?;
        let [(from, secret), (to, _), ..] = FUNDED;
        let nonce = engine.transaction_count(&address(from)?).await.map_err(|error| error.to_string())?;
        let chain_id = self.network.config.deposit_chain_id;
        let transfer = Transfer { nonce, gas_price: GAS_PRICE, to: address(to)?, value: VALUE, chain_id };
        let mut key = [0; 32];
        hex::decode_to_slice(secret, &mut key).map_err(|error| error.to_string())?;
        let proofs = match self.network.config.fork_at_slot(self.now().slot.unwrap_or(0)) {
            fork if fork >= Fork::Fulu => Proofs::Cells,
            _ => Proofs::Blobs,
        };
        let signed = match blob {
            true => transfer.sign_with_blob(&key, &vec![0; self.bytes_of_a_blob()], proofs),
            false => transfer.sign(&key),
        };
        let (raw, hash) = signed.map_err(|error| error.to_string())?;
        let taken = engine.send_raw_transaction(&raw).await.map_err(|error| error.to_string())?;
        if taken == hash { Ok(hash) } else { Err(format!("it took {hash} for {taken}")) }
    }

    fn bytes_of_a_blob(&self) -> usize {
        usize::try_from(self.network.config.preset.field_elements_per_blob * BYTES_PER_FIELD_ELEMENT).unwrap_or(0)
    }

    /// Asks those whose chains don't hold a transfer yet. Who does not answer is asked again.
    pub(super) async fn look_for_transfers(&mut self) -> Result<(), DriveError> {
        for (hash, node) in std::mem::take(&mut self.transfers) {
            let block = match self.runtime.engine(&node) {
                Ok(Some(engine)) => engine.transaction_block(&hash).await.ok().flatten(),
                _ => None,
            };
            match block {
                Some(block) => self.tell(Event::Transfer { node, hash: hash.to_string(), block: Some(block) })?,
                None => self.transfers.push((hash, node)),
            }
        }
        Ok(())
    }
}

fn address(digits: &str) -> Result<ExecutionAddress, String> {
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|error| error.to_string())?;
    Ok(Bytes(bytes))
}
