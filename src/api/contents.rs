//! What a proposer gets and hands back from deneb on: a block with its blobs and their proofs, as the Beacon API names
//! them. Before deneb a block travels alone; these types hide the difference from whoever produces, signs or publishes.

use crate::container;
use crate::ssz::{DecodeError, Fork, Json, JsonError, List, Shape, Ssz};
use crate::types::limits::MaxBlobCommitmentsPerBlock;
use crate::types::{BeaconBlock, Blob, KzgProof, SignedBeaconBlock};
use serde_json::Value;

crate::limits! {
    /// Deneb `KZGProofs`: one a blob. Fulu's: one a cell.
    ContentsProofs = |s| match s.fork < Fork::Fulu {
        true => s.preset.max_blob_commitments_per_block,
        false => s.preset.max_blob_commitments_per_block * s.preset.number_of_columns,
    };
}

/// `Blobs` of block contents.
pub type Blobs = List<Blob, MaxBlobCommitmentsPerBlock>;
/// `KZGProofs` of block contents: one a blob, from fulu on one a cell, blob after blob.
pub type Proofs = List<KzgProof, ContentsProofs>;

container! {
    /// Beacon API `BlockContents`.
    pub struct BlockContents {
        pub block: BeaconBlock,
        pub kzg_proofs: Proofs,
        pub blobs: Blobs,
    }
}

container! {
    /// Beacon API `SignedBlockContents`.
    pub struct SignedBlockContents {
        pub signed_block: SignedBeaconBlock,
        pub kzg_proofs: Proofs,
        pub blobs: Blobs,
    }
}

/// Implements the encodings of contents: those of the container from deneb on, before it those of the block alone.
macro_rules! alone_before_deneb {
    ($name:ident, $block:ident: $kind:ty) => {
        impl From<$kind> for $name {
            fn from($block: $kind) -> Self {
                Self { $block, ..Self::default() }
            }
        }

        impl $name {
            /// SSZ as it travels.
            pub fn to_ssz(&self, shape: Shape) -> Vec<u8> {
                if shape.fork < Fork::Deneb { self.$block.encode(shape) } else { self.encode(shape) }
            }

            /// Reads SSZ as it travels.
            ///
            /// # Errors
            /// Bytes that are neither a block nor contents of that fork.
            pub fn from_ssz(shape: Shape, bytes: &[u8]) -> Result<Self, DecodeError> {
                if shape.fork < Fork::Deneb {
                    return Ok(<$kind>::decode(shape, bytes)?.into());
                }
                Self::decode(shape, bytes)
            }

            /// JSON as it travels.
            pub fn to_value(&self, shape: Shape) -> Value {
                if shape.fork < Fork::Deneb { self.$block.to_json(shape) } else { self.to_json(shape) }
            }

            /// Reads JSON as it travels.
            ///
            /// # Errors
            /// JSON that is neither a block nor contents of that fork.
            pub fn from_value(shape: Shape, value: &Value) -> Result<Self, JsonError> {
                if shape.fork < Fork::Deneb {
                    return Ok(<$kind>::from_json(shape, value)?.into());
                }
                Self::from_json(shape, value)
            }
        }
    };
}

alone_before_deneb!(BlockContents, block: BeaconBlock);
alone_before_deneb!(SignedBlockContents, signed_block: SignedBeaconBlock);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::{Bytes, Preset};

    #[test]
    fn contents_are_a_block_alone_before_deneb_and_survive_both_encodings() {
        for fork in Fork::ALL {
            let shape = Shape::new(fork, Preset::minimal());
            let mut contents = BlockContents::from(BeaconBlock { slot: 7, ..BeaconBlock::zero(shape) });
            if fork >= Fork::Deneb {
                contents.blobs = vec![Blob::zero(shape)].into();
                contents.kzg_proofs = vec![Bytes([9; 48])].into();
            }
            let (bytes, value) = (contents.to_ssz(shape), contents.to_value(shape));
            assert_eq!(BlockContents::from_ssz(shape, &bytes).unwrap(), contents, "{fork}");
            assert_eq!(BlockContents::from_value(shape, &value).unwrap(), contents, "{fork}");
            assert_eq!(value.get("blobs").is_some(), fork >= Fork::Deneb, "{fork}");
            assert_eq!(BeaconBlock::decode(shape, &bytes).is_ok(), fork < Fork::Deneb, "{fork}");
        }
    }
}
