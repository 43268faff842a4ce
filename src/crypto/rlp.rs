//! Recursive length prefix, as far as blocks, transactions and node records need it: writing, and
//! strict reading.
//!
//! Spec: the Yellow Paper's appendix B. Never: allocates by what a length prefix claims.

use crate::ssz::Uint256;

/// What is no RLP, or not in the one form that a value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RlpError {
    /// The bytes end before the item does.
    #[error("the bytes end within an item")]
    Short,
    /// A longer prefix than the item needs, or a number with leading zeros.
    #[error("an item is not in its shortest form")]
    NotCanonical,
    /// A list where a string should be, or the other way round.
    #[error("a string stands where a list should be, or the other way round")]
    OtherKind,
    /// A string of another length than its field has, or a number too large.
    #[error("a field has another length than it should")]
    Length,
    /// Something follows the item.
    #[error("bytes follow the item")]
    Trailing,
}

/// A list being written, field by field.
#[derive(Clone, Debug, Default)]
pub struct List {
    content: Vec<u8>,
}

impl List {
    /// Appends a string.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        write_bytes(bytes, &mut self.content);
        self
    }

    /// Appends a number, big-endian without leading zeros.
    pub fn number(self, number: u64) -> Self {
        self.bytes(trimmed(&number.to_be_bytes()))
    }

    /// Appends a large number.
    pub fn uint256(self, number: &Uint256) -> Self {
        self.bytes(trimmed(&number.to_be_bytes::<32>()))
    }

    /// Appends what is RLP already.
    pub fn item(mut self, item: &[u8]) -> Self {
        self.content.extend_from_slice(item);
        self
    }

    /// The list with its prefix.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.content.len() + 9);
        write_prefix(0xc0, self.content.len(), &mut out);
        out.extend_from_slice(&self.content);
        out
    }
}

/// A string as RLP.
pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_bytes(bytes, &mut out);
    out
}

/// A number as RLP.
pub fn number(number: u64) -> Vec<u8> {
    bytes(trimmed(&number.to_be_bytes()))
}

/// A large number as RLP.
pub fn uint256(number: &Uint256) -> Vec<u8> {
    bytes(trimmed(&number.to_be_bytes::<32>()))
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes {
        [byte] if *byte < 0x80 => out.push(*byte),
        _ => {
            write_prefix(0x80, bytes.len(), out);
            out.extend_from_slice(bytes);
        }
    }
}

fn write_prefix(base: u8, length: usize, out: &mut Vec<u8>) {
    if length < 56 {
        out.push(base + length as u8);
        return;
    }
    let bytes = (length as u64).to_be_bytes();
    let bytes = trimmed(&bytes);
    out.push(base + 55 + bytes.len() as u8);
    out.extend_from_slice(bytes);
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// What is left to read of a list's fields, or of a file of items.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of the list that is all of `bytes`.
    pub fn of_list(bytes: &'a [u8]) -> Result<Self, RlpError> {
        let mut outer = Fields(bytes);
        let fields = outer.list()?;
        outer.end()?;
        Ok(fields)
    }

    /// Items one after another.
    pub fn sequence(bytes: &'a [u8]) -> Self {
        Fields(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), RlpError> {
        if self.is_empty() { Ok(()) } else { Err(RlpError::Trailing) }
    }

    /// The next item, a string.
    pub fn bytes(&mut self) -> Result<&'a [u8], RlpError> {
        match self.next()? {
            (false, content, _) => Ok(content),
            _ => Err(RlpError::OtherKind),
        }
    }

    /// The next item, a list.
    pub fn list(&mut self) -> Result<Fields<'a>, RlpError> {
        match self.next()? {
            (true, content, _) => Ok(Fields(content)),
            _ => Err(RlpError::OtherKind),
        }
    }

    /// The next item whatever it is, with its prefix.
    pub fn item(&mut self) -> Result<&'a [u8], RlpError> {
        Ok(self.next()?.2)
    }

    /// The next item, a string of `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RlpError> {
        self.bytes()?.try_into().map_err(|_| RlpError::Length)
    }

    /// The next item, a number.
    pub fn uint256(&mut self) -> Result<Uint256, RlpError> {
        let bytes = self.bytes()?;
        match bytes.first() {
            Some(0) => Err(RlpError::NotCanonical),
            _ => Uint256::try_from_be_slice(bytes).ok_or(RlpError::Length),
        }
    }

    /// The next item, a number of 64 bits.
    pub fn number(&mut self) -> Result<u64, RlpError> {
        u64::try_from(self.uint256()?).map_err(|_| RlpError::Length)
    }

    /// Whether it is a list, its content, and all of it.
    fn next(&mut self) -> Result<(bool, &'a [u8], &'a [u8]), RlpError> {
        let whole = self.0;
        let (first, rest) = whole.split_first().ok_or(RlpError::Short)?;
        let (is_list, prefix, length) = match *first {
            0x00..=0x7f => (false, 0, 1),
            0x80..=0xb7 => (false, 1, usize::from(first - 0x80)),
            0xb8..=0xbf => (false, 1 + usize::from(first - 0xb7), long_length(rest, first - 0xb7)?),
            0xc0..=0xf7 => (true, 1, usize::from(first - 0xc0)),
            0xf8..=0xff => (true, 1 + usize::from(first - 0xf7), long_length(rest, first - 0xf7)?),
        };
        let end = prefix.checked_add(length).ok_or(RlpError::Short)?;
        let item = whole.get(..end).ok_or(RlpError::Short)?;
        let content = &item[prefix..];
        if prefix == 1 && !is_list && matches!(content, [0x00..=0x7f]) {
            return Err(RlpError::NotCanonical);
        }
        self.0 = &whole[end..];
        Ok((is_list, content, item))
    }
}

