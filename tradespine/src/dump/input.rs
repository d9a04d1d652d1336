//! Inputs of a shard in words.

use model::{CancelOnly, OrderFilter, ReplaceMode, RequestId};
use prost::Message;
use proto::{
    command::{
        Ask, ClientCommand, Command, Key, KeySpace, KillScope, Movement, OperatorCommand,
        OperatorWord, OrderName, PlaceOrder,
    },
    convert,
    log::{self, input::Kind},
    text,
};

use super::{control, event, word};

/// The value of a record of `orders`.
pub(super) fn words(value: &[u8]) -> String {
    match log::Input::decode(value) {
        Ok(log::Input { kind: Some(kind) }) => of(kind),
        Ok(log::Input { kind: None }) => format!("not understood ({} bytes)", value.len()),
        Err(error) => word::undecodable(value, &error),
    }
}

fn of(kind: Kind) -> String {
    match kind {
        Kind::Genesis(genesis) => word::genesis(&genesis),
        Kind::Tick(log::Tick {}) => "tick".to_owned(),
        Kind::TakeOver(take_over) => format!(
            "take-over: expects epoch {}, incarnation {:016x}",
            take_over.expect_epoch, take_over.incarnation
        ),
        Kind::Quarantine(quarantine) => {
            format!("quarantine of offset {}: {}", quarantine.offset, quarantine.reason)
        }
        Kind::Upgrade(upgrade) => format!(
            "upgrade to behaviour {}{}",
            upgrade.behaviour,
            upgrade.by.as_ref().map(by).unwrap_or_default()
        ),
        Kind::ReferenceChanged(record) => word::reference(&record),
        Kind::LinkRun(run) => word::link_run(&run),
        Kind::Operator(operator) => match OperatorCommand::try_from(operator) {
            Ok(command) => operator_command(&command),
            Err(malformed) => format!("malformed command of an operator: {malformed}"),
        },
        Kind::Client(client) => match ClientCommand::try_from(client) {
            Ok(command) => client_command(&command),
            Err(malformed) => format!("malformed command: {malformed}"),
        },
    }
}

fn operator_command(command: &OperatorCommand) -> String {
    let said = match &command.command {
        OperatorWord::ChangeReference(record) => word::reference(record),
        OperatorWord::SetAccountState { account, state } => {
            format!("account {account} is {}", word::account_state(*state))
        }
        OperatorWord::SetRiskLimits { account, limits } => {
            format!("account {account} may risk {limits:?}")
        }
        OperatorWord::AssignFeeTiers(tiers) => control::assigned(tiers),
        OperatorWord::Reset { account, id } => format!("reset {account} id={id}"),
        OperatorWord::SetKillSwitch { scope, is_engaged } => {
            let scope = match scope {
                KillScope::Venue => "all trading".to_owned(),
                KillScope::Instrument(instrument) => format!("instrument {}", instrument.0),
                KillScope::Account(account) => format!("account {account}"),
            };
            format!("{} {scope}", if *is_engaged { "stop" } else { "release" })
        }
        OperatorWord::Record(call) => format!("audit {}", word::admin_call(call)),
        OperatorWord::Adjust { account, movement: moved } => {
            format!("adjust {account} {}", movement(moved))
        }
        OperatorWord::SetMarketState { instrument, state } => {
            format!("instrument {} is to be {}", instrument.0, text::market_state(*state))
        }
    };
    format!("{said}{}", by(&(&command.by).into()))
}

fn by(operator: &log::Operator) -> String {
    format!(", says {}", operator.name)
}

