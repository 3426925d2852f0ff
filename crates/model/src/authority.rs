//! Who may do what: roles, and the tenants they hold for. What each operation asks for stands with the operation.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::listing::UnknownWord;

/// What someone may do. Each role may do all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks.
    Reader,
    /// Starts and cancels runs, notes on missing items, keeps schedules.
    Operator,
    /// Adds, changes and removes tenants, and gives tokens.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: &[Role] = &[Self::Reader, Self::Operator, Self::Admin];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text).ok_or(UnknownWord("role"))
    }
}

/// Some tenants, or all there are and will be. As JSON the word `all`, or an array of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant, those that are not known yet too.
    All,
    /// These.
    Some(BTreeSet<TenantId>),
}

impl Tenants {
    /// Whether this one is among them.
    pub fn has(&self, tenant: TenantId) -> bool {
        match self {
            Self::All => true,
            Self::Some(tenants) => tenants.contains(&tenant),
        }
    }

    /// Whether each of the others is among them.
    pub fn have_all_of(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Some(_), Self::All) => false,
            (Self::Some(tenants), Self::Some(others)) => others.is_subset(tenants),
        }
    }
}

impl Serialize for Tenants {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Some(tenants) => tenants.serialize(serializer),
        }
    }
}

/// A role for some tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grant {
    /// What may be done.
    pub role: Role,
    /// To which.
    pub tenants: Tenants,
}

/// All that someone was granted. Grants never add up to more than each says: a reader of all who is an operator of one is an operator
/// of that one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    grants: Vec<Grant>,
}

impl Authority {
    /// Who has these grants.
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { grants: grants.into_iter().collect() }
    }

    /// Each grant, as it was given.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The highest role on a tenant; none where it is none of theirs.
    pub fn on(&self, tenant: TenantId) -> Option<Role> {
        self.grants.iter().filter(|grant| grant.tenants.has(tenant)).map(|grant| grant.role).max()
    }

    /// The highest role on every tenant.
    pub fn on_all(&self) -> Option<Role> {
        self.grants.iter().filter(|grant| grant.tenants == Tenants::All).map(|grant| grant.role).max()
    }

    /// The highest role on each of these at once.
    pub fn on_each(&self, tenants: &Tenants) -> Option<Role> {
        match tenants {
            Tenants::All => self.on_all(),
            Tenants::Some(tenants) => tenants.iter().map(|tenant| self.on(*tenant)).min().flatten(),
        }
    }

    /// The tenants they have at least this role on.
    pub fn tenants(&self, role: Role) -> Tenants {
        let mut some = BTreeSet::new();
        for grant in self.grants.iter().filter(|grant| grant.role >= role) {
            match &grant.tenants {
                Tenants::All => return Tenants::All,
                Tenants::Some(tenants) => some.extend(tenants),
            }
        }
        Tenants::Some(some)
    }

    /// The highest role on any tenant; none for whoever was granted nothing.
    pub fn highest(&self) -> Option<Role> {
        self.grants.iter().map(|grant| grant.role).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: u8) -> TenantId {
        format!("00000000-0000-4000-8000-0000000000{n:02}").parse().expect("an id")
    }

    fn some(tenants: &[u8]) -> Tenants {
        Tenants::Some(tenants.iter().map(|n| tenant(*n)).collect())
    }

    #[test]
    fn grants_never_add_up_to_more_than_each_says() {
        let authority =
            Authority::new([Grant { role: Role::Reader, tenants: Tenants::All }, Grant { role: Role::Operator, tenants: some(&[1]) }]);
        assert_eq!(authority.on(tenant(1)), Some(Role::Operator));
        assert_eq!(authority.on(tenant(2)), Some(Role::Reader));
        assert_eq!(authority.on_all(), Some(Role::Reader));
        assert_eq!(authority.on_each(&some(&[1])), Some(Role::Operator));
        assert_eq!(authority.on_each(&some(&[1, 2])), Some(Role::Reader));
        assert_eq!(authority.tenants(Role::Operator), some(&[1]));
        assert_eq!(authority.tenants(Role::Reader), Tenants::All);
    }

    #[test]
    fn whoever_was_granted_nothing_may_do_nothing() {
        let nobody = Authority::default();
        assert_eq!((nobody.on(tenant(1)), nobody.on_all(), nobody.highest()), (None, None, None));
        assert_eq!(nobody.tenants(Role::Reader), some(&[]));
        let one = Authority::new([Grant { role: Role::Admin, tenants: some(&[1]) }]);
        assert_eq!((one.on(tenant(2)), one.on_all(), one.on_each(&some(&[1, 2])), one.on_each(&Tenants::All)), (None, None, None, None));
        // Nothing at all is asked of nobody's tenants.
        assert_eq!(one.on_each(&some(&[])), None);
    }
}
