//! What stands in the log of clients, of those who run the platform, of other shards, and of what
//! is listed: refused, or a checked value that goes back to the wire and comes from it again as the
//! same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use proto::{
    command::{ClientCommand, OperatorCommand},
    convert,
    link::LinkItem,
    log,
    reference::{FeeTierTable, InstrumentListing},
};
use tradespine_fuzz::catalogue;

fuzz_target!(|data: &[u8]| {
    if let Ok(wire) = log::ClientCommand::decode(data)
        && let Ok(command) = ClientCommand::try_from(wire)
    {
        let wire = log::ClientCommand::from(&command);
        assert_eq!(ClientCommand::try_from(wire).as_ref(), Ok(&command));
    }
    if let Ok(wire) = log::OperatorCommand::decode(data)
        && let Ok(command) = OperatorCommand::try_from(wire)
    {
        let wire = log::OperatorCommand::from(&command);
        assert_eq!(OperatorCommand::try_from(wire).as_ref(), Ok(&command));
    }
    if let Ok(wire) = log::LinkItem::decode(data)
        && let Ok(item) = LinkItem::try_from(&wire)
    {
        assert_eq!(LinkItem::try_from(&log::LinkItem::from(&item)).as_ref(), Ok(&item));
    }
    if let Ok(wire) = InstrumentListing::decode(data) {
        listing(&wire);
    }
    if let Ok(wire) = FeeTierTable::decode(data)
        && let Ok(volumes) = convert::tier_volumes(&wire)
    {
        let again = convert::tier_volumes(&convert::tier_volumes_to_wire(&volumes));
        assert_eq!(again.as_ref().ok(), Some(&volumes));
    }
    if let Ok(wire) = log::RiskLimits::decode(data)
        && let Ok(limits) = convert::risk_limits(Some(&wire))
    {
        let wire = convert::risk_limits_to_wire(&limits);
        assert_eq!(convert::risk_limits(wire.as_ref()).as_ref(), Ok(&limits));
    }
});

fn listing(wire: &InstrumentListing) {
    let catalogue = catalogue();
    if let Some(listed) = catalogue.instruments().next() {
        let _ = convert::instrument(wire, &listed.base, &listed.quote);
    }
    if let Some(filters) = convert::filters(wire.filters.as_ref()) {
        let wire = convert::filters_to_wire(&filters);
        assert_eq!(convert::filters(wire.as_ref()), Some(filters));
    }
    if let Ok(fees) = convert::tier_fees(wire) {
        let wire =
            InstrumentListing { fee_tiers: convert::tier_fees_to_wire(&fees), ..wire.clone() };
        assert_eq!(convert::tier_fees(&wire).ok(), Some(fees));
    }
}
