//! The part of the flow that pays: transfers, what came of those of other shards, adjustments.

use ledger_core::{MoneyError, Movement, Transfer};
use model::{AssetId, KeyText, Partition};
use rand::RngExt;

use super::{BTC, ETH, EUR, Flow, NOBODY, TRADERS, UNLISTED, USD, amount, refusal};
use crate::reference::Refusal;

/// A transfer to somebody, or an adjustment.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    account: usize,
    to: Option<usize>,
    asset: AssetId,
    units: i128,
    id: KeyText,
}

impl Flow {
    /// Whether money moved, or had.
    pub(super) fn pay(&mut self) -> bool {
        match self.below(10) {
            0 => self.arrive(),
            1 | 2 if !self.paid.is_empty() => self.pay_again(),
            _ => {
                let payment = self.random_payment();
                self.pay_once(&payment)
            }
        }
    }

    fn random_payment(&mut self) -> Payment {
        let account = self.below(TRADERS);
        // Visitors are sent nothing, so that they come back to their grant.
        let is_sandbox = self.accounts.grant().is_some();
        let to = match self.below(20) {
            0 => Some(account),
            1 if !is_sandbox => Some(NOBODY),
            1..10 => Some(self.below(TRADERS)),
            _ => None,
        };
        let asset = [USD, USD, BTC, BTC, ETH, EUR, UNLISTED][self.below(7)];
        let units = match self.below(20) {
            0 => 0,
            1 => 1 << 121,
            2 => -(1 << 121),
            3 => 1 << 119,
            _ => self.rng.random_range(-800..1_000),
        };
        let id = KeyText::new(&format!("paid-{}", self.steps)).expect("a key");
        Payment { account, to, asset, units, id }
    }

    /// The same again, or something else with its id.
    fn pay_again(&mut self) -> bool {
        let earlier = self.below(self.paid.len());
        let mut again = self.paid[earlier].clone();
        match self.below(4) {
            0 => again.units += 1,
            1 if again.to.is_some() => again.to = Some((again.account + 1) % TRADERS),
            _ => {}
        }
        self.pay_once(&again)
    }

    fn pay_once(&mut self, payment: &Payment) -> bool {
        let paid = match payment.to {
            Some(to) => self.transfer(payment, to),
            None => self.adjust(payment),
        };
        match &paid {
            Ok(true) => self.paid.push(payment.clone()),
            Ok(false) => self.counts.paid_again += 1,
            Err(Refusal::IdReused) => self.counts.pay_ids_reused += 1,
            Err(Refusal::SameAccount) => self.counts.to_oneself += 1,
            Err(Refusal::UnknownAccount) => self.counts.to_nobody += 1,
            Err(_) => self.counts.refused += 1,
        }
        paid.is_ok()
    }

    fn transfer(&mut self, payment: &Payment, to: usize) -> Result<bool, Refusal> {
        let Payment { account, asset, units, ref id, .. } = *payment;
        let [name, receiver] = [account, to].map(|account| self.names[account].clone());
        let transfer = Transfer { to: &receiver, asset, amount: amount(units), id };
        let asked = self.accounts.check_transfer(&name, &transfer);
        let has_opened = matches!(asked, Ok(Movement::Applied));
        let handle = match self.accounts.find(&name) {
            Some(handle) if !has_opened => handle,
            None if !has_opened => return Err(refusal(asked.expect_err("nobody has paid"))),
            _ => self.open(account),
        };
        let from = self.reference.journal.len();
        self.out.clear();
        if has_opened {
            self.accounts.open(&receiver, &mut self.out).expect("room for one more");
        }
        let paid = self.accounts.transfer(handle, &transfer, &mut self.out);
        let expected = self.reference.transfer(&name, &receiver, (asset, units), id);
        self.compare_paid(from, (asked, paid), expected)
    }

    fn adjust(&mut self, payment: &Payment) -> Result<bool, Refusal> {
        let Payment { account, asset, units, ref id, .. } = *payment;
        let name = self.names[account].clone();
        let asked = self.accounts.check_adjustment(&name, asset, amount(units), id);
        let handle = match self.accounts.find(&name) {
            Some(handle) if asked != Ok(Movement::Applied) => handle,
            None if asked.is_err() => return asked.map(|_| true).map_err(refusal),
            _ => self.open(account),
        };
        let from = self.reference.journal.len();
        self.out.clear();
        let paid = self.accounts.adjust(handle, asset, amount(units), id, &mut self.out);
        let expected = self.reference.adjust(&name, (asset, units), id);
        self.compare_paid(from, (asked, paid), expected)
    }

    fn compare_paid(
        &mut self,
        from: usize,
        (asked, paid): (Result<Movement, MoneyError>, Result<Movement, MoneyError>),
        expected: Result<bool, Refusal>,
    ) -> Result<bool, Refusal> {
        assert_eq!(asked, paid, "{}", self.place());
        let is_now = paid.map(|paid| paid == Movement::Applied).map_err(refusal);
        assert_eq!(is_now, expected, "{}", self.place());
        self.compare(from);
        expected
    }

    /// Something comes from an account on another shard, or comes back from there.
    fn arrive(&mut self) -> bool {
        let [account, other] = [0; 2].map(|_: i32| self.below(TRADERS));
        let [handle, sender] = [account, other].map(|account| self.open(account));
        let asset = [USD, BTC, ETH][self.below(3)];
        let units = self.rng.random_range(1..500);
        let id = KeyText::new(&format!("arrived-{}", self.steps)).expect("a key");
        let is_back = self.below(2) == 0;
        let from = self.reference.journal.len();
        self.out.clear();
        let (moved, out) = ((asset, amount(units)), &mut self.out);
        if is_back {
            self.accounts.return_transfer((sender, handle), moved, &id, out);
        } else {
            self.accounts.take_transfer(handle, moved, &id, Partition::FIRST, out);
        }
        let [name, sender] = [account, other].map(|account| self.names[account].clone());
        let back_to = is_back.then_some(&sender);
        self.reference.arrive(&name, back_to, (asset, units), &id);
        self.compare(from);
        true
    }
}
