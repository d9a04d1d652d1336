//! Deposits, withdrawals and transfers: a worker that roams takes out much of what it has, and
//! brings it back later, so that its account's home has to call back what lies on other shards.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use tokio::time;

use super::{Worker, gateways::Moved, order::INSTRUMENTS};

/// How much is taken out, in thousandths of what a sandbox's account is given.
const THOUSANDTHS: std::ops::RangeInclusive<u32> = 100..=600;

/// What everything is paid with, and how much more of it an account is given than of the rest.
pub(super) const MONEY: &str = "USD";
const MONEY_TIMES: u32 = 1_000;

/// A deposit, a withdrawal or a transfer as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Movement {
    pub(super) id: String,
    pub(super) account: String,
    /// Which of them, in a word.
    pub(super) kind: &'static str,
    pub(super) asset: &'static str,
    pub(super) amount: String,
    /// Whom a transfer goes to; else empty.
    pub(super) receiver: String,
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
        let (account, receiver) = (account.to_owned(), String::new());
        Movement { id, account, kind: "withdrawal", asset, amount, receiver }
    }

    /// Brings back what this took out.
    fn back(self, id: String) -> Movement {
        Movement { id, kind: "deposit", ..self }
    }

    /// The fields of its line in the history.
    fn terms(&self) -> [&str; 6] {
        [&self.id, &self.account, self.kind, self.asset, &self.amount, &self.receiver]
    }

    /// Where it is sent, below an account.
    pub(super) fn path(&self) -> String {
        format!("/api/v1/accounts/{}/{}s", self.account, self.kind)
    }

    /// The body that asks for it.
    pub(super) fn json(&self) -> String {
        let Movement { id, kind, asset, amount, receiver, .. } = self;
        let to =
            if receiver.is_empty() { String::new() } else { format!(",\"to\":\"{receiver}\"") };
        format!("{{\"{kind}_id\":\"{id}\",\"asset\":\"{asset}\",\"amount\":\"{amount}\"{to}}}")
    }
}

impl Worker {
    /// Takes money out, or brings back what was taken out before; sends it again until it is known.
    pub(super) async fn move_money(&mut self) {
        let id = self.next_key("m");
        let movement = match self.taken_out.take() {
            Some(taken) => taken.back(id),
            None => Movement::draw(&mut self.random, &self.account, id),
        };
        let is_done = self.insist(&movement).await;
        self.taken_out = (is_done && movement.kind == "withdrawal").then_some(movement);
    }

    /// Sends a movement again until it is known; whether it is done.
    pub(super) async fn insist(&mut self, movement: &Movement) -> bool {
        self.load.pen.write("moving", &movement.terms());
        loop {
            let gateway = self.random.random_range(0..self.load.gateways.count());
            let pen = &self.load.pen;
            match self.load.gateways.move_money(gateway, movement).await {
                Moved::Done => {
                    pen.write("moved", &[&movement.id, "done"]);
                    self.load.tally.was_moved();
                    return true;
                }
                Moved::Refused(why) => {
                    pen.write("moved", &[&movement.id, &why]);
                    return false;
                }
                Moved::Wrong(what) => {
                    pen.write("wrong", &[&format!("{}: {what}", movement.id)]);
                    return false;
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
        let (kind, receiver) = ("transfer", "bob".to_owned());
        let sent = Movement { kind, receiver, ..all[0].clone() };
        let body: serde_json::Value = serde_json::from_str(&sent.json()).expect("JSON");
        assert_eq!((&body["transfer_id"], &body["to"]), (&"m1".into(), &"bob".into()));
        assert_eq!(sent.path(), "/api/v1/accounts/ann/transfers");
        assert!(
            all.iter().any(|out| out.asset == MONEY) && all.iter().any(|out| out.asset == "ADA")
        );
    }
}
