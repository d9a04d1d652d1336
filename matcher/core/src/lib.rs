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
//! 7. FOK: all of it trades at once, by one command, or nothing at all happens and it expires as
//!    [`EndReason::FillOrKill`]. What counts is every maker at every level up to the limit, but
//!    only what self-trade prevention would let it have: makers that would expire are left out, and
//!    where the taker would expire or shrink there is no more.
//! 8. Post-only: refused as [`Refused::WouldTake`] where its price meets the best of the other
//!    side, equal or better, whoever's that is. Nothing has happened then; else it rests as GTC.
//! 9. GTD, and for the day: as GTC until `expires_at`. An instant that is not after the books' own
//!    is refused as [`Refused::AlreadyExpired`].
//!
//! # Time
//!
//! 10. The books' time is what [`Books::expire`] was told last; it never goes back. An order trades
//!     before its instant, and not at it or after.
//! 11. Orders whose instant has come end as [`EndReason::Expired`], the earliest instant first, at
//!     one instant by priority. Each call ends a bounded number. The others do not trade any more:
//!     a taker that meets one ends it and goes on; FOK does not count it. Only to post-only orders
//!     it still counts as there.
//!
//! # Self-trade prevention
//!
//! 12. Asked where two orders of one account, or of accounts of one group ([`groups`]), *would*
//!     trade: what a taker took from others before is its own, and what it does not reach it does
//!     not meet. The taker's mode decides, whatever the maker's was:
//!
//!     | mode | the taker | the maker |
//!     |---|---|---|
//!     | none | trades | trades |
//!     | expire taker | ends | stays as it is |
//!     | expire maker | goes on to the next order | ends |
//!     | expire both | ends | ends |
//!     | decrement | loses what would have traded | loses it, and keeps its place |
//!
//! 13. Every such meeting is a [`Prevented`] record, numbered 1, 2, 3 ... for each instrument, with
//!     what it took off each of the two. An order's quantity is what traded, what was prevented,
//!     and what remains. An order that ends by it, or of which it leaves nothing, ends as
//!     [`EndReason::SelfTradePrevented`] with nothing remaining.
//! 14. Decrementing a market order counts as if it had traded, its quote amount included; only that
//!     nothing is paid.
//!
//! # Market orders
//!
//! 15. A market order trades at what the book offers and never rests, whatever its time in force.
//!     What is left expires with the first reason that holds: [`EndReason::InsufficientLiquidity`],
//!     nothing to trade with; [`EndReason::PriceProtection`], the next price is too far;
//!     [`EndReason::InsufficientFunds`], the funds do not reach one more lot;
//!     [`EndReason::SweepLimit`].
//! 16. Price protection: no trade further than the instrument's `price_protection_bps` from the
//!     price of its last trade before this command or, while it has none, from the best price of
//!     the other side. The bound is rounded to a tick towards that reference; a trade *at* the
//!     bound is allowed.
//! 17. Buying by base quantity takes as much as is asked, as far as the order's funds reach: at
//!     each price floored to the lot. Where the order's schedule charges a buyer on top of the
//!     price, each trade costs that too, rounded up for each trade by itself.
//! 18. By quote amount: at each price as many whole lots as what is left of the amount pays for,
//!     with what is charged on top (a sell: brings in, before it is charged), never more. Once not
//!     one more lot would fit at the price of its last trade, or at the next, the order is
//!     complete, [`EndReason::Filled`]; the dust stays unspent, and a sell does not walk down to
//!     where it would fit. If not even the first lot fits, the amount was too small:
//!     [`EndReason::InsufficientFunds`]. So it is if the account's own funds end the order before
//!     its amount does. Such an order asks for no base quantity, so what remains of it is told as
//!     zero.
//!
//! # Stop-loss and take-profit orders
//!
//! 19. Such an order sleeps until a trade is at its trigger's price or beyond: a stop-loss buy and
//!     a take-profit sell wait for a rise to it, a stop-loss sell and a take-profit buy for a fall.
//!     Asleep it is in no queue and in no depth, but open: it counts, and it can be cancelled. One
//!     that the price of the last trade would wake at once is refused as [`Refused::WouldTrigger`].
//! 20. Only trades wake, each trade of a command, and only once the command is finished. Of those
//!     that it wakes the ones that waited for a fall come first, the highest trigger first; then
//!     those that waited for a rise, the lowest first; at one price in order of entry.
//! 21. Who has woken goes on when the caller asks for it ([`Books::next_woken`]), as a command of
//!     its own: a limit or a market order like any, with its time in force, its mode of self-trade
//!     prevention and its funds. Whom its trades wake comes behind all that had woken before. Until
//!     it goes on it can be cancelled.
//!
//! # Lists of orders
//!
//! The orders of a list come with one record, and either all of them are accepted or none. Each is
//! an order like any, with an id of its own.
//!
//! L1. A *pair* (OCO) is two orders of one side and quantity: a post-only limit order or a
//!     take-profit, and a stop-loss. One waits above the price of the last trade and one below,
//!     neither at it; before the first trade the one above is above the other. Else both are
//!     refused as [`Refused::ListPrices`].
//! L2. Before anything is taken off one of a pair, by a trade or by self-trade prevention, and
//!     before one that has woken goes on, the other ends whole, as [`EndReason::OrderList`]. The
//!     one that is left is an order like any from then on, whatever becomes of it.
//! L3. One of a pair that ends otherwise takes the other along, right behind it.
//! L4. OTO: the *working* order, a limit order, is placed alone. The *pending* ones (of an OTOCO a
//!     pair) are open, count, and can be cancelled, but are in no book. Once the working order has
//!     ended as [`EndReason::Filled`], by however many commands, they are due: placed when the
//!     caller asks for them ([`Books::next_due`]), as a command of their own, in the order in which
//!     the working orders were filled and before what has woken. Then they are checked, a pair
//!     as L1 says, and what is refused then ends for that reason.
//! L5. A working order that ends otherwise, however little was missing, takes the pending ones
//!     along. One that self-trade prevention made smaller and that was then filled was filled.
//! L6. Who is taken along ends as [`EndReason::Cancelled`] where the first was cancelled, as
//!     [`EndReason::Closed`], [`EndReason::Killed`] or [`EndReason::Delisted`] where it was that,
//!     else as [`EndReason::OrderList`]. So cancelling any order of a list cancels what is left of
//!     it, and so does the list's own id.
//!
//! # Bounds
//!
//! 22. One command makes at most [`FILLS_MAX`] matches, traded or not; one of a pair counts as two,
//!     for the other ends with it. An order that could trade on expires as
//!     [`EndReason::SweepLimit`], GTC or not: it must not rest where it crosses. One that could not
//!     trade on anyway ends or rests as without this rule.
//! 23. At most [`ORDERS_MAX`] orders are open, asleep or not. The caller asks [`Books::has_room`]
//!     before it accepts.
//!
//! # The life of an order
//!
//! 24. Every placed order ends exactly once, rests or sleeps; a resting order ends exactly once, by
//!     its last trade, by self-trade prevention, by its time, by closing or by cancellation; after
//!     its end there is nothing of it. Its id is then unknown here. A refused order changes
//!     nothing.
//! 25. Cancelling an id that is not open changes nothing. Cancel-all ends an account's orders in
//!     the order in which they came to rest, over all books or in one; then those that sleep, in
//!     order of entry, each with those that it takes along behind it; then those that are due. So
//!     do those that an `OrderFilter` takes: of a side, of a range of limits. A market order that
//!     sleeps has no limit and is in no range. What is taken along need not be taken itself.
//!
//! # What the public sees
//!
//! 26. Trades are numbered 1, 2, 3 ... for each instrument. So are the commands that changed a
//!     level of its book: the *depth sequence*. A command tells each level it changed once, with
//!     its final total, zero where the level is gone; a command that changed no level takes no
//!     number.
//! 27. Within a command the order is: trades and prevented trades, each followed by the end of its
//!     maker if that was its last, or by its refill; then the taker's end, or that it rests.
//!     Levels: instruments by id, bids before asks, best first.
//! 28. Changing an instrument's settings leaves its resting orders as they are.
//!
//! # Closing
//!
//! 29. An account's orders can be closed, over all books or in one. From then on all of them that
//!     are open, asleep or woken, are over: they do not trade any more, as those of rule 11, and
//!     end as [`EndReason::Closed`], with the calls of that rule and after what it ends: by
//!     account, of each what rests and then what sleeps, oldest first. One that has woken ends
//!     instead of going on ([`Books::end_closed_woken`]). Who hangs on one of them follows it as
//!     closed too, and what is due ends at once. What comes afterwards is not of them.
//!     So can all orders of an account, of a book, or all there are, by those who run the platform
//!     ([`Books::kill`]): these end as [`EndReason::Killed`].
//!
//! # Amending
//!
//! 30. An open order can be amended to a lower quantity: below what it asked for in all, above what
//!     has traded and was prevented. It keeps its place, asleep or not, and the difference is gone
//!     from what remains, in one change of the depth. What has woken and not gone on yet goes on
//!     with less; a market order's funds fall in proportion, rounded up.
//! 31. Nothing else is amended. To more it is refused as [`AmendRefused::Increases`], to the same
//!     as [`AmendRefused::ChangesNothing`], to what it has got already or less as
//!     [`AmendRefused::LeavesNothing`]; another price is a cancel and a new order, whose place is
//!     that of one that comes.
//! 32. Replacing is for the caller: it cancels one order and places another, each as a command of
//!     its own. Beforehand it asks [`Books::check`] of the new one and, where the old one is all
//!     that a post-only order would meet, [`Books::is_alone_in_the_way`].
//!
//! # Iceberg orders
//!
//! 32. A limit order that is good till cancelled can be an iceberg: where it rests, at most its
//!     `display` is shown at a time, and nobody is told of the rest. It takes in full; what is left
//!     then is split. More than [`ICEBERG_PARTS_MAX`] parts are refused as
//!     [`Refused::TooManyParts`].
//! 33. Where a match uses up what is shown, the next part is shown at once, before the next order
//!     is met: the last at its price, with a new priority. So a taker meets what is shown at a
//!     price, first come first, then what those show next, round after round, and goes on to the
//!     next price only when nothing is left, shown or hidden. Each part is a match.
//! 34. FOK counts what is hidden. So does what is told as remaining, and every end ends all of it.
//!     An amend takes from what is hidden first; the depth changes only where that is not enough.
//! 35. Self-trade prevention meets what is shown: decrement takes as much off it as would have
//!     traded, and shows the next part as a trade would; a mode that ends the maker ends all of it.
//!
//! # Trailing stops
//!
//! 36. A stop-loss or take-profit order can trail instead of waiting for a price: it wakes once the
//!     price has turned by its `delta_bps` from the best since it began to, a buy up from the
//!     lowest, a sell down from the highest, whichever of the two kinds it is. So a buy of 5 % that
//!     has seen 40,000 and no less wakes at 42,000. The price that wakes it is rounded to the first
//!     tick that has turned far enough.
//! 37. It begins with the next trade. If it has a trigger too, it begins with the trade that meets
//!     that, and its kind says which way the price has to go to it, as in 19. The trade with which
//!     it begins is its first best price, and cannot wake it.
//! 38. Each trade counts by itself, in its order within a command: first the best price is moved,
//!     or it wakes. It wakes in the order of 20, as one whose trigger is the price that woke it.
//!
//! # Filters
//!
//! 39. An instrument's filters are asked of an order when it comes ([`Books::check_filters`],
//!     [`Books::check_open_counts`]), before any rule above and as if nothing else were on its way:
//!     of each order of a list, those too that wait for another; of the new order of a replacement
//!     while the old one still counts. Nothing is asked of what is open: it wakes, is placed when
//!     it is due and is restored under whatever filters there are by then, and rests below a least
//!     that it was above. Each filter bounds only where it is set.
//! 40. *Price*: from a least to a most, in steps from zero; of the limit and of the trigger. *Lot*:
//!     the same of the quantity, and of what an iceberg shows at a time; *market lot*: of a market
//!     order's quantity, on top of that. By quote amount there is none to ask.
//! 41. *Notional*: limit times quantity, from a least to a most; of market orders only where the
//!     filter says so, each of the two bounds by itself: by quote amount that amount, by quantity
//!     at the trigger or, without one, at the price of the last trade. Before there was one it is
//!     not asked. Fees are not counted.
//! 42. *Percent price*: a limit is at most so many times the price of the last trade before it came
//!     and at least so many, for buyers and sellers apart; a product at the bound is taken. Before
//!     the first trade it is not asked.
//! 43. *Iceberg parts*: fewer than any iceberg may have. *Trailing delta*: from a least to a most,
//!     apart for orders that wait for a rise of the price, stop-loss buys and take-profit sells,
//!     and for the others.
//! 44. *Open orders* of the account in the instrument: those that rest, sleep and wait for another,
//!     with the one that comes, whether or not it would stay. *Algo orders*: those of them that
//!     sleep or would, or have woken and not gone on; asked only of one that is to be one of them.
//! 45. An amend is asked what it changes, the quantity in all: lot, market lot and notional.
//!
//! # Market states
//!
//! S1. Each book has a state, which a command sets. It says what the book takes: what it does not
//!     is refused as [`Refused::Market`], and an amend as [`AmendRefused::Market`]. Cancels are
//!     always taken.
//!
//! | state | takes orders | takes amends of | who has woken |
//! |---|---|---|---|
//! | trading | all | all | goes on |
//! | post-only | post-only | what rests | waits |
//! | limit-only | with a limit, asleep or not | the same | goes on with a limit, else waits |
//! | cancel-only | none | none | waits |
//! | halted | none | none | waits |
//! | delisted | none, ever again | none | ends |
//! | pre-open | with a limit that rest, but post-only; asleep | the same | waits |
//! | auction | none | none | waits |
//! | volatility auction | as pre-open | the same | waits |
//!
//! S2. A change of state leaves all orders as they are, but for rule S4. Time passes in every
//!     state: what is over ends, and what is closed. Only trades wake, so nobody wakes where none
//!     are.
//! S3. Who has woken and waits is open as before: it can be cancelled. It goes on once the state
//!     lets it, in the order in which all those waited, and before what has woken and not waited.
//!     What is due is asked as any that comes; where the state does not take it, it ends as
//!     [`EndReason::MarketState`].
//! S4. All that is open in a delisted book is over, and ends as [`EndReason::Delisted`], with the
//!     calls of rule 11 and after what those of rule 29: book by book in the order of instruments;
//!     in each those that have woken, in their order; then by account what rests and then what
//!     sleeps, oldest first. What is due ends when its turn comes. A delisted book stays so.
//!
//! # Auctions
//!
//! A1. In pre-open nothing trades: an order that rests does so at once, and the book may be
//!     crossed. It may stay so where the market is then cancel-only, halted or delisted.
//! A2. A market that is to be trading, post-only or limit-only while its book is crossed is in an
//!     auction first; no command sets that state. The caller asks for its steps
//!     ([`Books::uncross`]), which are bounded, and with the last it is what it was to be. Another
//!     state that is set meanwhile breaks it off.
//! A3. There is one price for all: that at which most would trade, counting all that remains of
//!     every order that is not over, hidden or not. Of several such prices, those at which the
//!     least would be left over; of these, where buyers would be left over at each, the highest;
//!     where sellers, the lowest; else the one nearest to the price of the last trade or, where
//!     there was none, the middle one, rounded down.
//! A4. The oldest order of the best bids trades with the oldest of the best asks as much as both
//!     have left, and so on, while both reach the price. An iceberg trades with all that remains of
//!     it, hidden first, in the place of what it shows. Of the two the one that came to rest later
//!     is told as the taker, and charged as one. Nobody is a taker that meets its own: self-trade
//!     prevention is not asked. An order that is over is ended where it is met. Pairs and orders
//!     that wait for another follow as in any trade.
//! A5. Where orders still cross once nothing reaches the price, because some ended between two
//!     steps, there is another price for what is left. Whom the trades wake waits, as S3 says.
//!
//! # Price bands
//!
//! B1. An instrument can have a band: so many basis points either way of a reference price, each
//!     bound rounded to a tick towards that; a trade *at* a bound is within. No order trades
//!     outside of it but in an auction. Before the first trade there is no reference, and the band
//!     is not asked.
//! B2. The reference is the price of the last trade before the order that asked first, until an
//!     auction trades: then that of the auction. Where the band says how long a reference is one,
//!     the next order after that takes the last trade's anew. A changed band begins without one.
//! B3. Where an order would trade outside, it does not: it has taken what was within, and the book
//!     stops. What is left of it rests, whatever it would meet; or ends as
//!     [`EndReason::PriceBand`], if it is a market or an IOC order. An order that self-trade
//!     prevention or its time keeps from trading stops nothing. FOK counts what is within, and
//!     where that is not enough it ends and stops nothing.
//! B4. A book that has stopped is in a volatility auction: as in pre-open it collects orders.
//! B5. When the band's time to collect is over, the caller opens it ([`Books::reopen`]) for what it
//!     was open before, as A2 says. An auction trades at whatever price most trades; but if that
//!     would be outside a band of twice the width, the book collects once as long again, then
//!     within four times, and so on.
//! B6. No command sets this state. One that sets another ends it, and may open the book at once.
//!
//! # Cost
//!
//! Placing costs a search for the level and O(1) for each trade or prevented trade, a FOK order at
//! most [`FILLS_MAX`] looks on top, and where it ends among icebergs a few at each of those again;
//! an order that expires by itself a logarithm of how many do; amending and cancelling O(1) and,
//! where it empties a level, a search; cancel-all and a step of closing O(the account's own
//! orders); counts O(1), with those by account and instrument in an index of their own, filters
//! O(1). A trade looks at the ends of two ladders of what sleeps and of two rows of what trails;
//! whoever it moves pays for it itself ([`sleepers`]). A change of a book's state looks at all that
//! have woken; a delisting looks once at every open order, an auction at every one that
//! crosses, and takes memory for their levels meanwhile. Memory is reused: after its largest
//! state so far, the core allocates nothing. An open order takes 64 bytes, its level 32, the index
//! by id 16 to 32, and what an account has open in an instrument is counted in 20 to 40.
//!
//! # Layout
//!
//! - [`books`]: all books of a shard: listing, looking. Starts the story. `cancel`: cancelling.
//! - [`feasible`]: what can be told before an order does anything: what refuses it, and whether it
//!   could be filled whole.
//! - [`sweep`]: placing an order. [`prevention`]: where it meets one of its own account.
//!   [`iceberg`]: where it meets one of which a part is hidden. [`groups`]: accounts that are one
//!   to prevention.
//! - [`filters`]: what an instrument takes of orders. [`counts`]: how many an account has open.
//! - [`amend`]: an open order asks for less. `replace`: whether one would take without another.
//! - [`expiry`]: orders that end by themselves. [`closing`]: all of an account, that end in steps.
//! - [`market`]: what a book is open for. `delisting`: all that is in it, which ends in steps.
//!   [`auction`]: how it opens where orders cross. [`breaker`]: where it stops by itself.
//! - [`sleepers`]: orders that wait for a price.
//! - [`lists`]: orders of which one decides what becomes of the others.
//! - [`order`], [`outcome`]: what goes in and what comes out.
//! - [`keys`]: the keys that make retries safe; independent of the books.
//! - [`image`]: the books as plain data, and back with everything checked.
//! - [`audit`]: what must be true between two commands.
//! - `book`, `open`, `by_id`, `ladder`, `slab`: one book, open orders by account and by id, the
//!   levels of a side by price, and the table that they live in. `schedules`: which fees each is
//!   charged by.
//!
//! What will never live here: money beyond what bounds a market order, clocks, randomness, IO,
//! floats, wire formats, and anything whose order depends on a hash.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

