//! The part of a snapshot that tells what waits for money from other shards, and what they ask.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountHandle, AssetId, OrderId, Partition, Timestamp};
use prost::Message;
use proto::{
    command::{Movement, PlaceList, PlaceOrder, Transfer},
    convert, log,
};

use crate::park::{
    Asked, Park, Parked, Purse, Waiting,
    home::{Ask, Asks, HomeQueue},
};

#[derive(Clone, PartialEq, Message)]
pub(super) struct ParkWire {
    #[prost(message, repeated, tag = "1")]
    parked: Vec<ParkedWire>,
    #[prost(message, repeated, tag = "2")]
    queues: Vec<QueueWire>,
    #[prost(message, repeated, tag = "3")]
    asks: Vec<HomeQueueWire>,
}

/// An order, a list or a withdrawal, whichever it has.
#[derive(Clone, PartialEq, Message)]
struct ParkedWire {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    account: u32,
    #[prost(uint32, tag = "3")]
    asset_id: u32,
    #[prost(message, optional, tag = "4")]
    order: Option<log::PlaceOrder>,
    #[prost(message, optional, tag = "5")]
    withdrawal: Option<log::Withdrawal>,
    #[prost(message, optional, tag = "60")]
    transfer: Option<log::Transfer>,
    #[prost(message, optional, tag = "6")]
    held: Option<log::Amount>,
    #[prost(fixed64, tag = "7")]
    until_unix_nanos: u64,
    #[prost(message, optional, tag = "50")]
    list: Option<log::PlaceOrderList>,
}

/// What is owed to a queue; what waits in it follows from what is parked.
#[derive(Clone, PartialEq, Message)]
struct QueueWire {
    #[prost(uint32, tag = "1")]
    account: u32,
    #[prost(uint32, tag = "2")]
    asset_id: u32,
    #[prost(message, optional, tag = "3")]
    asked: Option<AskedWire>,
    #[prost(uint64, optional, tag = "4")]
    denied: Option<u64>,
    #[prost(bool, tag = "5")]
    is_ready: bool,
}

#[derive(Clone, PartialEq, Message)]
struct AskedWire {
    #[prost(uint64, tag = "1")]
    by: u64,
    #[prost(message, optional, tag = "2")]
    wanted: Option<log::Amount>,
}

#[derive(Clone, PartialEq, Message)]
struct HomeQueueWire {
    #[prost(uint32, tag = "1")]
    account: u32,
    #[prost(uint32, tag = "2")]
    asset_id: u32,
    #[prost(message, repeated, tag = "3")]
    asks: Vec<AskWire>,
    #[prost(uint32, repeated, tag = "4")]
    awaited: Vec<u32>,
    #[prost(fixed64, optional, tag = "5")]
    until_unix_nanos: Option<u64>,
    #[prost(bool, tag = "6")]
    is_ready: bool,
}

#[derive(Clone, PartialEq, Message)]
struct AskWire {
    #[prost(uint32, tag = "1")]
    from: u32,
    #[prost(message, optional, tag = "2")]
    wanted: Option<log::Amount>,
    #[prost(message, optional, tag = "3")]
    least: Option<log::Amount>,
}

/// `None` where nothing waits and nobody asks, as on the one shard of most.
pub(super) fn to_wire(park: &Park, asks: &Asks) -> Option<ParkWire> {
    let parked = park.parked.iter().map(|(id, parked)| parked_to_wire(*id, parked)).collect();
    let queues = park.queues.iter().map(|(purse, queue)| QueueWire {
        account: purse.0.0,
        asset_id: purse.1.0,
        asked: queue.asked.map(|asked| AskedWire {
            by: asked.by.number(),
            wanted: Some(convert::to_amount(asked.wanted)),
        }),
        denied: queue.denied.map(OrderId::number),
        is_ready: park.ready.contains(purse),
    });
    let asks = asks.queues.iter().map(|(purse, queue)| HomeQueueWire {
        account: purse.0.0,
        asset_id: purse.1.0,
        asks: queue.asks.iter().map(ask_to_wire).collect(),
        awaited: queue.awaited.iter().map(|from| from.number().into()).collect(),
        until_unix_nanos: queue.until.map(Timestamp::unix_nanos),
        is_ready: asks.ready.contains(purse),
    });
    let wire = ParkWire { parked, queues: queues.collect(), asks: asks.collect() };
    (wire != ParkWire::default()).then_some(wire)
}

