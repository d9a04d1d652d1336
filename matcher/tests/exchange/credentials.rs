//! Which tokens there are, as the first shard decides.

use matcher::Exchange;
use model::{AccountName, KeyText, OperatorName, Partition, Timestamp};
use proto::{
    command::OperatorWord,
    credential::{Credential, Holder, Role, SLOTS, Scope, TOKENS_AN_ACCOUNT_MAX},
    log::{AnswerBody, RefusalReason, event},
    reference::{ReferenceBody, ReferenceRecord, reference_body::Body},
};
use spine::Core;

use crate::venue::{Became, SECOND, Venue, became};

fn holder(account: &str, scope: Scope) -> Holder {
    Holder::Account { name: AccountName::new(account).expect("a good name"), scope }
}

fn token(slot: u32, account: &str) -> Credential {
    Credential {
        slot,
        id: KeyText::new(&format!("id-{slot}")).expect("a good id"),
        token_hash: [slot.to_be_bytes()[3]; 32],
        holder: holder(account, Scope::Trade),
        label: None,
        expires_at: None,
        is_revoked: false,
        created_at: Timestamp::from_unix_nanos(SECOND),
        created_by: OperatorName::new("olga").expect("a good name"),
    }
}

fn revoked(credential: Credential) -> Credential {
    Credential { is_revoked: true, ..credential }
}

fn word(credential: &Credential, version: u32) -> OperatorWord {
    OperatorWord::ChangeReference(Box::new(credential.record(version)))
}

impl Venue {
    fn credential(&mut self, credential: &Credential, version: u32) -> Became {
        became(&self.operate(word(credential, version)))
    }
}

const BAD: Became = Became::Refused(RefusalReason::BadListing);
const NOT_NEXT: Became = Became::Refused(RefusalReason::NotSuccessor);

#[test]
fn a_token_is_taken_in_once_and_told_to_whoever_follows() {
    let mut venue = Venue::new(false);
    let body: AnswerBody = venue.operate(word(&token(7, "alice"), 1));
    assert_eq!(became(&body), Became::Applied);
    let [told] = body.events.as_slice() else { panic!("{:?}", body.events) };
    let record = token(7, "alice").record(1);
    assert_eq!(told.kind, Some(event::Kind::ReferenceApplied(record)));
    assert!(body.postings.is_empty() && body.accounts.is_empty(), "no account is opened by it");
    let again = venue.operate(word(&token(7, "alice"), 1));
    assert_eq!(became(&again), Became::Duplicate(0));
    assert!(again.events.is_empty());
}

#[test]
fn a_slot_has_one_token_after_the_other() {
    let mut venue = Venue::new(false);
    let (first, second) =
        (token(0, "alice"), Credential { token_hash: [9; 32], ..token(0, "bob") });
    assert_eq!(venue.credential(&first, 2), NOT_NEXT);
    assert_eq!(venue.credential(&first, 1), Became::Applied);
    assert_eq!(venue.credential(&second, 2), NOT_NEXT, "the first one is in force");
    assert_eq!(venue.credential(&revoked(second.clone()), 2), BAD, "not that one");
    let more = Credential { holder: holder("alice", Scope::Fund), ..first.clone() };
    assert_eq!(venue.credential(&revoked(more), 2), BAD, "a revocation says nothing new");
    assert_eq!(venue.credential(&revoked(first.clone()), 3), NOT_NEXT);
    assert_eq!(venue.credential(&revoked(first.clone()), 2), Became::Applied);
    assert_eq!(venue.credential(&revoked(first.clone()), 2), Became::Duplicate(0));
    assert_eq!(venue.credential(&revoked(first.clone()), 3), BAD, "it is over");
    assert_eq!(venue.credential(&first, 1), NOT_NEXT, "whoever tells of it late");
    assert_eq!(venue.credential(&second, 3), Became::Applied);
}

