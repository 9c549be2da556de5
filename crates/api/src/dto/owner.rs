//! Whoever uploaded a video, as everybody may see them.

use identity::Profile;
use serde::Serialize;
use utoipa::ToSchema;
use vocab::UserId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Owner {
    #[schema(value_type = String, example = "1q2w3e4r5t6y7")]
    pub id: UserId,
    pub display_name: String,
    pub handle: String,
}

impl Owner {
    /// A person whose record is gone.
    pub fn unknown(id: UserId) -> Self {
        Self { id, display_name: String::new(), handle: String::new() }
    }
}

impl From<Profile> for Owner {
    fn from(p: Profile) -> Self {
        Self { id: p.id, display_name: p.display_name, handle: p.handle }
    }
}
