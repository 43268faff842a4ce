//! One watched node: what it was last seen with, and the events that a new look at it makes.

use crate::{
    api::{ApiError, Client, Health, dto},
    journal::{Event, NodeEvent, NodeState},
};
use std::{collections::BTreeMap, time::Duration};

/// Texts of clients go into the journal no longer than this, in characters.
const LONGEST_TEXT: usize = 300;

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// A node and what is known of it.
pub(super) struct Watched {
    name: String,
    client: Client,
    ready: bool,
    reachable: bool,
    head: Option<Head>,
    peers: (Vec<String>, u64),
}

#[derive(Clone, PartialEq)]
struct Head {
    slot: u64,
    block: String,
    state: String,
    proposer: u64,
    justified: (u64, String),
    finalized: (u64, String),
}

/// What one look at a node showed.
pub(super) struct Look {
    /// Asked for only until the node is ready.
    identity: Option<(dto::Identity, String)>,
    head: Head,
    /// Peer ids, connected ones only.
    peers: Vec<String>,
}

impl Look {
    pub(super) fn peer_id(&self) -> Option<&str> {
        self.identity.as_ref().map(|(identity, _)| identity.peer_id.as_str())
    }
}

/// Why a look showed nothing.
pub(super) enum Blind {
    /// It answered that it is not ready.
    NotReady,
    /// It did not answer in time.
    Late(Duration),
    /// It did not answer, or not with what was asked for.
    Error(ApiError),
}

impl From<ApiError> for Blind {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl Watched {
    pub(super) fn new(name: &str, client: Client) -> Self {
        let nobody = (Vec::new(), 0);
        Self { name: name.to_owned(), client, ready: false, reachable: true, head: None, peers: nobody }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// The slot of the head that it was last seen on.
    pub(super) fn head_slot(&self) -> Option<u64> {
        self.head().map(|(slot, _)| slot)
    }

    /// The head that it was last seen on: slot and root.
    pub(super) fn head(&self) -> Option<(u64, &str)> {
        self.head.as_ref().map(|head| (head.slot, head.block.as_str()))
    }

    /// The root of the block that it had finalized when it was last seen.
    pub(super) fn finalized_root(&self) -> Option<&str> {
        self.head.as_ref().map(|head| head.finalized.1.as_str())
    }

    /// Whether it is ready and answered when it was last asked.
    pub(super) fn answers(&self) -> bool {
        self.ready && self.reachable
    }

    /// Asks the node and waits so long for all answers.
    pub(super) async fn look_within(&self, patience: Duration) -> Result<Look, Blind> {
        tokio::time::timeout(patience, self.look()).await.unwrap_or(Err(Blind::Late(patience)))
    }

    /// Asks the node. Changes nothing, so that all nodes can be asked at once.
    async fn look(&self) -> Result<Look, Blind> {
        let identity = if self.ready {
            None
        } else {
            if let Health::NotReady(_) = self.client.health().await? {
                return Err(Blind::NotReady);
            }
            Some((self.client.identity().await?, self.client.node_version().await?))
        };
        let header = self.client.head_header().await?;
        let checkpoints = self.client.finality_checkpoints("head").await?;
        let peers = self.client.peers().await?;
        let checkpoint = |at: &dto::Checkpoint| (at.epoch, at.root.to_string());
        Ok(Look {
            identity,
            head: Head {
                slot: header.header.message.slot,
                block: header.root.to_string(),
                state: header.header.message.state_root.to_string(),
                proposer: header.header.message.proposer_index,
                justified: checkpoint(&checkpoints.current_justified),
                finalized: checkpoint(&checkpoints.finalized),
            },
            peers: peers.into_iter().filter(|peer| peer.state == "connected").map(|peer| peer.peer_id).collect(),
        })
    }

    /// Remembers what was seen and says what is new.
    pub(super) fn take_in(&mut self, look: Result<Look, Blind>, names: &BTreeMap<String, String>) -> Vec<Event> {
        let look = match look {
            Ok(look) => look,
            Err(Blind::NotReady) => return Vec::new(),
            Err(Blind::Late(patience)) => {
                return self.unreachable(format!("no answer within {} ms", patience.as_millis()));
            }
            Err(Blind::Error(error)) => return self.unreachable(error.to_string()),
        };
        self.reachable = true;
        let mut events = Vec::new();
        if let Some((identity, version)) = look.identity {
            self.ready = true;
            let mut event = NodeEvent::new(&self.name, NodeState::Ready);
            event.peer_id = Some(shortened(&identity.peer_id));
            event.version = Some(shortened(&version));
            events.push(Event::Node(event));
        }
        events.extend(self.new_head(look.head));
        let (known, foreign): (Vec<_>, Vec<_>) = look.peers.iter().partition(|peer| names.contains_key(*peer));
        let mut known: Vec<String> = known.into_iter().map(|peer| names[peer].clone()).collect();
        known.sort();
        let peers = (known, foreign.len() as u64);
        if peers != self.peers {
            self.peers = peers.clone();
            events.push(Event::Peers { node: self.name.clone(), peers: peers.0, foreign: peers.1 });
        }
        events
    }

    /// News only when it answered before: until it is ready a node may well be silent, that is what waiting for it is.
    fn unreachable(&mut self, why: String) -> Vec<Event> {
        let news = self.ready && std::mem::replace(&mut self.reachable, false);
        news.then(|| Event::Unreachable { node: self.name.clone(), why: shortened(&why) }).into_iter().collect()
    }

    fn new_head(&mut self, head: Head) -> Vec<Event> {
        let before = self.head.replace(head.clone());
        if before.as_ref() == Some(&head) {
            return Vec::new();
        }
        let node = || self.name.clone();
        let mut events = vec![Event::Head {
            node: node(),
            head_slot: head.slot,
            block: head.block,
            state: head.state,
            // nobody proposed the genesis block
            proposer: (head.slot > 0).then_some(head.proposer),
            justified: head.justified.0,
            finalized: head.finalized.0,
        }];
        let reached = |of: fn(&Head) -> u64| before.as_ref().map_or(0, of);
        if head.justified.0 > reached(|head| head.justified.0) {
            events.push(Event::Justified { node: node(), epoch: head.justified.0, root: head.justified.1 });
        }
        if head.finalized.0 > reached(|head| head.finalized.0) {
            events.push(Event::Finalized { node: node(), epoch: head.finalized.0, root: head.finalized.1 });
        }
        events
    }
}
