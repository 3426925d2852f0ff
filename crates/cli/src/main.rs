//! The binary `lastseen`.

fn main() {}
