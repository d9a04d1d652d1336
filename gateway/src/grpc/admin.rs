//! What those who run the platform ask for, on a listener of its own, behind its [`guard`]: the log
//! has it with the name of who asked.

mod guard;
mod pace;
mod roles;

use std::sync::Arc;

use access::Credentials;
use daemon::settings::Secret;
use model::OperatorName;
use proto::{
    admin::{
        AdjustBalanceRequest, AdjustBalanceResponse, ControlResponse, CreateTokenRequest,
        CreateTokenResponse, ListTokensRequest, ListTokensResponse, RecomputeFeeTiersRequest,
        RecomputeFeeTiersResponse, ResetAccountRequest, RevokeTokenRequest, RevokeTokenResponse,
        SetAccountStateRequest, SetFeeTiersRequest, SetFeeTiersResponse, SetInstrumentRequest,
        SetInstrumentResponse, SetKillSwitchRequest, SetMarketStateRequest, SetMarketStateResponse,
        SetRiskLimitsRequest, UpgradeRequest, UpgradeResponse,
        admin_service_server::{AdminService, AdminServiceServer, SERVICE_NAME},
    },
    convert,
};
use tonic::{Request, Response, Status, service::LayerExt, transport::Server};

use self::guard::{GuardLayer, Watch};
use super::{
    MESSAGE_BYTES_MAX, given, tokens,
    trace::{Method, answer, join, traceparent},
};
use crate::{
    entry::{self, MovementFields},
    office::{Office, Recomputed},
    problem::{Kind, Problem},
};

/// A method of this service, as traces call it.
const fn method(name: &'static str) -> Method {
    Method { service: SERVICE_NAME, name }
}

/// What a state may be.
const STATES: &str =
    "must be trading, post_only, limit_only, cancel_only, halted, delisted or pre_open";

/// How many calls one connection may have open at once: people type.
const CALLS_MAX: u32 = 16;

/// The admin service behind its guard.
pub(crate) fn router(
    office: &Arc<Office>,
    bootstrap: &Secret,
    operators: Arc<Credentials>,
) -> tonic::transport::server::Router {
    let service = AdminServiceServer::new(Admin { office: Arc::clone(office) })
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let watch = Watch::new(Arc::clone(office), bootstrap, operators);
    let guarded = GuardLayer(Arc::new(watch)).named_layer(service);
    Server::builder().max_concurrent_streams(CALLS_MAX).add_service(guarded)
}

struct Admin {
    office: Arc<Office>,
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn upgrade(
        &self,
        request: Request<UpgradeRequest>,
    ) -> Result<Response<UpgradeResponse>, Status> {
        let trace = join(method("Upgrade"), traceparent(&request));
        let UpgradeRequest { operator, behaviour } = request.into_inner();
        let upgrade = async { self.office.upgrade(&name(&operator)?, behaviour).await };
        let results = answer(trace, upgrade).await?;
        Ok(Response::new(UpgradeResponse { results }))
    }

    async fn set_instrument(
        &self,
        request: Request<SetInstrumentRequest>,
    ) -> Result<Response<SetInstrumentResponse>, Status> {
        let trace = join(method("SetInstrument"), traceparent(&request));
        let request = request.into_inner();
        let set = async {
            let by = name(&request.operator)?;
            let listed = {
                let catalogue = self.office.reference.loaded()?;
                Arc::clone(entry::instrument(given(&request.instrument), &catalogue)?)
            };
            self.office.set_instrument(&by, &listed, &request).await
        };
        let relisted = answer(trace, set).await?;
        let (version, results) = (relisted.version, relisted.results);
        Ok(Response::new(SetInstrumentResponse { version, results }))
    }

    async fn set_account_state(
        &self,
        request: Request<SetAccountStateRequest>,
    ) -> Result<Response<ControlResponse>, Status> {
        let trace = join(method("SetAccountState"), traceparent(&request));
        let request = request.into_inner();
        let set = async {
            let by = name(&request.operator)?;
            let (account, state) = entry::account_state(&request)?;
            Ok(self.office.set_account_state(&by, account, state).await)
        };
        Ok(Response::new(ControlResponse { results: answer(trace, set).await? }))
    }

    async fn reset_account(
        &self,
        request: Request<ResetAccountRequest>,
    ) -> Result<Response<ControlResponse>, Status> {
        let trace = join(method("ResetAccount"), traceparent(&request));
        let request = request.into_inner();
        let reset = async {
            let by = name(&request.operator)?;
            let (account, id) = entry::reset(&request)?;
            Ok(self.office.reset(&by, account, id).await)
        };
        Ok(Response::new(ControlResponse { results: answer(trace, reset).await? }))
    }

    async fn set_risk_limits(
        &self,
        request: Request<SetRiskLimitsRequest>,
    ) -> Result<Response<ControlResponse>, Status> {
        let trace = join(method("SetRiskLimits"), traceparent(&request));
        let request = request.into_inner();
        let set = async {
            let by = name(&request.operator)?;
            let (account, limits) =
                entry::risk_limits(&request, self.office.reference.loaded()?.as_ref())?;
            Ok(self.office.set_risk_limits(&by, account, limits).await)
        };
        Ok(Response::new(ControlResponse { results: answer(trace, set).await? }))
    }

