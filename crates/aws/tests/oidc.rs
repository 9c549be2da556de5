//! The cases of oidc on AWS engines.

fn main() {}
