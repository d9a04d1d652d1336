use std::{sync::{Arc, atomic::{AtomicU64, Ordering}}, time::{Duration, Instant}};
use model::Partition;
use spine::{Log, Place, Record, Visibility, log::{*, kafka::{*, admin}}};
fn main() {
    let mut s = KafkaSettings::new(std::env::var("TRADESPINE_TEST_KAFKA").unwrap());
    s.topic_prefix = format!("fig{}-", std::process::id());
    admin::create_topics(&s, 1, 1).unwrap();
    let log = KafkaLog::open(s).unwrap();
    let place = Place::orders(Partition::FIRST);
    let p = log.producer(WriterRole::Shard).unwrap();
    append_blocking(&*p, place, Record::of("x")).unwrap();
    const N: u64 = 500_000;
    for round in 0..2 {
        let done = Arc::new(AtomicU64::new(0));
        let t = Instant::now();
        let value = bytes::Bytes::from(vec![7u8; 100]);
        for _ in 0..N { let d = done.clone(); p.append(place, Record::of(value.clone()), Box::new(move |r| { r.unwrap(); d.fetch_add(1, Ordering::Relaxed); })); }
        while done.load(Ordering::Relaxed) < N { std::thread::sleep(Duration::from_millis(1)); }
        println!("produce round {round}: {:.0}/s", N as f64 / t.elapsed().as_secs_f64());
    }
    let t = Instant::now();
    let mut r = log.reader(place, 0, Visibility::Synced).unwrap();
    let mut n = 0; let mut out = Vec::new();
    while n < 2 * N { out.clear(); r.poll(ReadLimit { records: 1024, bytes: 4 << 20 }, Duration::from_millis(100), &mut out).unwrap(); n += out.len() as u64; }
    println!("consume {:.0}/s", n as f64 / t.elapsed().as_secs_f64());
    // latency of ack, one at a time
    let mut l: Vec<u64> = (0..3000).map(|_| { let t = Instant::now(); append_blocking(&*p, place, Record::of("0123456789")).unwrap(); t.elapsed().as_micros() as u64 }).collect();
    l.sort(); println!("ack alone: p50 {} p99 {} us", l[1500], l[2970]);
    // open loop 20k/s, hop latency produce -> consume in this process
    while { out.clear(); r.poll(ReadLimit{records:100000, bytes: 1<<30}, Duration::from_millis(50), &mut out).unwrap() } == ReachedEnd::No {}
    for rate in [1_000u64, 20_000] {
        let start = Instant::now();
        let total = rate * 3;
        let h = std::thread::spawn({ let p = p.clone(); move || { for i in 0..total { let due = Duration::from_nanos(i * 1_000_000_000 / rate); while start.elapsed() < due { std::thread::sleep(Duration::from_micros(50)); } let now = start.elapsed().as_nanos() as u64; p.append(place, Record::of(now.to_le_bytes().to_vec()), Box::new(|_| ())); } } });
        let mut lat = Vec::new();
        while (lat.len() as u64) < total { out.clear(); r.poll(ReadLimit { records: 1024, bytes: 4 << 20 }, Duration::from_millis(100), &mut out).unwrap(); let now = start.elapsed().as_nanos() as u64; for s in &out { lat.push((now - u64::from_le_bytes(s.record.value[..8].try_into().unwrap())) / 1000); } }
        h.join().unwrap(); lat.sort();
        println!("hop at {rate}/s: p50 {} p99 {} us", lat[lat.len()/2], lat[lat.len()*99/100]);
    }
    let t = Instant::now(); let mut e = 0; for _ in 0..20 { let mut r = log.reader(place, log.end(place, Visibility::Synced).unwrap(), Visibility::Synced).unwrap(); while r.poll(ReadLimit{records:1,bytes:1}, Duration::from_millis(20), &mut out).unwrap() == ReachedEnd::No { e += 1; } }
    println!("open at end and know it: {:?} each ({e} empty polls)", t.elapsed() / 20);
}
