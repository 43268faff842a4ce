//! Gossip payloads: one raw snappy block.

use super::CodecError;

/// What one byte of a snappy block can expand to at most: a 3-byte copy element yields 64 bytes.
const MAX_EXPANSION: usize = 22;

/// Compresses a payload.
pub fn compress(data: &[u8]) -> Result<Vec<u8>, CodecError> {
    snap::raw::Encoder::new().compress_vec(data).map_err(|e| CodecError::Snappy(e.to_string()))
}

/// Decompresses a payload of at most `max` bytes. The declared size is held against `max` and against the size of the
/// input before anything is allocated.
pub fn decompress(data: &[u8], max: usize) -> Result<Vec<u8>, CodecError> {
    let declared = snap::raw::decompress_len(data).map_err(|e| CodecError::Snappy(e.to_string()))?;
    let max = max.min(data.len().saturating_mul(MAX_EXPANSION));
    if declared > max {
        return Err(CodecError::SizeOutOfBounds { declared: declared as u64, min: 0, max });
    }
    snap::raw::Decoder::new().decompress_vec(data).map_err(|e| CodecError::Snappy(e.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trip(data in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let packed = compress(&data).unwrap();
            prop_assert_eq!(decompress(&packed, data.len()).unwrap(), data);
        }

        #[test]
        fn hostile_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(out) = decompress(&data, 1 << 20) {
                prop_assert!(out.len() <= data.len() * MAX_EXPANSION);
            }
        }
    }

    #[test]
    fn the_best_compressible_payload_is_still_taken() {
        let zeros = vec![0; 10 << 20];
        let packed = compress(&zeros).unwrap();
        assert_eq!(decompress(&packed, 10 << 20).unwrap().len(), 10 << 20);
        assert!(decompress(&packed, (10 << 20) - 1).is_err());
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        // declares 4 GiB - 1, holds nothing
        let error = decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0], usize::MAX).unwrap_err();
        assert!(matches!(error, CodecError::SizeOutOfBounds { declared: 0xffff_ffff, .. }), "{error}");
    }
}
