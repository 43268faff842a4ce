//! ssz
