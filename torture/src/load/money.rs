//! Deposits and withdrawals: a worker that roams takes out much of what it has, and brings it back
//! later, so that its account's home has to call back what lies on other shards.

use std::sync::atomic::Ordering::Relaxed;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use tokio::time;

use super::{Worker, gateways::Moved, order::INSTRUMENTS};

/// How much is taken out, in thousandths of what a sandbox's account is given.
const THOUSANDTHS: std::ops::RangeInclusive<u32> = 100..=600;

/// What everything is paid with, and how much more of it an account is given than of the rest.
const MONEY: &str = "USD";
const MONEY_TIMES: u32 = 1_000;

/// A deposit or a withdrawal as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Movement {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) is_deposit: bool,
    asset: &'static str,
    amount: String,
}

impl Movement {
    fn draw(random: &mut Pcg64Mcg, account: &str, id: String) -> Movement {
        let instruments = INSTRUMENTS.as_flattened();
        let (base, _) = instruments[random.random_range(0..instruments.len())]
            .split_once('-')
            .expect("an instrument has two assets");
        let asset = if random.random_bool(0.5) { MONEY } else { base };
        let times = if asset == MONEY { MONEY_TIMES } else { 1 };
        let amount = (random.random_range(THOUSANDTHS) * times).to_string();
        Movement { id, account: account.to_owned(), is_deposit: false, asset, amount }
    }

    /// Brings back what this took out.
    fn back(self, id: String) -> Movement {
        Movement { id, is_deposit: true, ..self }
    }

    /// What it is, in a word.
    fn kind(&self) -> &'static str {
        if self.is_deposit { "deposit" } else { "withdrawal" }
    }

    /// The fields of its line in the history.
    fn terms(&self) -> [&str; 5] {
        [&self.id, &self.account, self.kind(), self.asset, &self.amount]
    }

    /// Where it is sent, below an account.
    pub(super) fn path(&self) -> String {
        format!("/api/v1/accounts/{}/{}s", self.account, self.kind())
    }

    /// The body that asks for it.
    pub(super) fn json(&self) -> String {
        let Movement { id, asset, amount, .. } = self;
        format!("{{\"{}_id\":\"{id}\",\"asset\":\"{asset}\",\"amount\":\"{amount}\"}}", self.kind())
    }
}

impl Worker {
    /// Takes money out, or brings back what was taken out before; sends it again until it is known.
    pub(super) async fn move_money(&mut self) {
        self.placed += 1;
        let id = format!("m{}-{}", self.number, self.placed);
        let movement = match self.taken_out.take() {
            Some(taken) => taken.back(id),
            None => Movement::draw(&mut self.random, &self.account, id),
        };
        self.load.pen.write("moving", &movement.terms());
        loop {
            let gateway = self.random.random_range(0..self.load.gateways.count());
            let pen = &self.load.pen;
            match self.load.gateways.move_money(gateway, &movement).await {
                Moved::Done => {
                    pen.write("moved", &[&movement.id, "done"]);
                    self.load.tally.moved.fetch_add(1, Relaxed);
                    self.taken_out = (!movement.is_deposit).then_some(movement);
                    return;
                }
                Moved::Refused(why) => return pen.write("moved", &[&movement.id, &why]),
                Moved::Wrong(what) => {
                    return pen.write("wrong", &[&format!("{}: {what}", movement.id)]);
                }
                Moved::Unknown(why) => pen.write("unmoved", &[&movement.id, &why]),
            }
            time::sleep(self.pause()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn what_is_taken_out_is_brought_back() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let draw = |_| Movement::draw(&mut random, "ann", "m1".to_owned());
        let all: Vec<Movement> = (0..100).map(draw).collect();
        for out in &all {
            let body: serde_json::Value = serde_json::from_str(&out.json()).expect("JSON");
            assert_eq!(body["withdrawal_id"], "m1");
            assert_eq!(out.path(), "/api/v1/accounts/ann/withdrawals");
            let back = out.clone().back("m2".to_owned());
            let body: serde_json::Value = serde_json::from_str(&back.json()).expect("JSON");
            assert_eq!(
                (&body["deposit_id"], &body["amount"]),
                (&"m2".into(), &out.amount.as_str().into())
            );
            assert_eq!(back.terms()[2..4], ["deposit", out.asset]);
        }
        assert!(
            all.iter().any(|out| out.asset == MONEY) && all.iter().any(|out| out.asset == "ADA")
        );
    }
}
