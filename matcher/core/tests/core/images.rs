//! Images: a restored state behaves as the one it was taken of, and a bad image is refused.

use matcher_core::{
    ACCOUNTS_END, Books, BooksImage, ClosedBy, Closing, Iceberg, Interruption, Link, NewOrder,
    OrderList, Outcome, Pending, Reference, RestoreError, Sleeper, Watermark,
};
use model::{
    AccountHandle, Filters, InstrumentId, MarketState, OrderId, PriceBand, Side, Span, Timestamp,
    Trailing, Trigger, TriggerKind,
};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    flow::{Flow, run},
    setup::{A, B, banding, books, id, limit, lots, plain, price},
};

/// Books after a random run.
fn busy(seed: u64, commands: u32) -> (Books, Flow) {
    let (mut books, mut out, mut flow) = (books(), Outcome::new(), Flow::new(seed, 60));
    for _ in 0..commands {
        let command = flow.next(books.image().orders.len());
        run(&mut books, command, &mut out);
    }
    (books, flow)
}

#[test]
fn a_restored_state_goes_on_the_same() {
    for seed in 0..30 {
        let (mut books, mut flow) = busy(seed, 200 + 37 * seed as u32);
        let image = books.image();
        let mut restored = Books::restore(image.clone()).expect("a good image");
        restored.check_invariants().expect("a good state");
        assert_eq!(restored.image(), image);
        let (mut ours, mut theirs) = (Outcome::new(), Outcome::new());
        for _ in 0..500 {
            let command = flow.next(60);
            let refused = run(&mut books, command, &mut ours);
            assert_eq!(run(&mut restored, command, &mut theirs), refused);
            assert_eq!(ours, theirs, "seed {seed}: {command:?}");
        }
        assert_eq!(books.image(), restored.image());
        for side in [A, B].map(|instrument| books.depth(instrument, 5)) {
            assert!(side.bids.len() <= 5 && side.asks.len() <= 5);
        }
    }
}

/// Two orders rest, after a trade.
fn traded_at_99() -> BooksImage {
    let mut books = books();
    let mut out = Outcome::new();
    books.place(&limit(1, 1, Side::Buy, 5, 99), &mut out);
    books.place(&limit(2, 2, Side::Sell, 5, 101), &mut out);
    books.place(&limit(3, 2, Side::Sell, 5, 99), &mut out);
    books.place(&limit(4, 1, Side::Buy, 5, 98), &mut out);
    let image = books.image();
    assert_eq!(image.orders.len(), 2);
    image
}

fn refused(change: impl FnOnce(&mut BooksImage)) -> RestoreError {
    let mut image = traded_at_99();
    change(&mut image);
    Books::restore(image).expect_err("a bad image")
}

