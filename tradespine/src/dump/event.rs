//! One event of an answer in words.

use model::{SelfTradePrevention, Timestamp};
use proto::{
    convert,
    log::{
        AccountControlled, AdminCallRecorded, Amount, BookChanged, CancelAfterSet, EndReason,
        Event, Instructions, KeySpace, Level, ListedOrders, OrderEnded, OrderTerms, OrderTriggered,
        TradeExecuted, TradePrevented, TriggerKind, event::Kind,
    },
    text, trading,
};
use spine::Answer;

use super::{
    answer::{outcome, refusal},
    control, word,
};

/// Written by a program that knows more than this one.
const UNKNOWN: &str = "an event that this program does not know";

/// What happened. Accounts are indices into the answer's own list.
pub(super) fn words(answer: &Answer, event: &Event) -> String {
    match event.kind.as_ref() {
        Some(Kind::Founded(genesis)) => word::genesis(genesis),
        Some(Kind::ReferenceApplied(record)) => word::reference(record),
        Some(Kind::OrderPlaced(placed)) => {
            let which = match placed.replaced_order_id {
                0 => parked_until_now(placed.order_id),
                replaced => format!("instead of order {replaced}: "),
            };
            let terms = terms(answer, placed.terms.as_ref());
            format!("placed {which}{terms}{}", until(placed.expires_at_unix_nanos))
        }
        Some(Kind::OrderRejected(rejected)) => format!(
            "rejected {}{} for {}",
            parked_until_now(rejected.order_id),
            terms(answer, rejected.terms.as_ref()),
            refusal(rejected.reason)
        ),
        Some(Kind::OrderParked(parked)) => {
            format!("parked {}", terms(answer, parked.terms.as_ref()))
        }
        Some(Kind::WithdrawalParked(parked)) => {
            format!("parked a withdrawal of {}", account(answer, parked.account))
        }
        Some(Kind::WithdrawalDecided(decided)) => format!(
            "withdrawal {} of {}: {}",
            decided.record_id,
            account(answer, decided.account),
            outcome(decided.outcome.as_ref())
        ),
        Some(Kind::Trade(executed)) => trade(answer, executed),
        Some(Kind::AuctionIndicated(told)) => word::indication(told),
        Some(Kind::TradePrevented(met)) => prevented(answer, met),
        Some(Kind::OrderTriggered(woken)) => wakes(answer, woken),
        Some(Kind::OrderAmended(amended)) => format!(
            "order {} of {} amended to {} lots, {} left",
            amended.order_id,
            account(answer, amended.account),
            amended.quantity_lots,
            amended.remaining_lots
        ),
        Some(Kind::OrderRefilled(refilled)) => format!(
            "order {} of {} shows its next {} lots",
            refilled.order_id,
            account(answer, refilled.account),
            refilled.shown_lots
        ),
        Some(Kind::TradeGroupSet(set)) => format!(
            "{} is in {}",
            account(answer, set.account),
            word::trade_group(Some(set.group).filter(|group| *group > 0))
        ),
        Some(Kind::AdminCallRecorded(entry)) => trail_entry(entry),
        Some(Kind::CancelAfterSet(set)) => cancel_after(answer, set),
        Some(Kind::MarketStateChanged(changed)) => word::market(changed),
        Some(Kind::AccountControlled(said)) => controlled(answer, said),
        Some(Kind::KillSwitchTurned(turned)) => control::turned(turned),
        Some(Kind::OrderEnded(ended)) => end(answer, ended),
        Some(Kind::BookChanged(changed)) => book(changed),
        Some(Kind::TakenOver(taken)) => {
            format!("epoch {} begins, incarnation {:016x}", taken.epoch, taken.incarnation)
        }
        Some(Kind::AccountCompacted(compacted)) => {
            format!("compacted {}", account(answer, compacted.account))
        }
        Some(of_a_list) => list_words(answer, of_a_list),
        None => UNKNOWN.to_owned(),
    }
}

fn controlled(answer: &Answer, said: &AccountControlled) -> String {
    control::controlled(account(answer, said.account), said)
}

fn wakes(answer: &Answer, woken: &OrderTriggered) -> String {
    format!("order {} of {} wakes", woken.order_id, account(answer, woken.account))
}

