//! Requests and response chunks: result byte, fork digest, varint of the SSZ length, snappy frames
//! (phase0 p2p-interface, "Encoding strategies").

use futures::io::{AsyncRead, AsyncReadExt};

use super::{CodecError, frames};
use crate::net::link::{Chunk, MAX_ERROR_MESSAGE, Protocol, ResponseCode};

/// The bytes of a whole request. Protocols without a body send none.
pub fn encode_request(protocol: Protocol, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if protocol.has_request_body() {
        write_payload(body, &mut out);
    }
    out
}

/// The bytes of one response chunk.
pub fn encode_chunk(protocol: Protocol, chunk: &Chunk) -> Vec<u8> {
    let mut out = vec![chunk.code.byte()];
    if chunk.code == ResponseCode::Success {
        if protocol.has_context() {
            out.extend_from_slice(&chunk.context.unwrap_or_default());
        }
        write_payload(&chunk.body, &mut out);
    } else {
        write_payload(&chunk.body[..chunk.body.len().min(MAX_ERROR_MESSAGE)], &mut out);
    }
    out
}

/// Reads a request's body. Whoever wants to be strict calls [`expect_end`] afterwards.
pub async fn read_request<R: AsyncRead + Unpin>(io: &mut R, protocol: Protocol) -> Result<Vec<u8>, CodecError> {
    if !protocol.has_request_body() {
        return Ok(Vec::new());
    }
    let (min, max) = protocol.request_bounds();
    read_payload(io, min, max).await
}

/// Reads one response chunk; `None` at the end of the stream.
pub async fn read_chunk<R: AsyncRead + Unpin>(io: &mut R, protocol: Protocol) -> Result<Option<Chunk>, CodecError> {
    let mut code = [0];
    if io.read(&mut code).await? == 0 {
        return Ok(None);
    }
    let code = ResponseCode::from_byte(code[0]);
    if code != ResponseCode::Success {
        let body = match read_payload(io, 0, MAX_ERROR_MESSAGE).await {
            Ok(body) => body,
            // some clients close right after the code
            Err(CodecError::Truncated("a length prefix")) => Vec::new(),
            Err(error) => return Err(error),
        };
        return Ok(Some(Chunk { code, context: None, body: body.into() }));
    }
    let context = if protocol.has_context() {
        let mut digest = [0; 4];
        frames::read_exact(io, &mut digest, "a fork digest").await?;
        Some(digest)
    } else {
        None
    };
    let (min, max) = protocol.chunk_bounds();
    let body = read_payload(io, min, max).await?;
    Ok(Some(Chunk { code, context, body: body.into() }))
}

/// Checks that nothing follows: waits for the other side's half-close.
pub async fn expect_end<R: AsyncRead + Unpin>(io: &mut R) -> Result<(), CodecError> {
    match io.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(CodecError::Trailing),
    }
}

fn write_payload(body: &[u8], out: &mut Vec<u8>) {
    let mut length = body.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    frames::write(body, out);
}

async fn read_payload<R: AsyncRead + Unpin>(io: &mut R, min: usize, max: usize) -> Result<Vec<u8>, CodecError> {
    let declared = read_varint(io).await?;
    match usize::try_from(declared) {
        Ok(size) if (min..=max).contains(&size) => frames::read(io, size).await,
        _ => Err(CodecError::SizeOutOfBounds { declared, min, max }),
    }
}

