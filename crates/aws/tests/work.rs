//! The cases of work on AWS engines.

fn main() {}
