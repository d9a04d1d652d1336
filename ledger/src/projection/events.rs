//! What each event does to the rows.

use model::{
    Amount, AssetId, Instructions, InstrumentId, OrderId, Partition, Quantity, Timestamp, TradeId,
};
use proto::{
    convert::{self, Malformed},
    log::{
        EndReason, Event, KeySpace, OrderAmended, OrderEnded, OrderTerms, RefusalReason,
        TradeExecuted, TradePrevented, event,
    },
    reference::{ReferenceRecord, reference_body},
    text,
    trading::OrderStatus,
};

use super::{Changes, Fold, controls::market_state, wire};
use crate::row::{AssetRow, InstrumentRow, OrderRow, OrderState, TradeRow};

/// The quantity in a state that does not tell it: of two states the smaller counts.
const NOT_TOLD: Quantity = match Quantity::from_lots(Quantity::LOTS_MAX) {
    Ok(most) => most,
    Err(_) => Quantity::ZERO,
};

impl Fold<'_> {
    pub(super) fn event(&self, event: &Event, changes: &mut Changes) -> Result<(), Malformed> {
        match event.kind.as_ref().ok_or(Malformed("event"))? {
            event::Kind::OrderPlaced(placed) => {
                let terms = placed.terms.as_ref().ok_or(Malformed("terms"))?;
                let expires_at = placed.expires_at_unix_nanos;
                self.placed(terms, placed.order_id, expires_at, changes)?;
            }
            event::Kind::OrderRejected(rejected) => {
                let terms = rejected.terms.as_ref().ok_or(Malformed("terms"))?;
                let reason =
                    RefusalReason::try_from(rejected.reason).map_err(|_| Malformed("reason"))?;
                let rejected_for = (OrderStatus::Rejected, text::refusal(reason));
                self.decided(terms, rejected.order_id, rejected_for, changes)?;
            }
            event::Kind::OrderParked(parked) => {
                let terms = parked.terms.as_ref().ok_or(Malformed("terms"))?;
                changes.order(self.order(terms, OrderStatus::Pending, "")?);
            }
            event::Kind::ListPlaced(placed) => self.list_placed(placed, changes)?,
            event::Kind::ListRejected(rejected) => self.list_rejected(rejected, changes)?,
            event::Kind::ListParked(parked) => self.list_parked(parked, changes)?,
            event::Kind::PendingPlaced(placed) => self.pending_placed(placed, changes)?,
            event::Kind::Trade(trade) => self.trade(trade, changes)?,
            event::Kind::TradePrevented(prevented) => self.prevented(prevented, changes)?,
            event::Kind::OrderAmended(amended) => self.amended(amended, changes)?,
            event::Kind::OrderEnded(ended) => self.ended(ended, changes)?,
            event::Kind::AccountCompacted(compacted) => {
                changes.compact(self.name(compacted.account)?);
            }
            event::Kind::ReferenceApplied(record) => listed(record, changes)?,
            event::Kind::AccountControlled(said) => self.controlled(said, changes)?,
            event::Kind::KillSwitchTurned(turned) => self.turned(turned, changes),
            event::Kind::MarketStateChanged(changed) => market_state(changed, changes)?,
            // Identity, epochs and depth are nobody's history; of a withdrawal the postings are.
            event::Kind::Founded(_)
            | event::Kind::TakenOver(_)
            | event::Kind::CancelAfterSet(_)
            | event::Kind::AuctionIndicated(_)
            | event::Kind::BookChanged(_)
            // It was open before and is now; what it does is told by what follows.
            | event::Kind::OrderTriggered(_)
            // What of an order is shown is the book's affair: as much remains as before.
            | event::Kind::OrderRefilled(_)
            | event::Kind::TradeGroupSet(_)
            // Who asked for what is the log's to tell.
            | event::Kind::AdminCallRecorded(_)
            // What a list has come to is what its orders have.
            | event::Kind::ListStatus(_)
            | event::Kind::WithdrawalParked(_)
            | event::Kind::WithdrawalDecided(_) => {}
        }
        Ok(())
    }

    /// An order that is accepted. One for the day learns with its own record when that ends; one
    /// that was parked before is shown without it.
    fn placed(
        &self,
        terms: &OrderTerms,
        order_id: u64,
        expires_at_unix_nanos: u64,
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        if order_id != 0 || expires_at_unix_nanos == 0 {
            return self.decided(terms, order_id, (OrderStatus::Open, ""), changes);
        }
        let mut row = self.order(terms, OrderStatus::Open, "")?;
        row.instructions.expires_at = Some(Timestamp::from_unix_nanos(expires_at_unix_nanos));
        changes.order(row);
        Ok(())
    }

    /// An order that is decided: by its own record, or after it was parked under `order_id`.
    fn decided(
        &self,
        terms: &OrderTerms,
        order_id: u64,
        (status, reason): (OrderStatus, &str),
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        if order_id == 0 {
            changes.order(self.order(terms, status, reason)?);
            return Ok(());
        }
        let state = self.state(status, convert::quantity(terms.quantity_lots)?, reason);
        changes.move_order(convert::order_id(order_id)?, state);
        Ok(())
    }

    pub(super) fn order(
        &self,
        terms: &OrderTerms,
        status: OrderStatus,
        reason: &str,
    ) -> Result<OrderRow, Malformed> {
        let quantity = convert::quantity(terms.quantity_lots)?;
        let is_clients_own = terms.key_space == i32::from(KeySpace::ClientOrderId);
        Ok(OrderRow {
            id: self.own_id()?,
            account: self.name(terms.account)?.clone(),
            client_order_id: if is_clients_own { wire::key_from_wire(&terms.key)? } else { None },
            instrument: InstrumentId(terms.instrument_id),
            side: convert::side_from_wire(terms.side)?,
            order_type: wire::order_type_from_wire(terms.r#type)?,
            time_in_force: convert::time_in_force_from_wire(terms.time_in_force)?,
            instructions: match &terms.instructions {
                Some(said) => Instructions::try_from(said)?,
                None => Instructions::default(),
            },
            price: match terms.price_ticks {
                0 => None,
                ticks => Some(convert::price(ticks)?),
            },
            quote_quantity: match convert::amount(terms.quote_quantity.as_ref())? {
                Amount::ZERO => None,
                amount => Some(amount),
            },
            contingency: None,
            created_at: self.answer.now,
            state: OrderState { quantity, ..self.state(status, quantity, reason) },
        })
    }

    pub(super) fn state(
        &self,
        status: OrderStatus,
        remaining: Quantity,
        reason: &str,
    ) -> OrderState {
        OrderState {
            quantity: NOT_TOLD,
            remaining,
            prevented: Quantity::ZERO,
            status,
            reason: reason.to_owned(),
            updated_at: self.answer.now,
        }
    }

    /// Both orders are partially filled until an end says otherwise, which for an order that was
    /// filled stands in the same answer.
    fn trade(&self, wire: &TradeExecuted, changes: &mut Changes) -> Result<(), Malformed> {
        let trade = self.trade_row(wire)?;
        for (order, remaining_lots) in [
            (trade.maker_order, wire.maker_remaining_lots),
            (trade.taker_order, wire.taker_remaining_lots),
        ] {
            let remaining = convert::quantity(remaining_lots)?;
            changes.move_order(order, self.state(OrderStatus::PartiallyFilled, remaining, ""));
        }
        changes.trades.push(trade);
        Ok(())
    }

    /// Both orders are as open as they were, less what was prevented, until an end says otherwise.
    fn prevented(&self, wire: &TradePrevented, changes: &mut Changes) -> Result<(), Malformed> {
        for (order, total, remaining, traded) in [
            (
                wire.maker_order_id,
                wire.maker_prevented_total_lots,
                wire.maker_remaining_lots,
                wire.maker_traded_lots,
            ),
            (
                wire.taker_order_id,
                wire.taker_prevented_total_lots,
                wire.taker_remaining_lots,
                wire.taker_traded_lots,
            ),
        ] {
            let status = if traded == 0 { OrderStatus::Open } else { OrderStatus::PartiallyFilled };
            let state = self.state(status, convert::quantity(remaining)?, "");
            let prevented = convert::quantity(total)?;
            changes.move_order(convert::order_id(order)?, OrderState { prevented, ..state });
        }
        Ok(())
    }

    /// The order is as open as it was, and asks for less.
    fn amended(&self, wire: &OrderAmended, changes: &mut Changes) -> Result<(), Malformed> {
        let quantity = convert::quantity(wire.quantity_lots)?;
        let remaining = convert::quantity(wire.remaining_lots)?;
        let prevented = convert::quantity(wire.prevented_lots)?;
        let has_traded = remaining.lots() + prevented.lots() < quantity.lots();
        let status = if has_traded { OrderStatus::PartiallyFilled } else { OrderStatus::Open };
        let state = OrderState { quantity, prevented, ..self.state(status, remaining, "") };
        changes.move_order(convert::order_id(wire.order_id)?, state);
        Ok(())
    }

    fn trade_row(&self, wire: &TradeExecuted) -> Result<TradeRow, Malformed> {
        Ok(TradeRow {
            instrument: InstrumentId(wire.instrument_id),
            id: TradeId(wire.trade_id),
            price: convert::price(wire.price_ticks)?,
            quantity: convert::quantity(wire.quantity_lots)?,
            maker_order: convert::order_id(wire.maker_order_id)?,
            taker_order: convert::order_id(wire.taker_order_id)?,
            maker_account: self.name(wire.maker_account)?.clone(),
            taker_account: self.name(wire.taker_account)?.clone(),
            taker_side: convert::side_from_wire(wire.taker_side)?,
            executed_at: self.answer.now,
            maker_fee: convert::amount(wire.maker_fee.as_ref())?,
            taker_fee: convert::amount(wire.taker_fee.as_ref())?,
            buyer_fee_in_base: wire.buyer_fee_in_base,
            in_auction: wire.in_auction,
        })
    }

    fn ended(&self, wire: &OrderEnded, changes: &mut Changes) -> Result<(), Malformed> {
        let order: OrderId = convert::order_id(wire.order_id)?;
        let remaining = convert::quantity(wire.remaining_lots)?;
        let state = match EndReason::try_from(wire.reason) {
            Err(_) | Ok(EndReason::Unspecified) => return Err(Malformed("reason")),
            Ok(EndReason::Filled) => self.state(OrderStatus::Filled, remaining, ""),
            Ok(EndReason::Cancelled) => self.state(OrderStatus::Cancelled, remaining, ""),
            Ok(reason @ (EndReason::CancelAfter | EndReason::KillSwitch | EndReason::Delisted)) => {
                self.state(OrderStatus::Cancelled, remaining, text::end(reason))
            }
            Ok(reason) => self.state(OrderStatus::Expired, remaining, text::end(reason)),
        };
        changes.move_order(order, state);
        Ok(())
    }
}

