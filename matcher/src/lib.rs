//! The shard: checks, matches and settles in one apply, and runs on the spine.
