//! One request or answer on its stream: reads, writes, and how long each may take.
//! Never decides what to answer.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes as Payload;
use futures::io::{AsyncWriteExt, BufReader};
use libp2p::swarm::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::net::codec::{self, CodecError};
use crate::net::link::{Chunk, InboundId, LinkEvent, PeerId, Protocol, RequestError, RequestId, ResponseCode};

/// RESP_TIMEOUT and TTFB_TIMEOUT: how long a request, or each chunk of an answer, may take.
const STEP: Duration = Duration::from_secs(10);
/// How long we wait for the requester to close its side. Some clients never do: then the request stands as read.
const HALF_CLOSE: Duration = Duration::from_millis(250);
/// How long an accepted request may stay without any word from the service.
const IDLE: Duration = Duration::from_secs(30);

/// Chunks that may wait for one slow reader.
pub(super) const ANSWER_QUEUE: usize = 32;

/// What a stream's task tells the driver.
pub(super) enum Note {
    /// Pass on. The request or answer is still running.
    Event(LinkEvent),
    /// Our request is over; the event says how.
    RequestOver(RequestId, LinkEvent),
    /// A peer's request is over; `true` when our answer was not complete.
    AnswerOver(InboundId, bool),
}

/// What the driver tells an answer's task.
pub(super) enum Answer {
    Chunk(Chunk),
    Finish,
}

async fn step<T>(work: impl Future<Output = Result<T, CodecError>>) -> Result<T, RequestError> {
    match timeout(STEP, work).await {
        Err(_) => Err(RequestError::Timeout),
        Ok(Ok(done)) => Ok(done),
        Ok(Err(CodecError::Io(e))) => Err(RequestError::Disconnected(e.to_string())),
        Ok(Err(error)) => Err(RequestError::Malformed(error.to_string())),
    }
}

/// Asks on a stream of ours and reports every chunk.
pub(super) async fn ask(
    id: RequestId,
    peer: PeerId,
    (protocol, stream): (Protocol, Stream),
    body: Payload,
    notes: mpsc::Sender<Note>,
) {
    let over = match exchange(id, &peer, protocol, stream, &body, &notes).await {
        Ok(()) => LinkEvent::End { id, peer },
        Err(why) => LinkEvent::RequestFailed { id, peer, why },
    };
    // the driver gone means that nobody waits for the answer
    let _ = notes.send(Note::RequestOver(id, over)).await;
}

async fn exchange(
    id: RequestId,
    peer: &PeerId,
    protocol: Protocol,
    mut stream: Stream,
    body: &[u8],
    notes: &mpsc::Sender<Note>,
) -> Result<(), RequestError> {
    let request = codec::encode_request(protocol, body);
    step(async {
        stream.write_all(&request).await?;
        Ok(stream.close().await?)
    })
    .await?;
    let mut stream = BufReader::new(stream);
    for _ in 0..protocol.max_chunks() {
        let Some(chunk) = step(codec::read_chunk(&mut stream, protocol)).await? else { return Ok(()) };
        let last = chunk.code != ResponseCode::Success;
        let event = LinkEvent::Chunk { id, peer: peer.clone(), protocol, chunk };
        if notes.send(Note::Event(event)).await.is_err() || last {
            break;
        }
    }
    Ok(())
}

/// Reads a peer's request and writes what the service answers.
pub(super) async fn answer(
    id: InboundId,
    peer: PeerId,
    (protocol, stream): (Protocol, Stream),
    answers: mpsc::Receiver<Answer>,
    notes: mpsc::Sender<Note>,
) {
    let complete = serve(id, peer, protocol, stream, answers, &notes).await;
    // the driver gone means that the node is shutting down
    let _ = notes.send(Note::AnswerOver(id, !complete)).await;
}

async fn serve(
    id: InboundId,
    peer: PeerId,
    protocol: Protocol,
    stream: Stream,
    mut answers: mpsc::Receiver<Answer>,
    notes: &mpsc::Sender<Note>,
) -> bool {
    let mut stream = BufReader::new(stream);
    let body = match step(read_whole(&mut stream, protocol)).await {
        Ok(body) => body,
        Err(error) => {
            let what = protocol.to_string();
            let (why, event) = match error {
                RequestError::Malformed(why) => (why.clone(), LinkEvent::Malformed { peer, what, why }),
                RequestError::Timeout => {
                    let why = format!("it was not whole after {} s", STEP.as_secs());
                    (why.clone(), LinkEvent::Slow { peer, what, why })
                }
                // a connection may break in the middle of anything
                _ => return true,
            };
            let refusal = Chunk::error(ResponseCode::InvalidRequest, &why);
            // a peer that broke the format may as well be gone by now
            let _ = write(&mut stream, protocol, &refusal).await;
            let _ = step(async { Ok(stream.close().await?) }).await;
            let _ = notes.send(Note::Event(event)).await;
            return true;
        }
    };
    let event = LinkEvent::Request { id, peer, protocol, body: body.into() };
    if notes.send(Note::Event(event)).await.is_err() {
        return true;
    }
    loop {
        match timeout(IDLE, answers.recv()).await {
            Ok(Some(Answer::Chunk(chunk))) => {
                if write(&mut stream, protocol, &chunk).await.is_err() {
                    return false;
                }
                if chunk.code != ResponseCode::Success {
                    break;
                }
                if notes.send(Note::Event(LinkEvent::Sent { id })).await.is_err() {
                    break;
                }
            }
            Ok(Some(Answer::Finish)) => break,
            Ok(None) | Err(_) => return false,
        }
    }
    step(async { Ok(stream.close().await?) }).await.is_ok()
}

async fn read_whole(stream: &mut BufReader<Stream>, protocol: Protocol) -> Result<Vec<u8>, CodecError> {
    let body = codec::read_request(stream, protocol).await?;
    match timeout(HALF_CLOSE, codec::expect_end(stream)).await {
        Ok(Err(CodecError::Trailing)) => Err(CodecError::Trailing),
        _ => Ok(body),
    }
}

async fn write(stream: &mut BufReader<Stream>, protocol: Protocol, chunk: &Chunk) -> Result<(), RequestError> {
    let bytes = codec::encode_chunk(protocol, chunk);
    step(async {
        stream.write_all(&bytes).await?;
        Ok(stream.flush().await?)
    })
    .await
}
