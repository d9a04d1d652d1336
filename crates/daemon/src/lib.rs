//! What every process does around its work: settings, the clock, ports, health, shutdown.
//!
//! A `main` reads as a story with these words: load the settings, bind the ports, build the
//! service, serve it until a signal, drain.
//!
//! # Layout
//!
//! - [`settings`]: flag over `TRADESPINE_*` over `tradespine.toml` over default, and exit code 64.
//! - [`clock`]: the one place that reads the wall clock.
//! - [`host`]: this machine's name.
//! - [`ports`]: listeners, and what to do where an address is taken.
//! - [`health`]: `/healthz`, `/readyz` and `/metrics`.
//! - [`priority`]: threads that take what others leave of the processors.
//! - [`runtime`]: how many threads serve requests.
//! - [`shutdown`]: signals become a token; work is drained within a grace period.
//!
//! What will never live here: a trading rule, or anything that only one service does.

#![forbid(unsafe_code)]

pub mod clock;
pub mod health;
pub mod host;
pub mod ports;
pub mod priority;
pub mod runtime;
pub mod settings;
pub mod shutdown;
