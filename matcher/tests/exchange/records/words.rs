//! What records say since behaviour 4: lists, icebergs, orders that trail, changes of open orders,
//! and the words of those who run the platform.

use model::{
    AccountName, AccountState, Amount, AssetId, CancelOnly, Contingency, Instructions, KeyText,
    MarketState, OperatorName, OrderFilter, OrderId, Partition, Price, Quantity, ReplaceMode,
    RequestId, RiskLimits, Side, Span, TimeInForce, Timestamp, Trailing, Trigger, TriggerKind,
    risk::{AssetLimit, OrderRate},
};
use proto::{
    command::{
        Ask, CancelAfter, Command, Key, KeySpace, KillScope, Leg, Operator, OperatorCommand,
        OperatorWord, OrderName, PlaceList, ReplaceOrder, Stamp, Transfer,
    },
    log,
    reference::{FeeAsset, InstrumentListing, ListingFilters, PriceBand},
};

use super::{ETH, ETH_USD, Records};
use crate::{
    operators::relist,
    venue::{BTC, BTC_USD, SECOND, USD, btc_usd, movement, saying},
};

fn lots(count: u64) -> Quantity {
    Quantity::from_lots(count).expect("in range")
}

fn price(ticks: u64) -> Price {
    Price::from_ticks(ticks).expect("in range")
}

impl Records {
    /// A command that no log knew before.
    pub(super) fn newer_command(&mut self, offset: u64) -> Command {
        match self.below(24) {
            0..5 => self.list(offset),
            5..9 => self.iceberg_or_trailing(offset),
            9..12 => {
                let quantity = lots(1 + self.below(4_000));
                Command::Amend { order: self.name(offset), quantity }
            }
            12..15 => {
                let Command::Place(place) = self.order(offset) else { panic!("it is an order") };
                let mode = match self.below(2) {
                    0 => ReplaceMode::StopOnFailure,
                    _ => ReplaceMode::AllowFailure,
                };
                Command::Replace(ReplaceOrder { replaced: self.name(offset), mode, place })
            }
            15..18 => {
                let all = [None, Some(CancelOnly::New), Some(CancelOnly::PartiallyFilled)];
                let only = all[self.index(3)];
                Command::CancelNamed { order: self.name(offset), only }
            }
            18 => {
                let from = self.middle - 20 + self.below(20);
                Command::CancelMatching(OrderFilter {
                    side: self.one_in(2).then_some(Side::Sell),
                    price_from: Some(price(from)),
                    price_to: self.one_in(2).then(|| price(from + 15)),
                    ..OrderFilter::all(self.one_in(2).then_some(BTC_USD))
                })
            }
            19 => {
                let timeout = Span::from_secs(self.below(4) * 5);
                let instrument = self.one_in(2).then_some(BTC_USD);
                Command::CancelAfter(CancelAfter::own(instrument, timeout))
            }
            20 | 21 => {
                let group = self.below(4);
                Command::SetTradeGroup { group: (group > 0).then_some(group) }
            }
            _ => {
                let id = self.below(500).to_string();
                let movement = movement(USD, i128::from(1 + self.below(1_000_000)), &id);
                Command::Transfer(Transfer { movement, receiver: self.client() })
            }
        }
    }

    fn index(&mut self, end: u64) -> usize {
        usize::try_from(self.below(end)).expect("small")
    }

    fn client(&mut self) -> AccountName {
        AccountName::new(&format!("client-{}", self.below(9))).expect("a good name")
    }

    /// A recent order, or one of a list, by one of its ids or both.
    fn name(&mut self, offset: u64) -> OrderName {
        let back = 1 + self.below(40);
        let record = OrderId::at(Partition::FIRST, offset.saturating_sub(back)).expect("in range");
        // Mostly it is their own.
        let author = self.authors.get(&offset.saturating_sub(back)).copied();
        self.speaks_as = author.filter(|_| !self.one_in(6));
        let leg = if self.one_in(4) { 1 + self.below(3) } else { 0 };
        let leg = u8::try_from(leg).expect("small");
        let id = record.with_leg(leg).expect("at most three");
        let key = || KeyText::new(&(1_000 + offset - back).to_string()).expect("a good key");
        match self.below(4) {
            0 => OrderName::Own { instrument: BTC_USD, key: key() },
            1 => OrderName::Both { id, key: key() },
            _ => OrderName::Id(id),
        }
    }

