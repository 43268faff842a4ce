//! The one integration binary.

mod chain;
mod net;
mod report;
mod run;
mod runtime;
mod scenario;
mod slashing;
mod validator;
