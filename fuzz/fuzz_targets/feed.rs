//! Lines of a recorded market feed: refused with the number of the line, or frames.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tradespine_fuzz::catalogue;

#[path = "../../tradespine/src/replay/feed.rs"]
#[allow(dead_code, clippy::all)]
mod feed;

fuzz_target!(|data: &[u8]| {
    let catalogue = catalogue();
    let Some(listed) = catalogue.instruments().next() else { return };
    let mut feed = feed::Feed::of(Cursor::new(data.to_vec()), listed.instrument.clone());
    while let Ok(Some(_)) = feed.next() {}
    let _ = feed.floored();
});
