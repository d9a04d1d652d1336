use std::{collections::BTreeMap, thread};

use proto::trading::Side;
use tokio::time;

use super::*;
use crate::{
    fixture::{BTC_USDT, ETH_USDT, Flow, depth, open_hub, publish, state, trade},
    market::{Depth, Level, Status},
};

const BTC: InstrumentId = InstrumentId(BTC_USDT);
const DEPTH: Feed = Feed::Depth { instrument: BTC };

fn small() -> QueueLimit {
    QueueLimit { frames: 4, ..QueueLimit::default() }
}

/// A book put together from nothing but frames.
#[derive(Default)]
struct Rebuilt {
    sequence: Option<u64>,
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
}

impl Rebuilt {
    fn take(&mut self, frame: &Frame) {
        match frame.content() {
            Content::Status(Status { sequence, .. }) | Content::Indication { sequence, .. } => {
                assert_eq!(Some(*sequence), self.sequence);
            }
            Content::Snapshot(book, _) => {
                *self = Rebuilt { sequence: Some(book.sequence), ..Rebuilt::default() };
                self.set(book);
            }
            Content::Depth(change) => {
                assert_eq!(Some(change.sequence), self.sequence.map(|last| last + 1), "contiguous");
                self.sequence = Some(change.sequence);
                self.set(change);
            }
            Content::Gap { last_sequence, .. } => assert_eq!(Some(*last_sequence), self.sequence),
            Content::Trade(_) => panic!("a trade on a feed of depth"),
        }
    }

    fn set(&mut self, depth: &Depth) {
        for (side, levels) in [(&mut self.bids, &depth.bids), (&mut self.asks, &depth.asks)] {
            for Level { price, lots } in levels {
                side.insert(price.ticks(), *lots);
            }
            side.retain(|_, lots| *lots > 0);
        }
    }

    fn assert_equals(&self, hub: &Hub) {
        let top = hub.lock().market.book(BTC).expect("it is listed").top(usize::MAX);
        let pairs = |levels: &[Level]| -> Vec<_> {
            levels.iter().map(|level| (level.price.ticks(), level.lots)).collect()
        };
        assert_eq!(self.sequence, Some(top.sequence));
        let bids: Vec<_> = self.bids.iter().rev().map(|(price, lots)| (*price, *lots)).collect();
        let asks: Vec<_> = self.asks.iter().map(|(price, lots)| (*price, *lots)).collect();
        assert_eq!((bids, asks), (pairs(&top.bids), pairs(&top.asks)));
    }
}

/// Everything that is there now, without waiting.
async fn drain(subscription: &mut Subscription) -> (Vec<Arc<Frame>>, Option<Turn>) {
    let mut frames = Vec::new();
    loop {
        tokio::select! {
            biased;
            turn = subscription.next(&mut frames) => if turn != Turn::GoOn {
                return (frames, Some(turn));
            },
            () = std::future::ready(()) => return (frames, None),
        }
    }
}

fn sequences(frames: &[Arc<Frame>]) -> Vec<u64> {
    frames.iter().map(|frame| frame.sequence()).collect()
}

fn is_gap(frame: &Frame) -> bool {
    matches!(frame.content(), Content::Gap { .. })
}

#[tokio::test]
async fn who_subscribes_amid_a_flow_rebuilds_the_same_book() {
    let (hub, mut shard) = open_hub(QueueLimit::default());
    let publishing = thread::spawn({
        let hub = Arc::clone(&hub);
        move || {
            let mut flow = Flow::new(11);
            for _ in 0..3000 {
                publish(&hub, &mut shard, vec![flow.change(BTC_USDT)]);
            }
        }
    });
    let mut listeners = Vec::new();
    while !publishing.is_finished() && listeners.len() < 500 {
        let mut subscription = hub.subscribe(DEPTH);
        let mut rebuilt = Rebuilt::default();
        drain(&mut subscription).await.0.iter().for_each(|frame| rebuilt.take(frame));
        listeners.push((subscription, rebuilt));
        thread::yield_now();
    }
    publishing.join().expect("the flow fits");
    listeners.push((hub.subscribe(DEPTH), Rebuilt::default()));
    for (subscription, rebuilt) in &mut listeners {
        drain(subscription).await.0.iter().for_each(|frame| rebuilt.take(frame));
        rebuilt.assert_equals(&hub);
    }
}

