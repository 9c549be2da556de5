//! Pages: items and where to go on.

use crate::policy::ApiPolicy;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Ask again with `cursor` = this; `null` = this was the last page.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Items wanted, 1–100.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

impl PageQuery {
    /// The number of items to answer with.
    pub fn limit(&self, policy: &ApiPolicy) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(policy.page_default);
        if limit == 0 || limit > policy.page_max {
            let said = format!("A page has 1 to {} items.", policy.page_max);
            return Err(Problem::field("limit", "out_of_range", said));
        }
        Ok(limit as usize)
    }
}
