use std::{sync::Arc, time::{Duration, Instant}};
use model::Partition;
use spine::{Log, Place, Record, Visibility, log::{*, kafka::{*, admin}}};
fn main() {
    let mut s = KafkaSettings::new(std::env::var("TRADESPINE_TEST_KAFKA").unwrap());
    s.topic_prefix = format!("stop{}-", std::process::id());
    admin::create_topics(&s, 1, 1).unwrap();
    let log: Arc<dyn Log> = Arc::new(KafkaLog::open(s).unwrap());
    let place = Place::orders(Partition::FIRST);
    let shard = log.producer(WriterRole::Shard).unwrap();
    let edge = log.producer(WriterRole::Edge { give_up_after: Duration::from_secs(2) }).unwrap();
    append_blocking(&*shard, place, Record::of("x")).unwrap();
    append_blocking(&*edge, place, Record::of("x")).unwrap();
    let mut r = log.reader(place, 0, Visibility::Synced).unwrap();
    let start = Instant::now();
    let t2 = start;
    let app = |name: &'static str, p: &Arc<dyn Producer>| { let p = p.clone(); p.append(place, Record::of("y"), Box::new(move |res| println!("{:?} {name} {res:?}", t2.elapsed()))); };
    let pid = std::process::Command::new("pgrep").args(["-f", "^java.*kafka.Kafka"]).output().unwrap();
    let pid = String::from_utf8(pid.stdout).unwrap().trim().to_string();
    let sig = |sig: &str| { println!("{:?} {sig} {pid}", start.elapsed()); assert!(std::process::Command::new("kill").args([sig, &pid]).status().unwrap().success()); };
    let mut last = None; let mut stopped = 0;
    while start.elapsed() < Duration::from_secs(22) {
        let mut out = Vec::new();
        let t = Instant::now();
        let e = r.poll(ReadLimit { records: 100, bytes: 1 << 20 }, Duration::from_millis(50), &mut out);
        if last.as_ref() != Some(&e) || !out.is_empty() { println!("{:?} poll {e:?} {} took {:?}", start.elapsed(), out.len(), t.elapsed()); last = Some(e); }
        let el = start.elapsed().as_secs();
        if stopped == 0 && el >= 2 { stopped = 1; sig("-STOP"); app("shard", &shard); app("edge", &edge); }
        if stopped == 1 && el >= 8 { stopped = 2; sig("-CONT"); }
        if stopped == 2 && el >= 12 { stopped = 3; app("shard later", &shard); app("edge later", &edge); }
    }
}
