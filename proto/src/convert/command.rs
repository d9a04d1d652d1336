//! Client commands between the log's wire form and the domain.

use model::{
    AccountName, Amount, Instructions, InstrumentId, KeyText, Quantity, RequestId,
    SelfTradePrevention, TimeInForce, Timestamp, Trailing, Trigger, TriggerKind,
};
use thiserror::Error;

use super::{
    amount, change, number, order_id, price, quantity, self_trade_from_wire, side_from_wire,
    time_in_force_from_wire, to_amount,
};
use crate::{
    command::{Ask, ClientCommand, Command, Key, KeySpace, PlaceOrder, Stamp},
    log, trading,
};

/// A record that is not a command: the field at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is missing or out of range")]
pub struct Malformed(
    /// The name of the field.
    pub &'static str,
);

impl TryFrom<log::ClientCommand> for ClientCommand {
    type Error = Malformed;

    fn try_from(wire: log::ClientCommand) -> Result<Self, Malformed> {
        Ok(ClientCommand {
            stamp: stamp(wire.stamp.as_ref())?,
            account: AccountName::new(&wire.account).map_err(|_| Malformed("account"))?,
            command: wire.command.ok_or(Malformed("command"))?.try_into()?,
        })
    }
}

/// What identifies an attempt; every command has it.
pub(super) fn stamp(wire: Option<&log::Stamp>) -> Result<Stamp, Malformed> {
    let wire = wire.ok_or(Malformed("stamp"))?;
    Ok(Stamp {
        request_id: request_id(wire.request_id_high, wire.request_id_low),
        valid_until: Timestamp::from_unix_nanos(wire.valid_until_unix_nanos),
    })
}

/// The request id of two halves.
fn request_id(high: u64, low: u64) -> RequestId {
    RequestId(u128::from(high) << 64 | u128::from(low))
}

impl TryFrom<log::client_command::Command> for Command {
    type Error = Malformed;

    fn try_from(wire: log::client_command::Command) -> Result<Self, Malformed> {
        use log::client_command::Command as Wire;
        Ok(match wire {
            Wire::Place(place) => Command::Place(place.try_into()?),
            Wire::PlaceList(list) => Command::PlaceList(list.try_into()?),
            Wire::Cancel(cancel) => Command::Cancel { order_id: order_id(cancel.order_id)? },
            Wire::CancelAll(all) => Command::CancelAll {
                instrument: (all.instrument_id > 0).then_some(InstrumentId(all.instrument_id)),
            },
            Wire::SetTradeGroup(set) => {
                Command::SetTradeGroup { group: Some(set.group).filter(|group| *group > 0) }
            }
            Wire::Deposit(deposit) => Command::Deposit(deposit.try_into()?),
            Wire::Withdrawal(withdrawal) => Command::Withdraw(withdrawal.try_into()?),
            Wire::Transfer(transfer) => Command::Transfer(transfer.try_into()?),
            Wire::Amend(amend) => change::amend(amend)?,
            Wire::CancelNamed(cancel) => change::cancel_named(cancel)?,
            Wire::Replace(replace) => Command::Replace(replace.try_into()?),
            Wire::CancelAfter(cancel) => Command::CancelAfter(cancel.try_into()?),
            Wire::CancelMatching(cancel) => Command::CancelMatching(cancel.try_into()?),
        })
    }
}

impl TryFrom<log::PlaceOrder> for PlaceOrder {
    type Error = Malformed;

    fn try_from(wire: log::PlaceOrder) -> Result<Self, Malformed> {
        let side = side_from_wire(wire.side)?;
        Ok(PlaceOrder {
            key: Key {
                space: key_space(wire.key_space)?,
                text: KeyText::new(&wire.key).map_err(|_| Malformed("key"))?,
            },
            instrument: InstrumentId(wire.instrument_id),
            side,
            ask: ask(&wire)?,
            time_in_force: time_in_force_from_wire(wire.time_in_force)?,
            instructions: instructions(&wire)?,
        })
    }
}

