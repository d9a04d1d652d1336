//! How an owner appends its answers, and what stands beside them.

use super::{Shard, confirm::Published};
use crate::{
    core::Core,
    header::{self, Headers},
    log::{Place, Record, Stored},
    replica::Computed,
    trace::Sending,
};

impl<C: Core> Shard<C> {
    /// Appends the answer, unless somebody's was accepted already or this is not the owner.
    /// `around` is the trace context of the work on the input, where that is recorded here.
    pub(super) fn publish(
        &mut self,
        stored: &Stored,
        computed: &Computed,
        around: Option<&str>,
    ) -> Published {
        if !self.is_owner() || computed.out_seq <= self.accepted() {
            return Published::BySomebody;
        }
        let place = Place::events(self.partition);
        let around = around.map(str::as_bytes);
        let sending = self.tracer.send(place, computed.value.len(), around);
        let headers = self.headers_like(stored, sending.as_ref());
        let record = Record { key: None, value: computed.value.clone(), headers };
        self.appends.publish(computed.out_seq, record, sending);
        Published::ByUs { value: computed.value.clone() }
    }

    /// The trace goes on in the answer, as it came where it is not recorded here; and whoever reads
    /// knows who wrote it.
    fn headers_like(&self, stored: &Stored, sending: Option<&Sending>) -> Headers {
        let came = &stored.record.headers;
        let mut headers = Headers::default();
        let ours = sending.and_then(Sending::traceparent);
        if let Some(line) = ours.or_else(|| came.get(header::TRACE_PARENT).cloned()) {
            headers.push(header::TRACE_PARENT, line);
        }
        if let Some(state) = came.get(header::TRACE_STATE) {
            headers.push(header::TRACE_STATE, state.clone());
        }
        headers.with(header::INCARNATION, self.appends.incarnation_text())
    }
}
