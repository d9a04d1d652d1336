//! Items of links between the log's wire form and the domain.

use model::{AccountName, Amount, AssetId, KeyText};

use super::{Malformed, amount, to_amount};
use crate::{
    link::{LinkItem, LinkKind},
    log::{self, link_item::Kind},
};

impl TryFrom<&log::LinkItem> for LinkItem {
    type Error = Malformed;

    fn try_from(wire: &log::LinkItem) -> Result<Self, Malformed> {
        Ok(LinkItem {
            account: AccountName::new(&wire.account).map_err(|_| Malformed("account"))?,
            asset: AssetId(wire.asset_id),
            kind: kind(wire.kind.as_ref().ok_or(Malformed("kind"))?)?,
        })
    }
}

fn kind(wire: &Kind) -> Result<LinkKind, Malformed> {
    Ok(match wire {
        Kind::Asked(asked) => {
            let wanted = some("wanted", asked.wanted.as_ref())?;
            let least = some("least", asked.least.as_ref())?;
            if least > wanted {
                return Err(Malformed("least"));
            }
            LinkKind::Asked { wanted, least }
        }
        Kind::Recalled(recalled) => {
            LinkKind::Recalled { wanted: some("wanted", recalled.wanted.as_ref())? }
        }
        Kind::Returned(returned) => LinkKind::Returned { amount: moved(returned.amount.as_ref())? },
        Kind::Granted(granted) => LinkKind::Granted { amount: moved(granted.amount.as_ref())? },
        Kind::Transferred(sent) => LinkKind::Transferred {
            amount: some("amount", sent.amount.as_ref())?,
            sender: sender(&sent.sender)?,
            id: id(&sent.transfer_id)?,
        },
        Kind::TransferAnswered(answer) => LinkKind::TransferAnswered {
            returned: moved(answer.returned.as_ref())?,
            sender: sender(&answer.sender)?,
            id: id(&answer.transfer_id)?,
        },
    })
}

fn sender(name: &str) -> Result<AccountName, Malformed> {
    AccountName::new(name).map_err(|_| Malformed("sender"))
}

fn id(text: &str) -> Result<KeyText, Malformed> {
    KeyText::new(text).map_err(|_| Malformed("transfer_id"))
}

fn some(field: &'static str, wire: Option<&log::Amount>) -> Result<Amount, Malformed> {
    let wanted = amount(wire)?;
    if wanted > Amount::ZERO { Ok(wanted) } else { Err(Malformed(field)) }
}

fn moved(wire: Option<&log::Amount>) -> Result<Amount, Malformed> {
    let moved = amount(wire)?;
    if moved.is_negative() { Err(Malformed("amount")) } else { Ok(moved) }
}

impl From<&LinkItem> for log::LinkItem {
    fn from(item: &LinkItem) -> log::LinkItem {
        let wire = |amount: &Amount| Some(to_amount(*amount));
        let kind = match &item.kind {
            LinkKind::Asked { wanted, least } => {
                Kind::Asked(log::FundsAsked { wanted: wire(wanted), least: wire(least) })
            }
            LinkKind::Recalled { wanted } => {
                Kind::Recalled(log::FundsRecalled { wanted: wire(wanted) })
            }
            LinkKind::Returned { amount } => {
                Kind::Returned(log::FundsReturned { amount: wire(amount) })
            }
            LinkKind::Granted { amount } => {
                Kind::Granted(log::FundsGranted { amount: wire(amount) })
            }
            LinkKind::Transferred { amount, sender, id } => Kind::Transferred(log::Transferred {
                amount: wire(amount),
                sender: sender.as_str().to_owned(),
                transfer_id: id.as_str().to_owned(),
            }),
            LinkKind::TransferAnswered { returned, sender, id } => {
                Kind::TransferAnswered(log::TransferAnswered {
                    returned: wire(returned),
                    sender: sender.as_str().to_owned(),
                    transfer_id: id.as_str().to_owned(),
                })
            }
        };
        log::LinkItem {
            account: item.account.as_str().to_owned(),
            asset_id: item.asset.0,
            kind: Some(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: LinkKind) -> LinkItem {
        let account = AccountName::new("alice").expect("a good name");
        LinkItem { account, asset: AssetId(7), kind }
    }

    #[test]
    fn items_survive_the_wire() {
        let [one, many] = [1, 1 << 100].map(Amount::from_units);
        let sender = || AccountName::new("bob").expect("a good name");
        let id = || KeyText::new("t1").expect("a good id");
        for kind in [
            LinkKind::Asked { wanted: many, least: one },
            LinkKind::Recalled { wanted: many },
            LinkKind::Returned { amount: Amount::ZERO },
            LinkKind::Granted { amount: many },
            LinkKind::Transferred { amount: many, sender: sender(), id: id() },
            LinkKind::TransferAnswered { returned: Amount::ZERO, sender: sender(), id: id() },
        ] {
            let item = item(kind);
            assert_eq!(LinkItem::try_from(&log::LinkItem::from(&item)), Ok(item));
        }
    }

    #[test]
    fn items_that_no_shard_sends_are_named() {
        let wire = |units| Some(log::Amount { units, units_high: 0 });
        let asked = |wanted, least| {
            Kind::Asked(log::FundsAsked { wanted: wire(wanted), least: wire(least) })
        };
        let transferred = |units, sender: &str, id: &str| {
            let (sender, transfer_id) = (sender.to_owned(), id.to_owned());
            Kind::Transferred(log::Transferred { amount: wire(units), sender, transfer_id })
        };
        let cases = [
            (asked(0, 0), "wanted"),
            (asked(5, 0), "least"),
            (asked(5, 6), "least"),
            (Kind::Recalled(log::FundsRecalled { wanted: wire(-1) }), "wanted"),
            (Kind::Returned(log::FundsReturned { amount: wire(-1) }), "amount"),
            (Kind::Granted(log::FundsGranted { amount: wire(-1) }), "amount"),
            (transferred(0, "bob", "t1"), "amount"),
            (transferred(1, "", "t1"), "sender"),
            (transferred(1, "bob", ""), "transfer_id"),
        ];
        let base = log::LinkItem::from(&item(LinkKind::Returned { amount: Amount::ZERO }));
        for (kind, field) in cases {
            let wire = log::LinkItem { kind: Some(kind), ..base.clone() };
            assert_eq!(LinkItem::try_from(&wire), Err(Malformed(field)), "{wire:?}");
        }
        let nameless = log::LinkItem { account: String::new(), ..base };
        assert_eq!(LinkItem::try_from(&nameless), Err(Malformed("account")));
        let empty = log::LinkItem { kind: None, ..base };
        assert_eq!(LinkItem::try_from(&empty), Err(Malformed("kind")));
    }
}