/// An entry of the audit trail.
fn trail_entry(entry: &AdminCallRecorded) -> String {
    let AdminCallRecorded { sequence, operator, call, .. } = entry;
    let call = call.as_ref().map(word::admin_call).unwrap_or_default();
    format!("audit {sequence}: {operator} {call}")
}

/// What happened to a list of orders.
fn list_words(answer: &Answer, kind: &Kind) -> String {
    match kind {
        Kind::ListPlaced(placed) => {
            let which = parked_until_now(placed.list_id);
            format!("placed {which}{}", listed(answer, placed.listed.as_ref()))
        }
        Kind::ListRejected(rejected) => format!(
            "rejected {}{} for {}",
            parked_until_now(rejected.list_id),
            listed(answer, rejected.listed.as_ref()),
            refusal(rejected.reason)
        ),
        Kind::ListParked(parked) => {
            format!("parked {}", listed(answer, parked.listed.as_ref()))
        }
        Kind::PendingPlaced(placed) => {
            format!("order {} of {} goes on", placed.order_id, account(answer, placed.account))
        }
        Kind::ListStatus(status) => format!(
            "list {} of {} is {}",
            status.list_id,
            account(answer, status.account),
            text::order_list_status(status.status())
        ),
        _ => UNKNOWN.to_owned(),
    }
}

/// Which order, where it is not that of the answered input.
fn parked_until_now(order_id: u64) -> String {
    if order_id == 0 { String::new() } else { format!("parked order {order_id}: ") }
}

/// The orders of a list.
fn listed(answer: &Answer, listed: Option<&ListedOrders>) -> String {
    let Some(listed) = listed else { return "a list without orders".to_owned() };
    let contingency = convert::contingency_from_wire(listed.contingency);
    let contingency = contingency.map_or("?", text::contingency);
    let orders: Vec<String> =
        listed.orders.iter().map(|order| terms(answer, Some(order))).collect();
    format!("{contingency} list: {}", orders.join("; "))
}

fn terms(answer: &Answer, terms: Option<&OrderTerms>) -> String {
    let Some(terms) = terms else { return "without terms".to_owned() };
    let key_space = match terms.key_space() {
        KeySpace::ClientOrderId => "client_order_id",
        KeySpace::IdempotencyKey => "idempotency_key",
        KeySpace::Generated => "generated_key",
        KeySpace::Unspecified => "key",
    };
    format!(
        "{} instrument {} {} {}{} {key_space}={}",
        account(answer, terms.account),
        terms.instrument_id,
        side(terms.side),
        ask(terms),
        terms.instructions.as_ref().map(said).unwrap_or_default(),
        terms.key
    )
}

/// What else an order says, where it ends by itself said elsewhere.
pub(super) fn said(instructions: &Instructions) -> String {
    let post_only = if instructions.post_only { " post-only" } else { "" };
    let kind = match instructions.trigger() {
        TriggerKind::Unspecified => "",
        TriggerKind::StopLoss => " stop-loss",
        TriggerKind::TakeProfit => " take-profit",
    };
    let at = match instructions.trigger_price_ticks {
        0 => String::new(),
        ticks => format!(" @ {ticks} ticks"),
    };
    let trailing = match instructions.trailing_delta_bps {
        0 => String::new(),
        delta_bps => format!(" trailing {delta_bps} bps"),
    };
    let display = match instructions.display_lots {
        0 => String::new(),
        lots => format!(" showing {lots} lots"),
    };
    let mode = mode(instructions.self_trade_prevention);
    format!("{post_only}{mode}{kind}{at}{trailing}{display}")
}

fn mode(wire: i32) -> String {
    match convert::self_trade_from_wire(wire) {
        Ok(SelfTradePrevention::None) => String::new(),
        Ok(mode) => format!(" {}", text::self_trade_prevention(mode)),
        Err(_) => " ?".to_owned(),
    }
}

/// When an order ends by itself.
pub(super) fn until(expires_at_unix_nanos: u64) -> String {
    match expires_at_unix_nanos {
        0 => String::new(),
        nanos => format!(", until {}", text::rfc3339(Timestamp::from_unix_nanos(nanos))),
    }
}

fn ask(terms: &OrderTerms) -> String {
    let time_in_force = convert::time_in_force_from_wire(terms.time_in_force);
    let time_in_force = time_in_force.map_or("?", text::time_in_force);
    let (lots, ticks) = (terms.quantity_lots, terms.price_ticks);
    match (terms.r#type(), &terms.quote_quantity) {
        (trading::OrderType::Market, None) => format!("market {time_in_force} {lots} lots"),
        (trading::OrderType::Market, quote) => {
            format!("market {time_in_force} {} units of quote", word::amount(quote.as_ref()))
        }
        _ => format!("limit {time_in_force} {lots} lots @ {ticks} ticks"),
    }
}

