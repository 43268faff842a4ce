//! Work that is the same for every node, done once per process: state transitions.

/// A bounded memo of state transitions. Clones share it.
#[derive(Clone)]
pub struct Memo {}

impl Memo {
    /// Remembers up to `states` post-states.
    pub fn new(states: usize) -> Memo {
        todo!()
    }
}
