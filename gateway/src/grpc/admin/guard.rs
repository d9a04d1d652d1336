//! Who of those who run the platform calls, whether their role reaches, and that the call stands in
//! the audit trail before it does anything. What cannot be recorded is not done, unless it is
//! urgent.

use std::{
    convert::Infallible,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use access::Credentials;
use axum::http::{Request, Response, header::AUTHORIZATION};
use daemon::settings::Secret;
use model::OperatorName;
use proto::{
    credential::Role,
    log::{AdminCall, AdminDecision},
};
use tonic::{Status, body::Body, transport::server::TcpConnectInfo};
use tower::{Layer, Service};

use super::{pace::Pace, roles};
use crate::{
    office::Office,
    problem::{Kind, Problem},
};

/// How many calls of those who are known may come at once, and how soon there may be another:
/// people and their programs, not clients.
const CALLS_MAX: u32 = 64;
const CALL_EVERY: Duration = Duration::from_millis(50);

/// The same of entries in the trail about those who are not known. The rest are counted, and the
/// next entry says how many they were, so that nobody can fill the log from outside.
const DENIED_MAX: u32 = 16;
const DENIED_EVERY: Duration = Duration::from_secs(1);

/// The longest name of a method that is told: ours are shorter.
const METHOD_CHARS_MAX: usize = 64;

tokio::task_local! {
    /// Whose token this task's call bears; `None` for the one of the settings.
    static SPEAKER: Option<OperatorName>;
}

/// Whose token this task's call bears, where it is one's own.
pub(super) fn speaker() -> Option<OperatorName> {
    SPEAKER.try_with(Clone::clone).ok().flatten()
}

/// Looks at every call.
pub(super) struct Watch {
    office: Arc<Office>,
    /// The hash of the token of the settings.
    bootstrap: blake3::Hash,
    operators: Arc<Credentials>,
    calls: Pace,
    denied: Pace,
    unrecorded: AtomicU64,
}

/// Who calls.
struct Speaker {
    name: Option<OperatorName>,
    role: Role,
}

impl Watch {
    pub(super) fn new(
        office: Arc<Office>,
        bootstrap: &Secret,
        operators: Arc<Credentials>,
    ) -> Watch {
        let at = Instant::now();
        Watch {
            office,
            bootstrap: blake3::hash(bootstrap.reveal().as_bytes()),
            operators,
            calls: Pace::new(CALLS_MAX, CALL_EVERY, at),
            denied: Pace::new(DENIED_MAX, DENIED_EVERY, at),
            unrecorded: AtomicU64::new(0),
        }
    }

    /// Whether a call is let in, once the trail has it.
    async fn admit(
        &self,
        authorization: Option<&[u8]>,
        method: String,
        source: Option<IpAddr>,
    ) -> Result<Option<OperatorName>, Problem> {
        let needed = roles::needed(&method);
        let Some(Speaker { name, role }) = self.speaker(authorization) else {
            metrics::counter!("tradespine_gateway_admin_denied_total").increment(1);
            self.note_denied(&named("nobody"), AdminDecision::Unknown, method, source).await;
            let message = "the call does not bear a token of those who run the platform";
            return Err(Problem::new(Kind::Unauthenticated, "bad_token", message));
        };
        let known = name.clone().unwrap_or_else(|| named("bootstrap"));
        if role < needed {
            metrics::counter!("tradespine_gateway_admin_denied_total").increment(1);
            self.note_denied(&known, AdminDecision::Forbidden, method, source).await;
            let message = "the token's role does not reach so far; ask who has another";
            return Err(Problem::new(Kind::Forbidden, "beyond_role", message));
        }
        let is_urgent = roles::is_urgent(&method);
        if !self.calls.take(Instant::now()) && !is_urgent {
            let message = "too many calls of those who run the platform came at once; try again";
            return Err(Problem::overloaded(message));
        }
        let call = self.call(AdminDecision::Allowed, method, source);
        if is_urgent {
            self.record_beside(known, call);
            return Ok(name);
        }
        let missed = call.unrecorded;
        self.office.desk.record(&known, call).await.inspect_err(|_| {
            self.unrecorded.fetch_add(missed, Ordering::Relaxed);
        })?;
        Ok(name)
    }

    /// Nobody waits for it.
    fn record_beside(&self, name: OperatorName, call: AdminCall) {
        let office = Arc::clone(&self.office);
        tokio::spawn(async move {
            if let Err(problem) = office.desk.record(&name, call).await {
                tracing::error!(%problem, "an urgent call is not in the audit trail");
            }
        });
    }

    fn speaker(&self, authorization: Option<&[u8]>) -> Option<Speaker> {
        let borne = authorization?.strip_prefix(b"Bearer ").unwrap_or_default();
        if self.bootstrap == blake3::hash(borne) {
            return Some(Speaker { name: None, role: Role::Admin });
        }
        let known = self.operators.who(authorization, None).ok()?;
        let (name, role) = known.operator()?;
        Some(Speaker { name: Some(name.clone()), role })
    }

    /// Who was not let in is told so whether or not the trail can be written.
    async fn note_denied(
        &self,
        name: &OperatorName,
        decision: AdminDecision,
        method: String,
        source: Option<IpAddr>,
    ) {
        if !self.denied.take(Instant::now()) {
            self.unrecorded.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let call = self.call(decision, method, source);
        let missed = call.unrecorded;
        if let Err(problem) = self.office.desk.record(name, call).await {
            self.unrecorded.fetch_add(missed.saturating_add(1), Ordering::Relaxed);
            tracing::warn!(%problem, "a call that was not let in is not in the audit trail");
        }
    }

    fn call(&self, decision: AdminDecision, method: String, source: Option<IpAddr>) -> AdminCall {
        AdminCall {
            method,
            decision: decision.into(),
            source: source.map(|source| source.to_string()).unwrap_or_default(),
            unrecorded: self.unrecorded.swap(0, Ordering::Relaxed),
        }
    }
}

fn named(name: &str) -> OperatorName {
    OperatorName::new(name).expect("letters make a name")
}

/// Puts the guard in front of the service.
#[derive(Clone)]
pub(super) struct GuardLayer(pub(super) Arc<Watch>);

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, watch: Arc::clone(&self.0) }
    }
}

/// A service that only those who run the platform reach.
#[derive(Clone)]
pub(super) struct Guard<S> {
    inner: S,
    watch: Arc<Watch>,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let clone = self.inner.clone();
        // The one that was asked whether it is ready.
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let watch = Arc::clone(&self.watch);
        Box::pin(async move {
            let authorization = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
            let (method, source) = (method(request.uri().path()), source(&request));
            match watch.admit(authorization, method, source).await {
                Ok(name) => SPEAKER.scope(name, inner.call(request)).await,
                Err(problem) => Ok(Status::from(problem).into_http()),
            }
        })
    }
}

/// The name of the method at a path, without what no method has.
fn method(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.chars().filter(char::is_ascii_alphanumeric).take(METHOD_CHARS_MAX).collect()
}

fn source(request: &Request<Body>) -> Option<IpAddr> {
    let connection = request.extensions().get::<TcpConnectInfo>();
    connection.and_then(TcpConnectInfo::remote_addr).map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_told_by_its_name_and_by_nothing_else() {
        assert_eq!(method("/tradespine.admin.v1.AdminService/CreateToken"), "CreateToken");
        assert_eq!(method("/a/b\nsays olga"), "bsaysolga");
        assert_eq!(method(&format!("/{}", "x".repeat(999))).len(), METHOD_CHARS_MAX);
        assert_eq!(method(""), "");
    }
}
