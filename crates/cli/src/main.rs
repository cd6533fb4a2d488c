//! The command line of cistron.
fn main() {}
