//! The cases of engagement on AWS engines.

fn main() {}
