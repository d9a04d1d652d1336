//! What clients were told, held against the log.

use std::sync::Arc;

use super::{
    finding::Check,
    fold::{Fold, Order, Status, Terms, units},
};
use crate::history::{Answer, Cancelled, Movement, Placed, Story};

/// Holds a whole history against the log; faults go to the fold's findings.
pub(super) fn check(story: &Story, fold: &mut Fold) {
    for (key, placed) in &story.placed {
        resolved(key, placed, fold);
        acknowledged(key, placed, fold);
        one_order(key, placed, fold);
        for answer in &placed.answers {
            told(key, answer, fold);
        }
    }
    sent(story, fold);
    for cancelled in &story.cancelled {
        was_cancelled(cancelled, fold);
    }
    for (id, movement) in &story.moved {
        was_moved(id, movement, fold);
    }
    all_asked(story, fold);
    for what in &story.wrong {
        fold.findings.fault(Check::Told, what);
    }
    for what in &story.broken {
        fold.findings.fault(Check::Followed, what);
    }
}

/// The order that an id leads to: its own, or the first that it repeats.
fn led_to(fold: &Fold, id: u64) -> (u64, Option<&Order>) {
    let first = fold.aliases.get(&id).copied().unwrap_or(id);
    (first, fold.orders.get(&first))
}

fn resolved(key: &str, placed: &Placed, fold: &mut Fold) {
    let is_known = !placed.answers.is_empty();
    fold.findings.hold(Check::Resolved, is_known, || {
        format!("{key} has no answer after {} attempts", placed.attempts)
    });
}

/// Every acknowledged id is an order of this key in the log, or a repetition of it.
fn acknowledged(key: &str, placed: &Placed, fold: &mut Fold) {
    for answer in &placed.answers {
        let (first, order) = led_to(fold, answer.id);
        let is_there = order.is_some_and(|order| {
            order.terms.key.as_ref() == key && *order.terms.account == *placed.account
        });
        let both = fold.aliases.contains_key(&answer.id) && fold.orders.contains_key(&answer.id);
        fold.findings.hold(Check::Acknowledged, is_there && !both, || {
            format!("{key} was acknowledged as {}, and the log has there: {first}", answer.id)
        });
    }
    let outcomes = outcomes(key, placed, fold);
    let needed = u64::from(placed.answers.iter().any(|answer| {
        // What leads to no order at all is told above.
        led_to(fold, answer.id).1.is_none_or(|order| order.uses_key)
    }));
    let is_one = outcomes <= 1 && outcomes >= needed;
    fold.findings.hold(Check::Acknowledged, is_one, || {
        format!("{key} has {outcomes} outcomes that used it up")
    });
}

fn outcomes(key: &str, placed: &Placed, fold: &Fold) -> u64 {
    let Some(instrument) = fold.symbols.get(&placed.instrument) else { return 0 };
    let key = (Arc::from(placed.account.as_str()), *instrument, key.into());
    fold.keys.get(&key).map_or(0, |orders| orders.len() as u64)
}

/// However often a key was answered, it was always the same order; only after a refusal that
/// leaves the key free may another follow.
fn one_order(key: &str, placed: &Placed, fold: &mut Fold) {
    for pair in placed.answers.windows(2) {
        let (one, order) = led_to(fold, pair[0].id);
        let (other, _) = led_to(fold, pair[1].id);
        let was_free = order.is_some_and(|order| !order.uses_key);
        fold.findings.hold(Check::Retries, one == other || was_free, || {
            format!("{key} was answered with {one} and with {other}")
        });
    }
}

/// The status is one that the order had, the reason its own, the fills its trades.
fn told(key: &str, answer: &Answer, fold: &mut Fold) {
    let (first, order) = led_to(fold, answer.id);
    let Some(order) = order else { return };
    let had = order.had.iter().any(|status| status.word() == answer.status);
    let is_true = match answer.status.as_str() {
        "pending" => true,
        _ => had && (answer.reason.is_empty() || answer.reason == order.reason),
    };
    let mut faults = Vec::new();
    if !is_true {
        faults.push(format!("{key} was told {answer:?}, and the log says {order:?}"));
    }
    for fill in &answer.fills {
        if !is_trade(fold, first, fill) {
            faults.push(format!("{key} was told of {fill:?}, which order {first} has not"));
        }
    }
    fold.findings.looked_at(Check::Told, 1);
    for fault in faults {
        fold.findings.fault(Check::Told, fault);
    }
}

