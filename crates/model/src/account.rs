//! What an account may do.

/// What those who run the platform let an account do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountState {
    /// Everything.
    #[default]
    Active,
    /// Only what reduces what it has: sell, cancel, amend to less, and send money out. It may not
    /// buy.
    ReduceOnly,
    /// Only cancel, and amend to less. What comes in from outside is credited all the same.
    Suspended,
}
