//! The front door: REST and gRPC orders become records in the log, answers become results.
