//! fork choice
