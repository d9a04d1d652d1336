//! The two commands that do everything: `cargo xtask up` and `cargo xtask test`.

fn main() {}
