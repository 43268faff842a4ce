//! What gas costs: base fees (EIP-1559) and blob gas (EIP-4844, EIP-7691, EIP-7918).

use crate::engine::header::Header;
use crate::ssz::{Fork, Uint256};
use crate::types::ChainConfig;

const BASE_FEE_MAX_CHANGE_DENOMINATOR: u64 = 8;
const ELASTICITY_MULTIPLIER: u64 = 2;
/// EIP-4844 `GAS_PER_BLOB`.
pub const GAS_PER_BLOB: u64 = 1 << 17;
/// EIP-7918 `BLOB_BASE_COST`.
const BLOB_BASE_COST: u64 = 1 << 13;

/// EIP-1559: the base fee of a block on `parent`.
pub fn next_base_fee(parent: &Header) -> Uint256 {
    let target = parent.gas_limit / ELASTICITY_MULTIPLIER;
    let base = parent.base_fee_per_gas;
    let off = parent.gas_used.abs_diff(target);
    if off == 0 || target == 0 {
        return base;
    }
    let share = base.saturating_mul(Uint256::from(off)) / Uint256::from(target);
    let change = share / Uint256::from(BASE_FEE_MAX_CHANGE_DENOMINATOR);
    match parent.gas_used > target {
        true => base.saturating_add(change.max(Uint256::from(1))),
        false => base.saturating_sub(change),
    }
}

/// What the blobs of a block are limited and priced by: an entry of an execution client's blob schedule (EIP-7840).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobGas {
    /// Blobs in a block at which their price stays.
    pub target: u64,
    /// Blobs in a block, at most.
    pub max: u64,
    /// How slowly the price moves.
    pub update_fraction: u64,
    /// EIP-7918 holds.
    pub bounded: bool,
}

impl BlobGas {
    /// Of a block of `epoch`. The consensus configuration has the maximum only: target and fraction follow from it as
    /// they do on mainnet, half of it in deneb and two thirds of it since.
    pub fn at_epoch(cfg: &ChainConfig, epoch: u64) -> Self {
        Self::of_fork(cfg, cfg.fork_at_epoch(epoch), epoch)
    }

    /// The same by the rules of `fork`, though later ones may hold in that epoch already.
    pub fn of_fork(cfg: &ChainConfig, fork: Fork, epoch: u64) -> Self {
        let scheduled = cfg.blob_schedule.iter().filter(|entry| fork >= Fork::Fulu && entry.epoch <= epoch);
        let scheduled = scheduled.max_by_key(|entry| entry.epoch).map(|entry| entry.max_blobs_per_block);
        let electra = cfg.max_blobs_per_block_electra;
        let max = scheduled.unwrap_or(if fork >= Fork::Electra { electra } else { cfg.max_blobs_per_block });
        let (target, fraction, of_target) = match fork >= Fork::Electra {
            true => (max.saturating_mul(2) / 3, 5_007_716, 6),
            false => (max / 2, 3_338_477, 3),
        };
        // To the nearest, as mainnet's schedule has it.
        let update_fraction = (target.saturating_mul(fraction).saturating_add(of_target / 2) / of_target).max(1);
        Self { target, max, update_fraction, bounded: fork >= Fork::Fulu }
    }

    /// EIP-4844 `calc_excess_blob_gas`, as EIP-7918 changes it: of a block on `parent`.
    pub fn excess(&self, parent: &Header) -> u64 {
        let before = parent.excess_blob_gas.unwrap_or(0);
        let used = parent.blob_gas_used.unwrap_or(0);
        let target_gas = self.target.saturating_mul(GAS_PER_BLOB);
        let sum = before.saturating_add(used);
        if sum < target_gas {
            return 0;
        }
        let reserve = parent.base_fee_per_gas.saturating_mul(Uint256::from(BLOB_BASE_COST));
        let price = self.base_fee(before).saturating_mul(Uint256::from(GAS_PER_BLOB));
        if self.bounded && reserve > price {
            let scaled = u128::from(used) * u128::from(self.max - self.target) / u128::from(self.max.max(1));
            return before.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX));
        }
        sum - target_gas
    }

    /// EIP-4844 `get_base_fee_per_blob_gas`: wei.
    fn base_fee(&self, excess: u64) -> Uint256 {
        fake_exponential(excess, self.update_fraction)
    }
}

