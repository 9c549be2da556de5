//! What every [`JobStore`] promises, as named cases.

use crate::port::JobStore;
use std::sync::Arc;
use testkit::Case;

pub fn cases() -> Vec<Case<Arc<dyn JobStore>>> {
    vec![]
}