fn listed(record: &ReferenceRecord, changes: &mut Changes) -> Result<(), Malformed> {
    let body = record.body.as_ref().and_then(|body| body.body.as_ref());
    match body.ok_or(Malformed("body"))? {
        reference_body::Body::Asset(wire) => {
            // Any other text may be one that a database cannot hold.
            let asset = convert::asset(wire).ok_or(Malformed("asset"))?;
            changes.asset(AssetRow {
                id: asset.id,
                code: asset.code,
                decimals: asset.decimals,
                sandbox_grant_units: wire.sandbox_grant_units,
                version: record.version,
            });
        }
        reference_body::Body::Instrument(wire) => changes.instrument(InstrumentRow {
            id: InstrumentId(wire.id),
            base: AssetId(wire.base_asset_id),
            quote: AssetId(wire.quote_asset_id),
            tick_size_units: wire.tick_size_units,
            lot_size_units: wire.lot_size_units,
            price_protection_bps: wire.price_protection_bps,
            partition: u16::try_from(wire.partition)
                .ok()
                .and_then(Partition::new)
                .ok_or(Malformed("partition"))?,
            fees: convert::fees(wire).map_err(|_| Malformed("fees"))?,
            tier_fees: convert::tier_fees(wire).map_err(|_| Malformed("fee_tiers"))?,
            version: record.version,
        }),
        // Tables are read by many, and what opens an account is none of their business.
        // Nor by what a tier is measured: who has which is told by itself.
        reference_body::Body::Credential(_) | reference_body::Body::FeeTiers(_) => {}
    }
    Ok(())
}