fn is_trade(fold: &Fold, order: u64, fill: &crate::history::Fill) -> bool {
    let found = || {
        let (symbol, number) = fill.trade.rsplit_once('-')?;
        let instrument = fold.symbols.get(symbol)?;
        let trade = fold.trades.get(&(*instrument, number.parse().ok()?))?;
        let (price, quantity) = in_ticks(fold, *instrument, &fill.price, &fill.quantity)?;
        let is_equal = (trade.price_ticks, trade.quantity_lots) == (price, quantity);
        Some(is_equal && trade.taker == order)
    };
    found().unwrap_or(false)
}

/// Price and quantity in ticks and lots; 0 for what is not given.
fn in_ticks(fold: &Fold, instrument: u32, price: &str, quantity: &str) -> Option<(u64, u64)> {
    let listed = fold.instruments.get(&instrument)?;
    let counted = |text: &str, asset: &u32, step: u64| -> Option<u64> {
        if text.is_empty() {
            return Some(0);
        }
        let units = units(text, fold.assets.get(asset)?.decimals)?;
        let step = u128::from(step);
        u64::try_from(units / step).ok().filter(|_| units % step == 0)
    };
    let price = counted(price, &listed.quote, listed.tick_units)?;
    Some((price, counted(quantity, &listed.base, listed.lot_units)?))
}

/// Nothing is in the log that the client did not send, and nothing as it did not send it.
fn sent(story: &Story, fold: &mut Fold) {
    let mut faults = Vec::new();
    for (id, order) in &fold.orders {
        let placed = story.placed.get(order.terms.key.as_ref());
        if !placed.is_some_and(|placed| is_as_sent(fold, &order.terms, placed)) {
            faults.push(format!("order {id} is in the log as {:?}, sent: {placed:?}", order.terms));
        }
    }
    fold.findings.looked_at(Check::Sent, fold.orders.len() as u64);
    for fault in faults {
        fold.findings.fault(Check::Sent, fault);
    }
}

fn is_as_sent(fold: &Fold, terms: &Terms, placed: &Placed) -> bool {
    let number = |word: &str, words: [&str; 2]| words.iter().position(|known| *known == word);
    let is = |wire: u32, word: &str, words: [&str; 2]| {
        number(word, words).is_some_and(|place| place + 1 == wire as usize)
    };
    *terms.account == *placed.account
        && fold.symbols.get(&placed.instrument) == Some(&terms.instrument)
        && is(terms.side, &placed.side, ["buy", "sell"])
        && is(terms.kind, &placed.kind, ["limit", "market"])
        && is(terms.time_in_force, &placed.time_in_force, ["gtc", "ioc"])
        && in_ticks(fold, terms.instrument, &placed.price, &placed.quantity)
            == Some((terms.price_ticks, terms.quantity_lots))
}

/// An order that was told to be cancelled is.
fn was_cancelled(told: &Cancelled, fold: &mut Fold) {
    let (_, order) = led_to(fold, told.id);
    let is_true = order.is_some_and(|order| {
        *order.terms.account == *told.account
            && order.status == Status::Cancelled
            && told.status == Status::Cancelled.word()
    });
    let order = order.cloned();
    fold.findings.hold(Check::Told, is_true, || format!("{told:?}, and the log says {order:?}"));
}

/// What was told as done was made once, with these terms; what was refused at once was not made.
/// Where an attempt before was not known, that one may have been the one that was made.
fn was_moved(id: &str, told: &Movement, fold: &mut Fold) {
    let expected = || {
        let (asset, listed) = fold.assets.iter().find(|(_, asset)| asset.code == told.asset)?;
        let units = i128::try_from(units(&told.amount, listed.decimals)?).ok()?;
        Some((*asset, if told.kind == "deposit" { units } else { -units }))
    };
    let made = fold.movements.get(id).cloned().unwrap_or_default();
    let is_as_asked = made.iter().all(|made| {
        let receiver = made.receiver.as_deref().unwrap_or_default();
        let who = (&*made.account, receiver) == (told.account.as_str(), told.receiver.as_str());
        who && expected() == Some((made.asset, made.units))
    });
    let is_true = match told.outcome.as_str() {
        "" => false,
        "done" => made.len() == 1,
        _ => made.is_empty() || told.unknowns > 0 && made.len() == 1,
    };
    fold.findings.hold(Check::Moved, is_as_asked && is_true, || {
        format!("{id} is {told:?}, and the log has {made:?}")
    });
}

/// No money came in or went out that nobody asked for.
fn all_asked(story: &Story, fold: &mut Fold) {
    let unasked = fold.movements.keys().filter(|id| !story.moved.contains_key(*id));
    for id in unasked.cloned().collect::<Vec<_>>() {
        fold.findings.fault(Check::Moved, format!("{id} was made, and nobody asked for it"));
    }
}