fn long_length(rest: &[u8], bytes: u8) -> Result<usize, RlpError> {
    let bytes = rest.get(..usize::from(bytes)).ok_or(RlpError::Short)?;
    if bytes.first() == Some(&0) {
        return Err(RlpError::NotCanonical);
    }
    let length = bytes.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    if length < 56 { Err(RlpError::NotCanonical) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_examples() {
        let string = |text: &str| List::default().bytes(text.as_bytes()).content;
        assert_eq!(string("dog"), b"\x83dog");
        assert_eq!(string(""), b"\x80");
        assert_eq!(string("\x0f"), b"\x0f");
        assert_eq!(List::default().bytes(b"cat").bytes(b"dog").finish(), b"\xc8\x83cat\x83dog");
        assert_eq!(List::default().finish(), b"\xc0");
        assert_eq!(number(0), b"\x80");
        assert_eq!(number(15), b"\x0f");
        assert_eq!(number(1024), b"\x82\x04\x00");
        let long = string("Lorem ipsum dolor sit amet, consectetur adipisicing elit");
        assert_eq!((&long[..2], long.len()), (&b"\xb8\x38"[..], 58));
    }

    #[test]
    fn what_is_written_is_read() {
        let inner = List::default().number(7).finish();
        let long = vec![9; 70_000];
        let all = List::default().bytes(&long).item(&inner).uint256(&Uint256::MAX).bytes(&[1, 2]).finish();
        let mut fields = Fields::of_list(&all).unwrap();
        assert_eq!(fields.bytes().unwrap(), long);
        assert_eq!(fields.list().unwrap().number(), Ok(7));
        assert_eq!(fields.uint256(), Ok(Uint256::MAX));
        assert_eq!(fields.array(), Ok([1, 2]));
        assert!(fields.end().is_ok() && fields.bytes() == Err(RlpError::Short));
    }

    #[test]
    fn other_forms_of_a_value_are_refused() {
        let first = |bytes: &[u8]| Fields(bytes).next().map(|(.., item)| item.to_vec());
        for (bytes, error) in [
            (&b"\x81\x05"[..], RlpError::NotCanonical),
            (b"\xb8\x01x", RlpError::NotCanonical),
            (b"\xb9\x00\x38", RlpError::NotCanonical),
            (b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff", RlpError::Short),
            (b"\x83do", RlpError::Short),
            (b"", RlpError::Short),
        ] {
            assert_eq!(first(bytes), Err(error), "{bytes:x?}");
        }
        assert_eq!(Fields(b"\x82\x00\x01").number(), Err(RlpError::NotCanonical));
        assert_eq!(Fields(b"\x89\x01\0\0\0\0\0\0\0\0").number(), Err(RlpError::Length));
        assert!(matches!(Fields::of_list(b"\xc0\xc0"), Err(RlpError::Trailing)));
        assert!(matches!(Fields::of_list(b"\x83dog"), Err(RlpError::OtherKind)));
    }
}
