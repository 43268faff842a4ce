//! The validator client: duties, signing and slashing protection. It reaches beacon nodes only through `api`.

pub mod slashing;