fn trade(answer: &Answer, trade: &TradeExecuted) -> String {
    let party = |index, order_id, left| {
        format!("order {order_id} of {} ({left} lots left)", account(answer, index))
    };
    let taker_buys = trade.taker_side == i32::from(trading::Side::Buy);
    let is_in_base = |buyer_takes| trade.buyer_fee_in_base && taker_buys == buyer_takes;
    format!(
        "{}trade {} of instrument {}: {} lots @ {} ticks, taker {} {}{}, maker {}{}",
        if trade.in_auction { "auction " } else { "" },
        trade.trade_id,
        trade.instrument_id,
        trade.quantity_lots,
        trade.price_ticks,
        side(trade.taker_side),
        party(trade.taker_account, trade.taker_order_id, trade.taker_remaining_lots),
        charged(trade.taker_fee.as_ref(), is_in_base(true)),
        party(trade.maker_account, trade.maker_order_id, trade.maker_remaining_lots),
        charged(trade.maker_fee.as_ref(), is_in_base(false))
    )
}

/// What one side of a trade paid, or was paid.
fn charged(fee: Option<&Amount>, is_in_base: bool) -> String {
    let Some(fee) = fee else { return String::new() };
    let asset = if is_in_base { "base" } else { "quote" };
    match convert::amount(Some(fee)) {
        Ok(amount) if amount.is_negative() => format!(" gets {} {asset}", (-amount).units()),
        Ok(amount) => format!(" pays {} {asset}", amount.units()),
        Err(error) => format!(" pays what cannot be read: {error}"),
    }
}

fn prevented(answer: &Answer, met: &TradePrevented) -> String {
    let party = |index, order_id, off, left| {
        let whose = account(answer, index);
        format!("order {order_id} of {whose} loses {off} lots ({left} left)")
    };
    format!(
        "prevented trade {} of instrument {} @ {} ticks by{}: taker {} {}, maker {}",
        met.number,
        met.instrument_id,
        met.price_ticks,
        mode(met.mode),
        side(met.taker_side),
        party(
            met.taker_account,
            met.taker_order_id,
            met.taker_prevented_lots,
            met.taker_remaining_lots
        ),
        party(
            met.maker_account,
            met.maker_order_id,
            met.maker_prevented_lots,
            met.maker_remaining_lots
        )
    )
}

fn end(answer: &Answer, ended: &OrderEnded) -> String {
    let reason = EndReason::try_from(ended.reason).unwrap_or_default();
    format!(
        "order {} of {} ended: {}, {} lots left",
        ended.order_id,
        account(answer, ended.account),
        text::end(reason),
        ended.remaining_lots
    )
}

fn book(changed: &BookChanged) -> String {
    let level = |side: &str, level: &Level| match level.total_lots {
        0 => format!("{side} @ {} gone", level.price_ticks),
        lots => format!("{side} {lots} @ {}", level.price_ticks),
    };
    let bids = changed.bids.iter().map(|bid| level("bid", bid));
    let asks = changed.asks.iter().map(|ask| level("ask", ask));
    let levels: Vec<String> = bids.chain(asks).collect();
    let (instrument, sequence) = (changed.instrument_id, changed.sequence);
    format!("book of instrument {instrument} change {sequence}: {}", levels.join(", "))
}

fn account(answer: &Answer, index: u32) -> &str {
    answer.account(index).unwrap_or("(unnamed account)")
}

fn side(wire: i32) -> &'static str {
    convert::side_from_wire(wire).map_or("?", text::side)
}

fn cancel_after(answer: &Answer, set: &CancelAfterSet) -> String {
    let whose = account(answer, set.account);
    let instrument = match set.instrument_id {
        0 => String::new(),
        instrument => format!(" in instrument {instrument}"),
    };
    match set.cancels_at_unix_nanos {
        0 => format!("orders of {whose}{instrument} end no longer by themselves"),
        nanos => {
            let at = text::rfc3339(Timestamp::from_unix_nanos(nanos));
            format!("orders of {whose}{instrument} end at {at}")
        }
    }
}
