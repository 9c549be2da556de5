//! The cases of moderation on AWS engines.

fn main() {}
