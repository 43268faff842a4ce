//! The one integration binary.
mod api;
mod net;
mod slashing;
mod validator;
