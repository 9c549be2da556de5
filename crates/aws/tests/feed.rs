//! The cases of feed on AWS engines.

fn main() {}