extern crate alloc;
pub mod amend;
pub mod auction;
pub mod audit;
mod book;
pub mod books;
pub mod breaker;
mod by_id;
mod cancel;
pub mod closing;
pub mod counts;
mod delisting;
pub mod expiry;
pub mod feasible;
pub mod filters;
pub mod groups;
pub mod iceberg;
pub mod image;
pub mod keys;
mod ladder;
pub mod lists;
pub mod market;
mod open;
pub mod order;
pub mod outcome;
pub mod prevention;
mod replace;
mod schedules;
mod slab;
pub mod sleepers;
pub mod sweep;

pub use amend::{AmendRefused, Amended};
pub use auction::{Auction, Indication, Uncrossed};
pub use books::{ACCOUNTS_END, Books, Depth, ORDERS_MAX};
pub use breaker::{Interrupted, Interruption, Reference, Reopened};
pub use closing::{ClosedBy, Closing};
pub use counts::OpenCount;
pub use feasible::Refused;
pub use filters::Filtered;
pub use iceberg::{ICEBERG_PARTS_MAX, Iceberg, Refill};
pub use image::{BookImage, BooksImage, COUNTER_MAX, RestoreError};
pub use keys::{
    ContentHash, Holder, KEEP_DEFAULT, KeyCheck, KeyImage, KeyRefused, KeySpace, Keys, KeysImage,
    KeysRestoreError, OrderKey,
};
pub use lists::{Link, OrderList, PairTerms, Pending};
pub use market::StateRefused;
pub use order::{NewOrder, OpenOrder, Size};
pub use outcome::{BookEvent, End, EndReason, Fill, LevelChange, Outcome, Rested};
pub use prevention::Prevented;
pub use sleepers::{Sleeper, Watermark};
pub use sweep::FILLS_MAX;