/// What else an order says; a contradiction is malformed.
fn instructions(wire: &log::PlaceOrder) -> Result<Instructions, Malformed> {
    let time_in_force = time_in_force_from_wire(wire.time_in_force)?;
    let said = wire.instructions.as_ref().map(Instructions::try_from).transpose()?;
    let said = said.unwrap_or_default();
    let is_limit = wire.r#type == i32::from(trading::OrderType::Limit);
    let rests = !matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    if !is_limit && !matches!(time_in_force, TimeInForce::Gtc | TimeInForce::Ioc) {
        return Err(Malformed("time_in_force"));
    }
    if (time_in_force == TimeInForce::Gtd) != said.expires_at.is_some() {
        return Err(Malformed("expires_at"));
    }
    if said.post_only && !(is_limit && rests) {
        return Err(Malformed("post_only"));
    }
    let ends_by_itself = matches!(time_in_force, TimeInForce::Gtd | TimeInForce::Day);
    let is_by_quote = wire.quote_quantity.is_some();
    if said.waits_for().is_some() && (said.post_only || ends_by_itself || is_by_quote) {
        return Err(Malformed("trigger"));
    }
    let can_hide = is_limit && time_in_force == TimeInForce::Gtc;
    if said.display.is_some_and(|display| !can_hide || display.lots() > wire.quantity_lots) {
        return Err(Malformed("display_lots"));
    }
    Ok(said)
}

impl TryFrom<&log::Instructions> for Instructions {
    type Error = Malformed;

    fn try_from(wire: &log::Instructions) -> Result<Self, Malformed> {
        let expires_at = match wire.expires_at_unix_nanos {
            0 => None,
            nanos => Some(Timestamp::from_unix_nanos(nanos)),
        };
        let self_trade = self_trade_from_wire(wire.self_trade_prevention)?;
        let kind = match log::TriggerKind::try_from(wire.trigger) {
            Ok(log::TriggerKind::Unspecified) => None,
            Ok(log::TriggerKind::StopLoss) => Some(TriggerKind::StopLoss),
            Ok(log::TriggerKind::TakeProfit) => Some(TriggerKind::TakeProfit),
            Err(_) => return Err(Malformed("trigger")),
        };
        let trailing = match wire.trailing_delta_bps {
            0 => None,
            delta_bps => {
                let trailing = kind.and_then(|kind| Trailing::new(kind, delta_bps));
                Some(trailing.ok_or(Malformed("trailing_delta_bps"))?)
            }
        };
        let trigger = match (kind, wire.trigger_price_ticks) {
            (None, 0) => None,
            (Some(_), 0) if trailing.is_some() => None,
            (Some(kind), ticks) => Some(Trigger { kind, price: price(ticks)? }),
            (None, _) => return Err(Malformed("trigger")),
        };
        let display = match wire.display_lots {
            0 => None,
            lots => Some(quantity(lots).map_err(|_| Malformed("display_lots"))?),
        };
        let post_only = wire.post_only;
        Ok(Instructions { post_only, self_trade, expires_at, trigger, trailing, display })
    }
}

