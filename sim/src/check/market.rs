//! Public books and tapes: of every broadcaster, of every listener, and of the shards themselves.

use std::collections::BTreeMap;

use broadcaster::market::{Content, Depth, Level, Market, Trade};
use model::{InstrumentId, Price};

use super::truth::Truths;
use crate::{fault::Fault, world::World};

/// Trades by number, of each instrument.
type Trades = BTreeMap<InstrumentId, BTreeMap<u64, Trade>>;

pub(super) fn check(world: &World, truths: &Truths) -> Result<(), Fault> {
    let (market, trades) = fold(truths).map_err(Fault::Market)?;
    for (number, broadcaster) in world.broadcasters.iter().enumerate() {
        let image = broadcaster.hub().map(|hub| hub.image());
        if image.as_ref() != Some(&market.image()) {
            return Err(Fault::Market(format!("broadcaster {number} has another one")));
        }
    }
    for listed in &world.instruments {
        let instrument = listed.instrument.id;
        let own = shards_own(truths, instrument);
        let public = market.book(instrument).map(|book| book.top(usize::MAX));
        if public.as_ref() != Some(&own) {
            let symbol = listed.symbol();
            return Err(Fault::Market(format!(
                "{symbol} is {public:?}, and the shard has {own:?}"
            )));
        }
    }
    let nothing = BTreeMap::new();
    for listener in &world.listeners {
        let (instrument, heard) = (listener.instrument, listener.depth());
        if heard != shards_own(truths, instrument) {
            return Err(Fault::Market(format!("a listener of {instrument:?} has {heard:?}")));
        }
        if listener.trades != *trades.get(&instrument).unwrap_or(&nothing) {
            let count = listener.trades.len();
            let what = format!("a listener of {instrument:?} has {count} trades, and not all");
            return Err(Fault::Market(what));
        }
    }
    Ok(())
}

fn fold(truths: &Truths) -> Result<(Market, Trades), String> {
    let (mut market, mut trades) = (Market::default(), Trades::new());
    let mut frames = Vec::new();
    for (_, answer) in truths.of.iter().flat_map(|truth| &truth.answers) {
        market.apply(&answer.clone().into(), &mut frames).map_err(|error| error.to_string())?;
    }
    for frame in frames {
        if let Content::Trade(trade) = frame.content() {
            let of_instrument = trades.entry(frame.listed().instrument.id).or_default();
            of_instrument.insert(trade.sequence, *trade);
        }
    }
    Ok((market, trades))
}

/// The book as its shard has it: only one shard has one.
fn shards_own(truths: &Truths, instrument: InstrumentId) -> Depth {
    let level = |(price, lots): &(Price, u64)| Level { price: *price, lots: *lots };
    let depths = truths.of.iter().map(|truth| {
        let depth = truth.replica.core().exchange().books().depth(instrument, usize::MAX);
        Depth {
            sequence: depth.sequence,
            bids: depth.bids.iter().map(level).collect(),
            asks: depth.asks.iter().map(level).collect(),
        }
    });
    depths.max_by_key(|depth| depth.sequence).unwrap_or_default()
}
