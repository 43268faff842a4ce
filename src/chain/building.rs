//! Productions that wait for the engine: for the terminal block, for a payload to be begun, for the payload itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::Purpose;
use super::effect::Effect;
use super::event::ProductionId;
use super::{Chain, Error};
use crate::engine::{BuiltPayload, Call, Failure};
use crate::spec;
use crate::ssz::Root;
use crate::types::{BlsSignature, ForkName, Hash32, Slot};

/// Productions under way.
const MOST: usize = 16;

/// What is to go into a block beside pools and payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) slot: Slot,
    pub(super) randao: BlsSignature,
    pub(super) graffiti: Root,
}

#[derive(Clone, Copy, Debug)]
struct Production {
    order: Order,
    /// The block that it is built on, once its payload is asked for.
    parent: Option<Root>,
}

/// Blocks that were ordered.
#[derive(Clone, Debug, Default)]
pub(super) struct Productions(BTreeMap<ProductionId, Production>);

impl Productions {
    /// The slot of the first one whose payload is not begun.
    pub(super) fn wanted_slot(&self) -> Option<Slot> {
        self.0.values().find(|production| production.parent.is_none()).map(|production| production.order.slot)
    }
}

impl Chain {
    /// Makes a block for whoever asked, or begins to.
    pub(super) fn on_produce(&mut self, id: ProductionId, order: Order) {
        if let Err(error) = self.check_order(&order) {
            return self.produced(id, Err(error));
        }
        match self.needs_payload(&order) {
            Ok(false) => {
                let block = self.assemble(&order, &self.head.root, None);
                self.produced(id, block);
            }
            Ok(true) if self.productions.0.len() >= MOST => {
                self.produced(id, Err(Error::BadRequest("too many blocks are being produced".into())));
            }
            Ok(true) => {
                self.productions.0.insert(id, Production { order, parent: None });
                self.told = None; // a payload that was refused before may be built now
            }
            Err(error) => self.produced(id, Err(error)),
        }
    }

    /// Whether a block has a payload that must be built: always after the merge, before it once there is a terminal
    /// block.
    fn needs_payload(&self, order: &Order) -> Result<bool, Error> {
        let fork = self.fork_at(order.slot);
        if fork < ForkName::Bellatrix {
            return Ok(false);
        }
        let state = self.advanced(&self.head.root, order.slot)?;
        if fork > ForkName::Bellatrix || spec::is_merge_transition_complete(&state) {
            return Ok(true);
        }
        let hash = self.cfg.terminal_block_hash;
        let too_early = self.cfg.epoch_of(order.slot) < self.cfg.terminal_block_hash_activation_epoch;
        if hash != Hash32::default() && too_early {
            return Ok(false);
        }
        // Asked each slot; a production that begins before the first answer waits for it.
        let asked = |purpose: &Purpose| *purpose == Purpose::Terminal || *purpose == Purpose::PowBlock(hash);
        Ok(self.terminal.is_some() || self.calls.is_open(asked))
    }

    /// Takes productions as far as they get: those whose payload is being built ask for it.
    pub(super) fn drive_productions(&mut self) {
        let waiting = self.productions.0.iter().filter(|(_, production)| production.parent.is_none());
        let waiting: Vec<(ProductionId, Order)> = waiting.map(|(id, production)| (*id, production.order)).collect();
        for (id, order) in waiting {
            match self.check_order(&order).and_then(|()| self.needs_payload(&order)) {
                Ok(true) => {}
                Ok(false) => {
                    self.productions.0.remove(&id);
                    let block = self.assemble(&order, &self.head.root, None);
                    self.produced(id, block);
                    continue;
                }
                Err(error) => {
                    self.productions.0.remove(&id);
                    self.produced(id, Err(error));
                    continue;
                }
            }
            let Some(prepared) = self.prepared(order.slot) else { continue };
            if let Some(production) = self.productions.0.get_mut(&id) {
                production.parent = Some(prepared.parent);
                let fork = self.fork_at(order.slot);
                self.ask_engine(Purpose::Built(id), Call::GetPayload { fork, id: prepared.id });
            }
        }
    }

    /// Takes the payload of a production.
    pub(super) fn on_built(&mut self, id: ProductionId, built: Result<BuiltPayload, Failure>) {
        let Some(Production { order, parent: Some(parent) }) = self.productions.0.remove(&id) else { return };
        let block = built
            .map_err(|failure| Error::Engine { doing: format!("getting a payload for slot {}", order.slot), failure })
            .and_then(|built| self.assemble(&order, &parent, Some(built)));
        if block.is_err() {
            // The engine may have forgotten it: the next one is begun anew.
            self.prepared.retain(|prepared| prepared.slot != order.slot);
            self.told = None;
        }
        self.produced(id, block);
    }

    /// Ends the productions of a slot whose payload is not begun.
    pub(super) fn fail_productions(&mut self, slot: Option<Slot>, why: &str) {
        let hit = |production: &Production| production.parent.is_none() && Some(production.order.slot) == slot;
        let failed: Vec<ProductionId> =
            self.productions.0.iter().filter(|(_, production)| hit(production)).map(|(id, _)| *id).collect();
        for id in failed {
            self.productions.0.remove(&id);
            let slot = slot.unwrap_or_default();
            self.produced(id, Err(Error::Produce { slot, why: why.into() }));
        }
    }

    /// Once a slot: ends what nobody can use any more.
    pub(super) fn expire_productions(&mut self) {
        let stale = |production: &Production| production.order.slot.saturating_add(1) < self.slot;
        let stale: Vec<(ProductionId, Slot)> = self
            .productions
            .0
            .iter()
            .filter(|(_, production)| stale(production))
            .map(|(id, production)| (*id, production.order.slot))
            .collect();
        for (id, slot) in stale {
            self.productions.0.remove(&id);
            self.produced(id, Err(Error::Produce { slot, why: "the execution engine did not answer in time".into() }));
        }
    }

    fn produced(&mut self, id: ProductionId, result: Result<super::ProducedBlock, Error>) {
        self.out.push(Effect::Produced { id, result: result.map(Box::new).map_err(Arc::new) });
    }
}
