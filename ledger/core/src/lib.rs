//! PURE. Accounts, holds and double entry.
