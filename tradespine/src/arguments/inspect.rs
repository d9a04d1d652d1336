//! Whose log the tools look into.

use clap::Args;

use super::DataArguments;
use crate::{
    inspect::Whose,
    settings::{Flags, KafkaFlags, LedgerFlags, Profile},
};

/// A log to look into.
#[derive(Clone, Debug, Args)]
pub struct InspectArguments {
    #[command(flatten)]
    data: DataArguments,

    /// Look at services apart, whose log is on Kafka; they may run meanwhile
    #[arg(long)]
    kafka: bool,

    /// Kafka's brokers, as host:port, separated by commas [default: 127.0.0.1:9092]
    #[arg(long, value_name = "ADDRESSES", requires = "kafka")]
    brokers: Option<String>,

    /// What every topic's name begins with [default: nothing]
    #[arg(long, value_name = "TEXT", requires = "kafka")]
    topic_prefix: Option<String>,

    /// What the platform is for [default: sandbox]
    #[arg(long, value_enum, requires = "kafka")]
    profile: Option<Profile>,
}

impl InspectArguments {
    /// Whose log it is.
    pub const fn whose(&self) -> Whose {
        if self.kafka { Whose::Apart } else { Whose::DataDirectory }
    }
}

/// What `verify` can be told.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    inspect: InspectArguments,

    /// Where the ledger's tables are [default: sqlite, in the data directory]
    ///
    /// Its user needs only to read. Every user of this machine can read a command line: one with a
    /// password is better set as TRADESPINE_LEDGER__DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl VerifyArguments {
    /// Whose log it is.
    pub const fn whose(&self) -> Whose {
        self.inspect.whose()
    }
}

impl From<InspectArguments> for Flags {
    fn from(said: InspectArguments) -> Flags {
        let InspectArguments { data, kafka: _, brokers, topic_prefix, profile } = said;
        let kafka = KafkaFlags { brokers, topic_prefix, replication: None };
        Flags { profile, kafka, ..data.into() }
    }
}

impl From<VerifyArguments> for Flags {
    fn from(said: VerifyArguments) -> Flags {
        let VerifyArguments { inspect, database_url } = said;
        let ledger = LedgerFlags { database_url, ..LedgerFlags::default() };
        Flags { ledger, ..inspect.into() }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn verify(line: &str) -> Result<VerifyArguments, clap::Error> {
        let line = format!("tradespine verify {line}");
        let parsed = Arguments::try_parse_from(line.split_whitespace())?;
        let Command::Verify(said) = parsed.command else { panic!("not verify") };
        Ok(said)
    }

    #[test]
    fn a_log_is_a_data_directorys_unless_somebody_says_kafka() {
        let plain = verify("").expect("good");
        assert_eq!((plain.whose(), Flags::from(plain)), (Whose::DataDirectory, Flags::default()));
        let apart = verify("--kafka").expect("good");
        assert_eq!((apart.whose(), Flags::from(apart)), (Whose::Apart, Flags::default()));
        let line = "--kafka --brokers B --topic-prefix T --profile production --data-dir D \
                    --database-url U";
        let flags = Flags::from(verify(line).expect("good"));
        let kafka = KafkaFlags {
            brokers: Some("B".into()),
            topic_prefix: Some("T".into()),
            replication: None,
        };
        let ledger = LedgerFlags { database_url: Some("U".into()), ..LedgerFlags::default() };
        let (profile, data_dir) = (Some(Profile::Production), Some("D".into()));
        assert_eq!(flags, Flags { profile, data_dir, kafka, ledger, ..Flags::default() });
        // Whoever names brokers and not Kafka would look at another log than they believe.
        for bad in ["--brokers B", "--topic-prefix T", "--profile sandbox"] {
            assert!(verify(bad).is_err(), "{bad}");
        }
    }
}
