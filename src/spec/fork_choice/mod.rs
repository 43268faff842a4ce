//! The fork choice; joined once the state transition has landed.
