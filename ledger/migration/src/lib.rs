//! The schema of the ledger's tables, one migration a file.