#[test]
fn a_token_that_has_expired_leaves_its_slot_and_can_be_revoked() {
    let mut venue = Venue::new(false);
    let at = |seconds: u64| Some(Timestamp::from_unix_nanos(seconds * SECOND));
    let short = Credential { expires_at: at(10), ..token(0, "alice") };
    assert_eq!(venue.credential(&short, 1), Became::Applied);
    venue.now = 10 * SECOND - 1;
    assert_eq!(venue.credential(&token(0, "bob"), 2), NOT_NEXT);
    venue.now = 10 * SECOND;
    assert_eq!(venue.credential(&short, 2), BAD, "it would be over");
    assert_eq!(venue.credential(&revoked(short), 2), Became::Applied);
    assert_eq!(venue.credential(&token(0, "bob"), 3), Became::Applied);
}

#[test]
fn an_account_has_so_many_at_once() {
    let mut venue = Venue::new(false);
    let most = u32::try_from(TOKENS_AN_ACCOUNT_MAX).expect("a few");
    for slot in 0..most {
        assert_eq!(venue.credential(&token(slot, "alice"), 1), Became::Applied);
    }
    let too_many = Became::Refused(RefusalReason::TooManyCredentials);
    assert_eq!(venue.credential(&token(most, "alice"), 1), too_many);
    assert_eq!(venue.credential(&token(most, "bob"), 1), Became::Applied);
    let name = OperatorName::new("alice").expect("a good name");
    let operator = Holder::Operator { name, role: Role::Viewer };
    let operator = Credential { holder: operator, ..token(most + 2, "alice") };
    assert_eq!(venue.credential(&operator, 1), Became::Applied, "an operator of that name");
    assert_eq!(venue.credential(&revoked(token(3, "alice")), 2), Became::Applied);
    assert_eq!(venue.credential(&token(most + 1, "alice"), 1), Became::Applied);
}

#[test]
fn what_is_no_token_is_refused() {
    let mut venue = Venue::new(false);
    assert_eq!(venue.credential(&revoked(token(0, "alice")), 1), BAD, "there is none");
    assert_eq!(venue.credential(&token(SLOTS, "alice"), 1), BAD, "there is no such slot");
    let mut record = token(1, "alice").record(1);
    record.key = "credential/2".to_owned();
    assert_eq!(became(&venue.operate(OperatorWord::ChangeReference(Box::new(record)))), BAD);
    let Some(ReferenceBody { body: Some(Body::Credential(wire)) }) =
        token(1, "alice").record(1).body
    else {
        panic!("it is one");
    };
    assert_eq!(venue.try_list(1, Body::Credential(wire)), BAD, "only an operator's word is one");
    let second = Partition::new(1).expect("in range");
    let mut other = Venue::bare(false, 2, second);
    assert_eq!(other.credential(&token(0, "alice"), 1), BAD, "only the first shard has any");
}

#[test]
fn a_snapshot_has_them_and_is_read_with_care() {
    let mut venue = Venue::new(false);
    for slot in [0, 7, SLOTS - 1] {
        venue.credential(&token(slot, "alice"), 1);
    }
    venue.credential(&revoked(token(7, "alice")), 2);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    assert_eq!(venue.credential(&token(0, "bob"), 2), NOT_NEXT);
    assert_eq!(venue.credential(&token(7, "bob"), 3), Became::Applied);
    let without = Venue::new(false).exchange.encode();
    let record = |credential: &Credential, version| {
        let record: ReferenceRecord = credential.record(version);
        let record = prost::Message::encode_to_vec(&record);
        // Field 100 of the image, as bytes of so many.
        let mut field = vec![0xa2, 0x06, u8::try_from(record.len()).expect("short")];
        field.extend(record);
        field
    };
    let with = |fields: &[Vec<u8>]| Exchange::decode(&[without.clone(), fields.concat()].concat());
    let (first, second) = (record(&token(1, "alice"), 1), record(&token(2, "bob"), 1));
    assert!(with(&[first.clone(), second.clone()]).is_ok());
    assert!(with(&[second, first.clone()]).is_err(), "out of order");
    assert!(with(&[first.clone(), first]).is_err(), "twice");
    assert!(with(&[record(&token(1, "alice"), 0)]).is_err(), "of no version");
}