fn ask(wire: &log::PlaceOrder) -> Result<Ask, Malformed> {
    let some_quantity = |lots| match quantity(lots)? {
        quantity if quantity.is_zero() => Err(Malformed("quantity_lots")),
        quantity => Ok(quantity),
    };
    match (trading::OrderType::try_from(wire.r#type), wire.quote_quantity.as_ref()) {
        (Ok(trading::OrderType::Limit), None) => Ok(Ask::Limit {
            price: price(wire.price_ticks)?,
            quantity: some_quantity(wire.quantity_lots)?,
        }),
        (Ok(trading::OrderType::Market), _) if wire.price_ticks != 0 => {
            Err(Malformed("price_ticks"))
        }
        (Ok(trading::OrderType::Market), None) => {
            Ok(Ask::Market { quantity: some_quantity(wire.quantity_lots)? })
        }
        (Ok(trading::OrderType::Market), Some(quote)) if wire.quantity_lots == 0 => {
            match amount(Some(quote))? {
                amount if amount > Amount::ZERO => Ok(Ask::MarketByQuote { amount }),
                _ => Err(Malformed("quote_quantity")),
            }
        }
        (Ok(trading::OrderType::Limit | trading::OrderType::Market), Some(_)) => {
            Err(Malformed("quote_quantity"))
        }
        _ => Err(Malformed("type")),
    }
}

pub(super) fn key_space(wire: i32) -> Result<KeySpace, Malformed> {
    match log::KeySpace::try_from(wire) {
        Ok(log::KeySpace::ClientOrderId) => Ok(KeySpace::ClientOrderId),
        Ok(log::KeySpace::IdempotencyKey) => Ok(KeySpace::IdempotencyKey),
        Ok(log::KeySpace::Generated) => Ok(KeySpace::Generated),
        _ => Err(Malformed("key_space")),
    }
}

impl From<&ClientCommand> for log::ClientCommand {
    fn from(command: &ClientCommand) -> Self {
        log::ClientCommand {
            stamp: Some((&command.stamp).into()),
            account: command.account.as_str().to_owned(),
            command: Some((&command.command).into()),
        }
    }
}

impl From<&Stamp> for log::Stamp {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
    fn from(stamp: &Stamp) -> Self {
        log::Stamp {
            request_id_high: (stamp.request_id.0 >> 64) as u64,
            request_id_low: stamp.request_id.0 as u64,
            valid_until_unix_nanos: stamp.valid_until.unix_nanos(),
        }
    }
}

impl From<&Command> for log::client_command::Command {
    fn from(command: &Command) -> Self {
        match command {
            Command::Place(place) => Self::Place(place.into()),
            Command::PlaceList(list) => Self::PlaceList(list.into()),
            Command::Cancel { order_id } => {
                Self::Cancel(log::CancelOrder { order_id: order_id.number() })
            }
            Command::CancelAll { instrument } => Self::CancelAll(log::CancelAllOrders {
                instrument_id: instrument.map_or(0, |instrument| instrument.0),
            }),
            Command::Amend { order, quantity } => {
                Self::Amend(change::amend_to_wire(order, *quantity))
            }
            Command::CancelNamed { order, only } => {
                Self::CancelNamed(change::cancel_named_to_wire(order, *only))
            }
            Command::Replace(replace) => Self::Replace(replace.into()),
            Command::CancelAfter(after) => Self::CancelAfter(after.into()),
            Command::CancelMatching(filter) => Self::CancelMatching(filter.into()),
            Command::SetTradeGroup { group } => {
                Self::SetTradeGroup(log::SetTradeGroup { group: group.unwrap_or(0) })
            }
            Command::Deposit(movement) => Self::Deposit(movement.into()),
            Command::Transfer(transfer) => Self::Transfer(transfer.into()),
            Command::Withdraw(movement) => Self::Withdrawal(movement.into()),
        }
    }
}

impl From<&PlaceOrder> for log::PlaceOrder {
    fn from(place: &PlaceOrder) -> Self {
        let (price_ticks, quantity_lots, quote_quantity) = place.ask.into();
        log::PlaceOrder {
            key_space: log::KeySpace::from(place.key.space).into(),
            key: place.key.text.as_str().to_owned(),
            instrument_id: place.instrument.0,
            side: number::side_to_wire(place.side).into(),
            r#type: number::type_to_wire(place.ask.order_type()).into(),
            time_in_force: number::time_in_force_to_wire(place.time_in_force).into(),
            price_ticks,
            quantity_lots,
            quote_quantity,
            instructions: instructions_to_wire(&place.instructions),
        }
    }
}

/// What else an order says, on the wire: nothing where it says nothing.
pub fn instructions_to_wire(instructions: &Instructions) -> Option<log::Instructions> {
    let mode = match instructions.self_trade {
        SelfTradePrevention::None => trading::SelfTradePrevention::Unspecified,
        mode => number::self_trade_to_wire(mode),
    };
    let wire = log::Instructions {
        post_only: instructions.post_only,
        self_trade_prevention: mode.into(),
        expires_at_unix_nanos: instructions.expires_at.map_or(0, Timestamp::unix_nanos),
        trigger: match instructions.waits_for() {
            None => log::TriggerKind::Unspecified,
            Some(TriggerKind::StopLoss) => log::TriggerKind::StopLoss,
            Some(TriggerKind::TakeProfit) => log::TriggerKind::TakeProfit,
        }
        .into(),
        trigger_price_ticks: instructions.trigger.map_or(0, |trigger| trigger.price.ticks()),
        display_lots: instructions.display.map_or(0, Quantity::lots),
        trailing_delta_bps: instructions.trailing.map_or(0, |trailing| trailing.delta_bps()),
    };
    (wire != log::Instructions::default()).then_some(wire)
}

/// Ticks, lots and quote amount as the wire has them, absent ones as zero or `None`.
impl From<Ask> for (u64, u64, Option<log::Amount>) {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::Limit { price, quantity } => (price.ticks(), quantity.lots(), None),
            Ask::Market { quantity } => (0, quantity.lots(), None),
            Ask::MarketByQuote { amount } => (0, 0, Some(to_amount(amount))),
        }
    }
}

