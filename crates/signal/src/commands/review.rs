//! `signal review`

use super::videos::path_segment;
use super::{Ctx, table};
use crate::cli::Review;
use crate::client::Client;
use serde_json::{Value, json};

pub async fn run(ctx: &Ctx, command: &Review) -> anyhow::Result<()> {
    let client = Client::of_data_dir(&ctx.data_dir).await?;
    match command {
        Review::List => list(ctx, &client).await,
        Review::Show { id } => {
            let detail = client.get(&format!("/v1/moderation/videos/{}", path_segment(id)?)).await?;
            if ctx.json {
                return ctx.print_json(&detail);
            }
            show(&detail);
            Ok(())
        }
        Review::Approve { id, reason } => {
            let body = json!({ "decision": "approve", "reason": reason });
            decide(ctx, &client, id, &body, "Approved. It is encoded next and then published.").await
        }
        Review::Reject { id, reason, code } => {
            let body = json!({ "decision": "reject", "reason_code": code, "reason": reason });
            decide(ctx, &client, id, &body, "Rejected. Its owner reads your reason.").await
        }
        Review::Reasons => {
            let reasons = client.get("/v1/moderation/reasons").await?;
            if ctx.json {
                return ctx.print_json(&reasons);
            }
            for r in reasons["items"].as_array().into_iter().flatten() {
                println!("{:<22}{}", table::cell(r, "/code"), table::cell(r, "/text"));
            }
            Ok(())
        }
    }
}

async fn list(ctx: &Ctx, client: &Client) -> anyhow::Result<()> {
    let page = client.get("/v1/moderation/queue?limit=50").await?;
    if ctx.json {
        return ctx.print_json(&page);
    }
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|i| {
            vec![
                table::cell(i, "/video_id"),
                table::span(i["waiting_ms"].as_i64().unwrap_or(0)),
                table::cell(i, "/reason"),
                table::cell(i, "/title"),
            ]
        })
        .collect();
    table::print(&["VIDEO", "WAITING", "WHY", "TITLE"], &rows, "Nothing waits for review.");
    Ok(())
}

fn show(detail: &Value) {
    println!("video       {}", table::cell(detail, "/video/id"));
    println!("title       {}", table::cell(detail, "/video/title"));
    println!("content     sha256 {}", table::cell(detail, "/content_sha256"));
    println!("classifier  {}", table::cell(detail, "/classifier/name"));
    println!("frames      {}", detail["frames"].as_array().map_or(0, Vec::len));
    for label in detail["labels"].as_array().into_iter().flatten() {
        println!(
            "label       {} {} (review ≥ {}, reject ≥ {})",
            table::cell(label, "/name"),
            table::cell(label, "/max_confidence"),
            table::cell(label, "/review_at"),
            table::cell(label, "/reject_at")
        );
    }
    let unjudged: Vec<&str> =
        detail["unjudged"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !unjudged.is_empty() {
        println!("nobody judged: {}", unjudged.join(", "));
    }
    for d in detail["decisions"].as_array().into_iter().flatten() {
        println!(
            "decision    {} by {}: {}",
            table::cell(d, "/verdict"),
            table::cell(d, "/by"),
            table::cell(d, "/reason")
        );
    }
}

async fn decide(ctx: &Ctx, client: &Client, id: &str, body: &Value, said: &str) -> anyhow::Result<()> {
    let path = format!("/v1/moderation/videos/{}/decision", path_segment(id)?);
    let record = client.post(&path, body).await?;
    if ctx.json {
        return ctx.print_json(&record);
    }
    println!("{said}");
    Ok(())
}
