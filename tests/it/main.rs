//! The one integration binary.
mod api;
mod net;
mod scenario;
mod slashing;
mod validator;
