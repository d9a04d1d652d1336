//! What must be so in the end, whatever happened on the way.
//!
//! | check | what it says |
//! |---|---|
//! | [`truth`] | readers accept exactly what the inputs, applied one by one, come to |
//! | [`waits`] | what waits for money is decided, once |
//! | [`money`] | after each answer all there is of an asset, and what came in, sum to zero |
//! | [`money`] | what a shard sent to another came there once, in order; nothing is on its way |
//! | [`told`] | what a client was told is what the log says of that very request |
//! | [`once`] | a key has one effect; every repetition is answered as one, with the first result |
//! | [`ledgers`] | the rows are the fold of the answers, and the balances those of the shard |
//! | [`market`] | public books and tapes are the fold of the answers, and the shard's own |

mod ledgers;
mod market;
mod money;
mod once;
mod told;
mod truth;
mod waits;

use ledger::store::Store;
use proto::topic::Topic;
use spine::Place;

use self::truth::Truths;
use crate::{fault::Fault, running::at_once, world::World};

/// Holds everything against the log.
pub(crate) fn check(world: &World) -> Result<(), Fault> {
    let truths = Truths::read(world)?;
    truths.count(&world.around.tally);
    waits::check(&truths, &world.around.tally)?;
    money::check(&truths)?;
    told::check(&world.story, &truths)?;
    once::check(&world.story, &truths)?;
    ledgers::check(world, &truths)?;
    market::check(world, &truths)
}

/// Adds to the history what there is in the end.
pub(crate) fn seal(world: &mut World) {
    let partitions: Vec<_> = world.around.partitions().collect();
    for partition in partitions {
        for topic in [Topic::Orders, Topic::Events] {
            for stored in truth::physical(world, Place { topic, partition }) {
                world.history.add(&stored.appended_at.unix_nanos().to_be_bytes());
                world.history.add(&stored.record.value);
            }
        }
    }
    let tables = at_once(world.store.tables()).and_then(Result::ok);
    world.history.add(format!("{tables:?}").as_bytes());
}
