//! Accounts, sessions and keys in DynamoDB; any OIDC issuer and Cognito as the identity provider.

mod accounts;
mod claims;
mod keys;
mod links;
pub mod oidc;
mod policy;
mod revocations;
mod row;
mod search;
mod sessions;

pub use accounts::{ACCOUNTS, DynamoAccountStore};
pub use claims::ACCOUNT_CLAIMS;
pub use keys::{DynamoKeyStore, ISSUER_SECRETS};
pub use links::DynamoLinkStore;
pub use revocations::{DynamoRevocationStore, REVOCATIONS};
pub use sessions::{DynamoSessionStore, SESSIONS};

use crate::dynamo::Table;

/// Every table of the room.
pub const TABLES: &[&Table] = &[&ACCOUNTS, &ACCOUNT_CLAIMS, &SESSIONS, &ISSUER_SECRETS, &REVOCATIONS];
