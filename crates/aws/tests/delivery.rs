//! The cases of delivery on AWS engines.

fn main() {}
