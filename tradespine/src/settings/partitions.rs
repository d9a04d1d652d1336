//! A choice of partitions, as people write it: `0,2-3`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use model::Partition;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use thiserror::Error;

/// At least one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSet(BTreeSet<u16>);

/// Text that names no partitions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} names no partitions; they are numbers below {most} and ranges of them, like 0,2-3",
    most = Partition::COUNT_MAX
)]
pub struct NoPartitions(String);

impl PartitionSet {
    /// The numbers, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }
}

impl FromStr for PartitionSet {
    type Err = NoPartitions;

    fn from_str(text: &str) -> Result<PartitionSet, NoPartitions> {
        let mut numbers = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
            let (first, last) = range.ok_or_else(|| NoPartitions(text.to_owned()))?;
            numbers.extend(first..=last);
        }
        Ok(PartitionSet(numbers))
    }
}

fn number(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain)?;
    (number < Partition::COUNT_MAX).then_some(number)
}

impl fmt::Display for PartitionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl Serialize for PartitionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartitionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PartitionSet, D::Error> {
        deserializer.deserialize_any(NumbersOrOne)
    }
}

/// Text, or one number, as a variable with a single partition looks like.
struct NumbersOrOne;

impl Visitor<'_> for NumbersOrOne {
    type Value = PartitionSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("partitions, like \"0,2-3\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PartitionSet, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<PartitionSet, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<PartitionSet, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges() {
        for (text, numbers) in [
            ("0", vec![0]),
            ("0,2-3", vec![0, 2, 3]),
            ("5-5,1", vec![1, 5]),
            ("0-2,1-3", vec![0, 1, 2, 3]),
            ("1023", vec![1023]),
        ] {
            let set: PartitionSet = text.parse().expect(text);
            assert_eq!(set.numbers().collect::<Vec<_>>(), numbers, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in
            ["", ",", "0,", "3-1", "a", "0-", "-1", "+1", "0.5", "1024", "0-4294967296", "0 1"]
        {
            let error = text.parse::<PartitionSet>().expect_err(text).to_string();
            assert!(error.contains("0,2-3") && error.contains("below 1024"), "{error}");
        }
    }
}
