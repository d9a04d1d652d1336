//! Futures that go on when the scheduler says so.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::timeline::Timeline;

/// A future of a process, as its runtime would drive it. It ends with being dropped, wherever it
/// is.
pub(crate) struct Running<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<T> Running<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Running<T> {
        Running { future: Box::pin(future), woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    /// Whether something has happened that it waits for.
    pub(crate) fn is_due(&self) -> bool {
        self.woken.0.load(Ordering::Acquire)
    }

    /// Goes on if something has happened that it waits for; returns what it ended with.
    pub(crate) fn go_on(&mut self, timeline: &Timeline) -> Option<T> {
        if !self.woken.0.swap(false, Ordering::AcqRel) {
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        let polled = {
            let _timers = timeline.enter();
            self.future.as_mut().poll(&mut Context::from_waker(&waker))
        };
        match polled {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        }
    }
}

/// What a future comes to that has nothing to wait for; `None` where it does wait.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
