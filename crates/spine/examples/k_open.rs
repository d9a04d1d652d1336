use std::{sync::Arc, time::{Duration, Instant}};
use model::Partition;
use spine::{Log, Place, Record, Visibility, log::{*, kafka::{*, admin}}};
fn main() {
    let mut s = KafkaSettings::new(std::env::var("TRADESPINE_TEST_KAFKA").unwrap());
    s.topic_prefix = format!("o{}-", std::process::id());
    for a in std::env::args().skip(1) { let (k, v) = a.split_once('=').unwrap(); s.properties.insert(k.into(), v.into()); }
    admin::create_topics(&s, 1, 1).unwrap();
    let t = Instant::now();
    let log: Arc<dyn Log> = Arc::new(KafkaLog::open(s).unwrap());
    println!("open log {:?}", t.elapsed());
    let place = Place::orders(Partition::FIRST);
    let t = Instant::now();
    let shard = log.producer(WriterRole::Shard).unwrap();
    append_blocking(&*shard, place, Record::of("x")).unwrap();
    println!("producer first ack {:?}", t.elapsed());
    for _ in 0..4 {
    let t = Instant::now();
    log.end(place, Visibility::Synced).unwrap();
    let e = t.elapsed();
    let t = Instant::now();
    let mut r = log.reader(place, 0, Visibility::Synced).unwrap();
    let o = t.elapsed();
    let mut out = vec![];
    while out.is_empty() { r.poll(ReadLimit { records: 100, bytes: 1 << 20 }, Duration::from_millis(1000), &mut out).unwrap(); }
    let f = t.elapsed();
    let t = Instant::now(); drop(r);
    println!("end {e:?} reader {o:?} first record {f:?} drop {:?}", t.elapsed());
    }
}
