#![doc = include_str!("../README.md")]

pub mod account;
pub mod argon;
pub mod attempts;
pub mod claims;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod entry;
pub mod issuer;
pub mod keyring;
pub mod keys;
pub mod memory;
pub mod outside;
pub mod people;
pub mod policy;
pub mod port;
pub mod refresh;
pub mod renewal;
pub mod revoked;
pub mod rotation;
pub mod session;
pub mod text;
pub mod verifier;

pub use account::{Caller, Profile, Role, UnknownRole, User};
pub use argon::ArgonHasher;
pub use entry::{Credentials, Registration};
pub use issuer::{Grant, IssueError, Issuer, IssuerDeps};
pub use keyring::{Keyring, KeyringPolicy};
pub use keys::StoredKey;
pub use memory::{
    MemoryAccountStore, MemoryKeyStore, MemoryLinkStore, MemoryRevocationStore, MemorySessionStore,
};
pub use outside::{
    OutsideDeps, OutsidePeople, OutsidePolicy, OutsideVerifier, SignatureAlgorithm, TokenVerifiers,
};
pub use people::ProfileEdit;
pub use policy::{HashPolicy, IdentityPolicy, RevocationPolicy, VerifierPolicy};
pub use port::{
    AccountStore, AccountStoreError, GuestMerge, KeySource, KeyStore, KeyStoreError, LinkStore,
    NothingToMerge, OperatorCode, Origin, Outside, PasswordHasher, RevocationStore, SessionStore,
    SessionStoreError, TokenVerifier, UserFilter,
};
pub use revoked::{Revocation, Revoked, RevokedSessions};
pub use rotation::Occasion;
pub use session::{Device, Ended, Rotation, Session, SessionId};
pub use text::BadField;
pub use verifier::{TokenError, Verifier};
