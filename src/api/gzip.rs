//! Undoing gzip, for those who compress unasked. What is sent from here is never compressed: it stays on one machine or
//! one network, where time is dearer than bytes.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Why a body was not decompressed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GunzipError {
    /// Longer than allowed.
    #[error("it is too long")]
    TooLong,
    /// Not gzip, or cut off.
    #[error("{0}")]
    Broken(String),
}

/// Decompresses at most `most` bytes.
///
/// # Errors
/// Bytes that are no gzip, or become more than that.
pub fn gunzip(bytes: &[u8], most: usize) -> Result<Vec<u8>, GunzipError> {
    let mut out = Vec::new();
    let allowed = (most as u64).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(allowed).read_to_end(&mut out);
    read.map_err(|error| GunzipError::Broken(error.to_string()))?;
    if out.len() > most { Err(GunzipError::TooLong) } else { Ok(out) }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// Compressed bytes.
    pub fn zip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("into memory");
        encoder.finish().expect("into memory")
    }

    #[test]
    fn what_was_zipped_comes_back_within_the_limit() {
        assert_eq!(gunzip(&zip(b"some text"), 9), Ok(b"some text".to_vec()));
        assert_eq!(gunzip(&zip(b"some text"), 8), Err(GunzipError::TooLong));
        let bomb = zip(&vec![0; 1 << 20]);
        assert_eq!(gunzip(&bomb, 1000), Err(GunzipError::TooLong));
        assert!(matches!(gunzip(b"some text", 9), Err(GunzipError::Broken(_))));
        assert!(matches!(gunzip(&bomb[..bomb.len() / 2], 1 << 21), Err(GunzipError::Broken(_))));
    }
}
