//! Tickets for pictures and players, which cannot send a bearer token.
//!
//! A ticket names the moderator and its end, is bound to one video by the cursors' keyed check, and
//! opens only what a moderator may fetch of that video.

use crate::auth::{Caller, MaybeCaller};
use crate::cursor::{List, Position};
use crate::problem::Problem;
use crate::state::ApiState;
use vocab::{Millis, UserId, VideoId};

/// How long a ticket opens what it opens.
const LIFE: Millis = Millis(600_000);
/// Tickets of the same stretch are the same, so that a picture keeps its address while a page reloads.
const STRETCH_MS: i64 = 300_000;

fn list(about: &str) -> List<'_> {
    List { name: "moderation.ticket", reader: None, about }
}

pub(crate) fn write(state: &ApiState, video: VideoId, by: UserId) -> String {
    let now = state.clock.now().get();
    let at = Millis(now - now.rem_euclid(STRETCH_MS) + STRETCH_MS).saturating_add(LIFE);
    state.cursors.write(list(&video.to_string()), Position { at, id: by.0 })
}

/// The moderator who asks, by token or by ticket.
pub(crate) fn admit(
    state: &ApiState,
    MaybeCaller(caller): MaybeCaller,
    ticket: Option<&str>,
    video: VideoId,
) -> Result<UserId, Problem> {
    match (caller, ticket) {
        (Some(caller), _) if Caller::is_moderator(&caller) => Ok(caller.user),
        (Some(_), _) => Err(Problem::forbidden("This is for moderators.")),
        (None, None) => Err(Problem::unauthorized("This needs a moderator's token or a ticket.")),
        (None, Some(ticket)) => {
            let refused =
                || Problem::unauthorized("The ticket is wrong or has expired. Open the case again.");
            let about = video.to_string();
            let position = state.cursors.read(list(&about), ticket).map_err(|_| refused())?;
            if position.at < state.clock.now() { Err(refused()) } else { Ok(UserId(position.id)) }
        }
    }
}