    fn iceberg_or_trailing(&mut self, offset: u64) -> Command {
        let Command::Place(place) = self.order(offset) else { panic!("it is an order") };
        let plain =
            Instructions { self_trade: place.instructions.self_trade, ..Default::default() };
        match place.ask {
            Ask::Limit { quantity, .. } if self.one_in(2) => {
                let display = lots(quantity.lots().div_ceil(1 + self.below(103)));
                let instructions = Instructions { display: Some(display), ..plain };
                saying(Command::Place(place), TimeInForce::Gtc, instructions)
            }
            Ask::MarketByQuote { .. } => Command::Place(place),
            ask => {
                let kinds = [TriggerKind::StopLoss, TriggerKind::TakeProfit];
                let kind = kinds[self.index(2)];
                let delta = 1 + u32::try_from(self.below(60)).expect("small");
                let near = price(self.middle + 10 - self.below(20));
                let trigger = self.one_in(2).then_some(Trigger { kind, price: near });
                let trailing = Trailing::new(kind, delta);
                let lasts = match ask {
                    Ask::Limit { .. } => TimeInForce::Gtc,
                    _ => TimeInForce::Ioc,
                };
                let instructions = Instructions { trigger, trailing, ..plain };
                saying(Command::Place(place), lasts, instructions)
            }
        }
    }

