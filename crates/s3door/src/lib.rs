#![doc = include_str!("../README.md")]

mod assemble;
mod checks;
mod commit;
pub mod config;
mod cors;
pub mod door;
pub mod error;
mod files;
mod guard;
mod in_place;
mod listing;
pub mod meta;
mod multipart;
pub mod name;
pub mod objects;
mod outbox;
mod parts;
pub mod policy;
pub mod presign;
mod receive;
mod recovery;
mod service;

pub use config::{Credentials, DoorConfig};
pub use door::Door;
pub use error::StoreError;
pub use listing::{ListPage, ListQuery};
pub use meta::{Layout, NewObject, ObjectMeta, PartMeta, Sums, UploadMeta};
pub use multipart::Completion;
pub use objects::{Condition, Objects, ObjectsDeps, Standing};
pub use outbox::{NoListener, ObjectCreated, ObjectListener};
pub use policy::DoorPolicy;
pub use presign::{PresignRequest, Presigner};
