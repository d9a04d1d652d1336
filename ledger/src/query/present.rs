//! Rows as the wire has them: here, and nowhere before, whole units become decimal text.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    AccountName, Amount, Asset, AssetId, Instrument, Partition, SelfTradePrevention, Side,
    home::home,
};
use proto::{
    convert::{
        contingency_to_wire, self_trade_to_wire, side_to_wire, time_in_force_to_wire,
        to_proto_timestamp, type_to_wire,
    },
    ledger, trading,
};

use crate::{
    row::{
        Balance, BalanceKey, IncomeKey, Leg, OrderRow, PostingKey, PostingRow, Progress, TradeRow,
    },
    solvency::{AssetSum, AssetSums},
    store::{Catalog, Postings},
};

/// An order. Its numbers are empty where its instrument was never listed, which is why it was
/// rejected.
pub(super) fn order(row: &OrderRow, catalog: &Catalog) -> trading::Order {
    let instrument = catalog.instruments.get(&row.instrument);
    let text = |write: &dyn Fn(&Instrument) -> Option<String>| {
        instrument.and_then(write).unwrap_or_default()
    };
    let trigger = row.instructions.trigger;
    trading::Order {
        id: row.id.number(),
        client_id: row.account.as_str().to_owned(),
        client_order_id: row.client_order_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        instrument: text(&|instrument| Some(instrument.symbol.to_string())),
        side: side_to_wire(row.side).into(),
        r#type: type_to_wire(row.order_type.waiting_for(row.instructions.waits_for())).into(),
        time_in_force: time_in_force_to_wire(row.time_in_force).into(),
        price: text(&|instrument| row.price.map(|price| instrument.format_price(price))),
        quantity: text(&|instrument| match row.quote_quantity {
            None => Some(instrument.format_quantity(row.state.quantity)),
            Some(_) => None,
        }),
        quote_quantity: text(&|instrument| {
            row.quote_quantity.map(|amount| instrument.format_quote_amount(amount))
        }),
        remaining: text(&|instrument| Some(instrument.format_quantity(row.state.remaining))),
        status: row.state.status.into(),
        created_at: Some(to_proto_timestamp(row.created_at)),
        updated_at: Some(to_proto_timestamp(row.state.updated_at)),
        receipt: Some(trading::Receipt {
            partition: row.id.partition().number().into(),
            offset: row.id.offset(),
        }),
        reject_reason: row.state.reason.clone(),
        fills: Vec::new(),
        post_only: row.instructions.post_only,
        self_trade_prevention: match row.instructions.self_trade {
            SelfTradePrevention::None => trading::SelfTradePrevention::Unspecified,
            mode => self_trade_to_wire(mode),
        }
        .into(),
        expires_at: row.instructions.expires_at.map(to_proto_timestamp),
        list_id: row.contingency.map_or(0, |_| row.id.record().number()),
        contingency: row
            .contingency
            .map_or(trading::Contingency::Unspecified, contingency_to_wire)
            .into(),
        display_quantity: text(&|instrument| {
            row.instructions.display.map(|display| instrument.format_quantity(display))
        }),
        trailing_delta_bps: row.instructions.trailing.map_or(0, |trailing| trailing.delta_bps()),
        stop_price: text(&|instrument| trigger.map(|at| instrument.format_price(at.price))),
        prevented_quantity: text(&|instrument| {
            let prevented = Some(row.state.prevented).filter(|prevented| !prevented.is_zero());
            prevented.map(|prevented| instrument.format_quantity(prevented))
        }),
    }
}

/// A trade, with what it cost `asker`, where somebody asks for trades of their own.
pub(super) fn trade(
    row: &TradeRow,
    asker: Option<&AccountName>,
    catalog: &Catalog,
) -> trading::Trade {
    let instrument = catalog.instruments.get(&row.instrument);
    let charged = asker.and_then(|asker| row.fee_of(asker)).filter(|(fee, _)| !fee.is_zero());
    let asset_of = |instrument: &Instrument, is_in_base: bool| {
        let id = if is_in_base { instrument.base } else { instrument.quote };
        catalog.assets.get(&id).map(|(asset, _)| asset)
    };
    let (fee, fee_asset) = charged
        .and_then(|(fee, is_in_base)| Some((fee, asset_of(instrument?, is_in_base)?)))
        .map(|(fee, asset)| (asset.format_amount(fee), asset.code.clone()))
        .unwrap_or_default();
    let symbol = instrument.map(|instrument| instrument.symbol.to_string()).unwrap_or_default();
    let (buy, sell) = match row.taker_side {
        Side::Buy => (row.taker_order, row.maker_order),
        Side::Sell => (row.maker_order, row.taker_order),
    };
    let price = instrument.map(|instrument| instrument.format_price(row.price));
    let quantity = instrument.map(|instrument| instrument.format_quantity(row.quantity));
    trading::Trade {
        id: format!("{symbol}-{}", row.id.0),
        instrument: symbol,
        sequence: row.id.0,
        price: price.unwrap_or_default(),
        quantity: quantity.unwrap_or_default(),
        buy_order_id: buy.number(),
        sell_order_id: sell.number(),
        taker_side: side_to_wire(row.taker_side).into(),
        executed_at: Some(to_proto_timestamp(row.executed_at)),
        fee,
        fee_asset,
        auction: row.in_auction,
    }
}

