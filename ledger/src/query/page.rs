//! Pages: sizes, tokens, positions, and their limits.
//!
//! A page token is the last row's place in the order of age, in hexadecimal digits. Newer rows that
//! come between two pages therefore move nothing; to a caller it is opaque.

use model::{InstrumentId, OrderId, Partition, Timestamp, TradeId};
use proto::ledger::AtLeast;
use tonic::Status;

use super::refusal;
use crate::{
    projecting::Reached,
    row::PostingKey,
    store::{OrderCursor, Page, TradeCursor},
};

/// The largest page: its answer stays well below gRPC's limit of 4 MiB.
const SIZE_MAX: u32 = 500;

/// How many rows a caller may pass over: each costs as much as one that is answered.
const SKIP_MAX: u32 = 100_000;

/// How many positions a caller may name: one for each partition that a log can have.
const POSITIONS_MAX: usize = Partition::COUNT_MAX as usize;

/// The page that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<C> {
    after: Option<C>,
    skip: u32,
    size: u32,
}

impl<C: Cursor> Wanted<C> {
    /// Reads a request's words for a page.
    pub(super) fn read(size: u32, default: u32, token: &str, skip: u32) -> Result<Self, Status> {
        if size > SIZE_MAX {
            return Err(refusal::field("page_size", "is above the maximum of 500"));
        }
        if skip > SKIP_MAX {
            let problem = "is above the maximum of 100000; read on with page_token instead";
            return Err(refusal::field("skip", problem));
        }
        let after = match token {
            "" => None,
            token => Some(read_token(token).ok_or_else(|| {
                refusal::field("page_token", "is not one that an earlier answer gave")
            })?),
        };
        Ok(Wanted { after, skip, size: if size == 0 { default } else { size } })
    }

    /// How many rows a page has.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Where the caller stands, as `place` says; a token that it does not know is refused.
    pub(super) fn after<P>(&self, place: impl Fn(C) -> Option<P>) -> Result<Option<P>, Status> {
        let Some(after) = self.after else { return Ok(None) };
        place(after).map(Some).ok_or_else(|| {
            refusal::field("page_token", "is not one that an earlier answer gave for this")
        })
    }

    /// The page to ask a store for: one row more than wanted, which tells whether there is a next.
    pub(super) fn page(&self) -> Page<C> {
        Page { after: self.after, skip: self.skip, limit: self.size + 1 }
    }

    /// Cuts what a store answered to the page, and tells the token of the next, empty where there
    /// is none.
    pub(super) fn cut<R>(&self, mut rows: Vec<R>, place: impl Fn(&R) -> C) -> (Vec<R>, String) {
        let size = self.size as usize;
        let has_next = rows.len() > size;
        rows.truncate(size);
        let token = rows.last().filter(|_| has_next).map(|row| write_token(&place(row)));
        (rows, token.unwrap_or_default())
    }
}

/// A place in the order of age that fits a token.
pub(super) trait Cursor: Copy {
    /// Tells tokens of one kind from those of another.
    const KIND: u8;

    fn numbers(&self) -> [u64; 3];

    fn of_numbers(numbers: [u64; 3]) -> Option<Self>;
}

impl Cursor for OrderCursor {
    const KIND: u8 = b'o';

    fn numbers(&self) -> [u64; 3] {
        [self.created_at.unix_nanos(), self.id.number(), 0]
    }

    fn of_numbers([created_at, id, _]: [u64; 3]) -> Option<Self> {
        let created_at = Timestamp::from_unix_nanos(created_at);
        Some(OrderCursor { created_at, id: OrderId::from_number(id)? })
    }
}

impl Cursor for TradeCursor {
    const KIND: u8 = b't';

    fn numbers(&self) -> [u64; 3] {
        [self.executed_at.unix_nanos(), self.instrument.0.into(), self.id.0]
    }

    fn of_numbers([executed_at, instrument, id]: [u64; 3]) -> Option<Self> {
        Some(TradeCursor {
            executed_at: Timestamp::from_unix_nanos(executed_at),
            instrument: InstrumentId(u32::try_from(instrument).ok()?),
            id: TradeId(id),
        })
    }
}

/// A posting's place among those of its partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct PostingCursor(pub(super) PostingKey);

impl PostingCursor {
    /// The place, where it is one of this partition.
    pub(super) fn in_partition(self, partition: Partition) -> Option<PostingKey> {
        (self.0.partition == partition).then_some(self.0)
    }
}

impl Cursor for PostingCursor {
    const KIND: u8 = b'p';

    fn numbers(&self) -> [u64; 3] {
        [self.0.partition.number().into(), self.0.out_seq, self.0.number.into()]
    }

