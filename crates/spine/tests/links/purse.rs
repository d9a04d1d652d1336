//! The smallest core with links: a shard has coins, sends some where a client says so, and sends
//! half of what comes on to the next shard.

use model::{Partition, Timestamp};
use proto::{
    draft::Draft,
    log::{self, link_item, outcome},
    reference::ReferenceRecord,
};
use spine::{ClientInput, Core, LinkInput};

/// What every shard has in the beginning.
pub(crate) const COINS: i64 = 1_000;

#[derive(Debug)]
pub(crate) struct Purse {
    partition: u64,
    count: u64,
    pub(crate) coins: i64,
    /// What came, folded with whence: the same only where the same came in the same order.
    pub(crate) digest: u64,
    /// What is to be sent on at the next chance, to the next shard.
    owed: i64,
}

pub(crate) fn item(coins: i64) -> log::LinkItem {
    let amount = Some(log::Amount { units: coins, units_high: 0 });
    let kind = link_item::Kind::Granted(log::FundsGranted { amount });
    log::LinkItem { account: "a".to_owned(), asset_id: 1, kind: Some(kind) }
}

pub(crate) fn coins_in(item: &log::LinkItem) -> i64 {
    match &item.kind {
        Some(link_item::Kind::Granted(granted)) => {
            granted.amount.as_ref().map_or(0, |amount| amount.units)
        }
        _ => 0,
    }
}

impl Purse {
    fn send(&mut self, to: u64, coins: i64, body: &mut Draft) {
        let coins = coins.min(self.coins);
        if to == self.partition || coins <= 0 {
            return;
        }
        self.coins -= coins;
        body.links_sent.push(log::LinkSent {
            destination: u32::try_from(to).expect("small"),
            link_seq: 0,
            item: Some(item(coins)),
        });
    }
}

impl Core for Purse {
    fn new(genesis: &log::Genesis, partition: Partition) -> Self {
        let count = genesis.partition_count.into();
        Purse { partition: partition.number().into(), count, coins: COINS, digest: 0, owed: 0 }
    }

    fn pass_time(&mut self, _now: Timestamp, _body: &mut Draft) {}

    /// The client's name says how much goes where: `to-shard-coins`.
    fn apply(&mut self, input: &ClientInput<'_>, body: &mut Draft) {
        let words: Vec<&str> = input.command.account.as_str().split('-').collect();
        if let ["to", to, coins] = words[..] {
            let (to, coins) = (to.parse().expect("a shard"), coins.parse().expect("a number"));
            self.send(to, coins, body);
        }
        body.outcome = Some(log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) });
    }

    fn take_link(&mut self, input: &LinkInput<'_>, _body: &mut Draft) -> Result<(), String> {
        let coins = coins_in(input.item);
        self.coins += coins;
        self.owed += coins / 2;
        let from = u64::from(input.from.number());
        self.digest = self.digest.wrapping_mul(31).wrapping_add(from * 1_000_003);
        self.digest = self.digest.wrapping_add(u64::try_from(coins).map_err(|_| "debts")?);
        Ok(())
    }

    fn go_on(&mut self, _now: Timestamp, body: &mut Draft) {
        let owed = std::mem::take(&mut self.owed);
        self.send((self.partition + 1) % self.count, owed, body);
    }

    fn change_reference(&mut self, _change: &ReferenceRecord, body: &mut Draft) {
        body.outcome = Some(log::Outcome { kind: Some(outcome::Kind::Stale(log::Stale {})) });
    }

    fn encode(&self) -> Vec<u8> {
        let Purse { partition, count, coins, digest, owed } = self;
        let numbers = [*partition, *count, coins.cast_unsigned(), *digest, owed.cast_unsigned()];
        numbers.map(u64::to_be_bytes).concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|chunk| u64::from_be_bytes(*chunk)).collect();
        match (&numbers[..], rest) {
            ([partition, count, coins, digest, owed], []) => Ok(Purse {
                partition: *partition,
                count: *count,
                coins: coins.cast_signed(),
                digest: *digest,
                owed: owed.cast_signed(),
            }),
            _ => Err("another length".to_owned()),
        }
    }
}
