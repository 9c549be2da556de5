//! The cases of upload on AWS engines.

fn main() {}
