//! A stream of orders: requests go into the log in the order in which they come, without waiting
//! for each other, and each gets exactly one result.
//!
//! One task reads requests and appends; followers and acknowledgements put news into one channel;
//! the response makes results of them as the client takes them. A permit for each request in flight
//! bounds the channel: a client that sends without reading is read from no further.
//!
//! Each request is a piece of work of its own, so each is drawn for a trace of its own, as if it
//! had come in a call; or goes on in the trace that the client named when it began the stream.

mod changes;
mod disconnect;
mod outlet;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use model::{InstrumentId, Partition};
use proto::orders::{
    CancelAfterResult, CancelAllOrdersRequest, CancelAllResult, CancelOrderRequest,
    PlaceOrderRequest, StreamOrdersRequest, stream_orders_request::Request as Asked,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tracing::Span;

pub(super) use self::outlet::Results;
use self::{
    disconnect::Watched,
    outlet::{Made, Outlet},
};
use super::{orders, trace::join};
use crate::{
    caller::Caller,
    desk::{Hear, News, OUTCOME_WAIT, Wants},
    entry::{Cancel, Named, Placed, Replacing},
    idempotency::Claim,
    office::{Office, cancel_all_submission, results_of, submission},
    problem::Problem,
    trace::Trace,
};

/// How many requests of one stream may be without a result: at 1 ms an answer enough for a million
/// a second, and few enough that one client cannot take the whole desk.
const IN_FLIGHT_MAX: usize = 4_096;

/// How often it is looked at whose instants are to be moved on.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The news of one request, on its way to the client.
struct Told {
    correlation_id: u64,
    about: About,
}

/// What the news is about, with what is needed to make a result of it.
enum About {
    Place { placed: Box<Placed>, news: News },
    Cancel { cancel: Box<Cancel>, news: News },
    Amend { named: Box<Named>, news: News },
    Replace { replacing: Box<Replacing>, news: News },
    CancelAll { results: Vec<CancelAllResult>, depth_sequence: u64 },
    CancelOnDisconnect { results: Vec<CancelAfterResult> },
    Problem(Problem),
}

/// For whom a stream is served, and for how long.
pub(super) struct Served {
    /// Who opened it, where anybody is asked.
    pub(super) caller: Option<Caller>,
    /// Of the trace that the client named.
    pub(super) traceparent: Option<String>,
    /// Given back with the last of the results.
    pub(super) place: OwnedSemaphorePermit,
    /// Cancelled where the gateway stops.
    pub(super) stop: CancellationToken,
}

/// Serves one stream. It ends with the token that opened it.
pub(super) fn serve(
    office: Arc<Office>,
    requests: Streaming<StreamOrdersRequest>,
    served: Served,
) -> Results {
    let Served { caller, traceparent, place, stop } = served;
    // One message for each permit, so that it never is full and a follower never waits.
    let (sender, receiver) = mpsc::channel(IN_FLIGHT_MAX);
    let permits = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let watched = Watched::new();
    let inlet = Inlet { office: Arc::clone(&office), sender, permits, traceparent, watched };
    let permits = Arc::clone(&inlet.permits);
    let results = outlet::results(office, receiver, permits, place, caller.clone());
    match caller {
        None => tokio::spawn(inlet.run(requests, stop, CancellationToken::new())),
        Some(caller) => {
            let revoked = caller.known.revoked.clone();
            tokio::spawn(caller.scope(inlet.run(requests, stop, revoked)))
        }
    };
    results
}

/// The reading half.
struct Inlet {
    office: Arc<Office>,
    sender: mpsc::Sender<Told>,
    permits: Arc<Semaphore>,
    /// Of the trace that the client named.
    traceparent: Option<String>,
    /// Whose orders end with it.
    watched: Watched,
}

impl Inlet {
    /// Reads until the client has no more, is gone or is not believed any more, or the gateway
    /// stops. What is in flight by then still gets its results.
    async fn run(
        self,
        mut requests: Streaming<StreamOrdersRequest>,
        stop: CancellationToken,
        revoked: CancellationToken,
    ) {
        let mut ticks = interval(WATCH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(request) = self.next(&mut requests, &mut ticks, &stop, &revoked).await {
            self.take(request);
        }
        self.end_watched();
    }

    /// The next request; `None` where there are none any more.
    async fn next(
        &self,
        requests: &mut Streaming<StreamOrdersRequest>,
        ticks: &mut Interval,
        stop: &CancellationToken,
        revoked: &CancellationToken,
    ) -> Option<StreamOrdersRequest> {
        let next = async {
            // Given back by the outlet, with the result.
            self.permits.acquire().await.ok()?.forget();
            requests.message().await.ok().flatten()
        };
        tokio::pin!(next);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = revoked.cancelled() => return None,
                () = self.sender.closed() => return None,
                _ = ticks.tick() => self.keep_watching(),
                request = &mut next => return request,
            }
        }
    }

    fn take(&self, request: StreamOrdersRequest) {
        let id = request.correlation_id;
        let trace = join(orders::method("StreamOrders"), self.traceparent.as_deref());
        let taken = match request.request {
            Some(Asked::Place(place)) => self.place(id, &place, trace),
            Some(Asked::Cancel(cancel)) => self.cancel(id, &cancel, trace),
            Some(Asked::CancelAll(all)) => self.cancel_all(id, &all, trace),
            Some(Asked::Amend(amend)) => self.amend(id, &amend, trace),
            Some(Asked::Replace(replace)) => self.replace(id, &replace, trace),
            Some(Asked::CancelOnDisconnect(asked)) => self.cancel_on_disconnect(id, &asked, trace),
            None => Err(Problem::missing("request")),
        };
        if let Err(problem) = taken {
            tell(&self.sender, id, About::Problem(problem));
        }
    }

    fn place(
        &self,
        correlation_id: u64,
        request: &PlaceOrderRequest,
        trace: Trace,
    ) -> Result<(), Problem> {
        let placed = Box::new(orders::placed(request, &self.office)?);
        let wants = Wants::Answer(OUTCOME_WAIT);
        let claim = Claim::of(&placed);
        let (traceparent, span) = trace.into_parts();
        let submission = submission(&placed, wants, claim, traceparent);
        let sender = self.sender.clone();
        let hear: Hear = Box::new(move |news| {
            tell(&sender, correlation_id, About::Place { placed, news });
            drop(span);
        });
        self.office.desk.submit(submission, hear)
    }

    fn cancel(
        &self,
        correlation_id: u64,
        request: &CancelOrderRequest,
        trace: Trace,
    ) -> Result<(), Problem> {
        let cancel = Box::new(orders::cancel_one(request, &self.office)?);
        let wants = Wants::Answer(OUTCOME_WAIT);
        let (traceparent, span) = trace.into_parts();
        let command = cancel.command();
        let submission = self.office.change(&cancel.named, command, wants, traceparent)?;
        let sender = self.sender.clone();
        let hear: Hear = Box::new(move |news| {
            tell(&sender, correlation_id, About::Cancel { cancel, news });
            drop(span);
        });
        self.office.desk.submit(submission, hear)
    }

    fn cancel_all(
        &self,
        correlation_id: u64,
        request: &CancelAllOrdersRequest,
        trace: Trace,
    ) -> Result<(), Problem> {
        let all = orders::cancel_all(request, &self.office)?;
        let partitions = self.office.partitions_of(all.listed.as_deref());
        let (traceparent, span) = trace.into_parts();
        let gather = Arc::new(Gather {
            correlation_id,
            instrument: all.filter.instrument,
            sender: self.sender.clone(),
            awaited: AtomicUsize::new(partitions.len()),
            gathered: Mutex::default(),
            _span: span,
        });
        for partition in partitions {
            let wants = Wants::Answer(OUTCOME_WAIT);
            let traceparent = traceparent.clone();
            let submission = cancel_all_submission(&all, partition, wants, traceparent);
            let hearing = Arc::clone(&gather);
            let hear: Hear = Box::new(move |news| hearing.hear(partition, &news));
            if let Err(problem) = self.office.desk.submit(submission, hear) {
                gather.hear(partition, &News::NotWritten(problem));
            }
        }
        Ok(())
    }
}

/// Each sender holds a permit, so there is room, unless the client is gone.
fn tell(sender: &mpsc::Sender<Told>, correlation_id: u64, about: About) {
    let _ = sender.try_send(Told { correlation_id, about });
}

/// Brings together what the partitions say of a cancel of all.
struct Gather {
    correlation_id: u64,
    instrument: Option<InstrumentId>,
    sender: mpsc::Sender<Told>,
    awaited: AtomicUsize,
    gathered: Mutex<(Vec<CancelAllResult>, u64)>,
    /// Ends when the last partition was heard.
    _span: Option<Span>,
}

impl Gather {
    fn hear(&self, partition: Partition, news: &News) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.0.push(results_of(partition, news));
        // A depth sequence is that of one instrument, which has one partition.
        if let (News::Answered(answered), Some(_)) = (news, self.instrument) {
            gathered.1 = crate::result::depth_sequence(&answered.answer, self.instrument);
        }
        if self.awaited.fetch_sub(1, Ordering::AcqRel) == 1 {
            let (mut results, depth_sequence) = std::mem::take(&mut *gathered);
            results.sort_by_key(|result| result.partition);
            let about = About::CancelAll { results, depth_sequence };
            tell(&self.sender, self.correlation_id, about);
        }
    }
}
