//! The load of a bank: clients that each move the money of their own accounts by deposits,
//! withdrawals, transfers to any other account, and orders.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::task::JoinSet;

use super::{
    Load, Worker,
    money::{MONEY, Movement},
    order::{self, INSTRUMENTS},
};
use crate::{bank::Bank, platform::PARTITIONS};

/// What an account is opened with, in whole units: enough for some orders, not for many.
const OPENING_MONEY: u32 = 1_000;
const OPENING_BASE: u32 = 10;

/// How much a movement is of what an account is opened with, in hundredths.
const HUNDREDTHS: std::ops::RangeInclusive<u32> = 1..=80;

/// One in so many orders of an account cancels what may rest of it.
const CANCELS_ONE_IN: u32 = 4;

/// A client and the accounts whose money it moves.
struct Customer {
    worker: Worker,
    accounts: Vec<String>,
    /// How many accounts there are in all.
    all: u32,
}

impl Load {
    /// Runs until `stop` is set and everything that was begun is known.
    pub(crate) async fn run_bank(self: Arc<Load>, bank: Bank) {
        let mut customers = JoinSet::new();
        for number in 0..bank.clients {
            let own = (number..bank.accounts).step_by(bank.clients as usize);
            let random = Pcg64Mcg::seed_from_u64(self.seed ^ u64::from(number) << 32);
            let customer = Customer {
                worker: Worker::new(Arc::clone(&self), number, random),
                accounts: own.map(name).collect(),
                all: bank.accounts,
            };
            customers.spawn(customer.run(bank.clients));
        }
        while customers.join_next().await.is_some() {}
    }
}

fn name(number: u32) -> String {
    format!("holder-{number}")
}

impl Customer {
    async fn run(mut self, clients: u32) {
        // Without a pause: how long it takes to open all accounts is nobody's figure.
        for number in 0..self.accounts.len() {
            let account = self.accounts[number].clone();
            self.moves("deposit", &account, (MONEY, OPENING_MONEY), "").await;
            let base = self.base();
            self.moves("deposit", &account, (base, OPENING_BASE), "").await;
            if self.worker.is_stopped() {
                return;
            }
        }
        let mut ticks = self.worker.ticks(clients);
        while !self.worker.is_stopped() {
            ticks.tick().await;
            if !self.worker.is_stopped() {
                self.act().await;
            }
        }
    }

    async fn act(&mut self) {
        let at = self.worker.random.random_range(0..self.accounts.len());
        let account = self.accounts[at].clone();
        match self.worker.random.random_range(0..100) {
            0..40 => self.trade(account).await,
            40..70 => {
                let receiver = name(self.worker.random.random_range(0..self.all));
                if receiver != account {
                    let what = self.some_of_it();
                    self.moves("transfer", &account, what, &receiver).await;
                }
            }
            70..86 => {
                let what = self.some_of_it();
                self.moves("deposit", &account, what, "").await;
            }
            _ => {
                let what = self.some_of_it();
                self.moves("withdrawal", &account, what, "").await;
            }
        }
    }

    /// An order of one of its accounts, on any shard.
    async fn trade(&mut self, account: String) {
        let worker = &mut self.worker;
        worker.account = account;
        worker.lane = worker.random.random_range(0..usize::from(PARTITIONS));
        let key = worker.next_key("w");
        let order = order::draw(&mut worker.random, worker.lane, &worker.account, key);
        worker.send(&order).await;
        if worker.random.random_ratio(1, CANCELS_ONE_IN) {
            worker.cancel_all(order.instrument).await;
        }
    }

    fn base(&mut self) -> &'static str {
        let instruments = INSTRUMENTS.as_flattened();
        let instrument = instruments[self.worker.random.random_range(0..instruments.len())];
        instrument.split_once('-').map_or(MONEY, |(base, _)| base)
    }

    /// An asset and so much of it that not every account has it.
    fn some_of_it(&mut self) -> (&'static str, u32) {
        let (asset, opening) = if self.worker.random.random_bool(0.6) {
            (MONEY, OPENING_MONEY)
        } else {
            (self.base(), OPENING_BASE)
        };
        let hundredths = self.worker.random.random_range(HUNDREDTHS);
        (asset, (opening * hundredths).div_ceil(100))
    }

    async fn moves(
        &mut self,
        kind: &'static str,
        account: &str,
        (asset, amount): (&'static str, u32),
        receiver: &str,
    ) {
        let id = self.worker.next_key("m");
        let movement = Movement {
            id,
            account: account.to_owned(),
            kind,
            asset,
            amount: amount.to_string(),
            receiver: receiver.to_owned(),
        };
        self.worker.insist(&movement).await;
    }
}
