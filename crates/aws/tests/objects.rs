//! The cases of objects on AWS engines.

fn main() {}
