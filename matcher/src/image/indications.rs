//! What was told of auctions to come, as a snapshot keeps it.

use matcher_core::Indication;
use model::{InstrumentId, Timestamp};
use prost::Message;
use proto::convert;

use crate::indication::{Indicated, Indications};

#[derive(Clone, PartialEq, Message)]
pub(super) struct IndicationWire {
    #[prost(uint32, tag = "1")]
    instrument_id: u32,
    #[prost(fixed64, tag = "2")]
    at_unix_nanos: u64,
    /// 0 where nothing would trade.
    #[prost(uint64, tag = "3")]
    price_ticks: u64,
    #[prost(uint64, tag = "4")]
    volume_lots: u64,
    /// What would be left over of buyers, and of sellers: one of the two.
    #[prost(uint64, tag = "5")]
    bought_lots: u64,
    #[prost(uint64, tag = "6")]
    sold_lots: u64,
}

pub(super) fn to_wire(indications: &Indications) -> Vec<IndicationWire> {
    let wire = |(instrument, told): (&InstrumentId, &Indicated)| {
        let lots = |surplus: i128| u64::try_from(surplus.max(0)).unwrap_or(u64::MAX);
        let surplus = told.what.map_or(0, |what| what.surplus);
        IndicationWire {
            instrument_id: instrument.0,
            at_unix_nanos: told.at.unix_nanos(),
            price_ticks: told.what.map_or(0, |what| what.price.ticks()),
            volume_lots: told.what.map_or(0, |what| what.volume),
            bought_lots: lots(surplus),
            sold_lots: lots(-surplus),
        }
    };
    indications.iter().map(wire).collect()
}

pub(super) fn restore(wires: &[IndicationWire]) -> Result<Indications, String> {
    let mut indications = Indications::new();
    for wire in wires {
        let instrument = InstrumentId(wire.instrument_id);
        if indications.last_key_value().is_some_and(|(last, _)| *last >= instrument) {
            return Err(format!("the auction of instrument {} is out of order", instrument.0));
        }
        let at = Timestamp::from_unix_nanos(wire.at_unix_nanos);
        indications.insert(instrument, Indicated { at, what: indication(wire)? });
    }
    Ok(indications)
}

fn indication(wire: &IndicationWire) -> Result<Option<Indication>, String> {
    let IndicationWire { price_ticks, volume_lots: volume, bought_lots, sold_lots, .. } = *wire;
    if price_ticks == 0 && (volume, bought_lots, sold_lots) == (0, 0, 0) {
        return Ok(None);
    }
    let is_possible = volume > 0 && (bought_lots == 0 || sold_lots == 0);
    if price_ticks == 0 || !is_possible {
        return Err(format!("instrument {} has no such auction", wire.instrument_id));
    }
    let price = convert::price(price_ticks).map_err(|error| error.to_string())?;
    let surplus = i128::from(bought_lots) - i128::from(sold_lots);
    Ok(Some(Indication { price, volume, surplus }))
}
