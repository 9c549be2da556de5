//! The cases of catalog on AWS engines.

fn main() {}