fn client_command(command: &ClientCommand) -> String {
    let ClientCommand { stamp, account, command } = command;
    let asked = match command {
        Command::Place(order) => format!("place {account} {}", place(order)),
        Command::PlaceList(list) => {
            let orders: Vec<String> =
                (0..list.legs.len()).map(|at| place(&list.order(at))).collect();
            let contingency = text::contingency(list.contingency);
            format!("place {contingency} list of {account}: {}", orders.join("; "))
        }
        Command::Cancel { order_id } => format!("cancel {account} order {order_id}"),
        Command::CancelNamed { order, only } => {
            let only = match only {
                None => "",
                Some(CancelOnly::New) => ", only if new",
                Some(CancelOnly::PartiallyFilled) => ", only if partially filled",
            };
            format!("cancel {account} {}{only}", order_name(order))
        }
        Command::Amend { order, quantity } => {
            format!("amend {account} {} to {} lots", order_name(order), quantity.lots())
        }
        Command::Replace(replace) => {
            let open = match replace.mode {
                ReplaceMode::StopOnFailure => "",
                ReplaceMode::AllowFailure => ", open or not,",
            };
            let replaced = order_name(&replace.replaced);
            format!("replace {account} {replaced}{open} by {}", place(&replace.place))
        }
        Command::CancelAfter(after) => {
            let instrument = after.instrument.map(|one| format!(" instrument {}", one.0));
            let seconds = after.timeout.nanos() / 1_000_000_000;
            let instrument = instrument.unwrap_or_default();
            match (after.session, after.has_ended) {
                (0, _) => format!("cancel-after {account}{instrument} {seconds} s"),
                (session, true) => format!("session {session:016x} of {account} has ended"),
                (session, false) => {
                    format!("session {session:016x} of {account} {seconds} s")
                }
            }
        }
        Command::CancelMatching(filter) => format!("cancel-all {account}{}", fitting(filter)),
        Command::CancelAll { instrument: None } => format!("cancel-all {account}"),
        Command::CancelAll { instrument: Some(instrument) } => {
            format!("cancel-all {account} instrument {}", instrument.0)
        }
        Command::SetTradeGroup { group } => {
            format!("put {account} into {}", word::trade_group(*group))
        }
        Command::Deposit(moved) => format!("deposit {account} {}", movement(moved)),
        Command::Withdraw(moved) => format!("withdraw {account} {}", movement(moved)),
        Command::Transfer(sent) => {
            format!("transfer {account} to {} {}", sent.receiver, movement(&sent.movement))
        }
    };
    let valid_until = text::rfc3339(stamp.valid_until);
    format!("{asked} request={} valid_until={valid_until}", request(stamp.request_id))
}

/// Which orders, where not all.
fn fitting(filter: &OrderFilter) -> String {
    let instrument = filter.instrument.map(|one| format!(" instrument {}", one.0));
    let side = filter.side.map(|side| format!(" {}", text::side(side)));
    let from = filter.price_from.map(|price| format!(" from {} ticks", price.ticks()));
    let to = filter.price_to.map(|price| format!(" to {} ticks", price.ticks()));
    [instrument, side, from, to].into_iter().flatten().collect()
}

fn order_name(order: &OrderName) -> String {
    match order {
        OrderName::Id(id) => format!("order {id}"),
        OrderName::Own { instrument, key } => {
            format!("instrument {} client_order_id={key}", instrument.0)
        }
        OrderName::Both { id, key } => format!("order {id} client_order_id={key}"),
    }
}

fn place(order: &PlaceOrder) -> String {
    let said = convert::instructions_to_wire(&order.instructions);
    let until = said.map_or(0, |said| said.expires_at_unix_nanos);
    format!(
        "instrument {} {} {} {} {}{}{} {}",
        order.instrument.0,
        text::side(order.side),
        text::order_type(order.ask.order_type()),
        text::time_in_force(order.time_in_force),
        ask(&order.ask),
        said.as_ref().map(event::said).unwrap_or_default(),
        event::until(until),
        key(&order.key)
    )
}

fn ask(ask: &Ask) -> String {
    match ask {
        Ask::Limit { price, quantity } => {
            format!("{} lots @ {} ticks", quantity.lots(), price.ticks())
        }
        Ask::Market { quantity } => format!("{} lots", quantity.lots()),
        Ask::MarketByQuote { amount } => format!("{} units of quote", amount.units()),
    }
}

fn key(key: &Key) -> String {
    let space = match key.space {
        KeySpace::ClientOrderId => "client_order_id",
        KeySpace::IdempotencyKey => "idempotency_key",
        KeySpace::Generated => "generated_key",
    };
    format!("{space}={}", key.text)
}

fn movement(movement: &Movement) -> String {
    format!("asset {} {} units id={}", movement.asset.0, movement.amount.units(), movement.id)
}

/// A request id, as the gateway's own log lines have it.
pub(super) fn request(id: RequestId) -> String {
    format!("{:032x}", id.0)
}
