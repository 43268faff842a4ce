//! Blobs, their sidecars, and the columns that fulu cuts them into.

use super::{
    BlobIndex, ColumnIndex, KzgCommitment, KzgProof, Root, RowIndex, SignedBeaconBlockHeader,
    limits::{
        BytesPerBlob, BytesPerCell, KzgCommitmentInclusionProofDepth, KzgCommitmentsInclusionProofDepth,
        MaxBlobCommitmentsPerBlock, NumberOfColumns, One,
    },
};
use crate::{
    container,
    ssz::{BitList, ByteVector, List, Vector},
};

/// deneb `Blob`: field elements, 32 bytes each.
pub type Blob = ByteVector<BytesPerBlob>;
/// fulu `Cell`: one piece of an extended blob.
pub type Cell = ByteVector<BytesPerCell>;
/// fulu `DataColumn`: the same piece of every blob of a block.
pub type DataColumn = List<Cell, MaxBlobCommitmentsPerBlock>;
/// deneb `BlobKZGCommitments`.
pub type BlobKzgCommitments = List<KzgCommitment, MaxBlobCommitmentsPerBlock>;
/// fulu `KZGProofs`.
pub type KzgProofs = List<KzgProof, MaxBlobCommitmentsPerBlock>;

container! {
    /// deneb `BlobSidecar`.
    pub struct BlobSidecar {
        pub index: BlobIndex,
        pub blob: Blob,
        pub kzg_commitment: KzgCommitment,
        pub kzg_proof: KzgProof,
        pub signed_block_header: SignedBeaconBlockHeader,
        pub kzg_commitment_inclusion_proof: Vector<Root, KzgCommitmentInclusionProofDepth>,
    }
}

container! {
    /// deneb `BlobIdentifier`.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    pub struct BlobIdentifier {
        pub block_root: Root,
        pub index: BlobIndex,
    }
}

container! {
    /// fulu `DataColumnSidecar`.
    pub struct DataColumnSidecar {
        pub index: ColumnIndex,
        pub column: DataColumn,
        pub kzg_commitments: BlobKzgCommitments,
        pub kzg_proofs: KzgProofs,
        pub signed_block_header: SignedBeaconBlockHeader,
        pub kzg_commitments_inclusion_proof: Vector<Root, KzgCommitmentsInclusionProofDepth>,
    }
}

container! {
    /// fulu `MatrixEntry`.
    pub struct MatrixEntry {
        pub cell: Cell,
        pub kzg_proof: KzgProof,
        pub column_index: ColumnIndex,
        pub row_index: RowIndex,
    }
}

container! {
    /// fulu `DataColumnsByRootIdentifier`.
    pub struct DataColumnsByRootIdentifier {
        pub block_root: Root,
        pub columns: List<ColumnIndex, NumberOfColumns>,
    }
}

container! {
    /// fulu partial columns `PartialDataColumnSidecar`: some cells of a column.
    pub struct PartialDataColumnSidecar {
        pub cells_present_bitmap: BitList<MaxBlobCommitmentsPerBlock>,
        pub partial_column: DataColumn,
        pub kzg_proofs: KzgProofs,
        pub header: List<PartialDataColumnHeader, One>,
    }
}

container! {
    /// fulu partial columns `PartialDataColumnPartsMetadata`.
    pub struct PartialDataColumnPartsMetadata {
        pub available: BitList<MaxBlobCommitmentsPerBlock>,
        pub requests: BitList<MaxBlobCommitmentsPerBlock>,
    }
}

container! {
    /// fulu partial columns `PartialDataColumnHeader`.
    pub struct PartialDataColumnHeader {
        pub kzg_commitments: BlobKzgCommitments,
        pub signed_block_header: SignedBeaconBlockHeader,
        pub kzg_commitments_inclusion_proof: Vector<Root, KzgCommitmentsInclusionProofDepth>,
    }
}

container! {
    /// fulu partial columns `PartialDataColumnGroupID`.
    #[derive(Copy)]
    pub struct PartialDataColumnGroupId {
        pub beacon_block_root: Root,
    }
}
