//! The one binary: `tradespine up` runs everything; subcommands are clients and tools.

fn main() {}
