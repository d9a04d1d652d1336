//! PURE. Order books, matching and the life of an order.
//!
//! This page is the rulebook. Each rule is a row of a table in `tests/rules/`, and all of them are
//! held against a naive second implementation on long random flows.
//!
//! # Priority
//!
//! 1. Better prices trade first: higher bids, lower asks. At one price the order that came to rest
//!    first trades first. Time is a counter taken when an order comes to rest, never a clock.
//! 2. A partially filled order keeps its place. Cancelling one order changes nobody else's place.
//! 3. A trade is at the maker's (the resting order's) price, whichever side takes.
//!
//! # Limit orders
//!
//! 4. A limit order trades up to its limit, equal prices included, and never beyond it.
//! 5. GTC: what is left rests at the limit, as the last at its price. It can be the new best price.
//! 6. IOC: what is left expires as [`EndReason::ImmediateOrCancel`], all of it if nothing traded.
//!
//! # Market orders
//!
//! 7. A market order trades at what the book offers and never rests, whatever its time in force.
//!    What is left expires with the first reason that holds: [`EndReason::InsufficientLiquidity`],
//!    nothing to trade with; [`EndReason::PriceProtection`], the next price is too far;
//!    [`EndReason::InsufficientFunds`], the funds do not reach one more lot;
//!    [`EndReason::SweepLimit`].
//! 8. Price protection: no trade further than the instrument's `price_protection_bps` from the
//!    price of its last trade before this command or, while it has none, from the best price of the
//!    other side. The bound is rounded to a tick towards that reference; a trade *at* the bound is
//!    allowed.
//! 9. Buying by base quantity takes as much as is asked, as far as the order's funds reach: at each
//!    price floored to the lot.
//! 10. By quote amount: at each price as many whole lots as what is left of the amount pays for (a
//!     sell: brings in), never more. Once not one more lot would fit at the price of its last
//!     trade, or at the next, the order is complete, [`EndReason::Filled`]; the dust stays unspent,
//!     and a sell does not walk down to where it would fit. If not even the first lot fits, the
//!     amount was too small: [`EndReason::InsufficientFunds`]. So it is if the account's own funds
//!     end the order before its amount does. Such an order asks for no base quantity, so what
//!     remains of it is told as zero.
//!
//! # Bounds
//!
//! 11. One command makes at most [`FILLS_MAX`] trades. An order that could trade on expires as
//!     [`EndReason::SweepLimit`], GTC or not: it must not rest where it crosses. One that could not
//!     trade on anyway ends or rests as without this rule.
//! 12. At most [`ORDERS_MAX`] orders are open. The caller asks [`Books::has_room`] before it
//!     accepts.
//!
//! # The life of an order
//!
//! 13. Every placed order ends exactly once or rests; a resting order ends exactly once, by its
//!     last trade or by cancellation; after its end there is nothing of it. Its id is then unknown
//!     here.
//! 14. Cancelling an id that is not open changes nothing. Cancel-all ends an account's orders in
//!     the order in which they came to rest, over all books or in one.
//! 15. Nothing prevents an account from trading with itself yet.
//!
//! # What the public sees
//!
//! 16. Trades are numbered 1, 2, 3 ... for each instrument. So are the commands that changed a
//!     level of its book: the *depth sequence*. A command tells each level it changed once, with
//!     its final total, zero where the level is gone; a command that changed no level takes no
//!     number.
//! 17. Within a command the order is: trades, each followed by the end of its maker if it was the
//!     last; then the taker's end, or that it rests. Levels: instruments by id, bids before asks,
//!     best first.
//! 18. Changing an instrument's settings leaves its resting orders as they are.
//!
//! # Cost
//!
//! Placing costs a search for the level and O(1) for each trade; cancelling O(1) and, where it
//! empties a level, a search; cancel-all O(the account's own orders); counts O(1). Memory is
//! reused: after its largest state so far, the core allocates nothing. An open order takes 56
//! bytes, its level 32, the index by id 5 to 12.
//!
//! # Layout
//!
//! - [`books`]: all books of a shard: listing, cancelling, looking. Starts the story.
//! - [`sweep`]: placing an order.
//! - [`order`], [`outcome`]: what goes in and what comes out.
//! - [`keys`]: the keys that make retries safe; independent of the books.
//! - [`image`]: the books as plain data, and back with everything checked.
//! - [`audit`]: what must be true between two commands.
//! - `book`, `open`, `ladder`, `slab`: one book, open orders by id and account, the levels of a
//!   side by price, and the table that they live in.
//!
//! What will never live here: money, clocks, randomness, IO, floats, wire formats, and anything
//! whose order depends on a hash.

#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod audit;
mod book;
pub mod books;
pub mod image;
pub mod keys;
mod ladder;
mod open;
pub mod order;
pub mod outcome;
mod slab;
pub mod sweep;

pub use books::{ACCOUNTS_END, Books, Depth, ORDERS_MAX};
pub use image::{BookImage, BooksImage, COUNTER_MAX, RestoreError};
pub use keys::{
    ContentHash, Holder, KEEP_DEFAULT, KeyCheck, KeyImage, KeyRefused, KeySpace, Keys, KeysImage,
    KeysRestoreError, OrderKey,
};
pub use order::{NewOrder, OpenOrder, Size};
pub use outcome::{BookEvent, End, EndReason, Fill, LevelChange, Outcome, Rested};
pub use sweep::FILLS_MAX;
