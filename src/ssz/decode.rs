//! Why bytes are not the encoding of a value, and the reading of offsets.

/// Bytes that are not the encoding of the type asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A fixed-size value of another size.
    #[error("{found} bytes where the type has {expected}")]
    Length { expected: usize, found: usize },
    /// Fewer bytes than the fixed part needs.
    #[error("{found} bytes where the fixed part alone has {needed}")]
    Short { needed: usize, found: usize },
    /// The first offset does not point just behind the fixed part.
    #[error("first offset is {found}, the fixed part ends at {expected}")]
    FirstOffset { expected: usize, found: usize },
    /// An offset before its predecessor or beyond the end.
    #[error("offset {offset} is outside {lowest}..={highest}")]
    Offset { offset: usize, lowest: usize, highest: usize },
    /// A list of fixed-size elements whose bytes do not divide.
    #[error("{found} bytes do not divide into elements of {element}")]
    Remainder { element: usize, found: usize },
    /// A list over its limit.
    #[error("{found} elements, at most {limit} are allowed")]
    TooMany { limit: u64, found: u64 },
    /// A vector of another length.
    #[error("{found} elements where the vector has {expected}")]
    Count { expected: u64, found: u64 },
    /// A byte that is no boolean.
    #[error("byte {0} is not a boolean")]
    Boolean(u8),
    /// A bitlist without its length bit, or a bitfield with bits behind its end.
    #[error("bitfield {0}")]
    Bits(&'static str),
    /// The error of a field, with the field's name.
    #[error("{field}: {source}")]
    In { field: &'static str, source: Box<DecodeError> },
}

impl DecodeError {
    /// Says in which field the error is.
    pub fn inside(self, field: &'static str) -> Self {
        Self::In { field, source: Box::new(self) }
    }
}

/// The little-endian offset at `bytes[at..at + 4]`.
pub fn read_offset(bytes: &[u8], at: usize) -> Result<usize, DecodeError> {
    let short = DecodeError::Short { needed: at + 4, found: bytes.len() };
    let four = bytes.get(at..at + 4).ok_or(short)?;
    Ok(u32::from_le_bytes(four.try_into().expect("the slice has four bytes")) as usize)
}
