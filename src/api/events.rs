//! The events of `/eth/v1/events`: their data, and a parser of the server-sent-event stream that carries them. The
//! parser takes bytes as they come and gives whole events; it never waits, and never holds more than one event.

use super::quoted;
use crate::ssz::Root;
use serde::{Deserialize, Serialize};

/// Longest event that is taken; the standard's longest (an attester slashing) stays far below.
const MAX_EVENT: usize = 1 << 20;

/// One event, as its topic has it. Topics that nothing here needs are [`Event::Other`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Head(HeadEvent),
    Block(BlockEvent),
    FinalizedCheckpoint(FinalizedEvent),
    ChainReorg(ReorgEvent),
    Other { topic: String, data: serde_json::Value },
}

/// Topic `head`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadEvent {
    #[serde(with = "quoted::string")]
    pub slot: u64,
    pub block: Root,
    pub state: Root,
    #[serde(default)]
    pub epoch_transition: bool,
    #[serde(default)]
    pub previous_duty_dependent_root: Root,
    #[serde(default)]
    pub current_duty_dependent_root: Root,
    #[serde(default)]
    pub execution_optimistic: bool,
}

/// Topic `block`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEvent {
    #[serde(with = "quoted::string")]
    pub slot: u64,
    pub block: Root,
    #[serde(default)]
    pub execution_optimistic: bool,
}

/// Topic `finalized_checkpoint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalizedEvent {
    pub block: Root,
    pub state: Root,
    #[serde(with = "quoted::string")]
    pub epoch: u64,
    #[serde(default)]
    pub execution_optimistic: bool,
}

/// Topic `chain_reorg`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReorgEvent {
    #[serde(with = "quoted::string")]
    pub slot: u64,
    #[serde(with = "quoted::string")]
    pub depth: u64,
    pub old_head_block: Root,
    pub new_head_block: Root,
    pub old_head_state: Root,
    pub new_head_state: Root,
    #[serde(with = "quoted::string")]
    pub epoch: u64,
    #[serde(default)]
    pub execution_optimistic: bool,
}

/// What can be wrong with an event stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("event `{topic}` of the beacon node can't be read: {why}")]
    Malformed { topic: String, why: String },
    #[error("the beacon node sent an event of more than {MAX_EVENT} bytes")]
    TooLong,
}

impl Event {
    /// Reads the data of one event by its topic.
    pub fn parse(topic: &str, data: &str) -> Result<Event, EventError> {
        fn read<'a, T: Deserialize<'a>>(topic: &str, data: &'a str) -> Result<T, EventError> {
            let malformed =
                |why: serde_json::Error| EventError::Malformed { topic: topic.into(), why: why.to_string() };
            serde_json::from_str(data).map_err(malformed)
        }
        Ok(match topic {
            "head" => Event::Head(read(topic, data)?),
            "block" => Event::Block(read(topic, data)?),
            "finalized_checkpoint" => Event::FinalizedCheckpoint(read(topic, data)?),
            "chain_reorg" => Event::ChainReorg(read(topic, data)?),
            _ => Event::Other { topic: topic.to_owned(), data: read(topic, data)? },
        })
    }

    /// The event's topic.
    pub fn topic(&self) -> &str {
        match self {
            Event::Head(_) => "head",
            Event::Block(_) => "block",
            Event::FinalizedCheckpoint(_) => "finalized_checkpoint",
            Event::ChainReorg(_) => "chain_reorg",
            Event::Other { topic, .. } => topic,
        }
    }

    /// The event as the stream carries it, for servers.
    pub fn to_sse(&self) -> String {
        let data = match self {
            Event::Head(event) => serde_json::to_string(event),
            Event::Block(event) => serde_json::to_string(event),
            Event::FinalizedCheckpoint(event) => serde_json::to_string(event),
            Event::ChainReorg(event) => serde_json::to_string(event),
            Event::Other { data, .. } => serde_json::to_string(data),
        };
        format!("event: {}\ndata: {}\n\n", self.topic(), data.expect("plain structs without maps always serialize"))
    }
}

/// Splits a server-sent-event stream into events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last line ended with CR, so that an LF right after belongs to it.
    after_cr: bool,
    topic: String,
    data: String,
}

impl Parser {
    /// Takes the next bytes and gives the events that they complete. After an error about length the stream is
    /// unusable; a malformed event is skipped.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Result<Event, EventError>> {
        let mut out = Vec::new();
        for &byte in bytes {
            let ended_by_pair = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if ended_by_pair => {}
                b'\n' | b'\r' => out.extend(self.end_line()),
                _ if self.line.len() + self.data.len() >= MAX_EVENT => {
                    *self = Self::default();
                    out.push(Err(EventError::TooLong));
                    return out;
                }
                _ => self.line.push(byte),
            }
        }
        out
    }

    fn end_line(&mut self) -> Option<Result<Event, EventError>> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        if line.is_empty() {
            let (topic, data) = (std::mem::take(&mut self.topic), std::mem::take(&mut self.data));
            return (!data.is_empty()).then(|| Event::parse(&topic, &data));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.topic = value.to_owned(),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            _ => {} // comments (an empty field name), ids and retry times
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(slot: u64) -> Event {
        Event::Head(HeadEvent { slot, epoch_transition: true, ..HeadEvent::default() })
    }

    #[test]
    fn events_survive_the_stream_however_it_is_cut() {
        let other =
            Event::Other { topic: "voluntary_exit".into(), data: serde_json::json!({"message": {"epoch": "1"}}) };
        let events = [head(7), other, Event::FinalizedCheckpoint(FinalizedEvent { epoch: 3, ..Default::default() })];
        let unix: String = events.iter().map(|event| format!(": keep-alive\n\n{}", event.to_sse())).collect();
        for text in [unix.clone(), unix.replace('\n', "\r\n"), unix.replace('\n', "\r")] {
            for size in [1, 2, 3, 7, text.len()] {
                let mut parser = Parser::default();
                let got: Vec<_> = text.as_bytes().chunks(size).flat_map(|chunk| parser.push(chunk)).collect();
                let got: Vec<_> = got.into_iter().map(|event| event.unwrap()).collect();
                assert_eq!(got, events, "chunks of {size}");
            }
        }
    }

    #[test]
    fn a_bad_event_does_not_end_the_stream() {
        let mut parser = Parser::default();
        let text = format!("event: head\ndata: {{\"slot\":\n\nevent: head\ndata: []\n\n{}", head(2).to_sse());
        let got = parser.push(text.as_bytes());
        assert!(matches!(&got[0], Err(EventError::Malformed { topic, .. }) if topic == "head"));
        assert!(got[1].is_err());
        assert_eq!(got[2], Ok(head(2)));
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn an_endless_line_is_cut_off() {
        let mut parser = Parser::default();
        let got = parser.push(&vec![b'x'; MAX_EVENT + 10]);
        assert_eq!(got, [Err(EventError::TooLong)]);
    }
}
