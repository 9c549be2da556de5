//! `signal dlq`

use super::videos::path_segment;
use super::{Ctx, table};
use crate::cli::Dlq;
use crate::client::Client;
use serde_json::json;

pub async fn run(ctx: &Ctx, command: &Dlq) -> anyhow::Result<()> {
    let client = Client::of_data_dir(&ctx.data_dir).await?;
    match command {
        Dlq::List => {
            let page = client.get("/v1/ops/jobs?state=dead&limit=100").await?;
            if ctx.json {
                return ctx.print_json(&page);
            }
            let items = page["items"].as_array().cloned().unwrap_or_default();
            let rows: Vec<Vec<String>> = items
                .iter()
                .map(|j| {
                    ["/id", "/kind", "/key", "/attempt", "/last_error"].map(|p| table::cell(j, p)).to_vec()
                })
                .collect();
            table::print(&["JOB", "KIND", "KEY", "TRIES", "LAST ERROR"], &rows, "No dead letters.");
        }
        Dlq::Show { id } => {
            let job = client.get(&format!("/v1/ops/jobs/{}", path_segment(id)?)).await?;
            ctx.print_json(&job)?;
        }
        Dlq::Replay { id } => {
            let path = format!("/v1/ops/jobs/{}/replay", path_segment(id)?);
            let job = client.post(&path, &json!({})).await?;
            if ctx.json {
                return ctx.print_json(&job);
            }
            println!("Job {id} runs again. Follow it: signal dlq show {id}");
        }
    }
    Ok(())
}
