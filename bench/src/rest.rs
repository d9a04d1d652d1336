//! Orders over REST at a constant rate: HTTP/1.1 on connections that stay open, one request at a
//! time on each, and a thread for each.
//!
//! Written by hand, since whatever the generator costs is missing to the platform beside it.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{order::Orders, outcome::Outcome, schedule::Schedule};

/// How long an answer may take: longer than a gateway takes at the most.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// A connection's thread needs little.
const STACK_BYTES: usize = 256 * 1024;

/// The most bytes of an answer: what is longer is none to an order.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends what `schedule` says to `address`, over so many connections.
///
/// # Errors
/// Where nobody can be connected to.
pub(crate) fn run(
    address: SocketAddr,
    connections: u16,
    schedule: &Arc<Schedule>,
    seed: u64,
) -> Result<Outcome> {
    let mut threads = Vec::new();
    for number in 0..connections {
        let schedule = Arc::clone(schedule);
        let orders = Orders::new(seed ^ u64::from(number) << 32);
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        threads.push(thread.spawn(move || lane(address, &schedule, orders))?);
    }
    let mut all = Outcome::new();
    for thread in threads {
        all.add(thread.join().map_err(|_| anyhow!("a connection's thread panicked"))??);
    }
    Ok(all)
}

/// One connection's work.
fn lane(address: SocketAddr, schedule: &Schedule, mut orders: Orders) -> Result<Outcome> {
    let mut connection = Connection::open(address)?;
    let (mut outcome, mut body) = (Outcome::new(), Vec::new());
    while let Some(number) = schedule.take() {
        orders.draw().write_json(&mut body);
        let due = schedule.wait(number);
        match connection.post(&body) {
            Ok(Answer { status: 201, id: Some(id), .. }) => {
                outcome.latencies.record(due.elapsed());
                outcome.acknowledged.push((id, due));
            }
            Ok(answer) => outcome.refuse(format!("status {}", answer.status)),
            Err(error) => {
                outcome.refuse(error.to_string());
                connection = Connection::open(address)?;
            }
        }
    }
    outcome.lasted = Instant::now().saturating_duration_since(schedule.began());
    Ok(outcome)
}

struct Connection {
    socket: TcpStream,
    /// The request's head, up to the length of its body.
    head: Vec<u8>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    id: Option<u64>,
    bytes: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Connection> {
        let socket =
            TcpStream::connect(address).with_context(|| format!("nobody answers at {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        let head = format!(
            "POST /api/v1/orders HTTP/1.1\r\nhost: {address}\r\n\
             content-type: application/json\r\ncontent-length: "
        );
        let (request, answer) = (Vec::new(), vec![0; ANSWER_BYTES_MAX]);
        Ok(Connection { socket, head: head.into_bytes(), request, answer })
    }

    fn post(&mut self, body: &[u8]) -> io::Result<Answer> {
        self.request.clear();
        self.request.extend(&self.head);
        write!(self.request, "{}\r\n\r\n", body.len())?;
        self.request.extend(body);
        self.socket.write_all(&self.request)?;
        let mut filled = 0;
        loop {
            let read = self.socket.read(&mut self.answer[filled..])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(answer) = parse(&self.answer[..filled])? {
                return Ok(answer);
            }
        }
    }
}

/// Reads an answer; `None` where more of it is to come.
fn parse(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some(head_bytes) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, body) = (&bytes[..head_bytes], &bytes[head_bytes + 4..]);
    let read = || -> Result<(u16, usize)> {
        let mut lines = std::str::from_utf8(head)?.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.context("there is no status")?.parse()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim())
        });
        let length: usize = length.context("there is no length")?.parse()?;
        ensure!(head_bytes + 4 + length <= ANSWER_BYTES_MAX, "the answer is too long");
        Ok((status, length))
    };
    let (status, length) = read().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    let answer = Answer { status, id: id(body), bytes: head_bytes + 4 + length };
    Ok((body.len() >= length).then_some(answer))
}

/// The order's id in an answer's body: its first field.
fn id(body: &[u8]) -> Option<u64> {
    let digits = body.strip_prefix(b"{\"id\":")?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..count]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 17\r\n\r\n{\"id\":273,\"a\":\"\"}";
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]).expect("so far good"), None, "{cut}");
        }
        let answer = Answer { status: 201, id: Some(273), bytes: text.len() };
        assert_eq!(parse(text).expect("good"), Some(answer));
        assert!(parse(b"HTTP/1.1 201 Created\r\n\r\n").is_err(), "no length");
        assert!(parse(b"HTTP/1.1 201 Created\r\ncontent-length: 70000\r\n\r\n").is_err());
    }

    /// A server that stands still for a while holds up every request that was due meanwhile, and
    /// each of them is counted with its wait.
    #[test]
    fn nothing_is_left_out_while_the_server_stands_still() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let pause = Duration::from_millis(300);
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("the generator comes");
            let mut request = vec![0; 4_096];
            let mut answered = 0;
            while socket.read(&mut request).is_ok_and(|read| read > 0) {
                if answered == 0 {
                    thread::sleep(pause);
                }
                answered += 1;
                let body = format!("{{\"id\":{answered}}}");
                let head =
                    format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n", body.len());
                socket.write_all((head + &body).as_bytes()).expect("it is read");
            }
            answered
        });
        let schedule = Arc::new(Schedule::new(100, Duration::from_millis(500)));
        let outcome = run(address, 1, &schedule, 1).expect("it runs");
        assert_eq!(server.join().expect("it ends"), 50);
        assert_eq!((outcome.latencies.count(), outcome.refused), (50, 0));
        // 30 were due within the pause; the first of them waited for all of it.
        assert!(outcome.latencies.millis_max() >= 300.0);
        assert!(outcome.latencies.millis_at(0.6) >= 100.0, "{}", outcome.line());
    }
}
