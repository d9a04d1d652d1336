//! History and balances: projects the events into SQL and answers gRPC queries.
