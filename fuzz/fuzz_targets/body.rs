//! REST bodies of everything that can be asked for: a problem that says what is wrong, or a command
//! that goes into the log and comes out of it as the same.

#![no_main]

use std::sync::LazyLock;

use gateway::{fuzzed, reference::Catalogue};
use libfuzzer_sys::fuzz_target;
use tradespine_fuzz::{catalogue, holds};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(catalogue);

fuzz_target!(|data: &[u8]| holds(fuzzed::bodies(data, &CATALOGUE)));
