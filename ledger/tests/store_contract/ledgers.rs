//! What every store promises to several ledgers on the same rows.

use std::time::Duration;

use ledger::{
    projection::Projector,
    store::{MemoryStore, Store, StoreError},
};
use model::Partition;
use spine::Answer;

use crate::{
    answers::{LOG, Scribe, batches, flow::Flow, listings, one_batch},
    cases::{apply_all, some_answers},
};

/// A ledger that is told that its place has moved reads where it stands, as the projecting task
/// does: of each batch one says that it is written, and the other that somebody moved the place.
pub async fn of_two_ledgers_one_writes_each_batch(stores: [&dyn Store; 2]) {
    let [one, other] = stores;
    let answers = some_answers(600);
    let mut writers = [0, 0];
    for batch in batches(Partition::FIRST, &answers, 20) {
        let (first, second) = tokio::join!(one.apply(&batch), other.apply(&batch));
        let moved =
            StoreError::Moved { partition: Partition::FIRST, expected: batch.expected.out_seq };
        match (first, second) {
            (Ok(()), Err(error)) if error == moved => writers[0] += 1,
            (Err(error), Ok(())) if error == moved => writers[1] += 1,
            both => panic!("one writes it and the other finds it moved, not {both:?}"),
        }
        for store in stores {
            let progress = store.progress().await.expect("it reads");
            assert_eq!(progress[&Partition::FIRST], batch.progress);
        }
    }
    assert_eq!(writers.iter().sum::<i32>(), 30);
    let expected = MemoryStore::new();
    apply_all(&expected, &answers, 600).await;
    let tables = one.tables().await.expect("it reads");
    assert_eq!(tables.differences(&expected.into_tables()), []);
}

fn history(partition: Partition) -> Vec<Answer> {
    let mut scribe = Scribe::new(partition);
    // Every partition brings the same listings, so these rows are everybody's.
    let listed: Vec<Answer> = listings().into_iter().map(|body| scribe.answer(body)).collect();
    let mut flow = Flow::new(scribe, 3 + u64::from(partition.number()), 20, 1);
    flow.first_instrument = 1 + u32::from(partition.number());
    [listed, flow.answers(400)].concat()
}

pub async fn ledgers_of_two_partitions_do_not_hold_each_other_up(stores: [&dyn Store; 2]) {
    let partitions = [0, 1].map(|number| Partition::new(number).expect("in range"));
    let [one, other] = partitions.map(history);
    let write = async |store, partition, answers: &[Answer]| {
        let store: &dyn Store = store;
        for batch in batches(partition, answers, 10) {
            store.apply(&batch).await.expect("nobody else has this partition");
        }
    };
    tokio::join!(write(stores[0], partitions[0], &one), write(stores[1], partitions[1], &other),);
    let expected = MemoryStore::new();
    apply_both(&expected, partitions, [&one, &other]).await;
    let tables = stores[0].tables().await.expect("it reads");
    assert_eq!(tables.differences(&expected.into_tables()), []);
}

async fn apply_both(store: &MemoryStore, partitions: [Partition; 2], histories: [&[Answer]; 2]) {
    for (partition, answers) in partitions.into_iter().zip(histories) {
        for batch in batches(partition, answers, 100) {
            store.apply(&batch).await.expect("it follows");
        }
    }
}

/// A reader that meets a writer sees all of a batch or nothing of it, in every table.
pub async fn all_tables_are_read_at_one_moment(stores: [&dyn Store; 2]) {
    let [writer, reader] = stores;
    let mut flow = Flow::new(Scribe::new(Partition::FIRST), 9, 20, 2);
    let mut projector = Projector::new(LOG, Partition::FIRST, None);
    let plain = MemoryStore::new();
    let batches: Vec<_> = (0..60).map(|_| one_batch(&mut projector, &flow.answers(20))).collect();
    let write = async {
        for batch in &batches {
            writer.apply(batch).await.expect("it follows");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let read = async {
        let mut applied = 0;
        while applied < batches.len() {
            // A store in memory never waits by itself.
            tokio::task::yield_now().await;
            let tables = reader.tables().await.expect("it reads");
            let reached = tables.progress.get(&Partition::FIRST).map_or(0, |row| row.out_seq);
            while applied < batches.len() && batches[applied].progress.out_seq <= reached {
                plain.apply(&batches[applied]).await.expect("it follows");
                applied += 1;
            }
            let expected = plain.tables().await.expect("it reads");
            assert_eq!(tables.differences(&expected), [], "at answer {reached}");
        }
    };
    tokio::join!(write, read);
}
