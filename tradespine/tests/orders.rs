//! Every kind of order through the whole platform in one process. In the end the log is verified
//! against the tables.

#[path = "orders/kinds.rs"]
mod kinds;
mod platform;

use kinds::Desk;
use platform::Platform;

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_placed_decided_and_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let platform = Platform::start(directory.path()).await;
    let desk = Desk::at(platform.rest().to_owned());
    kinds::each_kind_is_placed_decided_and_told(&desk).await;
    platform.stop().await;
    platform::verify(directory.path());
}
