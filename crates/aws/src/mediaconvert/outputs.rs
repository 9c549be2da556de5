//! The track files of a finished job, out of the bucket into the job's directory.

use super::job::{BASE, SOUND};
use crate::objects::S3Objects;
use crate::objects::tracks::Found;
use ::moderation::port::MediaError;
use ::transcode::{EncodeJob, Encoded, EncodedTrack};
use std::path::PathBuf;
use stdx::Fault;

/// What fetching found.
#[derive(Debug)]
pub enum Fetched {
    All(Encoded),
    /// Nothing is left of the job: its files were fetched, and expired, long ago.
    Gone,
}

/// The name of an output by its modifier: the service chooses the ending by container.
fn named<'a>(found: &'a [Found], prefix: &str, modifier: &str, endings: &[&str]) -> Option<&'a Found> {
    let wanted = format!("{BASE}_{modifier}");
    found.iter().find(|f| {
        let name = f.key.strip_prefix(prefix).unwrap_or_default();
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        stem == wanted && endings.contains(&ending)
    })
}

/// Fetches a rung after the other. A missing or empty file is a failure that another job would not mend by
/// itself: the job said it was complete.
pub async fn fetch(objects: &S3Objects, job: &EncodeJob, prefix: &str) -> Result<Fetched, MediaError> {
    let found = objects.under(prefix).await?;
    if found.is_empty() {
        return Ok(Fetched::Gone);
    }
    let get = |modifier: String, endings: &'static [&'static str]| {
        let found = &found;
        async move {
            let missing = || MediaError::Failed(format!("MediaConvert made no file of {modifier}"));
            let object =
                named(found, prefix, &modifier, endings).filter(|f| f.bytes > 0).ok_or_else(missing)?;
            let path = job.work_dir.join(format!("{modifier}.mp4"));
            match objects.fetch_to(&object.key, &path).await? {
                true => Ok::<PathBuf, MediaError>(path),
                false => Err(Fault::unavailable(format!("{} left while it was fetched", object.key)).into()),
            }
        }
    };
    let mut rungs = Vec::with_capacity(job.plan.rungs.len());
    for rung in &job.plan.rungs {
        let path = get(rung.name.to_string(), &["cmfv", "mp4", "m4v"]).await?;
        rungs.push(EncodedTrack { rung: rung.name, path });
    }
    let audio = match &job.plan.audio {
        Some(_) => Some(get(SOUND.to_owned(), &["cmfa", "mp4", "m4a"]).await?),
        None => None,
    };
    Ok(Fetched::All(Encoded { rungs, audio }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_modifier_and_ending() {
        let names = ["t.m3u8", "t_360.m3u8", "t_360.cmfv", "t_audio.cmfa", "t_540x.cmfv", "x/t_540.cmfv"];
        let found: Vec<Found> =
            names.iter().map(|n| Found { key: format!("encoded/aa/v/w/1/{n}"), bytes: 1 }).collect();
        let of = |m| named(&found, "encoded/aa/v/w/1/", m, &["cmfv"]).map(|f| f.key.as_str());
        assert_eq!(of("360"), Some("encoded/aa/v/w/1/t_360.cmfv"));
        assert_eq!((of("540"), of("audio"), of("240")), (None, None, None));
    }
}
