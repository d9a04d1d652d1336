//! `tradespine admin fees`: by what volume fee tiers are reached, and who has which.

use clap::{Args, Subcommand};
use proto::{
    admin::{RecomputeFeeTiersRequest, SetFeeTiersRequest, ShardResult},
    convert,
    reference::TierThreshold,
    text as words,
};
use serde_json::json;

use super::{
    super::{Output, problem},
    Admin, text,
};

#[derive(Debug, Subcommand)]
pub(super) enum FeesWord {
    /// Say by what volume of thirty days each fee tier is reached, instead of what was said before
    ///
    /// A tier is reached in any one of its assets. Who has which stays as it is until they are
    /// recomputed; what a tier is charged is each instrument's: `admin instrument set --fee-tier`.
    #[command(after_help = "\
Examples:  tradespine admin fees set 1:USDT=100000 2:USDT=1000000 2:EUR=900000
           tradespine admin fees set --none")]
    Set(SetArguments),

    /// Give every account the tier of what it has traded in the last thirty days
    ///
    /// Orders that are open are charged as they were accepted. Say it once a day or an hour; said
    /// again it changes only what is new. The ledger is asked in the name of the token, which must
    /// be an operator's own.
    #[command(after_help = "\
Example:  tradespine admin fees recompute --token-file olga.token")]
    Recompute,
}

#[derive(Clone, Debug, Args)]
pub(super) struct SetArguments {
    /// By how much of which asset a tier is reached
    #[arg(value_name = "TIER:ASSET=VOLUME", value_parser = threshold)]
    #[arg(required_unless_present = "none")]
    thresholds: Vec<TierThreshold>,

    /// There are no tiers
    #[arg(long, conflicts_with = "thresholds")]
    none: bool,
}

fn threshold(text: &str) -> Result<TierThreshold, String> {
    let parts = || {
        let (tier, needed) = text.split_once(':')?;
        let (asset, volume) = needed.split_once('=')?;
        let tier = tier.parse().ok()?;
        Some(TierThreshold { tier, asset: asset.to_owned(), volume: volume.to_owned() })
    };
    parts().ok_or_else(|| "write a tier, an asset and a volume, such as 1:USDT=100000".to_owned())
}

pub(super) async fn run(
    mut admin: Admin,
    operator: String,
    word: FeesWord,
    output: Output,
) -> anyhow::Result<Vec<ShardResult>> {
    match word {
        FeesWord::Set(SetArguments { thresholds, .. }) => {
            let response = admin.set_fee_tiers(SetFeeTiersRequest { operator, thresholds }).await;
            let response = response.map_err(|status| problem::sentence("gateway", &status))?;
            let response = response.into_inner();
            let (version, results) = (response.version, response.results);
            let title = format!("fee tiers version {version}");
            let json = || json!({ "version": version, "results": super::json(&results) });
            output.print(|| text(&title, &results), json)?;
            Ok(results)
        }
        FeesWord::Recompute => {
            let response = admin.recompute_fee_tiers(RecomputeFeeTiersRequest { operator }).await;
            let response = response.map_err(|status| problem::sentence("gateway", &status))?;
            let response = response.into_inner();
            let (changed, results) = (response.changed, response.results);
            let instant = response.until.as_ref().and_then(convert::from_proto_timestamp);
            let until = instant.map(words::rfc3339).unwrap_or_default();
            let accounts = if changed == 1 { "account has" } else { "accounts have" };
            let title = format!("{changed} {accounts} another fee tier, by the log up to {until}");
            let json =
                || json!({ "changed": changed, "until": until, "results": super::json(&results) });
            output.print(|| text(&title, &results), json)?;
            Ok(results)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_tier_an_asset_and_a_volume() {
        let read = threshold("2:USDT=1000000.5").expect("one");
        assert_eq!(
            (read.tier, read.asset.as_str(), read.volume.as_str()),
            (2, "USDT", "1000000.5")
        );
        for bad in ["", "2", "2:USDT", "USDT=5", "x:USDT=5", "-1:USDT=5"] {
            assert!(threshold(bad).is_err(), "{bad:?}");
        }
    }
}
