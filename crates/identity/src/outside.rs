//! People whose accounts live at an outside OpenID Connect issuer: its access tokens count here.
//!
//! Tokens are verified by the issuer's JWKS and nothing else. The person is linked to a record of ours the
//! first time they are seen, so that ids stay 64-bit and sortable and nothing else in the house knows that
//! the account lives elsewhere.

mod claims;
mod keys;
mod people;
mod policy;
mod verifier;

pub use people::{Known, OutsideDeps, OutsidePeople};
pub use policy::{BadOutsidePolicy, OutsidePolicy, SignatureAlgorithm};
pub use verifier::{OutsideVerifier, TokenVerifiers};
