//! A market replayed through the public API: what goes in over gRPC comes out on the WebSocket, and
//! the books are equal after every compared frame.
//!
//! `TRADESPINE_RECORDING` names a recorded feed; without one only the random market is replayed.

mod platform;

use platform::Platform;

/// How many frames of each market are compared: some seconds of a build for writing.
const FRAMES: &str = "400";

#[tokio::test(flavor = "multi_thread")]
async fn replayed_books_are_equal_after_every_frame() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let platform = Platform::start(directory.path()).await;
    let random = platform.replay(&["--instrument", "ETH-USDT", "--frames", FRAMES]);
    assert!(random.contains("400 of 400 compared frames equal"), "{random}");
    match std::env::var("TRADESPINE_RECORDING") {
        Ok(recording) => {
            let recorded = platform.replay(&[&recording, "--frames", FRAMES]);
            assert!(recorded.contains("400 of 400 compared frames equal"), "{recorded}");
        }
        Err(_) => println!("TRADESPINE_RECORDING names no recorded feed: none was replayed"),
    }
    platform.stop().await;
    platform::verify(directory.path());
}
