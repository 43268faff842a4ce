//! The one integration binary.

mod chain;
mod net;
mod report;

mod scenario;
mod slashing;
mod validator;
