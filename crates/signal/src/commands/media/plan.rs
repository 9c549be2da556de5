//! `signal media plan`: the ladder a file would get.

use super::{Refused, Tools, probe};
use crate::commands::table;
use anyhow::Context;
use catalog::{SourceFacts, Transform};
use serde_json::{Value, json};
use std::path::Path;
use transcode::LadderPlan;

pub async fn one(tools: &Tools, file: &Path) -> anyhow::Result<Value> {
    let report = probe::look(tools, file).await?;
    let plan = of(tools, &report.facts)?;
    if !tools.json {
        println!("{}", file.display());
        print(&plan);
    }
    let plan = serde_json::to_value(&plan).context("the plan cannot be written")?;
    Ok(json!({ "source": report.facts, "plan": plan }))
}

/// The plan of the whole file.
pub fn of(tools: &Tools, facts: &SourceFacts) -> anyhow::Result<LadderPlan> {
    transcode::plan(facts, &Transform::default(), &tools.profile).map_err(|r| Refused(r).into())
}

fn print(plan: &LadderPlan) {
    let sound =
        plan.audio.as_ref().map_or_else(|| "no sound".to_owned(), |a| format!("sound at {} kbps", a.kbps.0));
    let seconds = |ms: i64| format!("{}.{:03} s", ms / 1000, ms % 1000);
    println!(
        "  {} at {} pictures a second, a key frame every {}, segments of {}, {sound}",
        seconds(plan.duration_ms.0),
        plan.fps,
        seconds(plan.gop_ms.0),
        seconds(plan.segment_ms.0)
    );
    let row = |r: &transcode::PlannedRung| {
        vec![
            r.name.to_string(),
            format!("{} × {}", r.width, r.height),
            format!("{}–{} kbps", r.min_kbps.0, r.max_kbps.0),
            format!("{}.{:02}", r.crf_centi / 100, r.crf_centi % 100),
        ]
    };
    let rows: Vec<Vec<String>> = plan.rungs.iter().map(row).collect();
    table::print(&["rung", "size", "band", "CRF"], &rows, "no rungs");
}
