//! What a service says of itself over HTTP: whether it is ready, and its metrics.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How much of a page is read; one of metrics has some ten kilobytes.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// An answer as it came, head and all.
pub(super) struct Page(String);

/// Asks `address` for the page at `path`.
///
/// # Errors
/// Where nobody answers in time.
pub(super) fn get(address: &str, path: &str) -> io::Result<Page> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(ANSWER_WAIT))?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    socket.take(PAGE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Page(text))
}

impl Page {
    /// Whether the answer is 200.
    pub(super) fn is_good(&self) -> bool {
        self.0.starts_with("HTTP/1.1 200 ")
    }

    /// The values of a metric, of all its labels.
    pub(super) fn values<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = f64> + 'a {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(metric)?;
            rest.starts_with([' ', '{']).then_some(())?;
            rest.rsplit(' ').next()?.parse().ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_with_and_without_labels() {
        let page = Page(
            "HTTP/1.1 200 OK\r\n\r\n# TYPE a_total counter\na_total{partition=\"0\"} 3\n\
             a_total{partition=\"1\"} 4.5\na_total_more 7\nb 1\n"
                .to_owned(),
        );
        assert!(page.is_good());
        assert_eq!(page.values("a_total").collect::<Vec<_>>(), [3.0, 4.5]);
        assert_eq!(page.values("b").collect::<Vec<_>>(), [1.0]);
        assert_eq!(page.values("c").count(), 0);
    }
}
