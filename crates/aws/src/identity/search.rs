//! Lists of people for operators: bounded questions to an index, never a scan.
//!
//! Without a text a page costs one query a shelf. With one, the newest [`SEARCH_ROWS_MAX`] rows of each
//! shelf (counted from the page's start) are looked through for it anywhere in handle, e-mail and name;
//! whoever came before those is found by the whole e-mail or the whole handle only.

use super::accounts::{ACCOUNTS, BY_AGE, STAFF};
use super::policy::{SEARCH_PAGE, SEARCH_ROWS_MAX, SHELVES};
use super::row;
use crate::dynamo::{Dynamo, Index, Query, Range};
use futures::future::try_join_all;
use identity::{Role, UserFilter};
use stdx::Fault;
use vocab::UserId;

pub struct Look {
    pub text: Option<String>,
    roles: i64,
}

impl Look {
    pub fn of(filter: &UserFilter) -> Self {
        let text = filter.text.as_ref().map(|t| t.to_lowercase()).filter(|t| !t.is_empty());
        Self { text, roles: filter.role.map_or(0, |role| row::role_bits(&[role])) }
    }
    pub fn takes(&self, searched: &str, roles: i64) -> bool {
        roles & self.roles == self.roles && self.text.as_ref().is_none_or(|t| searched.contains(t))
    }
}

/// Who fits, newest first within each shelf, at most `filter.limit` of each.
pub async fn ids(dynamo: &Dynamo, look: &Look, filter: &UserFilter) -> Result<Vec<UserId>, Fault> {
    if filter.limit == 0 {
        return Ok(Vec::new());
    }
    if filter.role.is_some_and(|role| role != Role::Viewer) {
        return shelf(dynamo, (&STAFF, "staff".to_owned()), look, filter).await;
    }
    let shelves = (0..SHELVES).map(|n| shelf(dynamo, (&BY_AGE, row::shelf(n)), look, filter));
    Ok(try_join_all(shelves).await?.concat())
}

async fn shelf(
    dynamo: &Dynamo,
    (index, name): (&Index, String),
    look: &Look,
    filter: &UserFilter,
) -> Result<Vec<UserId>, Fault> {
    let page = if look.text.is_some() { SEARCH_PAGE } else { filter.limit };
    let mut before = filter.before;
    let (mut fit, mut looked) = (Vec::new(), 0);
    while looked < SEARCH_ROWS_MAX {
        let range = before.map_or(Range::All, |id| Range::Before(id.to_string()));
        let asked = Query::of(&ACCOUNTS, name.clone(), page).index(index).range(range).newest_first();
        let rows = dynamo.query(asked).await?;
        for item in &rows {
            let id = row::user_id(item)?;
            before = Some(id);
            if look.takes(item.opt_s("search").unwrap_or_default(), item.opt_n("roles").unwrap_or(0)) {
                fit.push(id);
            }
        }
        looked += rows.len();
        if rows.len() < page || fit.len() >= filter.limit {
            break;
        }
    }
    fit.truncate(filter.limit);
    Ok(fit)
}