/// What the house has earned, summed over the partitions, by asset. `None` where a sum is beyond
/// what an amount holds.
pub(super) fn fee_income(
    rows: &BTreeMap<IncomeKey, Amount>,
    catalog: &Catalog,
) -> Option<Vec<ledger::FeeIncome>> {
    let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
    for ((asset, _), earned) in rows {
        let sum = sums.entry(*asset).or_default();
        *sum = sum.checked_add(*earned)?;
    }
    let of_listed = sums.iter().filter_map(|(id, sum)| {
        let (asset, _) = catalog.assets.get(id)?;
        let (code, amount) = (asset.code.clone(), asset.format_amount(*sum));
        Some(ledger::FeeIncome { asset: code, amount })
    });
    Some(of_listed.collect())
}

/// How many legs one answer has at most: a posting has a few, but that of a grant two for each
/// asset, and gRPC takes 4 MiB.
const LEGS_MAX: usize = 20_000;

/// Postings as far as they fit one answer, and from where to go on. Of each only the legs are told
/// that the asker may see: whom somebody traded with, and at what fee, is not for the other.
pub(super) fn postings(
    found: Postings,
    catalog: &Catalog,
    may_see: impl Fn(Option<&AccountName>) -> bool,
) -> (Vec<ledger::Posting>, Option<PostingKey>) {
    let (mut told, mut legs, mut next) = (Vec::new(), 0, found.next);
    for (key, row) in &found.rows {
        legs += row.legs.len();
        if legs > LEGS_MAX && !told.is_empty() {
            next = told.last().map(|(key, _)| *key);
            break;
        }
        told.push((*key, posting(*key, row, catalog, &may_see)));
    }
    (told.into_iter().map(|(_, posting)| posting).collect(), next)
}

fn posting(
    key: PostingKey,
    row: &PostingRow,
    catalog: &Catalog,
    may_see: impl Fn(Option<&AccountName>) -> bool,
) -> ledger::Posting {
    let trade_id = row.trade.map(|(instrument, id)| {
        let symbol = catalog.instruments.get(&instrument).map(|known| known.symbol.to_string());
        format!("{}-{}", symbol.unwrap_or_default(), id.0)
    });
    let leg = |leg: &Leg| {
        let asset = catalog.assets.get(&leg.asset).map(|(asset, _)| asset);
        ledger::PostingLeg {
            bucket: proto::text::bucket(leg.bucket).to_owned(),
            client_id: leg.account.as_ref().map_or_else(String::new, ToString::to_string),
            asset: asset.map_or_else(String::new, |asset| asset.code.clone()),
            amount: asset.map_or_else(String::new, |asset| signed(asset, leg.amount)),
        }
    };
    ledger::Posting {
        partition: key.partition.number().into(),
        answer: key.out_seq,
        number: key.number,
        cause: proto::text::posting_cause(row.cause).to_owned(),
        order_id: row.order.map_or(0, |id| id.number()),
        trade_id: trade_id.unwrap_or_default(),
        external_id: row.external_id.as_ref().map_or_else(String::new, ToString::to_string),
        legs: row.legs.iter().filter(|leg| may_see(leg.account.as_ref())).map(leg).collect(),
    }
}

/// What there is of each listed asset, beside what there should be.
pub(super) fn solvency(sums: &AssetSums, catalog: &Catalog) -> Vec<ledger::AssetSolvency> {
    let told = |(asset, sum): (&Asset, &AssetSum)| {
        let text = |amount| signed(asset, amount);
        let AssetSum { deposited, withdrawn, granted, adjusted, available, held, link, fees } =
            *sum;
        ledger::AssetSolvency {
            asset: asset.code.clone(),
            deposited: text(deposited),
            withdrawn: text(withdrawn),
            granted: text(granted),
            adjusted: text(adjusted),
            available: text(available),
            held: text(held),
            in_flight: text(link),
            fees: text(fees),
            difference: sum.difference().map_or_else(|| "?".to_owned(), text),
            is_sound: sum.is_sound(),
        }
    };
    let listed = |(id, sum)| Some((&catalog.assets.get(id)?.0, sum));
    sums.iter().filter_map(listed).map(told).collect()
}

/// How far a partition is, where it has begun.
pub(super) fn progress(partition: Partition, at: Option<Progress>) -> ledger::PartitionProgress {
    ledger::PartitionProgress {
        partition: partition.number().into(),
        out_seq: at.as_ref().map_or(0, |at| at.out_seq),
        in_offset: at.as_ref().map_or(0, |at| at.in_offset),
        now: at.map(|at| proto::convert::to_proto_timestamp(at.now)),
    }
}