    fn of_numbers([partition, out_seq, number]: [u64; 3]) -> Option<Self> {
        let partition = u16::try_from(partition).ok().and_then(Partition::new)?;
        let number = u32::try_from(number).ok().filter(|number| i32::try_from(*number).is_ok())?;
        Some(PostingCursor(PostingKey { partition, out_seq, number }))
    }
}

pub(super) fn write_token<C: Cursor>(cursor: &C) -> String {
    let [first, second, third] = cursor.numbers();
    format!("{}{first:016x}{second:016x}{third:016x}", char::from(C::KIND))
}

fn read_token<C: Cursor>(token: &str) -> Option<C> {
    let (kind, digits) = token.as_bytes().split_first()?;
    let is_ours = *kind == C::KIND
        && digits.len() == 48
        && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !is_ours {
        return None;
    }
    let number = |from: usize| u64::from_str_radix(&token[from..from + 16], 16).ok();
    C::of_numbers([number(1)?, number(17)?, number(33)?])
}

/// What of a token fuzzing reads (`fuzz/`): whether a page goes on after it.
///
/// # Panics
/// Where a token is read that is not written as it was.
#[cfg(fuzzing)]
pub fn fuzzed(token: &str) -> bool {
    fn goes_on<C: Cursor>(token: &str) -> bool {
        let read = read_token::<C>(token);
        if let Some(cursor) = &read {
            let ours = write_token(cursor);
            assert_eq!(read_token::<C>(&ours).map(|again| again.numbers()), Some(cursor.numbers()));
        }
        read.is_some()
    }
    goes_on::<OrderCursor>(token)
        || goes_on::<TradeCursor>(token)
        || goes_on::<PostingCursor>(token)
}

/// The positions that a caller wants to be projected.
pub(super) fn positions(
    at_least: &[AtLeast],
    reached: &Reached,
) -> Result<Vec<(Partition, u64)>, Status> {
    if at_least.len() > POSITIONS_MAX {
        return Err(refusal::field("at_least", "names more positions than a log has partitions"));
    }
    let position = |wire: &AtLeast| {
        let partition = u16::try_from(wire.partition).ok().and_then(Partition::new);
        let partition = partition.filter(|partition| reached.has(*partition));
        let known = partition.map(|partition| (partition, wire.offset));
        known.ok_or_else(|| refusal::field("at_least", "names a partition that the log has not"))
    };
    at_least.iter().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_nothing_else_does() {
        let order = OrderCursor {
            created_at: Timestamp::from_unix_nanos(u64::MAX),
            id: OrderId::from_number((1 << 53) - 1).expect("in range"),
        };
        let token = write_token(&order);
        assert_eq!(read_token::<OrderCursor>(&token), Some(order));
        let trade = TradeCursor {
            executed_at: Timestamp::from_unix_nanos(1),
            instrument: InstrumentId(u32::MAX),
            id: TradeId(3),
        };
        assert_eq!(read_token::<TradeCursor>(&write_token(&trade)), Some(trade));
        assert_eq!(read_token::<TradeCursor>(&token), None);
        let multibyte = format!("o{}", "é".repeat(24));
        for bad in ["", "o", &token[..48], &token.replace('f', "g"), &multibyte] {
            assert_eq!(read_token::<OrderCursor>(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn limits_name_their_field() {
        let read = |size, token, skip| Wanted::<OrderCursor>::read(size, 10, token, skip);
        let table = [
            ("page_size", read(501, "", 0)),
            ("page_size", read(1_000_000_000, "", 0)),
            ("skip", read(1, "", 100_001)),
            ("page_token", read(1, "x", 0)),
        ];
        for (field, refused) in table {
            let refused = refused.expect_err("refused");
            assert!(refused.message().starts_with(field), "{refused}");
        }
        assert_eq!(read(0, "", 100_000).expect("allowed").page().limit, 11);
        assert_eq!(read(500, "", 0).expect("allowed").page().limit, 501);
    }

    #[test]
    fn a_page_tells_whether_there_is_a_next() {
        let at = |id| OrderCursor {
            created_at: Timestamp::EPOCH,
            id: OrderId::from_number(id).expect("in range"),
        };
        let wanted = Wanted::<OrderCursor>::read(2, 10, "", 0).expect("allowed");
        let (rows, token) = wanted.cut(vec![9, 8, 7], |id| at(*id));
        assert_eq!((rows, read_token(&token)), (vec![9, 8], Some(at(8))));
        assert_eq!(wanted.cut(vec![9, 8], |id| at(*id)), (vec![9, 8], String::new()));
    }
}