/// EIP-4844 `fake_exponential` with a factor of 1: e to the power of the quotient, by Taylor expansion. Saturates.
fn fake_exponential(numerator: u64, denominator: u64) -> Uint256 {
    let (numerator, denominator) = (Uint256::from(numerator), Uint256::from(denominator));
    let mut term = denominator;
    let mut output = Uint256::ZERO;
    let mut i = Uint256::from(1);
    while !term.is_zero() {
        let (Some(sum), Some(product)) = (output.checked_add(term), term.checked_mul(numerator)) else {
            return Uint256::MAX;
        };
        output = sum;
        term = product / (denominator * i);
        i += Uint256::from(1);
    }
    output / denominator
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::genesis::genesis_header;
    use crate::types::config::BlobParameters;

    fn parent(gas_used: u64, base_fee: u64) -> Header {
        Header { gas_used, base_fee_per_gas: Uint256::from(base_fee), ..genesis_header(Fork::Fulu, 0) }
    }

    #[test]
    fn base_fees_fall_in_empty_blocks_and_rise_in_full_ones() {
        assert_eq!(next_base_fee(&parent(0, 1_000_000_000)), Uint256::from(875_000_000));
        assert_eq!(next_base_fee(&parent(15_000_000, 1000)), Uint256::from(1000));
        assert_eq!(next_base_fee(&parent(30_000_000, 1000)), Uint256::from(1125));
        assert_eq!(next_base_fee(&parent(30_000_000, 1)), Uint256::from(2), "at least by one");
        assert_eq!(next_base_fee(&parent(0, 7)), Uint256::from(7), "as low as it gets");
        assert_eq!(next_base_fee(&Header { gas_limit: 0, ..parent(5, 9) }), Uint256::from(9));
    }

    /// EIP-4844's and EIP-7691's figures, and those of mainnet's schedule (EIP-7892).
    #[test]
    fn the_schedule_of_mainnet_comes_out() {
        let cfg = ChainConfig::mainnet();
        let at = |epoch| {
            let gas = BlobGas::at_epoch(&cfg, epoch);
            (gas.target, gas.max, gas.update_fraction, gas.bounded)
        };
        assert_eq!(at(cfg.deneb_fork_epoch), (3, 6, 3_338_477, false));
        assert_eq!(at(cfg.electra_fork_epoch), (6, 9, 5_007_716, false));
        assert_eq!(at(cfg.fulu_fork_epoch), (6, 9, 5_007_716, true));
        assert_eq!(at(412_672), (10, 15, 8_346_193, true));
        assert_eq!(at(419_072), (14, 21, 11_684_671, true));
    }

    #[test]
    fn excess_grows_above_the_target_only_and_is_bounded_by_what_gas_costs() {
        let with = |excess, blobs, base_fee| Header {
            excess_blob_gas: Some(excess),
            blob_gas_used: Some(blobs * GAS_PER_BLOB),
            ..parent(0, base_fee)
        };
        let deneb = BlobGas { target: 3, max: 6, update_fraction: 3_338_477, bounded: false };
        assert_eq!(deneb.excess(&with(0, 3, 1000)), 0);
        assert_eq!(deneb.excess(&with(0, 6, 1000)), 3 * GAS_PER_BLOB);
        assert_eq!(deneb.excess(&with(10 * GAS_PER_BLOB, 0, 1000)), 7 * GAS_PER_BLOB);
        let fulu = BlobGas { target: 6, max: 9, update_fraction: 5_007_716, bounded: true };
        // 8192 gas at 1000 wei cost more than a blob at 1 wei: nothing is taken off.
        assert_eq!(fulu.excess(&with(6 * GAS_PER_BLOB, 3, 1000)), 7 * GAS_PER_BLOB);
        assert_eq!(fulu.excess(&with(6 * GAS_PER_BLOB, 3, 7)), 3 * GAS_PER_BLOB);
        assert_eq!(fulu.excess(&with(u64::MAX, 9, 7)), u64::MAX - 6 * GAS_PER_BLOB);
        // geth's figures for the two sides of the reserve price
        assert_eq!(fulu.excess(&with(0, 6, 1_000_000_000)), 6 * GAS_PER_BLOB * 3 / 9);
        assert_eq!(fulu.excess(&with(0, 6, 1)), 0);
    }

    /// geth's table, as far as the factor is 1.
    #[test]
    fn the_exponential_is_the_fake_one() {
        for (numerator, denominator, expected) in [
            (0, 1, 1u64),
            (2, 1, 6),
            (4, 2, 6),
            (3, 1, 16),
            (6, 2, 18),
            (4, 1, 49),
            (8, 2, 50),
            (5, 1, 136),
            (5, 2, 11),
            (50_000_000, 2_225_652, 5_709_098_764),
        ] {
            assert_eq!(fake_exponential(numerator, denominator), Uint256::from(expected), "{numerator}/{denominator}");
        }
        assert_eq!(fake_exponential(u64::MAX, 1), Uint256::MAX);
    }

    #[test]
    fn the_newest_entry_of_a_schedule_counts() {
        let mut cfg = ChainConfig::minimal();
        cfg.start_at(Fork::Fulu);
        cfg.blob_schedule = vec![
            BlobParameters { epoch: 2, max_blobs_per_block: 12 },
            BlobParameters { epoch: 5, max_blobs_per_block: 3 },
        ];
        let max = |epoch| BlobGas::at_epoch(&cfg, epoch).max;
        assert_eq!([1, 2, 4, 5, 9].map(max), [9, 12, 12, 3, 3]);
    }
}
