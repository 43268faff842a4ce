//! The one integration binary.

mod chain;
mod net;
mod scenario;
mod slashing;
mod validator;