impl From<KeySpace> for log::KeySpace {
    fn from(space: KeySpace) -> Self {
        match space {
            KeySpace::ClientOrderId => log::KeySpace::ClientOrderId,
            KeySpace::IdempotencyKey => log::KeySpace::IdempotencyKey,
            KeySpace::Generated => log::KeySpace::Generated,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{AssetId, OrderId, Partition, Price, Side};

    use super::*;
    use crate::command::Movement;

    fn commands() -> Vec<Command> {
        let key =
            Key { space: KeySpace::ClientOrderId, text: KeyText::new("a-1").expect("a good key") };
        let quantity = Quantity::from_lots(7).expect("in range");
        let price = Price::from_ticks(11).expect("in range");
        let place = |ask| {
            Command::Place(PlaceOrder {
                key: key.clone(),
                instrument: InstrumentId(3),
                side: Side::Sell,
                ask,
                time_in_force: TimeInForce::Ioc,
                instructions: Instructions::default(),
            })
        };
        let told = |time_in_force, instructions| match place(Ask::Limit { price, quantity }) {
            Command::Place(plain) => {
                Command::Place(PlaceOrder { time_in_force, instructions, ..plain })
            }
            _ => unreachable!("it is an order"),
        };
        let until = Some(Timestamp::from_unix_nanos(77));
        let said = |self_trade| Instructions { self_trade, ..Instructions::default() };
        let waking = |kind| Instructions {
            trigger: Some(Trigger { kind, price }),
            ..Instructions::default()
        };
        let trailing = |trigger| Instructions {
            trigger,
            trailing: Trailing::new(TriggerKind::StopLoss, 500),
            ..Instructions::default()
        };
        let movement = Movement {
            asset: AssetId(2),
            amount: Amount::from_units(1 << 70),
            id: key.text.clone(),
        };
        vec![
            place(Ask::Limit { price, quantity }),
            place(Ask::Market { quantity }),
            told(TimeInForce::Fok, said(SelfTradePrevention::ExpireTaker)),
            told(TimeInForce::Gtc, said(SelfTradePrevention::ExpireMaker)),
            told(TimeInForce::Ioc, waking(TriggerKind::StopLoss)),
            told(TimeInForce::Fok, waking(TriggerKind::TakeProfit)),
            told(TimeInForce::Gtc, said(SelfTradePrevention::ExpireBoth)),
            told(TimeInForce::Gtc, trailing(None)),
            told(TimeInForce::Ioc, trailing(Some(Trigger { kind: TriggerKind::StopLoss, price }))),
            told(
                TimeInForce::Gtc,
                Instructions { display: Some(quantity), ..waking(TriggerKind::StopLoss) },
            ),
            told(TimeInForce::Gtd, Instructions { expires_at: until, ..Instructions::default() }),
            told(
                TimeInForce::Day,
                Instructions { post_only: true, ..said(SelfTradePrevention::Decrement) },
            ),
            place(Ask::MarketByQuote { amount: Amount::from_units(5) }),
            Command::Cancel { order_id: OrderId::at(Partition::FIRST, 9).expect("in range") },
            Command::CancelAll { instrument: None },
            Command::SetTradeGroup { group: None },
            Command::SetTradeGroup { group: Some(u64::MAX) },
            Command::CancelAll { instrument: Some(InstrumentId(3)) },
            Command::Deposit(movement.clone()),
            Command::Withdraw(movement),
        ]
    }

    #[test]
    fn commands_survive_the_log() {
        for command in commands() {
            let command = ClientCommand {
                stamp: Stamp {
                    request_id: RequestId(u128::MAX - 5),
                    valid_until: Timestamp::from_unix_nanos(12),
                },
                account: AccountName::new("alice").expect("a good name"),
                command,
            };
            let wire = log::ClientCommand::from(&command);
            assert_eq!(ClientCommand::try_from(wire), Ok(command));
        }
    }

    /// Logs from before orders could say more hold these bytes, and keys their hash.
    #[test]
    fn a_plain_order_is_written_as_it_always_was() {
        let place = PlaceOrder {
            key: Key { space: KeySpace::Generated, text: KeyText::new("k").expect("a good key") },
            instrument: InstrumentId(1),
            side: Side::Buy,
            ask: Ask::Limit {
                price: Price::MIN,
                quantity: Quantity::from_lots(1).expect("in range"),
            },
            time_in_force: TimeInForce::Gtc,
            instructions: Instructions::default(),
        };
        let bytes = prost::Message::encode_to_vec(&log::PlaceOrder::from(&place));
        assert_eq!(bytes, [8, 3, 18, 1, 107, 24, 1, 32, 1, 40, 1, 48, 1, 56, 1, 64, 1]);
        let none = log::PlaceOrder {
            instructions: Some(log::Instructions::default()),
            ..log::PlaceOrder::from(&place)
        };
        assert_eq!(PlaceOrder::try_from(none), Ok(place), "saying nothing is plain");
    }

    #[test]
    fn what_is_not_a_command_names_its_field() {
        let good = |ask| {
            log::PlaceOrder::from(&PlaceOrder {
                key: Key {
                    space: KeySpace::Generated,
                    text: KeyText::new("k").expect("a good key"),
                },
                instrument: InstrumentId(1),
                side: Side::Buy,
                ask,
                time_in_force: TimeInForce::Gtc,
                instructions: Instructions::default(),
            })
        };
        let one = Quantity::from_lots(1).expect("in range");
        let limit = good(Ask::Limit { price: Price::MIN, quantity: one });
        let market = good(Ask::Market { quantity: one });
        let quote = to_amount(Amount::from_units(1));
        let fok: i32 = trading::TimeInForce::Fok.into();
        let gtd: i32 = trading::TimeInForce::Gtd.into();
        let saying = |instructions: log::Instructions, wire: &log::PlaceOrder| log::PlaceOrder {
            instructions: Some(instructions),
            ..wire.clone()
        };
        let resting = log::Instructions { post_only: true, ..Default::default() };
        let until = log::Instructions { expires_at_unix_nanos: 5, ..Default::default() };
        let day: i32 = trading::TimeInForce::Day.into();
        let waking = log::Instructions { trigger: 2, trigger_price_ticks: 4, ..Default::default() };
        let turning = |trigger, trailing_delta_bps| log::Instructions {
            trigger,
            trailing_delta_bps,
            ..Default::default()
        };
        let hiding = |lots| log::Instructions { display_lots: lots, ..Default::default() };
        let unknown = log::Instructions { self_trade_prevention: 9, ..Default::default() };
        let table = [
            ("time_in_force", log::PlaceOrder { time_in_force: fok, ..market.clone() }),
            ("expires_at", log::PlaceOrder { time_in_force: gtd, ..limit.clone() }),
            ("expires_at", saying(until, &limit)),
            ("post_only", saying(resting, &market)),
            ("post_only", log::PlaceOrder { time_in_force: fok, ..saying(resting, &limit) }),
            ("self_trade_prevention", saying(unknown, &limit)),
            ("trigger", saying(log::Instructions { trigger: 9, ..Default::default() }, &limit)),
            (
                "trigger",
                saying(log::Instructions { trigger_price_ticks: 9, ..Default::default() }, &limit),
            ),
            ("price_ticks", saying(log::Instructions { trigger: 1, ..Default::default() }, &limit)),
            ("trigger", saying(log::Instructions { post_only: true, ..waking }, &limit)),
            ("trigger", log::PlaceOrder { time_in_force: day, ..saying(waking, &limit) }),
            ("trailing_delta_bps", saying(turning(0, 5), &limit)),
            ("trailing_delta_bps", saying(turning(1, 10_000), &limit)),
            ("trigger", log::PlaceOrder { time_in_force: day, ..saying(turning(1, 5), &limit) }),
            ("display_lots", saying(hiding(2), &limit)),
            ("display_lots", saying(hiding(u64::MAX), &limit)),
            ("display_lots", saying(hiding(1), &market)),
            ("display_lots", log::PlaceOrder { time_in_force: day, ..saying(hiding(1), &limit) }),
            ("price_ticks", log::PlaceOrder { price_ticks: 0, ..limit.clone() }),
            ("price_ticks", log::PlaceOrder { price_ticks: u64::MAX, ..limit.clone() }),
            ("quantity_lots", log::PlaceOrder { quantity_lots: 0, ..limit.clone() }),
            ("quote_quantity", log::PlaceOrder { quote_quantity: Some(quote), ..limit.clone() }),
            ("side", log::PlaceOrder { side: 9, ..limit.clone() }),
            ("type", log::PlaceOrder { r#type: 0, ..limit.clone() }),
            ("time_in_force", log::PlaceOrder { time_in_force: 0, ..limit.clone() }),
            ("key_space", log::PlaceOrder { key_space: 0, ..limit.clone() }),
            ("key", log::PlaceOrder { key: String::new(), ..limit }),
            ("price_ticks", log::PlaceOrder { price_ticks: 1, ..market.clone() }),
            ("quote_quantity", log::PlaceOrder { quote_quantity: Some(quote), ..market }),
        ];
        for (field, wire) in table {
            assert_eq!(PlaceOrder::try_from(wire), Err(Malformed(field)));
        }
    }
}
