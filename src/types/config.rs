//! placeholder
/// placeholder
pub struct ChainConfig;