#[test]
fn every_kind_of_bad_image_is_refused_with_its_reason() {
    use RestoreError::{
        Account, Closing as Close, Counter, Counters, Crossed, DuplicateOrder, Group,
        Iceberg as NoIceberg, InstrumentOrder, PriorityOrder, Remaining, Sleeper as Asleep,
        UnknownInstrument,
    };
    assert_eq!(refused(|image| image.books.reverse()), InstrumentOrder(A));
    assert_eq!(refused(|image| image.books[1].instrument = plain(A, 1)), InstrumentOrder(A));
    assert_eq!(refused(|image| image.next_priority = u64::MAX), Counter);
    assert_eq!(refused(|image| image.books[0].sequence = u64::MAX), Counter);
    assert_eq!(refused(|image| image.books[1].trades = u64::MAX), Counter);
    assert_eq!(refused(|image| image.books[1].prevented = u64::MAX), Counter);
    assert_eq!(refused(|image| image.books[1].prevented = 1), Counters(B));
    assert_eq!(refused(|image| image.books[0].last_price = None), Counters(A));
    assert_eq!(refused(|image| image.books[1].last_price = Some(price(5))), Counters(B));
    assert_eq!(refused(|image| image.books[0].sequence = 0), Counters(A));
    assert_eq!(refused(|image| image.orders.reverse()), PriorityOrder(id(2)));
    assert_eq!(refused(|image| image.next_priority = 0), PriorityOrder(id(2)));
    let unlisted = InstrumentId(7);
    assert_eq!(refused(|image| image.orders[0].instrument = unlisted), UnknownInstrument(id(2)));
    let nobody = AccountHandle(u32::MAX);
    assert_eq!(refused(|image| image.orders[1].account = nobody), Account(id(4)));
    assert_eq!(refused(|image| image.orders[0].remaining = lots(0)), Remaining(id(2)));
    assert_eq!(refused(|image| image.orders[0].remaining = lots(6)), Remaining(id(2)));
    assert_eq!(refused(|image| image.orders[0].prevented = lots(1)), Remaining(id(2)));
    assert_eq!(refused(|image| image.orders[1].id = id(2)), DuplicateOrder(id(2)));
    assert_eq!(refused(|image| image.orders[1].price = price(101)), Crossed(A));
    // Five remain of each.
    for (display, shown) in [(2, 0), (2, 3), (9, 6)] {
        let iceberg = Iceberg { display: lots(display), shown: lots(shown) };
        assert_eq!(refused(|image| image.orders[0].iceberg = Some(iceberg)), NoIceberg(id(2)));
    }
    let nobody = AccountHandle(u32::MAX);
    for groups in [vec![(nobody, 1)], vec![(AccountHandle(1), 0)], vec![(AccountHandle(1), 1); 2]] {
        let account = groups[0].0;
        assert_eq!(refused(move |image| image.groups = groups), Group(account));
    }
    let ends = |image: &mut BooksImage| {
        image.orders[0].iceberg = Some(Iceberg { display: lots(2), shown: lots(1) });
        image.orders[0].expires_at = Some(Timestamp::from_unix_nanos(9));
    };
    assert_eq!(refused(ends), NoIceberg(id(2)));
    let sleeper = |trigger, side, number| Sleeper {
        order: {
            let mut order = limit(number, 1, side, 1, 100);
            order.instructions.trigger = trigger;
            order
        },
        entry: 4,
    };
    // The last trade was at 99.
    let at = |ticks| Some(Trigger { kind: TriggerKind::StopLoss, price: price(ticks) });
    let with = |sleeper: Sleeper| {
        refused(move |image| {
            image.next_priority = 9;
            image.sleepers.push(sleeper);
        })
    };
    assert_eq!(with(sleeper(None, Side::Buy, 9)), Asleep(id(9)));
    assert_eq!(with(sleeper(at(99), Side::Buy, 9)), Asleep(id(9)));
    assert_eq!(with(sleeper(at(100), Side::Sell, 9)), Asleep(id(9)));
    assert_eq!(with(sleeper(at(100), Side::Buy, 2)), DuplicateOrder(id(2)));
    let late = Sleeper { entry: 9, ..sleeper(at(100), Side::Buy, 9) };
    assert_eq!(with(late), PriorityOrder(id(9)));
    assert_eq!(refused(|image| image.woken.push(id(2))), Asleep(id(2)));
    let closing = |number, through| Closing {
        by: ClosedBy::CancelAfter,
        account: Some(AccountHandle(number)),
        instrument: None,
        through,
        next_account: 0,
    };
    for wrong in [
        vec![closing(u32::MAX, 1)],
        vec![closing(1, 1 << 40)],
        vec![closing(2, 1), closing(1, 1)],
        vec![closing(1, 1), closing(1, 1)],
        vec![Closing { next_account: 1, ..closing(1, 1) }],
        vec![Closing { account: None, next_account: u32::MAX, ..closing(1, 1) }],
    ] {
        assert_eq!(refused(|image| image.closing = wrong), Close);
    }
}

#[test]
fn a_book_that_has_stopped_says_what_for_and_no_other_does() {
    let trading = MarketState::Trading;
    let opens_at = Timestamp::from_unix_nanos(9);
    let stands = |then| Some(Interruption { opens_at, then, extensions: 0 });
    for (state, interruption) in [
        (trading, stands(trading)),
        (MarketState::VolatilityAuction, None),
        (MarketState::VolatilityAuction, stands(MarketState::Halted)),
    ] {
        let wrong = refused(|image| {
            image.books[0].state = state;
            image.books[0].interruption = interruption;
        });
        assert_eq!(wrong, RestoreError::Interruption(A), "{state:?} {interruption:?}");
    }
    let auction_for = Span::from_secs(60);
    let band = PriceBand { width_bps: 100, reference_for: None, auction_for };
    let around =
        |since| Some(Reference { price: price(99), since: Timestamp::from_unix_nanos(since) });
    // Of a time to come; of a book without a band.
    let ahead = refused(|image| {
        image.books[0].instrument = banding(A, Filters::default(), Some(band));
        image.books[0].reference = around(1);
    });
    assert_eq!(ahead, RestoreError::Reference(A));
    assert_eq!(refused(|image| image.books[0].reference = around(0)), RestoreError::Reference(A));
}

#[test]
fn a_list_links_open_orders_of_its_own_record_to_those_that_are_not_placed_yet() {
    let leg = |record, leg| id(record).with_leg(leg).expect("a leg");
    let order = |id: OrderId| NewOrder { id, ..limit(1, 1, Side::Buy, 5, 97) };
    let (mut books, mut out) = (books(), Outcome::new());
    let working = [leg(8, 1), leg(8, 2), leg(9, 1), id(8)];
    working.into_iter().for_each(|id| books.place(&order(id), &mut out));
    let restored_all = |lists: &[OrderList]| {
        let mut image = books.image();
        image.lists.extend_from_slice(lists);
        Books::restore(image).map(|_| ())
    };
    let restored = |link| restored_all(&[OrderList { id: id(8), link }]);
    let waits = |working, order| restored(Link::Waits(working, Pending::One(order)));
    let refused = Err(RestoreError::List(id(8)));

    let last = AccountHandle(ACCOUNTS_END - 1);
    let beyond = AccountHandle(ACCOUNTS_END);
    let of = |account| NewOrder { account, ..order(leg(8, 3)) };
    assert_eq!(waits(leg(8, 1), of(last)), Ok(()));
    assert_eq!(waits(leg(8, 1), of(beyond)), refused, "nobody's");
    assert_eq!(waits(leg(9, 1), of(last)), refused, "of another record");
    assert_eq!(waits(id(8), of(last)), refused, "what came alone is of no list");
    assert_eq!(waits(leg(8, 1), order(leg(8, 2))), refused, "placed already");

    let pair = Link::Pair([leg(8, 1), leg(8, 2)]);
    assert_eq!(restored(pair), Ok(()));
    assert_eq!(restored_all(&[OrderList { id: id(8), link: pair }; 2]), refused, "twice");
    assert_eq!(restored(Link::Pair([id(8), leg(8, 2)])), refused, "what came alone is of no list");
    assert_eq!(restored(Link::Pair([leg(8, 1), leg(9, 1)])), refused, "of another record");
}

