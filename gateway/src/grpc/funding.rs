//! Money in and out of an account, and from one to another.

use std::sync::Arc;

use model::AccountName;
use proto::{
    command::{Command, Movement},
    funding::{
        AccountBalance, DepositRequest, DepositResponse, TransferRequest, TransferResponse,
        WithdrawRequest, WithdrawResponse,
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
    office::{Moved, Office},
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
        let asker = self.office.asker();
        let fields = MovementFields {
            client_id: asker.account(given(&request.client_id))?,
            asset: given(&request.asset),
            amount: given(&request.amount),
            id: given(&request.deposit_id),
            id_field: "deposit_id",
        };
        let (already_applied, balances) =
            self.crossed_border(&fields, Command::Deposit, trace).await?;
        Ok(Response::new(DepositResponse { already_applied, balances }))
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawRequest>,
    ) -> Result<Response<WithdrawResponse>, Status> {
        let trace = join(method("Withdraw"), traceparent(&request));
        let request = request.into_inner();
        let asker = self.office.asker();
        let fields = MovementFields {
            client_id: asker.account(given(&request.client_id))?,
            asset: given(&request.asset),
            amount: given(&request.amount),
            id: given(&request.withdrawal_id),
            id_field: "withdrawal_id",
        };
        let (already_applied, balances) =
            self.crossed_border(&fields, Command::Withdraw, trace).await?;
        Ok(Response::new(WithdrawResponse { already_applied, balances }))
    }

    async fn transfer(
        &self,
        request: Request<TransferRequest>,
    ) -> Result<Response<TransferResponse>, Status> {
        let trace = join(method("Transfer"), traceparent(&request));
        let request = request.into_inner();
        let asker = self.office.asker();
        let fields = MovementFields {
            client_id: asker.account(given(&request.client_id))?,
            asset: given(&request.asset),
            amount: given(&request.amount),
            id: given(&request.transfer_id),
            id_field: "transfer_id",
        };
        let asked = || {
            let catalogue = self.office.reference.loaded()?;
            let (sender, transfer) = entry::transfer(&fields, given(&request.to), &catalogue)?;
            Ok((sender, Command::Transfer(transfer)))
        };
        let (already_applied, balances) = self.moved(asked, trace).await?;
        Ok(Response::new(TransferResponse { already_applied, balances }))
    }
}

impl Funding {
    async fn crossed_border(
        &self,
        fields: &MovementFields<'_>,
        command: fn(Movement) -> Command,
        trace: Trace,
    ) -> Result<(bool, Vec<AccountBalance>), Status> {
        let asked = || {
            let (account, movement) =
                entry::movement(fields, self.office.reference.loaded()?.as_ref())?;
            Ok((account, command(movement)))
        };
        self.moved(asked, trace).await
    }

    async fn moved(
        &self,
        asked: impl FnOnce() -> Result<(AccountName, Command), Problem> + Send,
        trace: Trace,
    ) -> Result<(bool, Vec<AccountBalance>), Status> {
        let moving = async {
            let (account, command) = asked()?;
            match self.office.move_money(&account, command, trace::current()).await? {
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
