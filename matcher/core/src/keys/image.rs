//! All keys as plain data, for snapshots, and back with everything checked.

use alloc::vec::Vec;

use model::{AccountName, OrderId, Timestamp};
use thiserror::Error;

use super::{ContentHash, Holder, KeyRefused, Keys, OrderKey, due::Due};

/// All keys as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysImage {
    /// The seed of the index: see [`Keys::seeded`].
    pub seed: u128,
    /// Every key, in ascending order of its order's id.
    pub keys: Vec<KeyImage>,
}

/// One key and what is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyImage {
    /// The key.
    pub key: OrderKey,
    /// The hash of the content it was used with.
    pub content: ContentHash,
    /// The order it was used for.
    pub order: OrderId,
    /// When it is looked at for expiry next.
    pub keep_until: Timestamp,
    /// The ids of its retries, in their order.
    pub aliases: Vec<OrderId>,
}

/// Why an image is not one of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeysRestoreError {
    /// Orders that do not ascend.
    #[error("the key of order {0} is out of order")]
    Order(OrderId),
    /// A key that cannot be added to those before it.
    #[error("the key of order {order} cannot be there: {reason}")]
    Refused {
        /// The key's order.
        order: OrderId,
        /// Why not.
        reason: KeyRefused,
    },
    /// An alias that means something already, or one too many.
    #[error("alias {0} cannot be there")]
    Alias(OrderId),
}

impl Keys {
    /// The state as plain data. Equal images behave equally from here on.
    pub fn image(&self) -> KeysImage {
        let mut keys: Vec<_> = self.due.iter().map(|due| self.key_image(due)).collect();
        keys.sort_unstable_by_key(|key| key.order);
        KeysImage { seed: self.index.seed(), keys }
    }

    /// The keys of an image, of a shard on which just these names have an account.
    ///
    /// # Errors
    /// [`KeysRestoreError`] where no run of commands could have led to it. Never panics.
    pub fn restore(
        image: KeysImage,
        has_account: impl Fn(&AccountName) -> bool,
    ) -> Result<Keys, KeysRestoreError> {
        let mut keys = Keys::seeded(image.seed);
        let orders: Vec<OrderId> = image.keys.iter().map(|key| key.order).collect();
        let mut last = None;
        let mut aliases = Vec::new();
        for KeyImage { key, content, order, keep_until, aliases: own } in image.keys {
            if last >= Some(order) {
                return Err(KeysRestoreError::Order(order));
            }
            last = Some(order);
            let holder = if has_account(&key.account) { Holder::Account } else { Holder::Stranger };
            if !own.is_empty() {
                aliases.push((key.clone(), own));
            }
            let added = keys.insert(key, content, order, keep_until, holder);
            added.map_err(|reason| KeysRestoreError::Refused { order, reason })?;
        }
        for (key, own) in aliases {
            for alias in own {
                // The orders ascend, or the image was refused.
                if orders.binary_search(&alias).is_ok() || !keys.alias(&key, alias) {
                    return Err(KeysRestoreError::Alias(alias));
                }
            }
        }
        Ok(keys)
    }

    fn key_image(&self, due: &Due) -> KeyImage {
        let entry = self.index.entry(due.place);
        let key = OrderKey {
            account: self.index.account_name(entry).clone(),
            instrument: entry.instrument,
            space: entry.space,
            text: entry.text.clone(),
        };
        KeyImage {
            key,
            content: entry.content,
            order: entry.order,
            keep_until: due.at,
            aliases: self.index.aliases_of(due.place).to_vec(),
        }
    }
}
