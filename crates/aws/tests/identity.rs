//! The cases of identity on AWS engines.

fn main() {}
