//! Compiles the .proto files with a protobuf compiler written in Rust, so that no protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const AREAS: [&str; 8] = [
    "tradespine/admin/v1/admin.proto",
    "tradespine/trading/v1/trading.proto",
    "tradespine/orders/v1/order_entry.proto",
    "tradespine/funding/v1/funding.proto",
    "tradespine/reference/v1/reference.proto",
    "tradespine/ledger/v1/ledger.proto",
    "tradespine/marketdata/v1/market_data.proto",
    "tradespine/log/v1/answer.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=tradespine");
    let descriptors = protox::compile(AREAS, ["."])?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // Slices of the record, not copies: most are never looked at.
    let sealed = ".tradespine.log.v1.SealedAnswer";
    tonic_prost_build::configure().bytes(sealed).compile_fds(descriptors)?;
    Ok(())
}
