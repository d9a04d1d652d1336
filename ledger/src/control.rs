//! What those who run the platform let accounts do and charge them, and what they have stopped, as
//! the shards say it: of each what is in force there.

use std::collections::BTreeMap;

use model::{AccountName, AccountState, FeeTier, InstrumentId, MarketState, Partition, RiskLimits};

/// What identifies what is in force of an account: whose, and on which shard.
pub type ControlKey = (AccountName, Partition);

/// What is in force of an account on a shard. Where nothing was said it is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountControl {
    /// What it may do.
    pub state: AccountState,
    /// Whether its own kill switch is engaged.
    pub is_killed: bool,
    /// What it may risk.
    pub limits: RiskLimits,
    /// Which fee tier it has.
    pub tier: FeeTier,
}

/// What identifies a kill switch: on which shard, and of which instrument; `None` of all trading.
pub type SwitchKey = (Partition, Option<InstrumentId>);

/// What trading is stopped, and what markets are open for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketControls {
    /// Whether each switch that was ever turned is engaged.
    pub switches: BTreeMap<SwitchKey, bool>,
    /// The state of each market that was ever said; the others are trading.
    pub states: BTreeMap<InstrumentId, MarketState>,
}

impl MarketControls {
    /// The shards on which all trading is stopped.
    pub fn killed_partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        let of_all =
            self.switches.iter().filter(|((_, instrument), is_on)| instrument.is_none() && **is_on);
        of_all.map(|((partition, _), _)| *partition)
    }

    /// Whether the switch of an instrument is engaged.
    pub fn is_killed(&self, instrument: InstrumentId) -> bool {
        self.switches.iter().any(|((_, one), is_on)| *one == Some(instrument) && *is_on)
    }

    /// What an instrument's market is open for.
    pub fn state(&self, instrument: InstrumentId) -> MarketState {
        self.states.get(&instrument).copied().unwrap_or(MarketState::Trading)
    }
}
