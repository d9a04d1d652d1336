//! Which role a method needs.

use proto::credential::Role;

/// The methods that need less than everything. One that is not here needs the role `admin`.
#[rustfmt::skip]
const NEEDED: [(&str, Role); 9] = [
    ("ListTokens",      Role::Viewer),
    ("Upgrade",         Role::Operator),
    ("SetInstrument",   Role::Operator),
    ("SetMarketState",  Role::Operator),
    ("SetAccountState", Role::Operator),
    ("SetRiskLimits",   Role::Operator),
    ("SetKillSwitch",   Role::Operator),
    ("SetFeeTiers",     Role::Operator),
    ("RecomputeFeeTiers", Role::Operator),
];

/// What stops trading is done even where it cannot be recorded at once: it would be worse if it
/// were not.
const URGENT: [&str; 1] = ["SetKillSwitch"];

/// Whether the method of this name waits for nothing.
pub(super) fn is_urgent(method: &str) -> bool {
    URGENT.contains(&method)
}

/// The least role that may call the method of this name.
pub(super) fn needed(method: &str) -> Role {
    let known = NEEDED.iter().find(|(name, _)| *name == method);
    known.map_or(Role::Admin, |(_, role)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_placed_needs_everything() {
        assert_eq!(needed("ListTokens"), Role::Viewer);
        assert_eq!(needed("SetInstrument"), Role::Operator);
        for method in ["CreateToken", "RevokeToken", "AdjustBalance", "", "listtokens"] {
            assert_eq!(needed(method), Role::Admin, "{method}");
        }
        assert!(is_urgent("SetKillSwitch") && !is_urgent("SetAccountState"));
    }
}