#[tokio::test]
async fn a_state_that_was_lost_with_others_leaves_a_gap_at_the_right_change() {
    let (hub, mut shard) = open_hub(small());
    let mut slow = hub.subscribe(DEPTH);
    let mut rebuilt = Rebuilt::default();
    publish(&hub, &mut shard, vec![depth(BTC_USDT, 1, &[(5, 5)], &[])]);
    drain(&mut slow).await.0.iter().for_each(|frame| rebuilt.take(frame));
    let halted = proto::trading::MarketState::Halted;
    publish(&hub, &mut shard, vec![state(BTC_USDT, halted, 1)]);
    for sequence in 2..=5 {
        publish(&hub, &mut shard, vec![depth(BTC_USDT, sequence, &[(5, sequence)], &[])]);
    }
    // The gap says what it had, and the snapshot what the market is open for.
    let (frames, _) = drain(&mut slow).await;
    assert!(is_gap(&frames[0]));
    frames.iter().for_each(|frame| rebuilt.take(frame));
    assert!(frames.last().expect("a snapshot").text().contains("halted"));
    rebuilt.assert_equals(&hub);
}

#[tokio::test(start_paused = true)]
async fn a_slow_depth_listener_gets_a_gap_and_a_snapshot_then_is_cut() {
    let (hub, mut shard) = open_hub(small());
    let mut flow = Flow::new(3);
    let mut slow = hub.subscribe(DEPTH);
    let mut quick = hub.subscribe(DEPTH);
    let (mut at_slow, mut at_quick) = (Rebuilt::default(), Rebuilt::default());
    drain(&mut slow).await.0.iter().for_each(|frame| at_slow.take(frame));
    for (overflow, wait) in [(1, OVERFLOW_WINDOW), (2, OVERFLOW_WINDOW / 2)] {
        for _ in 0..7 {
            publish(&hub, &mut shard, vec![flow.change(BTC_USDT)]);
            drain(&mut quick).await.0.iter().for_each(|frame| at_quick.take(frame));
        }
        let (frames, end) = drain(&mut slow).await;
        assert_eq!(end, None, "overflow {overflow}");
        assert_eq!(frames.len(), 2);
        assert!(is_gap(&frames[0]));
        frames.iter().for_each(|frame| at_slow.take(frame));
        at_slow.assert_equals(&hub);
        publish(&hub, &mut shard, vec![flow.change(BTC_USDT)]);
        drain(&mut slow).await.0.iter().for_each(|frame| at_slow.take(frame));
        at_slow.assert_equals(&hub);
        time::advance(wait).await;
    }
    let last = at_slow.sequence.expect("it has a book");
    for _ in 0..5 {
        publish(&hub, &mut shard, vec![flow.change(BTC_USDT)]);
        drain(&mut quick).await.0.iter().for_each(|frame| at_quick.take(frame));
    }
    let (frames, end) = drain(&mut slow).await;
    assert_eq!(end, Some(Turn::Cut { last_sequence: Some(last) }));
    assert!(frames.len() == 1 && is_gap(&frames[0]));
    assert_eq!(drain(&mut slow).await, (vec![], end), "a cut is for good");
    at_quick.assert_equals(&hub);
}

#[tokio::test]
async fn a_slow_listener_of_trades_is_told_where_and_cut_while_others_hear_all() {
    let (hub, mut shard) = open_hub(small());
    let mut slow_one = hub.subscribe(Feed::Trades { instrument: BTC, since: None });
    let mut slow_all = hub.subscribe(Feed::AllTrades);
    let mut quick = hub.subscribe(Feed::AllTrades);
    let mut heard = Vec::new();
    publish(&hub, &mut shard, vec![trade(BTC_USDT, 1, Side::Buy)]);
    assert_eq!(sequences(&drain(&mut slow_one).await.0), [1]);
    assert_eq!(sequences(&drain(&mut slow_all).await.0), [1]);
    for sequence in 2..=9 {
        let (btc, eth) = (BTC_USDT, ETH_USDT);
        let events = vec![trade(btc, sequence, Side::Buy), trade(eth, sequence - 1, Side::Sell)];
        publish(&hub, &mut shard, events);
        heard.extend(sequences(&drain(&mut quick).await.0));
    }
    let (frames, end) = drain(&mut slow_one).await;
    assert_eq!(end, Some(Turn::Cut { last_sequence: Some(1) }));
    assert_eq!(frames.len(), 1);
    let (frames, end) = drain(&mut slow_all).await;
    assert_eq!(end, Some(Turn::Cut { last_sequence: None }));
    let gaps: Vec<_> = frames.iter().map(|gap| (gap.listed().symbol(), gap.sequence())).collect();
    assert_eq!(gaps, [("BTC-USDT", 1), ("ETH-USDT", 0)], "one gap an instrument");
    assert!(frames.iter().all(|frame| is_gap(frame)));
    assert_eq!(heard.len(), 17);
}