fn signed(asset: &Asset, amount: Amount) -> String {
    model::decimal::format_units(amount.units(), asset.decimals)
}

/// Whose balances these are, and of how many shards.
pub(super) struct Owner<'a> {
    pub(super) account: &'a AccountName,
    pub(super) partition_count: u16,
    pub(super) is_sandbox: bool,
}

/// An account's balances, summed over the partitions, by asset, and what is on its way between
/// them. In a sandbox an asset of which the account has no row at its home is at its grant there:
/// the account is new or was compacted away, or the asset was listed after its last record. `None`
/// where a sum is beyond what an amount holds.
///
/// One partition may be read further than another. What it took from one that is behind is counted
/// once all the same: the links then add up to less than nothing, and that much is not there twice.
pub(super) fn balances(
    rows: &BTreeMap<BalanceKey, Balance>,
    catalog: &Catalog,
    owner: &Owner<'_>,
) -> Option<Vec<ledger::Balance>> {
    let home = home(owner.account, owner.partition_count);
    let mut sums: BTreeMap<AssetId, Balance> = BTreeMap::new();
    let mut at_home: BTreeSet<AssetId> = BTreeSet::new();
    for (key, row) in rows {
        let sum = sums.entry(key.asset).or_default();
        sum.available = sum.available.checked_add(row.available)?;
        sum.held = sum.held.checked_add(row.held)?;
        sum.link = sum.link.checked_add(row.link)?;
        at_home.extend((key.partition == home).then_some(key.asset));
    }
    let mut found = Vec::new();
    for (id, (asset, grant)) in &catalog.assets {
        let is_at_grant = owner.is_sandbox && !at_home.contains(id);
        let Balance { mut available, held, link } = match sums.get(id) {
            Some(balance) => *balance,
            None if is_at_grant => Balance::default(),
            None => continue,
        };
        if is_at_grant {
            available = available.checked_add(*grant)?;
        }
        available = available.checked_add(link.min(Amount::ZERO))?;
        let is_on_its_way = link > Amount::ZERO;
        found.push(ledger::Balance {
            asset: asset.code.clone(),
            available: asset.format_amount(available),
            held: asset.format_amount(held),
            in_flight: if is_on_its_way { asset.format_amount(link) } else { String::new() },
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use model::{Asset, Partition};

    use super::*;

    const USD: AssetId = AssetId(1);

    /// What alice, who is at home on shard 2 of 3 and was granted 1,000, is told of her rows.
    fn told(rows: &[(u16, i128, i128, i128)], is_sandbox: bool) -> Vec<[String; 3]> {
        let account = AccountName::new("alice").expect("a good name");
        let rows = rows.iter().map(|(partition, available, held, link)| {
            let partition = Partition::new(*partition).expect("in range");
            let [available, held, link] = [available, held, link].map(|n| Amount::from_units(*n));
            let key = BalanceKey { account: account.clone(), asset: USD, partition };
            (key, Balance { available, held, link })
        });
        let asset = Asset { id: USD, code: "USD".to_owned(), decimals: 0 };
        let mut catalog = Catalog::default();
        catalog.assets.insert(USD, (asset, Amount::from_units(1_000)));
        let owner = Owner { account: &account, partition_count: 3, is_sandbox };
        let told = balances(&rows.collect(), &catalog, &owner).expect("small");
        told.into_iter().map(|one| [one.available, one.held, one.in_flight]).collect()
    }

    #[test]
    fn there_is_one_balance_wherever_the_money_is_and_however_far_each_shard_is_read() {
        // A shard, and what is available, held and on its way there.
        type Row = (u16, i128, i128, i128);
        let cases: [(&str, &[Row], [&str; 3]); 6] = [
            ("a new account is at its grant", &[], ["1000", "0", ""]),
            ("home has sent, nobody has taken", &[(2, 600, 0, 400)], ["600", "0", "400"]),
            (
                "some was taken and is held",
                &[(2, 600, 0, 400), (1, 50, 250, -300)],
                ["650", "250", "100"],
            ),
            ("all was taken", &[(2, 600, 0, 400), (1, 0, 400, -400)], ["600", "400", ""]),
            // Shard 1 is read further than home, which has not even opened the account.
            ("it was taken before it was sent", &[(1, 100, 300, -400)], ["700", "300", ""]),
            // Home is compacted: all came back but what was won meanwhile.
            ("home is at its grant", &[(1, 5, 0, 0)], ["1005", "0", ""]),
        ];
        for (what, rows, expected) in cases {
            assert_eq!(told(rows, true), [expected.map(str::to_owned)], "{what}");
        }
        assert_eq!(told(&[], false), Vec::<[String; 3]>::new());
        let expected = ["5", "0", ""].map(str::to_owned);
        assert_eq!(told(&[(1, 5, 0, 0)], false), [expected]);
    }
}
