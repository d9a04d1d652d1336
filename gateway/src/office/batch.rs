//! Many orders, or many cancels, in one request: each is a record of its own with a key and a
//! result of its own, as if it had come alone. All of them are appended in their order and without
//! a pause, and none waits for what becomes of another.

use super::{Changed, Office, Told};
use crate::{
    entry::{Cancel, Placed},
    idempotency::Claim,
    problem::Problem,
};
use bytes::Bytes;
use futures_util::future::join_all;

/// How many orders one request places or cancels at most: as many as are worth the saved round
/// trips, and few enough that a batch holds up nobody behind it and its answer stays small.
pub(crate) const BATCH_MAX: usize = 100;

/// Checks how many a batch has, which came in this field.
pub(crate) fn check_count(field: &'static str, count: usize) -> Result<(), Problem> {
    if (1..=BATCH_MAX).contains(&count) {
        return Ok(());
    }
    let advice = format!("has {count} entries; give 1 to {BATCH_MAX}, and the rest in another");
    Err(Problem::field(field, "bad_count", advice))
}

/// What became of an order that need not be sent.
type Over = Box<Result<Told, Problem>>;

impl Office {
    /// Places orders; what could not be read as one stays the problem that it is. The results are
    /// in the order of the request.
    pub(crate) async fn place_each(
        &self,
        orders: Vec<Result<Placed, Problem>>,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Vec<Result<Told, Problem>> {
        // Looked up beforehand, so that nothing comes between one append and the next.
        let looking = orders.into_iter().map(|order| async {
            let placed = order.map_err(|problem| Box::new(Err(problem)))?;
            let claim = Claim::of(&placed);
            match self.first(&placed, claim.as_ref()).await {
                Some(first) => Err(Box::new(first)),
                None => Ok((placed, claim)),
            }
        });
        let looked: Vec<Result<_, Over>> = join_all(looking).await;
        let begun = looked.into_iter().map(|order| {
            let (placed, claim) = order?;
            let sent = self.begin(&placed, wait, claim.clone(), traceparent.clone());
            Ok((placed, claim, sent))
        });
        let begun: Vec<Result<_, Over>> = begun.collect();
        let awaiting = begun.into_iter().map(|order| async {
            match order {
                Ok((placed, claim, sent)) => self.outcome(&placed, claim.as_ref(), sent).await,
                Err(over) => *over,
            }
        });
        join_all(awaiting).await
    }

    /// Cancels orders; the results are in the order of the request.
    pub(crate) async fn cancel_each(
        &self,
        cancels: Vec<Result<Cancel, Problem>>,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Vec<Result<(Cancel, Changed), Problem>> {
        let begun = cancels.into_iter().map(|cancel| {
            let cancel = cancel?;
            let sent = self.begin_cancel(&cancel, wait, traceparent.clone());
            Ok((cancel, sent))
        });
        let begun: Vec<Result<_, Problem>> = begun.collect();
        let awaiting = begun.into_iter().map(|cancel| async {
            let (cancel, sent) = cancel?;
            let changed = self.cancel_outcome(&cancel.named, sent).await?;
            Ok((cancel, changed))
        });
        join_all(awaiting).await
    }
}