fn parked_to_wire(id: OrderId, parked: &Parked) -> ParkedWire {
    let Parked { purse, waiting, held, until } = parked;
    let wire = ParkedWire {
        id: id.number(),
        account: purse.0.0,
        asset_id: purse.1.0,
        held: Some(convert::to_amount(*held)),
        until_unix_nanos: until.unix_nanos(),
        ..Default::default()
    };
    match waiting {
        Waiting::Order(place) => ParkedWire { order: Some(place.into()), ..wire },
        Waiting::List(list) => ParkedWire { list: Some(list.into()), ..wire },
        Waiting::Withdrawal(movement) => ParkedWire { withdrawal: Some(movement.into()), ..wire },
        Waiting::Transfer(transfer) => ParkedWire { transfer: Some(transfer.into()), ..wire },
    }
}

fn ask_to_wire(ask: &Ask) -> AskWire {
    AskWire {
        from: ask.from.number().into(),
        wanted: Some(convert::to_amount(ask.wanted)),
        least: Some(convert::to_amount(ask.least)),
    }
}

/// What waits and what is asked, each number in its range; whether it all fits together is for the
/// invariants to say.
pub(super) fn restore(wire: Option<ParkWire>) -> Result<(Park, Asks), String> {
    let wire = wire.unwrap_or_default();
    let park = park(wire.parked, &wire.queues).map_err(|error| error.to_string())?;
    let asks = asks(&wire.asks).map_err(|error| error.to_string())?;
    Ok((park, asks))
}

type Checked<T> = Result<T, convert::Malformed>;

fn park(parked: Vec<ParkedWire>, queues: &[QueueWire]) -> Checked<Park> {
    let mut park = Park::default();
    for wire in parked {
        let (id, one) = parked_from_wire(wire)?;
        if park.parked.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Err(convert::Malformed("parked"));
        }
        park.insert(id, one);
    }
    for wire in queues {
        let purse = (AccountHandle(wire.account), AssetId(wire.asset_id));
        let queue = park.queues.entry(purse).or_default();
        queue.asked = match &wire.asked {
            Some(asked) => Some(Asked {
                by: convert::order_id(asked.by)?,
                wanted: convert::amount(asked.wanted.as_ref())?,
            }),
            None => None,
        };
        queue.denied = wire.denied.map(convert::order_id).transpose()?;
        if wire.is_ready {
            park.ready.insert(purse);
        }
    }
    Ok(park)
}

fn parked_from_wire(wire: ParkedWire) -> Checked<(OrderId, Parked)> {
    let waiting = match (wire.order, wire.list, wire.withdrawal, wire.transfer) {
        (Some(order), None, None, None) => Waiting::Order(PlaceOrder::try_from(order)?),
        (None, Some(list), None, None) => Waiting::List(PlaceList::try_from(list)?),
        (None, None, Some(withdrawal), None) => {
            Waiting::Withdrawal(Movement::try_from(withdrawal)?)
        }
        (None, None, None, Some(transfer)) => Waiting::Transfer(Transfer::try_from(transfer)?),
        _ => return Err(convert::Malformed("parked")),
    };
    let parked = Parked {
        purse: (AccountHandle(wire.account), AssetId(wire.asset_id)),
        waiting,
        held: convert::amount(wire.held.as_ref())?,
        until: Timestamp::from_unix_nanos(wire.until_unix_nanos),
    };
    Ok((convert::order_id(wire.id)?, parked))
}

fn asks(wires: &[HomeQueueWire]) -> Checked<Asks> {
    let (mut queues, mut ready) = (BTreeMap::new(), BTreeSet::new());
    for wire in wires {
        let purse: Purse = (AccountHandle(wire.account), AssetId(wire.asset_id));
        let queue = HomeQueue {
            asks: wire.asks.iter().map(ask_from_wire).collect::<Checked<_>>()?,
            awaited: wire.awaited.iter().map(|from| partition(*from)).collect::<Checked<_>>()?,
            until: wire.until_unix_nanos.map(Timestamp::from_unix_nanos),
        };
        if queues.insert(purse, queue).is_some() {
            return Err(convert::Malformed("asks"));
        }
        if wire.is_ready {
            ready.insert(purse);
        }
    }
    Ok(Asks::restore(queues, ready))
}

fn ask_from_wire(wire: &AskWire) -> Checked<Ask> {
    Ok(Ask {
        from: partition(wire.from)?,
        wanted: convert::amount(wire.wanted.as_ref())?,
        least: convert::amount(wire.least.as_ref())?,
    })
}

fn partition(number: u32) -> Checked<Partition> {
    let partition = u16::try_from(number).ok().and_then(Partition::new);
    partition.ok_or(convert::Malformed("partition"))
}