async fn read_varint<R: AsyncRead + Unpin>(io: &mut R) -> Result<u64, CodecError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let mut byte = [0];
        frames::read_exact(io, &mut byte, "a length prefix").await?;
        let bits = u64::from(byte[0] & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(CodecError::BadVarint);
        }
        value |= bits << shift;
        if byte[0] & 0x80 == 0 {
            // a zero last byte is redundant, unless it is the only one
            return if byte[0] == 0 && shift > 0 { Err(CodecError::BadVarint) } else { Ok(value) };
        }
    }
    Err(CodecError::BadVarint)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    fn request(protocol: Protocol, mut bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        block_on(async {
            let body = read_request(&mut bytes, protocol).await?;
            expect_end(&mut bytes).await?;
            Ok(body)
        })
    }

    fn chunks(protocol: Protocol, mut bytes: &[u8]) -> Result<Vec<Chunk>, CodecError> {
        let mut out = Vec::new();
        while let Some(chunk) = block_on(read_chunk(&mut bytes, protocol))? {
            out.push(chunk);
        }
        Ok(out)
    }

    #[test]
    fn requests_round_trip() {
        for protocol in Protocol::ALL {
            let body = vec![7; protocol.request_bounds().1];
            assert_eq!(request(protocol, &encode_request(protocol, &body)).unwrap(), body, "{protocol}");
        }
        assert_eq!(request(Protocol::BlocksByRoot2, &encode_request(Protocol::BlocksByRoot2, &[])).unwrap(), [0u8; 0]);
    }

    #[test]
    fn several_chunks_round_trip_and_an_error_ends_them() {
        let protocol = Protocol::BlocksByRange2;
        let sent = vec![
            Chunk::success(Some([1, 2, 3, 4]), vec![1; 404]),
            Chunk::success(
                Some([1, 2, 3, 5]),
                (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect::<Vec<_>>(),
            ),
            Chunk::error(ResponseCode::ResourceUnavailable, "pruned"),
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(|c| encode_chunk(protocol, c)).collect();
        assert_eq!(chunks(protocol, &bytes).unwrap(), sent);
        for cut in [1, 3, 5, 8, 20, 300, bytes.len() - 1] {
            assert!(matches!(chunks(protocol, &bytes[..cut]), Err(CodecError::Truncated(_))), "cut at {cut}");
        }
    }

    #[test]
    fn a_bare_error_code_is_an_error_without_words() {
        let got = chunks(Protocol::Ping1, &[2]).unwrap();
        assert_eq!(got, [Chunk { code: ResponseCode::ServerError, context: None, body: Default::default() }]);
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let good = encode_request(Protocol::Ping1, &[0; 8]);
        let mut trailing = good.clone();
        trailing.push(0);
        assert!(matches!(request(Protocol::Ping1, &trailing), Err(CodecError::Trailing)));

        let status = encode_request(Protocol::Status1, &[0; 84]);
        assert!(matches!(request(Protocol::Ping1, &status), Err(CodecError::SizeOutOfBounds { declared: 84, .. })));

        let mut wrong_sum = good.clone();
        wrong_sum[16] ^= 1;
        assert!(matches!(request(Protocol::Ping1, &wrong_sum), Err(CodecError::Snappy(_))));

        let mut redundant = vec![0x88, 0x00];
        redundant.extend_from_slice(&good[1..]);
        assert!(matches!(request(Protocol::Ping1, &redundant), Err(CodecError::BadVarint)));
        assert!(matches!(request(Protocol::Ping1, &[0xff; 11]), Err(CodecError::BadVarint)));

        let mut no_identifier = vec![8];
        no_identifier.extend_from_slice(&good[11..]);
        assert!(matches!(request(Protocol::Ping1, &no_identifier), Err(CodecError::Snappy(_))));
    }

    #[test]
    fn a_huge_declared_size_costs_nothing() {
        // 10 MiB announced, one frame of 16 MiB - 1 announced, nothing sent
        let bytes = [0, 0x80, 0x80, 0x80, 0x05, 0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', 0, 0xff, 0xff, 0xff];
        assert!(matches!(chunks(Protocol::BlocksByRange1, &bytes), Err(CodecError::TooLong { .. })));
    }

    #[test]
    fn endless_padding_is_cut_off() {
        let mut bytes = vec![8, 0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y'];
        for _ in 0..100 {
            bytes.extend_from_slice(&[0xfe, 0, 0, 0]);
        }
        assert!(matches!(request(Protocol::Ping1, &bytes), Err(CodecError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0..Protocol::ALL.len()) {
            let protocol = Protocol::ALL[which];
            let _ = request(protocol, &bytes);
            let _ = chunks(protocol, &bytes);
        }

        #[test]
        fn any_payload_round_trips(body in proptest::collection::vec(any::<u8>(), 404..100_000)) {
            let chunk = Chunk::success(None, body);
            let bytes = encode_chunk(Protocol::BlocksByRoot1, &chunk);
            prop_assert_eq!(chunks(Protocol::BlocksByRoot1, &bytes).unwrap(), vec![chunk]);
        }
    }
}
