//! The log and its protocol: backends, shard runner, readers' rule, snapshots, takeover. The only crate that knows Kafka.
