//! Which requests are one video's: those that name it, its upload, its bytes' hash, its jobs, or its owner's quota.
//!
//! What a process asks by the clock (is a job due, what happened, what was revoked) names none of them and costs
//! the same whether a video is on its way or not.

use super::toll::{Call, Toll, Tolls};
use catalog::jobs::{AV1_RUNGS, SECOND_WAVE, TOP_RUNG};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a video costs, from its start to the end of its last wave.
#[derive(Debug, Default)]
pub struct Life {
    /// Until it is published, by operation and table.
    pub published: Tolls,
    /// A lease lengthened while a job runs: by the time that takes.
    pub heartbeats: Toll,
    /// How far a job is, told each 20 s to those who watch: by the time that takes.
    pub progress: Toll,
    /// Every notice but those: a bus takes their place.
    pub notices: Toll,
    /// Rungs that are added to the published video.
    pub later: Toll,
    /// What names nothing of the video.
    pub others: Toll,
}

/// Kinds of jobs that work for a video that is public already.
const LATER: [&str; 3] = [SECOND_WAVE, TOP_RUNG, AV1_RUNGS];

/// Id, kind and state of the job that a request writes.
fn job(call: &Call) -> Option<(&str, &str, &str)> {
    let word = |name: &str| call.asked["Item"][name]["S"].as_str();
    let writes = call.operation == "PutItem" && call.table.ends_with("-Jobs");
    if writes { Some((word("job_id")?, word("kind")?, word("state")?)) } else { None }
}

/// The part of a request that names one of `ids`: all of it, or its share of a batch.
fn share(call: &Call, ids: &BTreeSet<String>) -> f64 {
    let names = |value: &Value| {
        let text = value.to_string();
        ids.iter().any(|id| text.contains(id.as_str()))
    };
    match call.asked["RequestItems"][&call.table]["Keys"].as_array() {
        Some(keys) => keys.iter().filter(|k| names(k)).count() as f64 / keys.len().max(1) as f64,
        None => f64::from(u8::from(
            [&call.asked["Key"], &call.asked["Item"], &call.asked["ExpressionAttributeValues"]]
                .into_iter()
                .any(names),
        )),
    }
}

fn part(toll: &Toll, share: f64) -> Toll {
    Toll {
        requests: toll.requests,
        read_units: toll.read_units * share,
        write_units: toll.write_units * share,
    }
}

impl Life {
    /// Sorts what passed from the start of an upload on. `owner`'s quota is the video's, as nobody else uploads.
    /// The names are the video's id, the upload's and the hash.
    pub fn of(calls: &[Call], names: &[String; 3], owner: &str) -> Self {
        let video = &names[0];
        let mut life = Self::default();
        let (mut ids, mut later) = (BTreeSet::from(names.clone()), BTreeSet::new());
        for call in calls.iter().filter(|c| c.asked["Item"]["key"]["S"] == video.as_str()) {
            if let Some((id, kind, _)) = job(call) {
                let set = if LATER.contains(&kind) { &mut later } else { &mut ids };
                set.insert(id.to_owned());
            }
        }
        let end = calls.iter().rposition(|c| is_end(c, &ids)).unwrap_or(calls.len());
        let mut claims: BTreeMap<String, u64> = BTreeMap::new();
        for (n, call) in calls.iter().enumerate() {
            let is_quota = call.table.ends_with("-UploadQuotas") && call.asked.to_string().contains(owner);
            let ours = if is_quota { 1.0 } else { share(call, &ids) };
            let laters = share(call, &later).max(if is_later(call) { 1.0 } else { 0.0 });
            let toll = part(&call.toll, ours.max(laters));
            match () {
                () if laters > 0.0 || (ours > 0.0 && n > end) => life.later.add(&toll),
                () if ours == 0.0 => life.others.add(&call.toll),
                () if call.table.ends_with("-Notices") && call.asked["Item"]["percent"].is_object() => {
                    life.progress.add(&toll);
                }
                () if is_again(call, &mut claims) => life.heartbeats.add(&toll),
                () => {
                    if call.table.ends_with("-Notices") {
                        life.notices.add(&toll);
                    }
                    life.published.entry(name_of(call)).or_default().add(&toll);
                }
            }
        }
        life.take_reads_of_heartbeats();
        life
    }

    /// A heartbeat reads the job before it writes it.
    fn take_reads_of_heartbeats(&mut self) {
        let beats = self.heartbeats.requests;
        if let Some((_, gets)) =
            self.published.iter_mut().find(|(n, _)| n.starts_with("GetItem") && n.ends_with("-Jobs"))
        {
            gets.requests = gets.requests.saturating_sub(beats);
            gets.read_units -= beats as f64;
            self.heartbeats.read_units += beats as f64;
        }
    }
}

fn name_of(call: &Call) -> String {
    let index = call.asked["IndexName"].as_str().map_or(String::new(), |i| format!(" {i}"));
    format!("{} {}{index}", call.operation, call.table)
}

/// The row under which the one live job of a kind and a video stands names both.
fn is_later(call: &Call) -> bool {
    let named = [&call.asked["Key"]["job_id"]["S"], &call.asked["Item"]["job_id"]["S"]];
    named.into_iter().filter_map(Value::as_str).any(|id| LATER.iter().any(|kind| id.contains(kind)))
}

/// The last thing of a video's way to publication: the job that published it is done.
fn is_end(call: &Call, ids: &BTreeSet<String>) -> bool {
    job(call).is_some_and(|(id, _, state)| state == "done" && ids.contains(id))
}

/// Whether a job that runs is written as one that runs once more.
fn is_again(call: &Call, claims: &mut BTreeMap<String, u64>) -> bool {
    let Some((id, _, "running")) = job(call) else { return false };
    let times = claims.entry(id.to_owned()).or_default();
    *times += 1;
    *times > 1
}
