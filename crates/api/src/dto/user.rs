//! People and their sessions, as they travel.

use identity::{Device, Grant, Profile, Role, User as Record};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vocab::{DeviceId, UserId};

/// A person, to themselves and to operators.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    #[schema(value_type = String, example = "1q2w3e4r5t6y7")]
    pub id: UserId,
    pub display_name: String,
    /// Unique; without the `@`.
    pub handle: String,
    pub bio: String,
    /// No e-mail and password yet.
    pub guest: bool,
    pub email: Option<String>,
    #[schema(value_type = Vec<String>, example = json!(["viewer"]))]
    pub roles: Vec<Role>,
    pub created_at_ms: i64,
    /// In the caller's own profile only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<UserCounts>,
}

/// Counted up to 1,000.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct UserCounts {
    pub videos: u64,
    pub likes: u64,
}

impl From<Record> for User {
    fn from(user: Record) -> Self {
        Self {
            id: user.id,
            display_name: user.display_name,
            handle: user.handle,
            bio: user.bio,
            guest: user.guest,
            email: user.email,
            roles: user.roles,
            created_at_ms: user.created_at.0,
            counts: None,
        }
    }
}

/// What everybody may know of a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PublicProfile {
    #[schema(value_type = String, example = "1q2w3e4r5t6y7")]
    pub id: UserId,
    pub display_name: String,
    pub handle: String,
    pub bio: String,
    pub guest: bool,
    pub created_at_ms: i64,
    pub counts: ProfileCounts,
}

/// Counted up to 1,000.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ProfileCounts {
    /// Published for everybody.
    pub videos: u64,
}

impl PublicProfile {
    pub fn of(profile: Profile, videos: u64) -> Self {
        Self {
            id: profile.id,
            display_name: profile.display_name,
            handle: profile.handle,
            bio: profile.bio,
            guest: profile.guest,
            created_at_ms: profile.created_at.0,
            counts: ProfileCounts { videos },
        }
    }
}

/// A pair of tokens and who they speak for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Session {
    /// JWT, sent as `Authorization: Bearer …`.
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    pub expires_in_s: i64,
    /// Opaque, good for one use.
    pub refresh_token: String,
    pub user: User,
    /// The guest that became this account by signing in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub merged_from: Option<UserId>,
}

impl From<Grant> for Session {
    fn from(grant: Grant) -> Self {
        Self {
            access_token: grant.access_token,
            token_type: "Bearer",
            expires_in_s: grant.expires_in.0 / 1_000,
            refresh_token: grant.refresh_token,
            user: grant.user.into(),
            merged_from: grant.merged_from,
        }
    }
}

/// A device the caller is signed in on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeviceView {
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    pub name: String,
    /// The device this request came from.
    pub current: bool,
    pub created_at_ms: i64,
    pub last_seen_at_ms: i64,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            device_id: device.device,
            name: device.name,
            current: device.current,
            created_at_ms: device.created_at.0,
            last_seen_at_ms: device.seen_at.0,
        }
    }
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeviceList {
    pub items: Vec<DeviceView>,
}

/// Exactly these; `viewer` is always among them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct RolesWanted {
    #[schema(value_type = Vec<String>, example = json!(["viewer", "moderator"]))]
    pub roles: Vec<Role>,
}
