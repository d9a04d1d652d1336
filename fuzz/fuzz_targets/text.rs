//! Numbers, instants, names and ids as the edges write them. What is read is written, and read
//! again, as the same. The first byte chooses the precision.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{AccountName, Instrument, KeyText, OrderId, decimal};
use tradespine_fuzz::catalogue;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let decimals = first % (decimal::DECIMALS_MAX + 1);
    if let Ok(units) = decimal::parse_units(text, decimals) {
        let written = decimal::format_units(units, decimals);
        assert_eq!(decimal::parse_units(&written, decimals), Ok(units), "{text} as {written}");
        let minus = decimal::format_units(-units, decimals);
        assert_eq!(minus.trim_start_matches('-'), written);
    }
    let catalogue = catalogue();
    for listed in catalogue.instruments() {
        values(&listed.instrument, text);
    }
    if let Some(instant) = proto::text::parse_rfc3339(text) {
        let written = proto::text::rfc3339(instant);
        let again = proto::text::parse_rfc3339(&written).expect("it was written");
        assert_eq!(again.unix_nanos() / 1_000, instant.unix_nanos() / 1_000, "{text} as {written}");
        let wire = proto::convert::to_proto_timestamp(instant);
        assert_eq!(proto::convert::from_proto_timestamp(&wire), Some(instant));
    }
    if let Ok(name) = AccountName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(key) = KeyText::new(text) {
        assert_eq!(key.as_str(), text);
    }
    if let Ok(id) = gateway::entry::order_id(text) {
        assert_eq!(OrderId::from_number(id.number()), Some(id));
        assert_eq!(
            OrderId::at(id.partition(), id.offset()).and_then(|at| at.with_leg(id.leg())),
            Some(id)
        );
    }
    let _ = gateway::entry::trade_group(Some(text));
});

fn values(instrument: &Instrument, text: &str) {
    if let Ok(price) = instrument.parse_price(text) {
        let written = instrument.format_price(price);
        assert_eq!(instrument.parse_price(&written), Ok(price), "{text} as {written}");
    }
    if let Ok(quantity) = instrument.parse_quantity(text) {
        let written = instrument.format_quantity(quantity);
        assert_eq!(instrument.parse_quantity(&written), Ok(quantity), "{text} as {written}");
    }
    if let Ok(amount) = instrument.parse_quote_amount(text) {
        let written = instrument.format_quote_amount(amount);
        assert_eq!(instrument.parse_quote_amount(&written), Ok(amount), "{text} as {written}");
    }
}
