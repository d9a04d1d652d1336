//! What the ledger's tables must hold, row by row, as PostgreSQL writes rows with COPY: columns
//! parted by tabs, nothing as `\N`.

use std::io::{self, Write};

use super::{
    Fold, Now, Spool,
    links::goes_between,
    money::{AVAILABLE, HELD, LINK, amount, halves},
};
use crate::check::{chain::hex, wire::Message};

/// Key space of a client's own order ids; other keys are not kept with the order.
const CLIENT_ORDER_ID: u32 = 1;

/// Writes an answer's postings and their legs, which come in the order of their tables' keys.
/// A posting that cannot be read writes nothing: that is found elsewhere.
pub(super) fn spool<W: Write>(
    now: &Now<'_>,
    postings: &[Message<'_>],
    spool: &mut Spool<W>,
) -> io::Result<()> {
    let (partition, out_seq) = (now.partition, now.out_seq);
    for (number, posting) in postings.iter().enumerate() {
        let external_id = posting.text(5).unwrap_or_default();
        let is_linked = goes_between(posting).unwrap_or_default();
        let link = if is_linked { posting.number(7).to_string() } else { String::new() };
        writeln!(
            spool.postings,
            "{partition}\t{out_seq}\t{number}\t{}\t{}\t{}\t{}\t{}\t{}",
            posting.number(1),
            posting.number(2),
            posting.number(3),
            posting.number(4),
            null(external_id),
            null(&link)
        )?;
        for (leg, wire) in posting.messages(6).unwrap_or_default().iter().enumerate() {
            let bucket = wire.small(1).unwrap_or_default();
            let is_somebodys = [AVAILABLE, HELD, LINK].contains(&bucket);
            let account = wire.small(2).ok().and_then(|index| now.account(index).ok());
            let account = account.filter(|_| is_somebodys);
            let (units, units_high) = halves(amount(wire.message(4).unwrap_or_default()));
            writeln!(
                spool.legs,
                "{partition}\t{out_seq}\t{number}\t{leg}\t{bucket}\t{}\t{}\t{units}\t{units_high}",
                null(account.as_deref().unwrap_or_default()),
                wire.number(3),
            )?;
        }
    }
    Ok(())
}

fn null(text: &str) -> &str {
    if text.is_empty() { "\\N" } else { text }
}

/// All rows of one table, in the order of its key.
type Rows<'a> = Box<dyn Iterator<Item = String> + 'a>;

impl Fold {
    pub(in crate::check) fn order_rows(&self) -> Rows<'_> {
        Box::new(self.orders.iter().map(|(id, order)| {
            let terms = &order.terms;
            let is_clients = terms.key_space == CLIENT_ORDER_ID;
            let key = if is_clients { null(&terms.key) } else { "\\N" };
            let (quote, quote_high) = halves(terms.quote_units);
            format!(
                "{id}\t{}\t{key}\t{}\t{}\t{}\t{}\t{}\t{}\t{quote}\t{quote_high}\t{}\t{}\t{}\t{}\t{}",
                terms.account,
                terms.instrument,
                terms.side,
                terms.kind,
                terms.time_in_force,
                terms.price_ticks,
                terms.quantity_lots,
                order.remaining_lots,
                order.status as u8,
                order.reason,
                order.created_nanos,
                order.updated_nanos
            )
        }))
    }

    pub(in crate::check) fn alias_rows(&self) -> Rows<'_> {
        Box::new(self.aliases.iter().map(|(alias, order)| format!("{alias}\t{order}")))
    }

    pub(in crate::check) fn trade_rows(&self) -> Rows<'_> {
        Box::new(self.trades.iter().map(|((instrument, number), trade)| {
            format!(
                "{instrument}\t{number}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                trade.price_ticks,
                trade.quantity_lots,
                trade.maker,
                trade.taker,
                trade.maker_account,
                trade.taker_account,
                trade.taker_side,
                trade.executed_nanos
            )
        }))
    }

    pub(in crate::check) fn balance_rows(&self) -> Rows<'_> {
        Box::new(self.balances.iter().map(|((account, asset, partition), balance)| {
            let (available, available_high) = halves(balance.available);
            let (held, held_high) = halves(balance.held);
            let (link, link_high) = halves(balance.link);
            format!(
                "{account}\t{asset}\t{partition}\t{available}\t{available_high}\t{held}\t\
                 {held_high}\t{link}\t{link_high}"
            )
        }))
    }

    pub(in crate::check) fn asset_rows(&self) -> Rows<'_> {
        Box::new(self.assets.iter().map(|(id, asset)| {
            let (code, decimals) = (&asset.code, asset.decimals);
            format!("{id}\t{code}\t{decimals}\t{}\t{}", asset.grant_units, asset.version)
        }))
    }

    pub(in crate::check) fn instrument_rows(&self) -> Rows<'_> {
        Box::new(self.instruments.iter().map(|(id, listed)| {
            format!(
                "{id}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                listed.base,
                listed.quote,
                listed.tick_units,
                listed.lot_units,
                listed.protection_bps,
                listed.partition,
                listed.version
            )
        }))
    }

    pub(in crate::check) fn progress_rows(&self) -> Rows<'_> {
        Box::new(self.progress.iter().map(|(partition, progress)| {
            format!(
                "{partition}\t{}\t{}\t{}\t{}\t{}\t{}",
                hex(&progress.log_id),
                progress.out_seq,
                progress.in_offset,
                hex(&progress.chain),
                progress.next_offset,
                progress.now_nanos
            )
        }))
    }
}
