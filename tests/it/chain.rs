//! The chain, told what to think by scripts.

mod blocks;
mod finality;
mod gaps;
mod restart;
pub mod script;
pub mod setup;
mod upgraded;
mod votes;
