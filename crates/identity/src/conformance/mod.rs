//! What every engine of identity must do, as named cases.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod accounts;
mod keys;
mod links;
mod revocations;
mod sessions;

use crate::port::{AccountStore, KeyStore, LinkStore, RevocationStore, SessionStore};
use std::sync::Arc;
use testkit::Case;

pub fn account_cases() -> Vec<Case<Arc<dyn AccountStore>>> {
    accounts::cases()
}

pub fn session_cases() -> Vec<Case<Arc<dyn SessionStore>>> {
    sessions::cases()
}

pub fn key_cases() -> Vec<Case<Arc<dyn KeyStore>>> {
    keys::cases()
}

pub fn link_cases() -> Vec<Case<Arc<dyn LinkStore>>> {
    links::cases()
}

pub fn revocation_cases() -> Vec<Case<Arc<dyn RevocationStore>>> {
    revocations::cases()
}