#[test]
fn what_trails_the_price_has_not_been_woken_by_it() {
    let trailing = |side, watermark| {
        let mut sleeper = Sleeper { order: limit(9, 1, side, 1, 100), entry: 4 };
        sleeper.order.instructions.trailing = Trailing::new(TriggerKind::StopLoss, 100);
        let watermark = Watermark { order: id(9), price: price(watermark) };
        move |image: &mut BooksImage| {
            image.next_priority = 9;
            image.sleepers.push(sleeper);
            image.watermarks.push(watermark);
        }
    };
    // The last trade was at 99: one of a hundredth wakes a sell that trails from 100, and a buy
    // that trails from 98.
    for (side, watermark) in [(Side::Sell, 100), (Side::Buy, 98)] {
        assert_eq!(refused(trailing(side, watermark)), RestoreError::Sleeper(id(9)));
        let mut image = traded_at_99();
        trailing(side, 99)(&mut image);
        Books::restore(image)
            .expect("it trails from the last trade itself")
            .check_invariants()
            .expect("a good state");
    }
}

/// Whatever is done to an image, restoring it gives a reason or a state whose invariants hold.
#[test]
fn mutated_images_never_panic() {
    let mut random = Pcg64::seed_from_u64(5);
    let (mut good, mut bad) = (0, 0);
    let images: Vec<BooksImage> = (0..40).map(|seed| busy(seed, 120).0.image()).collect();
    for round in 0..10_000 {
        let mut image = images[round % images.len()].clone();
        for _ in 0..=random.next_u64() % 3 {
            mutate(&mut image, &mut random);
        }
        match Books::restore(image.clone()) {
            Ok(books) => {
                good += 1;
                books.check_invariants().expect("an accepted image is a good state");
                assert_eq!(books.image(), image);
            }
            Err(_) => bad += 1,
        }
    }
    println!("{good} images were restored, {bad} refused");
    assert!(good > 1_000 && bad > 5_000, "{good} good, {bad} bad");
}

fn mutate(image: &mut BooksImage, random: &mut Pcg64) {
    let draw = random.next_u64();
    let edge = [0, 1, draw % 200, 1 << 40, u64::MAX][(draw >> 32) as usize % 5];
    let count = image.orders.len().max(1);
    let (one, two) = (draw as usize % count, (draw >> 20) as usize % count);
    let book = draw as usize % image.books.len();
    match random.next_u64() % 21 {
        20 => image.closing.push(Closing {
            by: if draw.is_multiple_of(2) { ClosedBy::CancelAfter } else { ClosedBy::KillSwitch },
            account: (!draw.is_multiple_of(3)).then_some(AccountHandle(edge as u32)),
            next_account: if draw.is_multiple_of(3) { edge as u32 } else { 0 },
            instrument: Some(A),
            through: edge,
        }),
        0 => image.next_priority = edge,
        1 => image.books[book].sequence = edge,
        2 => image.books[book].trades = edge,
        3 => image.books[book].last_price = None,
        12 => image.books[book].prevented = edge,
        14 if count > 1 => image.orders[one].prevented = lots(edge.min(1 << 40)),
        16 => image.woken.reverse(),
        17 if !image.sleepers.is_empty() => {
            let at = draw as usize % image.sleepers.len();
            image.sleepers[at].entry = edge;
        }
        18 if !image.sleepers.is_empty() => drop(image.sleepers.remove(0)),
        19 if count > 1 => {
            let [display, shown] = [edge, draw % 9].map(|count| lots(count.min(1 << 40)));
            image.orders[one].iceberg = Some(Iceberg { display, shown });
        }
        13 => image.now = Timestamp::from_unix_nanos(edge),
        4 if image.books.len() > 1 => drop(image.books.remove(book)),
        _ if image.orders.is_empty() => {}
        5 => image.orders.swap(one, two),
        6 => image.orders[one].id = image.orders[two].id,
        7 => image.orders[one].price = price(edge.clamp(1, 1 << 40)),
        8 => image.orders[one].remaining = lots(edge.min(1 << 40)),
        9 => image.orders[one].side = image.orders[one].side.opposite(),
        10 => image.orders[one].priority = edge,
        11 => image.orders[one].expires_at = Some(Timestamp::from_unix_nanos(edge)),
        _ => drop(image.orders.remove(one)),
    }
}
