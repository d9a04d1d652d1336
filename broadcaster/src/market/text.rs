//! Frames as JSON text: the shapes that WebSocket clients read, field by field and in this order.

use proto::{
    convert,
    marketdata::{AuctionIndication, PriceLevel},
    text,
};
use serde::Serialize;

use super::{Content, GapReason, Message};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Text<'a> {
    Trade {
        id: &'a str,
        instrument: &'a str,
        sequence: u64,
        price: &'a str,
        quantity: &'a str,
        buy_order_id: u64,
        sell_order_id: u64,
        taker_side: &'static str,
        executed_at: String,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        auction: bool,
    },
    Snapshot {
        instrument: &'a str,
        sequence: u64,
        bids: Vec<[&'a str; 2]>,
        asks: Vec<[&'a str; 2]>,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        opens_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        indication: Option<Indicated<'a>>,
    },
    Status {
        instrument: &'a str,
        sequence: u64,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        opens_at: Option<String>,
    },
    Indication {
        instrument: &'a str,
        sequence: u64,
        indication: Option<Indicated<'a>>,
    },
    Depth {
        instrument: &'a str,
        first_sequence: u64,
        last_sequence: u64,
        bids: Vec<[&'a str; 2]>,
        asks: Vec<[&'a str; 2]>,
    },
    Gap {
        instrument: &'a str,
        last_sequence: u64,
        reason: &'static str,
    },
}

/// What an auction would do; the side is null where nothing would be left over.
#[derive(Serialize)]
struct Indicated<'a> {
    price: &'a str,
    volume: &'a str,
    imbalance: &'a str,
    imbalance_side: Option<&'static str>,
}

fn indicated(indication: &AuctionIndication) -> Indicated<'_> {
    Indicated {
        price: &indication.price,
        volume: &indication.volume,
        imbalance: &indication.imbalance,
        imbalance_side: convert::side_from_wire(indication.imbalance_side).ok().map(text::side),
    }
}

/// The text of a frame. Numbers come as text from its message, which has them exact already.
pub(super) fn json(content: &Content, message: &Message) -> String {
    serde_json::to_string(&shape(content, message)).expect("plain fields always encode")
}

fn shape<'a>(content: &Content, message: &'a Message) -> Text<'a> {
    match (content, message) {
        (Content::Trade(told), Message::Trade(trade)) => Text::Trade {
            id: &trade.id,
            instrument: &trade.instrument,
            sequence: trade.sequence,
            price: &trade.price,
            quantity: &trade.quantity,
            buy_order_id: trade.buy_order_id,
            sell_order_id: trade.sell_order_id,
            taker_side: text::side(told.taker_side),
            executed_at: text::rfc3339(told.executed_at),
            auction: told.in_auction,
        },
        (Content::Snapshot(_, standing), Message::Snapshot(book)) => Text::Snapshot {
            instrument: &book.instrument,
            sequence: book.sequence,
            bids: pairs(&book.bids),
            asks: pairs(&book.asks),
            state: text::market_state(standing.state),
            opens_at: standing.opens_at.map(text::rfc3339),
            indication: book.indication.as_ref().map(indicated),
        },
        (Content::Status(told), Message::Status(status)) => Text::Status {
            instrument: &status.instrument,
            sequence: status.sequence,
            state: text::market_state(told.standing.state),
            opens_at: told.standing.opens_at.map(text::rfc3339),
        },
        (_, Message::Indication(told)) => Text::Indication {
            instrument: &told.instrument,
            sequence: told.sequence,
            indication: told.indication.as_ref().map(indicated),
        },
        (_, Message::Depth(change)) => Text::Depth {
            instrument: &change.instrument,
            first_sequence: change.first_sequence,
            last_sequence: change.last_sequence,
            bids: pairs(&change.bids),
            asks: pairs(&change.asks),
        },
        (Content::Gap { reason, .. }, Message::Gap(gap)) => Text::Gap {
            instrument: &gap.instrument,
            last_sequence: gap.last_sequence,
            reason: match reason {
                GapReason::TooSlow => "too_slow",
                GapReason::TooOld => "too_old",
            },
        },
        (_, Message::Trade(_) | Message::Snapshot(_) | Message::Status(_) | Message::Gap(_)) => {
            unreachable!("a message is always made of its own frame's content")
        }
    }
}

fn pairs(levels: &[PriceLevel]) -> Vec<[&str; 2]> {
    levels.iter().map(|level| [level.price.as_str(), level.quantity.as_str()]).collect()
}
