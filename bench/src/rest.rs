//! Orders over REST at a constant rate: HTTP/1.1 on connections that stay open, one request at a
//! time on each. One thread sends what is due, another hears what is answered on all of them.
//!
//! Written by hand, since whatever the generator costs is missing to the platform beside it: a
//! thread for each connection took twice as much.

mod lines;

use std::{
    cell::RefCell,
    convert::Infallible,
    io::{self, ErrorKind, Write as _},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::{
    net::TcpStream,
    runtime,
    sync::oneshot,
    task::{JoinSet, LocalSet},
};

use self::lines::Lines;
use crate::{order::Orders, outcome::Outcome, schedule::Schedule};

/// The most bytes of an answer: what is longer is none to an order.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Opens so many connections to `address`, and sends `rate` of `orders` a second for so long.
///
/// # Errors
/// Where nobody can be connected to, or nobody answers on any connection.
pub(crate) fn run(
    address: SocketAddr,
    connections: u16,
    (rate, duration): (u32, Duration),
    orders: Orders,
) -> Result<Outcome> {
    let lines = Arc::new(Lines::open(address, connections)?);
    // Not before: what is due while connections are opened would be late from the beginning.
    let schedule = &Schedule::new(rate, duration);
    let (end, over) = oneshot::channel();
    let hearing = {
        let lines = Arc::clone(&lines);
        thread::spawn(move || hear(&lines, over))
    };
    let sent = send(&lines, address, schedule, orders);
    let unanswered = lines.rest();
    // Where it has ended by itself it says why.
    let _ = end.send(());
    let heard = hearing.join().map_err(|_| anyhow!("the thread that hears answers panicked"))?;
    let mut outcome = heard?;
    sent?;
    (0..unanswered).for_each(|_| outcome.refuse("there was no answer"));
    outcome.lasted = Instant::now().saturating_duration_since(schedule.began());
    Ok(outcome)
}

/// Sends each order when it is due, or as soon after that as a connection is free.
fn send(lines: &Lines, address: SocketAddr, schedule: &Schedule, mut orders: Orders) -> Result<()> {
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nhost: {address}\r\n\
         content-type: application/json\r\ncontent-length: "
    );
    let (mut body, mut request) = (Vec::new(), Vec::new());
    while let Some(number) = schedule.take() {
        orders.draw().write_json(&mut body);
        request.clear();
        request.extend_from_slice(head.as_bytes());
        write!(request, "{}\r\n\r\n", body.len())?;
        request.extend_from_slice(&body);
        let due = schedule.wait(number);
        lines.send(due, &request)?;
    }
    Ok(())
}

/// Hears what is answered on all connections, until that is over.
fn hear(lines: &Arc<Lines>, over: oneshot::Receiver<()>) -> Result<Outcome> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let outcome = Rc::new(RefCell::new(Outcome::new()));
    LocalSet::new().block_on(&runtime, async {
        let mut listening = JoinSet::new();
        for number in 0..lines.count() {
            listening.spawn_local(listen(Arc::clone(lines), number, Rc::clone(&outcome)));
        }
        tokio::select! {
            _ = over => Ok(()),
            Some(ended) = listening.join_next() => ended?.map(|never| match never {}),
        }
    })?;
    Ok(outcome.replace(Outcome::new()))
}

/// Hears one connection, and opens it again where it breaks.
async fn listen(
    lines: Arc<Lines>,
    number: usize,
    outcome: Rc<RefCell<Outcome>>,
) -> Result<Infallible> {
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    loop {
        let socket = lines.hearing(number)?;
        let broken = loop {
            match read(&socket, &mut answer).await {
                Ok(answer) => {
                    if let Some(due) = lines.answered(number) {
                        note(&mut outcome.borrow_mut(), &answer, due);
                    }
                }
                Err(error) => break error,
            }
        };
        if lines.renew(number)? {
            outcome.borrow_mut().refuse(broken.to_string());
        }
    }
}

fn note(outcome: &mut Outcome, answer: &Answer, due: Instant) {
    match answer {
        Answer { status: 201, id: Some(id), .. } => {
            outcome.latencies.record(due.elapsed());
            outcome.acknowledged.push((*id, due));
        }
        answer => outcome.refuse(format!("status {}", answer.status)),
    }
}

/// Reads one answer, into `into`.
async fn read(socket: &TcpStream, into: &mut [u8]) -> io::Result<Answer> {
    let mut filled = 0;
    loop {
        socket.readable().await?;
        match socket.try_read(&mut into[filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if let Some(answer) = parse(&into[..filled])? {
            return Ok(answer);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    id: Option<u64>,
    bytes: usize,
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
    use std::{io::Read as _, net::TcpListener};

    use super::*;
    use crate::order::Keys;

    fn orders() -> Orders {
        Orders::new(1, Keys::Own)
    }

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
        let outcome =
            run(address, 1, (100, Duration::from_millis(500)), orders()).expect("it runs");
        assert_eq!(server.join().expect("it ends"), 50);
        assert_eq!((outcome.latencies.count(), outcome.refused), (50, 0));
        // 30 were due within the pause; the first of them waited for all of it.
        assert!(outcome.latencies.millis_max() >= 300.0);
        assert!(outcome.latencies.millis_at(0.6) >= 100.0, "{}", outcome.line());
    }

    /// What was on its way on a connection that breaks is refused once, and a new one takes its
    /// place; one that breaks while nothing is on its way costs nobody anything.
    #[test]
    fn a_connection_that_breaks_is_opened_again() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = thread::spawn(move || {
            for connection in 0..3 {
                let (mut socket, _) = listener.accept().expect("the generator comes");
                let mut request = vec![0; 4_096];
                while socket.read(&mut request).is_ok_and(|read| read > 0) {
                    if connection == 0 {
                        break;
                    }
                    let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 8\r\n\r\n{\"id\":1}";
                    socket.write_all(answer).expect("it is read");
                    if connection == 1 {
                        break;
                    }
                }
            }
        });
        let outcome = run(address, 1, (20, Duration::from_millis(200)), orders()).expect("it runs");
        assert_eq!((outcome.latencies.count(), outcome.refused), (3, 1), "{}", outcome.line());
        server.join().expect("it ends");
    }
}
