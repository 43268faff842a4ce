//! What a state's owner derives from it and keeps beside it: never part of its encoding, root or equality.

/// Derived data of a `BeaconState`.
#[derive(Clone, Debug, Default)]
pub struct StateCache {}

impl PartialEq for StateCache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for StateCache {}
