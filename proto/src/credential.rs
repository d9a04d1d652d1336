//! Credentials, between their wire form and checked values: which tokens there are, and what each
//! of them opens. Nobody has the tokens themselves but their bearers.

use model::{AccountName, KeyText, OperatorName, Timestamp};

use crate::{
    convert::Malformed,
    reference::{
        self, CredentialScope, OperatorRole, ReferenceBody, ReferenceRecord, reference_body::Body,
    },
};

/// How many tokens there can be at once: one for each of ten thousand accounts, and some to change
/// over. Some 300 bytes each make five megabytes of the first shard, of every gateway and ledger.
pub const SLOTS: u32 = 1 << 14;

/// How many tokens of one account can open something at once: one for each of its programs.
pub const TOKENS_AN_ACCOUNT_MAX: usize = 16;

/// The bytes of a token's hash.
pub const HASH_BYTES: usize = 32;

/// What a token lets its bearer do with its account; each the same as the one before, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Looks, and changes nothing.
    Read,
    /// Looks, trades, and withdraws.
    Trade,
    /// The same, and books what has come in: a deposit is believed.
    Fund,
}

/// What one of those who run the platform may do; each the same as the one before, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Runs the market: behaviours, instruments and their states.
    Operator,
    /// Makes and revokes tokens, and corrects balances.
    Admin,
}

/// Whose a token is, and what it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An account's.
    Account {
        /// Whose orders and money it opens.
        name: AccountName,
        /// What it lets its bearer do with them.
        scope: Scope,
    },
    /// One of those who run the platform.
    Operator {
        /// Who it is.
        name: OperatorName,
        /// What they may do.
        role: Role,
    },
}

impl Holder {
    /// Whether it is the same one's, whatever it opens.
    pub fn is_same(&self, other: &Holder) -> bool {
        match (self, other) {
            (Holder::Account { name, .. }, Holder::Account { name: other, .. }) => name == other,
            (Holder::Operator { name, .. }, Holder::Operator { name: other, .. }) => name == other,
            _ => false,
        }
    }

    fn from_wire(wire: &reference::Credential) -> Result<Holder, Malformed> {
        let scope = CredentialScope::try_from(wire.scope).map_err(|_| Malformed("scope"))?;
        let role = OperatorRole::try_from(wire.role).map_err(|_| Malformed("role"))?;
        if wire.operator.is_empty() {
            let name = AccountName::new(&wire.account).map_err(|_| Malformed("account"))?;
            let scope = scope_from_wire(scope).ok_or(Malformed("scope"))?;
            let is_one = role == OperatorRole::Unspecified;
            return if is_one {
                Ok(Holder::Account { name, scope })
            } else {
                Err(Malformed("role"))
            };
        }
        let name = OperatorName::new(&wire.operator).map_err(|_| Malformed("operator"))?;
        let role = role_from_wire(role).ok_or(Malformed("role"))?;
        let is_one = wire.account.is_empty() && scope == CredentialScope::Unspecified;
        if is_one { Ok(Holder::Operator { name, role }) } else { Err(Malformed("account")) }
    }
}

/// A token that somebody bears, without the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its place among all that there can be, below [`SLOTS`].
    pub slot: u32,
    /// By which people name it.
    pub id: KeyText,
    /// BLAKE3 of the token.
    pub token_hash: [u8; HASH_BYTES],
    /// Whose it is, and what it opens.
    pub holder: Holder,
    /// What people call it.
    pub label: Option<KeyText>,
    /// From then on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// Whether somebody has put an end to it.
    pub is_revoked: bool,
    /// By the clock of the gateway that made it.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: OperatorName,
}

impl Credential {
    /// The key of the slot in the reference data.
    pub fn key_of(slot: u32) -> String {
        format!("credential/{slot}")
    }

    /// Whether it opens anything at this instant.
    pub fn opens_at(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Its record, as this version of its slot.
    pub fn record(&self, version: u32) -> ReferenceRecord {
        ReferenceRecord {
            key: Credential::key_of(self.slot),
            version,
            body: Some(ReferenceBody { body: Some(Body::Credential(self.into())) }),
        }
    }

    /// The credential of a record; `None` where it is another's, or none.
    pub fn of_record(record: &ReferenceRecord) -> Option<Result<Credential, Malformed>> {
        match record.body.as_ref()?.body.as_ref()? {
            Body::Credential(wire) => Some(Credential::try_from(wire)),
            Body::Asset(_) | Body::Instrument(_) | Body::FeeTiers(_) => None,
        }
    }
}

impl TryFrom<&reference::Credential> for Credential {
    type Error = Malformed;

