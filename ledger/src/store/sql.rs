//! x
pub struct SqlStore;
