//! The tables, as SeaORM sees them. What each column means is told in `ledger-migration` and, in
//! the words of `model`, in [`crate::row`].

#![allow(unreachable_pub, reason = "the derive makes public types of a private module")]

/// How far each partition is projected.
pub(super) mod progress {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "progress")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        pub log_id: String,
        pub out_seq: i64,
        pub in_offset: i64,
        pub chain: String,
        pub next_offset: i64,
        pub now_nanos: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Assets as last listed.
pub(super) mod asset {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "assets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub code: String,
        pub decimals: i16,
        pub sandbox_grant_units: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Instruments as last listed.
pub(super) mod instrument {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "instruments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub base_asset_id: i64,
        pub quote_asset_id: i64,
        pub tick_size_units: i64,
        pub lot_size_units: i64,
        pub price_protection_bps: i64,
        pub partition: i16,
        pub version: i64,
        pub maker_fee_millionths: i32,
        pub taker_fee_millionths: i32,
        pub fee_asset: i16,
        pub fee_tiers: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Orders.
pub(super) mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub account: String,
        pub client_order_id: Option<String>,
        pub instrument_id: i64,
        pub side: i16,
        pub order_type: i16,
        pub time_in_force: i16,
        pub price_ticks: i64,
        pub quantity_lots: i64,
        pub quote_units: i64,
        pub quote_units_high: i64,
        pub remaining_lots: i64,
        pub status: i16,
        pub reason: String,
        pub created_at_nanos: i64,
        pub updated_at_nanos: i64,
        pub post_only: bool,
        pub self_trade_prevention: i16,
        pub expires_at_nanos: i64,
        pub prevented_lots: i64,
        pub trigger_kind: i16,
        pub trigger_price_ticks: i64,
        pub contingency: i16,
        pub display_lots: i64,
        pub trailing_delta_bps: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Ids that duplicates of orders were given.
pub(super) mod alias {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_aliases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub alias_id: i64,
        pub order_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Trades.
pub(super) mod trade {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "trades")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub instrument_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub trade_id: i64,
        pub price_ticks: i64,
        pub quantity_lots: i64,
        pub maker_order_id: i64,
        pub taker_order_id: i64,
        pub maker_account: String,
        pub taker_account: String,
        pub taker_side: i16,
        pub executed_at_nanos: i64,
        pub maker_fee_units: i64,
        pub maker_fee_units_high: i64,
        pub taker_fee_units: i64,
        pub taker_fee_units_high: i64,
        pub buyer_fee_in_base: bool,
        pub in_auction: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Balances.
pub(super) mod balance {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "balances")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub account: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub asset_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        pub available_units: i64,
        pub available_units_high: i64,
        pub held_units: i64,
        pub held_units_high: i64,
        pub link_units: i64,
        pub link_units_high: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What the house has earned.
pub(super) mod fee_income {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "fee_income")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        #[sea_orm(primary_key, auto_increment = false)]
        pub asset_id: i64,
        pub units: i64,
        pub units_high: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Postings.
pub(super) mod posting {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "postings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        #[sea_orm(primary_key, auto_increment = false)]
        pub out_seq: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub cause: i16,
        pub order_id: i64,
        pub instrument_id: i64,
        pub trade_id: i64,
        pub external_id: Option<String>,
        pub link_partition: Option<i16>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What one bucket gained in a posting.
pub(super) mod leg {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "posting_legs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        #[sea_orm(primary_key, auto_increment = false)]
        pub out_seq: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub leg: i32,
        pub bucket: i16,
        pub account: Option<String>,
        pub asset_id: i64,
        pub units: i64,
        pub units_high: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What is in force of accounts.
pub(super) mod account_control {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "account_controls")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub account: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        pub state: i16,
        pub killed: bool,
        pub fee_tier: i16,
        pub max_open_orders: i64,
        pub orders_per_second: i64,
        pub order_burst: i64,
        pub price_collar_bps: i64,
        pub asset_limits: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What trading is stopped.
pub(super) mod kill_switch {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "kill_switches")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub partition: i16,
        #[sea_orm(primary_key, auto_increment = false)]
        pub instrument_id: i64,
        pub engaged: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What markets are open for.
pub(super) mod market_state {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "market_states")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub instrument_id: i64,
        pub state: i16,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
