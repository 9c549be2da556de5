//! People: guests bound to a device, accounts with e-mail and password, and what they may do.

use crate::session::SessionId;
use serde::{Deserialize, Serialize};
use std::fmt;
use vocab::{DeviceId, Millis, UserId};

/// What a person may do. Everybody is a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    /// Judges videos.
    Moderator,
    /// Runs the house: jobs, people, keys.
    Operator,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Moderator, Self::Operator];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Moderator => "moderator",
            Self::Operator => "operator",
        }
    }

    /// The set as it is stored: sorted, without doubles, `Viewer` always in it.
    pub fn normalised(roles: &[Self]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|r| *r == Self::Viewer || roles.contains(r)).collect()
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|r| r.as_str() == text).ok_or(UnknownRole)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: expected viewer, moderator or operator")]
pub struct UnknownRole;

/// Who makes a request: what a verified access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user: UserId,
    pub guest: bool,
    /// Normalised: sorted, `Viewer` always in it.
    pub roles: Vec<Role>,
    pub device: DeviceId,
    pub session: SessionId,
    /// When the access token ends: what a long connection must not outlive.
    pub expires_at: Millis,
}

impl Caller {
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
    /// Moderators judge; operators may do all a moderator may.
    pub fn is_moderator(&self) -> bool {
        self.has(Role::Moderator) || self.is_operator()
    }
    pub fn is_operator(&self) -> bool {
        self.has(Role::Operator)
    }
}

/// A person's record.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// No e-mail and password yet; lives by its device alone.
    pub guest: bool,
    /// Normalised by [`crate::text::email`]; unique.
    pub email: Option<String>,
    /// PHC text. Never leaves the slice.
    pub password_hash: Option<String>,
    pub display_name: String,
    /// Unique, lower case; generated for guests.
    pub handle: String,
    pub bio: String,
    pub roles: Vec<Role>,
    pub created_at: Millis,
    /// A guest that signed in to an account became that account.
    pub merged_into: Option<UserId>,
    /// Raised by every write.
    pub revision: u64,
}

impl fmt::Debug for User {
    // Records are logged on faults; personal data and hashes must not be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("guest", &self.guest)
            .field("roles", &self.roles)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// What everybody may know of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub id: UserId,
    pub display_name: String,
    pub handle: String,
    pub bio: String,
    pub guest: bool,
    pub created_at: Millis,
}

impl From<&User> for Profile {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            display_name: user.display_name.clone(),
            handle: user.handle.clone(),
            bio: user.bio.clone(),
            guest: user.guest,
            created_at: user.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_set_is_sorted_single_and_always_holds_viewer() {
        use Role::{Moderator, Operator, Viewer};
        assert_eq!(Role::normalised(&[]), [Viewer]);
        assert_eq!(Role::normalised(&[Operator, Moderator, Operator]), [Viewer, Moderator, Operator]);
    }

    #[test]
    fn role_names_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn the_debug_form_of_a_user_holds_no_personal_data() {
        let user = User {
            id: UserId(7),
            guest: false,
            email: Some("ada@example.org".into()),
            password_hash: Some("$argon2id$secret".into()),
            display_name: "Ada".into(),
            handle: "ada".into(),
            bio: String::new(),
            roles: vec![Role::Viewer],
            created_at: Millis(0),
            merged_into: None,
            revision: 1,
        };
        let said = format!("{user:?}");
        assert!(!said.contains("example") && !said.contains("argon") && !said.contains("Ada"));
    }
}
