//! The ledgers' store is the fold of the answers, at other batch sizes than they chose.

use ledger::{
    projection::Projector,
    store::{MemoryStore, Store},
    tables::Tables,
};

use super::truth::Truths;
use crate::{fault::Fault, running::at_once, world::World};

pub(super) fn check(world: &World, truths: &Truths) -> Result<(), Fault> {
    let kept = at_once(world.store.tables()).and_then(Result::ok);
    let kept = kept.ok_or_else(|| Fault::Ledger("it cannot be read".to_owned()))?;
    let folded = fold(world, truths).map_err(Fault::Ledger)?;
    if let Some(difference) = kept.differences(&folded).first() {
        return Err(Fault::Ledger(format!("{}: {}", difference.table, difference.text)));
    }
    check_balances(&kept, truths).map_err(Fault::Ledger)
}

/// Every answer of a partition in one batch.
fn fold(world: &World, truths: &Truths) -> Result<Tables, String> {
    let store = MemoryStore::new();
    for truth in &truths.of {
        let mut projector = Projector::new(world.around.identity.log_id, truth.partition, None);
        for (offset, answer) in &truth.answers {
            projector.fold(*offset, answer).map_err(|error| error.to_string())?;
        }
        if let Some(batch) = projector.take() {
            store.write(&batch).map_err(|error| error.to_string())?;
        }
    }
    Ok(store.into_tables())
}

/// Balances are the shard's own, and what the postings come to.
fn check_balances(tables: &Tables, truths: &Truths) -> Result<(), String> {
    for (key, balance) in &tables.balances {
        let truth = truths.of.iter().find(|truth| truth.partition == key.partition);
        let accounts = truth.ok_or("a balance of no partition")?.replica.core();
        let accounts = accounts.exchange().accounts();
        let account = accounts.find(&key.account).ok_or("a balance of no account")?;
        let own = accounts.balance(account, key.asset);
        let link = accounts.link(account, key.asset);
        if (balance.available, balance.held, balance.link) != (own.available, own.held, link) {
            return Err(format!("{key:?} is {balance:?}, and the shard has {own:?}"));
        }
    }
    let mut balances = tables.balances.clone();
    balances.retain(|_, balance| *balance != ledger::row::Balance::default());
    if tables.folded_balances().as_ref() != Some(&balances) {
        return Err("the balances are not what the postings come to".to_owned());
    }
    let sums = tables.asset_sums().ok_or("a sum overflows")?;
    match sums.iter().find(|(_, sum)| !sum.is_sound()) {
        Some((asset, sum)) => Err(format!("{asset:?} sums to {sum:?}")),
        None => Ok(()),
    }
}
