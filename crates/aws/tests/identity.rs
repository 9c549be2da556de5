//! The cases of identity on DynamoDB, in every weather.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "identity/claims.rs"]
mod claims;
#[path = "identity/costs.rs"]
mod costs;

use aws::identity::{
    DynamoAccountStore, DynamoKeyStore, DynamoLinkStore, DynamoRevocationStore, DynamoSessionStore, TABLES,
};
use identity::conformance::{account_cases, key_cases, link_cases, revocation_cases, session_cases};
use std::sync::Arc;
use support::in_all_weathers;

fn main() {
    let mut all = in_all_weathers("dynamodb", account_cases, TABLES, |dynamo| {
        Arc::new(DynamoAccountStore::new(dynamo)) as _
    });
    all.extend(in_all_weathers("dynamodb", session_cases, TABLES, |dynamo| {
        Arc::new(DynamoSessionStore::new(dynamo)) as _
    }));
    all.extend(in_all_weathers("dynamodb", key_cases, TABLES, |dynamo| {
        Arc::new(DynamoKeyStore::new(dynamo)) as _
    }));
    all.extend(in_all_weathers("dynamodb", link_cases, TABLES, |dynamo| {
        Arc::new(DynamoLinkStore::new(dynamo)) as _
    }));
    all.extend(in_all_weathers("dynamodb", revocation_cases, TABLES, |dynamo| {
        Arc::new(DynamoRevocationStore::new(dynamo)) as _
    }));
    all.extend(claims::all());
    all.extend(costs::all());
    testkit::main(all);
}
