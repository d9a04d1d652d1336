//! What accounts may do and risk, and what trading is stopped.

use std::collections::BTreeMap;

use model::{AssetLimit, OrderRate, Partition, home::home};
use proto::{
    convert,
    ledger::{
        AssetLimits, GetAccountControlsRequest, GetAccountControlsResponse,
        GetTradingControlsRequest, GetTradingControlsResponse, InstrumentControls,
    },
};
use tonic::Status;

use super::{Queries, account, refusal};
use crate::{control::AccountControl, store::Catalog};

impl Queries {
    pub(super) async fn controls_of(
        &self,
        request: GetAccountControlsRequest,
    ) -> Result<GetAccountControlsResponse, Status> {
        let account = account(&request.client_id)?;
        self.wait_for(&request.at_least).await?;
        let controls = self.store.controls(&account).await.map_err(refusal::store)?;
        let catalog = self.fresh_catalog().await?;
        let at_home = in_force(&controls, home(&account, self.partition_count()));
        let is_other = |partition: &Partition| !is_same(&in_force(&controls, *partition), &at_home);
        let differing = self.reached.partitions().filter(is_other);
        let OrderRate { per_second, burst } =
            at_home.limits.rate.unwrap_or(OrderRate { per_second: 0, burst: 0 });
        let limit = |limit: &AssetLimit| asset_limits(limit, &catalog);
        Ok(GetAccountControlsResponse {
            client_id: request.client_id,
            state: convert::account_state_to_wire(at_home.state).into(),
            killed: at_home.is_killed,
            assets: at_home.limits.assets.iter().filter_map(limit).collect(),
            max_open_orders: at_home.limits.max_open_orders,
            orders_per_second: per_second,
            order_burst: burst,
            price_collar_bps: at_home.limits.price_collar_bps,
            differing_partitions: differing.map(|one| one.number().into()).collect(),
        })
    }

    pub(super) async fn trading_controls(
        &self,
        request: GetTradingControlsRequest,
    ) -> Result<GetTradingControlsResponse, Status> {
        self.wait_for(&request.at_least).await?;
        let markets = self.store.market_controls().await.map_err(refusal::store)?;
        let catalog = self.fresh_catalog().await?;
        let instrument = |instrument: &model::Instrument| InstrumentControls {
            instrument: instrument.symbol.to_string(),
            killed: markets.is_killed(instrument.id),
            state: convert::market_state_to_wire(markets.state(instrument.id)).into(),
        };
        let mut instruments: Vec<_> = catalog.instruments.values().map(instrument).collect();
        instruments.sort_by(|one, other| one.instrument.cmp(&other.instrument));
        let killed_partitions = markets.killed_partitions().map(|one| one.number().into());
        Ok(GetTradingControlsResponse {
            killed_partitions: killed_partitions.collect(),
            instruments,
        })
    }
}

fn in_force(
    controls: &BTreeMap<Partition, AccountControl>,
    partition: Partition,
) -> AccountControl {
    controls.get(&partition).cloned().unwrap_or_default()
}

/// Whether both let an account do the same. Which tier it has is told with its fees.
fn is_same(one: &AccountControl, other: &AccountControl) -> bool {
    one.state == other.state && one.is_killed == other.is_killed && one.limits == other.limits
}

fn asset_limits(limit: &AssetLimit, catalog: &Catalog) -> Option<AssetLimits> {
    let (asset, _) = catalog.assets.get(&limit.asset)?;
    let text = |amount: model::Amount| {
        if amount.is_zero() { String::new() } else { asset.format_amount(amount) }
    };
    Some(AssetLimits {
        asset: asset.code.clone(),
        max_order_notional: text(limit.max_order_notional),
        max_position: text(limit.max_position),
    })
}
