//! The snappy frame format, read frame by frame so that not one byte beyond the message is consumed.

use std::io::{Read, Write};

use futures::io::{AsyncRead, AsyncReadExt};

use super::{CodecError, max_compressed_len};

const STREAM_IDENTIFIER: [u8; 10] = [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y'];
const COMPRESSED: u8 = 0x00;
const UNCOMPRESSED: u8 = 0x01;
/// Uncompressed bytes that one frame may hold.
const MAX_FRAME: usize = 65536;
/// Bytes of a frame on the wire at most: 64 KiB that snappy could not shrink, and the checksum. Longer padding is nobody's need.
const MAX_FRAME_LENGTH: usize = 76_490 + CHECKSUM;
/// Checksum in front of a data frame's content.
const CHECKSUM: usize = 4;

/// Appends `data` as a snappy stream; no data, no stream.
pub(super) fn write(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    let mut encoder = snap::write::FrameEncoder::new(out);
    encoder.write_all(data).and_then(|()| encoder.flush()).expect("writing to memory does not fail");
}

/// Reads the snappy stream of exactly `size` bytes. Memory grows with what arrives, never by what is declared.
pub(super) async fn read<R: AsyncRead + Unpin>(io: &mut R, size: usize) -> Result<Vec<u8>, CodecError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let limit = max_compressed_len(size);
    let mut raw = Vec::new();
    let mut plain = 0;
    while plain < size {
        plain += read_frame(io, size, limit, &mut raw).await?;
        if plain > size {
            return Err(CodecError::Snappy(format!("frames hold {plain} bytes or more, {size} declared")));
        }
    }
    unpack(&raw, size)
}

/// Appends one raw frame to `raw`; returns how many bytes it holds uncompressed.
async fn read_frame<R: AsyncRead + Unpin>(
    io: &mut R,
    size: usize,
    limit: usize,
    raw: &mut Vec<u8>,
) -> Result<usize, CodecError> {
    let mut header = [0; 4];
    read_exact(io, &mut header, "a snappy frame").await?;
    let kind = header[0];
    let length = usize::from(header[1]) | usize::from(header[2]) << 8 | usize::from(header[3]) << 16;
    let first = raw.is_empty();
    raw.extend_from_slice(&header);
    if raw.len() + length > limit || length > MAX_FRAME_LENGTH {
        return Err(CodecError::TooLong { declared: size, received: raw.len() + length });
    }
    let start = raw.len();
    raw.resize(start + length, 0);
    read_exact(io, &mut raw[start..], "a snappy frame").await?;
    let content = &raw[start..];
    match kind {
        _ if first && raw[..] != STREAM_IDENTIFIER => Err(CodecError::Snappy("no stream identifier".into())),
        COMPRESSED | UNCOMPRESSED if length < CHECKSUM => Err(CodecError::Snappy("frame without checksum".into())),
        COMPRESSED => {
            let held =
                snap::raw::decompress_len(&content[CHECKSUM..]).map_err(|e| CodecError::Snappy(e.to_string()))?;
            within_frame(held)
        }
        UNCOMPRESSED => within_frame(length - CHECKSUM),
        0x02..=0x7f => Err(CodecError::Snappy(format!("reserved frame type {kind:#04x}"))),
        _ => Ok(0),
    }
}

fn within_frame(held: usize) -> Result<usize, CodecError> {
    if held > MAX_FRAME {
        return Err(CodecError::Snappy(format!("a frame of {held} bytes")));
    }
    Ok(held)
}

/// Decompresses complete frames and checks their sums.
fn unpack(raw: &[u8], size: usize) -> Result<Vec<u8>, CodecError> {
    let mut data = vec![0; size];
    let mut decoder = snap::read::FrameDecoder::new(raw);
    decoder.read_exact(&mut data).map_err(|e| CodecError::Snappy(e.to_string()))?;
    match decoder.read(&mut [0]) {
        Ok(0) => Ok(data),
        Ok(_) => Err(CodecError::Trailing),
        Err(e) => Err(CodecError::Snappy(e.to_string())),
    }
}

/// `read_exact` that names what was cut short.
pub(super) async fn read_exact<R: AsyncRead + Unpin>(
    io: &mut R,
    buffer: &mut [u8],
    what: &'static str,
) -> Result<(), CodecError> {
    io.read_exact(buffer).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => CodecError::Truncated(what),
        _ => CodecError::Io(e),
    })
}
