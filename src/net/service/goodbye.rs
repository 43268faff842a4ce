//! Why peers part (phase0 p2p-interface, "Goodbye v1").

/// Why a peer is told goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// We shut down.
    Shutdown = 1,
    /// It is on another network.
    Irrelevant = 2,
    /// It misbehaves, or doesn't answer.
    Fault = 3,
}

/// What a peer means by the reason of its goodbye; clients have reasons of their own from 128 on.
pub(super) fn goodbye_reason(reason: u64) -> &'static str {
    match reason {
        1 => "it shuts down",
        2 => "it takes us for another network's",
        3 => "it takes us for faulty",
        128 => "it can't verify our network",
        129 => "it has too many peers",
        250 => "our score with it is bad",
        251 => "it has banned us",
        _ => "for a reason of its own",
    }
}