#[tokio::test]
async fn many_lines_fill_a_queue_as_well_as_many_frames() {
    let (hub, mut shard) = open_hub(QueueLimit { frames: 100, lines: 10 });
    let mut subscription = hub.subscribe(DEPTH);
    drain(&mut subscription).await;
    let levels: Vec<_> = (1..=20).map(|price| (price, 1)).collect();
    publish(&hub, &mut shard, vec![depth(BTC_USDT, 1, &levels, &[])]);
    let (frames, _) = drain(&mut subscription).await;
    assert_eq!(sequences(&frames), [1], "one frame has room in an empty queue, however large");
    publish(&hub, &mut shard, vec![depth(BTC_USDT, 2, &levels[..8], &[])]);
    publish(&hub, &mut shard, vec![depth(BTC_USDT, 3, &levels[..8], &[])]);
    let (frames, end) = drain(&mut subscription).await;
    assert!(is_gap(&frames[0]) && end.is_none());
    assert_eq!(sequences(&frames), [1, 3]);
}

#[tokio::test]
async fn trades_resume_after_the_sequence_that_a_listener_had() {
    let (hub, mut shard) = open_hub(QueueLimit { frames: 4096, ..QueueLimit::default() });
    let last = crate::market::RECENT_TRADES_MAX as u64 + 4;
    for sequence in 1..=last {
        publish(&hub, &mut shard, vec![trade(BTC_USDT, sequence, Side::Buy)]);
    }
    let from = |since| hub.subscribe(Feed::Trades { instrument: BTC, since: Some(since) });
    let whole = |since| {
        hub.subscribe_without_gap(Feed::Trades { instrument: BTC, since: Some(since) }).err()
    };
    let forgotten = Some(Forgotten { oldest_sequence: 5 });
    let told = [0, 3, 4, last, last + 1, u64::MAX].map(whole);
    assert_eq!(told, [forgotten, forgotten, None, None, None, None]);
    let mut listeners = [from(last - 2), from(2), from(last), from(last + 1)];
    publish(&hub, &mut shard, vec![trade(BTC_USDT, last + 1, Side::Buy)]);
    publish(&hub, &mut shard, vec![trade(BTC_USDT, last + 2, Side::Buy)]);
    let mut heard = Vec::new();
    for listener in &mut listeners {
        heard.push(drain(listener).await.0);
    }
    assert_eq!(sequences(&heard[0]), [last - 1, last, last + 1, last + 2]);
    let too_old = Content::Gap { last_sequence: 2, reason: GapReason::TooOld };
    assert_eq!(heard[1][0].content(), &too_old);
    assert_eq!(sequences(&heard[1][1..]), (5..=last + 2).collect::<Vec<_>>());
    assert_eq!(sequences(&heard[2]), [last + 1, last + 2]);
    assert_eq!(sequences(&heard[3]), [last + 2], "what it had from another broadcaster");
}

#[tokio::test]
async fn a_frame_is_encoded_once_for_all_and_goes_only_to_its_feed() {
    let (hub, mut shard) = open_hub(QueueLimit::default());
    let feeds = [DEPTH, DEPTH, Feed::Depth { instrument: InstrumentId(ETH_USDT) }];
    let mut listeners = feeds.map(|feed| hub.subscribe(feed));
    for listener in &mut listeners {
        assert_eq!(drain(listener).await.0.len(), 1, "the snapshot");
    }
    let mut trades = hub.subscribe(Feed::AllTrades);
    publish(&hub, &mut shard, vec![depth(BTC_USDT, 1, &[(7, 7)], &[])]);
    let mut texts = Vec::new();
    for listener in &mut listeners {
        texts.extend(drain(listener).await.0.iter().map(|frame| frame.text()));
    }
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0].as_str().as_ptr(), texts[1].as_str().as_ptr(), "the same bytes");
    assert!(drain(&mut trades).await.0.is_empty());
}

#[tokio::test]
async fn who_leaves_is_forgotten() {
    let (hub, mut shard) = open_hub(QueueLimit::default());
    let feeds = [DEPTH, Feed::AllTrades, Feed::Trades { instrument: BTC, since: None }];
    let listeners = feeds.map(|feed| hub.subscribe(feed));
    assert_eq!(hub.listeners(), 3);
    drop(listeners);
    assert_eq!(hub.listeners(), 0);
    publish(&hub, &mut shard, vec![trade(BTC_USDT, 1, Side::Buy)]);
}
