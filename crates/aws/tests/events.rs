//! The cases of events on AWS engines.

fn main() {}
