//! What those who run the platform let accounts do: each shard is told, and told again it does
//! nothing new.

use model::{AccountName, AccountState, KeyText, OperatorName, Partition, RiskLimits};
use proto::{
    admin::ShardResult,
    command::{KillScope, OperatorWord},
};

use super::Office;
use crate::desk::Said;

impl Office {
    /// Sets what an account may do, on every shard.
    pub(crate) async fn set_account_state(
        &self,
        by: &OperatorName,
        account: AccountName,
        state: AccountState,
    ) -> Vec<ShardResult> {
        let word = OperatorWord::SetAccountState { account, state };
        self.tell(by, self.partitions(), |_| Said::Command(word.clone())).await
    }

    /// Lets a sandbox account begin anew, on every shard.
    pub(crate) async fn reset(
        &self,
        by: &OperatorName,
        account: AccountName,
        id: KeyText,
    ) -> Vec<ShardResult> {
        let word = OperatorWord::Reset { account, id };
        self.tell(by, self.partitions(), |_| Said::Command(word.clone())).await
    }

    /// Sets what an account may risk, on every shard.
    pub(crate) async fn set_risk_limits(
        &self,
        by: &OperatorName,
        account: AccountName,
        limits: RiskLimits,
    ) -> Vec<ShardResult> {
        let word = OperatorWord::SetRiskLimits { account, limits };
        self.tell(by, self.partitions(), |_| Said::Command(word.clone())).await
    }

    /// Stops trading, or lets it go on: on the shard of an instrument, else on every one.
    pub(crate) async fn set_kill_switch(
        &self,
        by: &OperatorName,
        scope: KillScope,
        only: Option<Partition>,
        is_engaged: bool,
    ) -> Vec<ShardResult> {
        tracing::warn!(?scope, is_engaged, by = by.as_str(), "the kill switch is turned");
        let word = OperatorWord::SetKillSwitch { scope, is_engaged };
        let told = self.partitions().filter(|one| only.is_none_or(|only| only == *one));
        self.tell(by, told, |_| Said::Command(word.clone())).await
    }
}