    async fn set_kill_switch(
        &self,
        request: Request<SetKillSwitchRequest>,
    ) -> Result<Response<ControlResponse>, Status> {
        let trace = join(method("SetKillSwitch"), traceparent(&request));
        let request = request.into_inner();
        let set = async {
            let by = name(&request.operator)?;
            // All trading is stopped also where nobody knows yet what is listed.
            let catalogue = match request.venue {
                true => Arc::clone(&self.office.reference.catalogue()),
                false => Arc::clone(&*self.office.reference.loaded()?),
            };
            let (scope, only) = entry::kill_scope(&request, &catalogue)?;
            Ok(self.office.set_kill_switch(&by, scope, only, request.engaged).await)
        };
        Ok(Response::new(ControlResponse { results: answer(trace, set).await? }))
    }

    async fn adjust_balance(
        &self,
        request: Request<AdjustBalanceRequest>,
    ) -> Result<Response<AdjustBalanceResponse>, Status> {
        let trace = join(method("AdjustBalance"), traceparent(&request));
        let request = request.into_inner();
        let adjust = async {
            let by = name(&request.operator)?;
            let fields = MovementFields {
                client_id: given(&request.client_id),
                asset: given(&request.asset),
                amount: given(&request.amount),
                id: given(&request.adjustment_id),
                id_field: "adjustment_id",
            };
            let (account, movement) =
                entry::adjustment(&fields, self.office.reference.loaded()?.as_ref())?;
            Ok(self.office.adjust(&by, account, movement).await)
        };
        let result = Some(answer(trace, adjust).await?);
        Ok(Response::new(AdjustBalanceResponse { result }))
    }

    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        let trace = join(method("CreateToken"), traceparent(&request));
        let request = request.into_inner();
        let create =
            async { tokens::create(&self.office, &name(&request.operator)?, &request).await };
        Ok(Response::new(answer(trace, create).await?))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        let trace = join(method("RevokeToken"), traceparent(&request));
        let request = request.into_inner();
        let revoke =
            async { tokens::revoke(&self.office, &name(&request.operator)?, &request).await };
        Ok(Response::new(answer(trace, revoke).await?))
    }

    async fn list_tokens(
        &self,
        request: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        let trace = join(method("ListTokens"), traceparent(&request));
        let request = request.into_inner();
        let list = async {
            name(&request.operator)?;
            tokens::list(&self.office, &request).await
        };
        Ok(Response::new(answer(trace, list).await?))
    }

    async fn set_fee_tiers(
        &self,
        request: Request<SetFeeTiersRequest>,
    ) -> Result<Response<SetFeeTiersResponse>, Status> {
        let trace = join(method("SetFeeTiers"), traceparent(&request));
        let SetFeeTiersRequest { operator, thresholds } = request.into_inner();
        let set = async {
            let by = name(&operator)?;
            let volumes = entry::fee_tiers(&thresholds, self.office.reference.loaded()?.as_ref())?;
            self.office.set_fee_tiers(&by, &volumes).await
        };
        let relisted = answer(trace, set).await?;
        let (version, results) = (relisted.version, relisted.results);
        Ok(Response::new(SetFeeTiersResponse { version, results }))
    }

    async fn recompute_fee_tiers(
        &self,
        request: Request<RecomputeFeeTiersRequest>,
    ) -> Result<Response<RecomputeFeeTiersResponse>, Status> {
        let trace = join(method("RecomputeFeeTiers"), traceparent(&request));
        let bearer = request.metadata().get("authorization").cloned();
        let RecomputeFeeTiersRequest { operator } = request.into_inner();
        let recompute = async { self.office.recompute_fee_tiers(&name(&operator)?, bearer).await };
        let Recomputed { changed, from, until, results } = answer(trace, recompute).await?;
        Ok(Response::new(RecomputeFeeTiersResponse { changed, from, until, results }))
    }

    async fn set_market_state(
        &self,
        request: Request<SetMarketStateRequest>,
    ) -> Result<Response<SetMarketStateResponse>, Status> {
        let trace = join(method("SetMarketState"), traceparent(&request));
        let SetMarketStateRequest { operator, instrument, state } = request.into_inner();
        let set = async {
            let by = name(&operator)?;
            let state = convert::market_state_from_wire(state)
                .map_err(|_| Problem::field("state", "bad_state", STATES))?;
            let listed = {
                let catalogue = self.office.reference.loaded()?;
                Arc::clone(entry::instrument(given(&instrument), &catalogue)?)
            };
            Ok(self.office.set_market_state(&by, &listed, state).await)
        };
        let result = Some(answer(trace, set).await?);
        Ok(Response::new(SetMarketStateResponse { result }))
    }
}

/// Who asks: whose token it is, or, with that of the settings, whoever the request names.
fn name(operator: &str) -> Result<OperatorName, Problem> {
    let said = given(operator);
    match guard::speaker() {
        Some(own) if said.is_none_or(|said| said == own.as_str()) => Ok(own),
        Some(_) => {
            let message = "the token is another operator's than the request names; leave it out";
            Err(Problem::new(Kind::Forbidden, "another_operator", message).at("operator"))
        }
        None => {
            let text = said.ok_or_else(|| Problem::missing("operator"))?;
            let name = OperatorName::new(text);
            name.map_err(|error| Problem::field("operator", "bad_name", error))
        }
    }
}