    /// Two of which one ends the other, one that waits for another, or two that do.
    fn list(&mut self, offset: u64) -> Command {
        let side = if self.one_in(2) { Side::Buy } else { Side::Sell };
        let quantity = lots(1 + self.below(20_000));
        let (high, low) = (self.middle + 5 + self.below(20), self.middle - 5 - self.below(20));
        let (gain, loss) = if side == Side::Sell { (high, low) } else { (low, high) };
        let leg = |side, ticks, instructions| {
            let ask = Ask::Limit { price: price(ticks), quantity };
            Leg { side, ask, time_in_force: TimeInForce::Gtc, instructions }
        };
        let gain = leg(side, gain, Instructions { post_only: true, ..Instructions::default() });
        let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price: price(loss) });
        let loss = leg(side, loss, Instructions { trigger, ..Instructions::default() });
        let pair = if side == Side::Sell { [gain, loss] } else { [loss, gain] };
        let near = self.middle + 8 - self.below(16);
        let working = leg(side.opposite(), near, Instructions::default());
        let (contingency, legs) = match self.below(3) {
            0 => (Contingency::Oco, pair.to_vec()),
            1 => (Contingency::Otoco, vec![working, pair[0], pair[1]]),
            _ => (Contingency::Oto, vec![working, gain]),
        };
        let text = KeyText::new(&(1_000 + offset).to_string()).expect("a good key");
        let key = Key { space: KeySpace::ClientOrderId, text };
        Command::PlaceList(PlaceList { key, instrument: BTC_USD, contingency, legs })
    }

    /// A word of those who run the platform.
    pub(super) fn operator(&mut self, offset: u64) -> log::input::Kind {
        let stamp = Stamp {
            request_id: RequestId(u128::from(offset)),
            valid_until: Timestamp::from_unix_nanos(self.now + 10 * SECOND),
        };
        let name = OperatorName::new("olga").expect("a good name");
        let command = OperatorCommand { by: Operator { name, stamp }, command: self.word() };
        log::input::Kind::Operator((&command).into())
    }

    fn word(&mut self) -> OperatorWord {
        match self.below(17) {
            16 => OperatorWord::Record(log::AdminCall {
                method: "SetInstrument".to_owned(),
                decision: log::AdminDecision::Allowed.into(),
                source: "10.0.0.7".to_owned(),
                unrecorded: 0,
            }),
            0..4 => self.listing(),
            4..9 => self.market_state(),
            9 | 10 => {
                let states = [AccountState::ReduceOnly, AccountState::Suspended];
                let state =
                    if self.one_in(5) { states[self.index(2)] } else { AccountState::Active };
                OperatorWord::SetAccountState { account: self.client(), state }
            }
            11 | 12 => OperatorWord::SetRiskLimits {
                account: self.client(),
                limits: if self.one_in(4) { self.limits() } else { RiskLimits::default() },
            },
            13 => {
                let scope = match self.below(3) {
                    0 => KillScope::Venue,
                    1 => KillScope::Instrument(ETH_USD),
                    _ => KillScope::Account(self.client()),
                };
                // Mostly it is let go: else nothing else would happen.
                OperatorWord::SetKillSwitch { scope, is_engaged: self.one_in(12) }
            }
            _ => {
                let id = format!("ticket-{}", self.below(500));
                let amount = i128::from(self.below(2_000_000)) - 1_000_000;
                let movement = movement(USD, amount.max(1), &id);
                OperatorWord::Adjust { account: self.client(), movement }
            }
        }
    }

    /// The next version of an instrument: other fees, filters, or another price band.
    fn listing(&mut self) -> OperatorWord {
        let is_btc = self.one_in(2);
        let plain = match is_btc {
            true => btc_usd(),
            false => InstrumentListing { id: ETH_USD.0, base_asset_id: ETH, ..btc_usd() },
        };
        let version = &mut self.versions[usize::from(is_btc)];
        *version += 1;
        let version = *version;
        let fee = |millionths: u64| i32::try_from(millionths).expect("small");
        let filters = ListingFilters {
            price_step_ticks: self.below(2),
            min_quantity_lots: self.below(200),
            max_orders: 40,
            max_algo_orders: 8,
            ..Default::default()
        };
        let band = PriceBand {
            width_bps: 4 + u32::try_from(self.below(12)).expect("small"),
            reference_secs: u32::try_from(self.below(20)).expect("small"),
            auction_secs: 1 + u32::try_from(self.below(4)).expect("small"),
        };
        let charged = [FeeAsset::Quote, FeeAsset::Received];
        let listing = InstrumentListing {
            maker_fee_millionths: fee(self.below(1_000)),
            taker_fee_millionths: fee(1_000 + self.below(1_000)),
            fee_asset: charged[self.index(2)].into(),
            filters: self.one_in(2).then_some(filters),
            price_band: (!self.one_in(3)).then_some(band),
            ..plain
        };
        relist(version, listing)
    }

    /// Mostly one is opened: a market that is shut does little.
    fn market_state(&mut self) -> OperatorWord {
        let shut = [
            MarketState::PreOpen,
            MarketState::PreOpen,
            MarketState::PostOnly,
            MarketState::LimitOnly,
            MarketState::CancelOnly,
            MarketState::Halted,
            MarketState::Auction,
        ];
        let state = if self.one_in(4) { shut[self.index(7)] } else { MarketState::Trading };
        let instrument = if self.one_in(3) { ETH_USD } else { BTC_USD };
        OperatorWord::SetMarketState { instrument, state }
    }

    fn limits(&mut self) -> RiskLimits {
        let asset = |asset, notional: u64, position: u64| AssetLimit {
            asset: AssetId(asset),
            max_order_notional: Amount::from_units(i128::from(notional)),
            max_position: Amount::from_units(i128::from(position)),
        };
        RiskLimits {
            assets: vec![
                asset(USD, 1 + self.below(4_000_000_000), 0),
                asset(BTC, 0, 1 + self.below(4_000_000_000)),
            ],
            max_open_orders: 30,
            rate: self.one_in(2).then_some(OrderRate { per_second: 2, burst: 5 }),
            price_collar_bps: u32::try_from(self.below(60)).expect("small"),
        }
    }
}
