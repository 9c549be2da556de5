//! What every [`VideoStore`] and [`LibraryStore`] promises, as named cases.

use crate::port::{LibraryStore, VideoStore};
use std::sync::Arc;
use testkit::Case;

pub fn cases() -> Vec<Case<Arc<dyn VideoStore>>> {
    vec![]
}

pub fn library_cases() -> Vec<Case<Arc<dyn LibraryStore>>> {
    vec![]
}
