//! wrk, a closed loop: as many requests as there are connections, each sent when the one before it
//! was answered.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

/// What a run of it came to.
#[derive(Debug, PartialEq)]
pub(super) struct Closed {
    pub(super) rate: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) answered: u64,
    pub(super) refused_percent: f64,
}

/// Posts the orders of `script` to `address`.
///
/// # Errors
/// Where wrk is missing or fails, or what it says cannot be read.
pub(super) fn run(
    script: &Path,
    address: &str,
    connections: u16,
    duration: Duration,
) -> Result<Closed> {
    let output = Command::new("wrk")
        .args(["-t2", "--latency", &format!("-c{connections}")])
        .arg(format!("-d{}s", duration.as_secs().max(1)))
        .arg("-s")
        .arg(script)
        .arg(format!("http://{address}/api/v1/orders"))
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "wrk failed: {text}{words}");
    read(&text).with_context(|| format!("wrk says something else:\n{text}{words}"))
}

fn read(text: &str) -> Option<Closed> {
    let after = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim)
    };
    let (answered, refused) = after("answered")?.split_once(", refused")?;
    Some(Closed {
        rate: after("Requests/sec:")?.parse().ok()?,
        p50_ms: millis(after("50%")?)?,
        p99_ms: millis(after("99%")?)?,
        answered: answered.parse().ok()?,
        refused_percent: refused.split_once('(')?.1.split_once(' ')?.0.parse().ok()?,
    })
}

fn millis(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let factor = match &text[digits.len()..] {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1_000.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let text = "Running 5s test @ http://127.0.0.1:8080/api/v1/orders\n\
                    \x20 2 threads and 64 connections\n\
                    \x20 Thread Stats   Avg      Stdev     Max   +/- Stdev\n\
                    \x20   Latency     3.32ms    3.05ms  38.06ms   92.96%\n\
                    \x20 Latency Distribution\n\
                    \x20    50%    2.51ms\n\
                    \x20    75%    3.51ms\n\
                    \x20    90%    5.51ms\n\
                    \x20    99%   16.27ms\n\
                    \x20 107355 requests in 5.00s, 50.00MB read\n\
                    Requests/sec:  21471.02\nTransfer/sec:     10.01MB\n\
                    answered 107355, refused 12 (0.011 %)\n";
        let closed = Closed {
            rate: 21_471.02,
            p50_ms: 2.51,
            p99_ms: 16.27,
            answered: 107_355,
            refused_percent: 0.011,
        };
        assert_eq!(read(text), Some(closed));
        assert_eq!(read(""), None);
        for (text, expected) in [("1.50s", Some(1_500.0)), ("250.00us", Some(0.25)), ("3m", None)] {
            assert_eq!(millis(text), expected);
        }
    }
}
