//! The chain, told what to think by scripts.

mod blocks;
mod finality;
mod restart;
mod script;
mod setup;
mod votes;
