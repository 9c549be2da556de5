//! The field's candidate pipeline, pure and generic: query hydrators → sources → hydrators → filters →
//! scorers → selector → side effects. Stages are functions of values; all I/O happened before.

pub mod ctx;
pub mod pipeline;
pub mod stage;

pub use ctx::{Ctx, Removed, StageRecord, Trace};
pub use pipeline::{Outcome, Pipeline, rank};
pub use stage::{Filter, Hydrator, Item, QueryHydrator, Scorer, Selected, Selector, SideEffect, Source};
