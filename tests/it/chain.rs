//! The chain, told what to think by scripts.

mod blobs;
mod blocks;
mod finality;
mod forks;
mod gaps;
mod optimism;
mod restart;
pub mod script;
pub mod setup;
mod stale;
mod upgraded;
mod votes;
