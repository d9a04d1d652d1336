//! What `tradespine up` prints once it is ready: where everything is, and a line to try.

use std::fmt::Write;

use super::platform::Platform;
use crate::settings::Settings;

/// The text.
pub fn text(settings: &Settings, platform: &Platform) -> String {
    let (rest, grpc) = (settings.gateway.rest_address, settings.gateway.grpc_address);
    let websocket = settings.broadcaster.http_address;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nTradespine is up. Data in {}.\n", settings.data_dir.display());
    for (what, at) in [
        ("REST and its documentation", format!("http://{rest}/docs")),
        ("gRPC order entry", grpc.to_string()),
        ("WebSocket trades", format!("ws://{websocket}/ws/trades")),
        ("WebSocket depth", format!("ws://{websocket}/ws/depth?instrument=BTC-USDT")),
        ("gRPC market data", settings.broadcaster.grpc_address.to_string()),
        ("gRPC ledger", settings.ledger.grpc_address.to_string()),
        ("metrics", format!("http://{rest}/metrics")),
    ] {
        let _ = writeln!(text, "  {what:<28}{at}");
    }
    let _ = writeln!(text, "\n  log {}, {} shard(s)", platform.log_id(), platform.shards());
    let _ = write!(
        text,
        "\nTry it:\n\n  curl -s 'http://{rest}/api/v1/orders?wait=result' -H 'content-type: application/json' \\\n    \
         -d '{{\"client_id\":\"alice\",\"instrument\":\"BTC-USDT\",\"side\":\"buy\",\"type\":\"market\",\"quantity\":\"0.01\"}}'\n\n\
         Ctrl-C stops it; everything acknowledged is kept.\n"
    );
    text
}
