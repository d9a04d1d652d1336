//! Money in and out of an account.

use std::sync::Arc;

use proto::{
    funding::{
        AccountBalance, DepositRequest, DepositResponse, WithdrawRequest, WithdrawResponse,
        funding_service_server::{FundingService, SERVICE_NAME},
    },
    ledger::Balance,
};
use tonic::{Request, Response, Status};

use super::{
    given,
    trace::{Method, answer, join, traceparent},
};
use crate::{
    entry::{self, MovementFields},
    office::{Direction, Moved, Office},
    problem::Problem,
    trace::{self, Trace},
};

/// A method of this service, as traces call it.
const fn method(name: &'static str) -> Method {
    Method { service: SERVICE_NAME, name }
}

/// The funding service.
pub(super) struct Funding {
    pub(super) office: Arc<Office>,
}

#[tonic::async_trait]
impl FundingService for Funding {
    async fn deposit(
        &self,
        request: Request<DepositRequest>,
    ) -> Result<Response<DepositResponse>, Status> {
        let trace = join(method("Deposit"), traceparent(&request));
        let request = request.into_inner();
        let fields = MovementFields {
            client_id: given(&request.client_id),
            asset: given(&request.asset),
            amount: given(&request.amount),
            id: given(&request.deposit_id),
            id_field: "deposit_id",
        };
        let (already_applied, balances) = self.movement(Direction::Deposit, &fields, trace).await?;
        Ok(Response::new(DepositResponse { already_applied, balances }))
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawRequest>,
    ) -> Result<Response<WithdrawResponse>, Status> {
        let trace = join(method("Withdraw"), traceparent(&request));
        let request = request.into_inner();
        let fields = MovementFields {
            client_id: given(&request.client_id),
            asset: given(&request.asset),
            amount: given(&request.amount),
            id: given(&request.withdrawal_id),
            id_field: "withdrawal_id",
        };
        let (already_applied, balances) =
            self.movement(Direction::Withdrawal, &fields, trace).await?;
        Ok(Response::new(WithdrawResponse { already_applied, balances }))
    }
}

impl Funding {
    async fn movement(
        &self,
        direction: Direction,
        fields: &MovementFields<'_>,
        trace: Trace,
    ) -> Result<(bool, Vec<AccountBalance>), Status> {
        let moving = async {
            let (account, movement) =
                entry::movement(fields, self.office.reference.loaded()?.as_ref())?;
            match self.office.move_money(direction, &account, movement, trace::current()).await? {
                Moved::Done { already_applied, balances } => {
                    Ok((already_applied, balances.into_iter().map(told).collect()))
                }
                Moved::Unknown => {
                    let message =
                        "what became of it is not known yet; the same request again tells";
                    Err(Problem::unavailable("outcome_unknown", message))
                }
            }
        };
        answer(trace, moving).await
    }
}

fn told(balance: Balance) -> AccountBalance {
    let Balance { asset, available, held, in_flight } = balance;
    AccountBalance { asset, available, held, in_flight }
}