    fn try_from(wire: &reference::Credential) -> Result<Credential, Malformed> {
        let label = Some(wire.label.as_str()).filter(|label| !label.is_empty());
        let expires_at = Some(wire.expires_at_unix_nanos).filter(|nanos| *nanos > 0);
        Ok(Credential {
            slot: Some(wire.slot).filter(|slot| *slot < SLOTS).ok_or(Malformed("slot"))?,
            id: KeyText::new(&wire.id).map_err(|_| Malformed("id"))?,
            token_hash: (&*wire.token_hash).try_into().map_err(|_| Malformed("token_hash"))?,
            holder: Holder::from_wire(wire)?,
            label: label.map(KeyText::new).transpose().map_err(|_| Malformed("label"))?,
            expires_at: expires_at.map(Timestamp::from_unix_nanos),
            is_revoked: wire.revoked,
            created_at: Timestamp::from_unix_nanos(wire.created_at_unix_nanos),
            created_by: OperatorName::new(&wire.created_by).map_err(|_| Malformed("created_by"))?,
        })
    }
}

impl From<&Credential> for reference::Credential {
    fn from(credential: &Credential) -> Self {
        let (account, scope, operator, role) = match &credential.holder {
            Holder::Account { name, scope } => {
                (name.as_str(), scope_to_wire(*scope), "", OperatorRole::Unspecified)
            }
            Holder::Operator { name, role } => {
                ("", CredentialScope::Unspecified, name.as_str(), role_to_wire(*role))
            }
        };
        reference::Credential {
            slot: credential.slot,
            id: credential.id.as_str().to_owned(),
            token_hash: credential.token_hash.to_vec(),
            account: account.to_owned(),
            label: credential.label.as_ref().map(ToString::to_string).unwrap_or_default(),
            scope: scope.into(),
            expires_at_unix_nanos: credential.expires_at.map_or(0, Timestamp::unix_nanos),
            revoked: credential.is_revoked,
            created_at_unix_nanos: credential.created_at.unix_nanos(),
            created_by: credential.created_by.as_str().to_owned(),
            operator: operator.to_owned(),
            role: role.into(),
        }
    }
}

/// A scope from the wire; `None` where it is none.
pub const fn scope_from_wire(wire: CredentialScope) -> Option<Scope> {
    match wire {
        CredentialScope::Read => Some(Scope::Read),
        CredentialScope::Trade => Some(Scope::Trade),
        CredentialScope::Fund => Some(Scope::Fund),
        CredentialScope::Unspecified => None,
    }
}

/// A role from the wire; `None` where it is none.
pub const fn role_from_wire(wire: OperatorRole) -> Option<Role> {
    match wire {
        OperatorRole::Viewer => Some(Role::Viewer),
        OperatorRole::Operator => Some(Role::Operator),
        OperatorRole::Admin => Some(Role::Admin),
        OperatorRole::Unspecified => None,
    }
}

/// A role as the wire has it.
pub const fn role_to_wire(role: Role) -> OperatorRole {
    match role {
        Role::Viewer => OperatorRole::Viewer,
        Role::Operator => OperatorRole::Operator,
        Role::Admin => OperatorRole::Admin,
    }
}

/// A scope as the wire has it.
pub const fn scope_to_wire(scope: Scope) -> CredentialScope {
    match scope {
        Scope::Read => CredentialScope::Read,
        Scope::Trade => CredentialScope::Trade,
        Scope::Fund => CredentialScope::Fund,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        Credential {
            slot: SLOTS - 1,
            id: KeyText::new("7f3a").expect("a good id"),
            token_hash: [9; HASH_BYTES],
            holder: Holder::Account {
                name: AccountName::new("alice").expect("a good name"),
                scope: Scope::Read,
            },
            label: Some(KeyText::new("laptop").expect("a good label")),
            expires_at: Some(Timestamp::from_unix_nanos(7)),
            is_revoked: false,
            created_at: Timestamp::from_unix_nanos(5),
            created_by: OperatorName::new("olga").expect("a good name"),
        }
    }

    #[test]
    fn credentials_survive_the_log() {
        let bare = Credential { label: None, expires_at: None, ..credential() };
        let name = OperatorName::new("olga").expect("a good name");
        let holder = Holder::Operator { name, role: Role::Operator };
        let operators = Credential { holder, ..credential() };
        for one in [credential(), bare, operators, Credential { is_revoked: true, ..credential() }]
        {
            assert_eq!(Credential::of_record(&one.record(3)), Some(Ok(one)));
        }
        assert_eq!(Credential::of_record(&ReferenceRecord::default()), None);
    }

    #[test]
    fn what_is_no_credential_names_its_field() {
        let good = reference::Credential::from(&credential());
        let long = "x".repeat(65);
        for (field, bad) in [
            ("slot", reference::Credential { slot: SLOTS, ..good.clone() }),
            ("id", reference::Credential { id: String::new(), ..good.clone() }),
            ("token_hash", reference::Credential { token_hash: vec![9; 31], ..good.clone() }),
            ("account", reference::Credential { account: "a b".to_owned(), ..good.clone() }),
            ("label", reference::Credential { label: long, ..good.clone() }),
            ("scope", reference::Credential { scope: 0, ..good.clone() }),
            ("scope", reference::Credential { scope: 9, ..good.clone() }),
            ("role", reference::Credential { role: 1, ..good.clone() }),
            ("role", reference::Credential { operator: "olga".to_owned(), ..good.clone() }),
            ("created_by", reference::Credential { created_by: String::new(), ..good }),
        ] {
            assert_eq!(Credential::try_from(&bad), Err(Malformed(field)));
        }
    }

    #[test]
    fn it_opens_until_it_expires_or_is_revoked() {
        let at = |nanos| credential().opens_at(Timestamp::from_unix_nanos(nanos));
        assert_eq!([at(6), at(7)], [true, false]);
        let revoked = Credential { is_revoked: true, expires_at: None, ..credential() };
        assert!(!revoked.opens_at(Timestamp::EPOCH));
    }
}
