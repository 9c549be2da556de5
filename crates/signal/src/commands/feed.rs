//! `signal feed`

use super::{Ctx, table};
use crate::client::Client;

pub async fn page(ctx: &Ctx, limit: u32, cursor: Option<&str>) -> anyhow::Result<()> {
    let client = Client::of_data_dir(&ctx.data_dir).await?;
    let mut path = format!("/v1/feed?limit={limit}");
    if let Some(cursor) = cursor {
        anyhow::ensure!(
            cursor.chars().all(|c| c.is_ascii_alphanumeric() || "-_.=".contains(c)),
            "that is not a cursor of ours"
        );
        path.push_str(&format!("&cursor={cursor}"));
    }
    let page = client.get(&path).await?;
    if ctx.json {
        return ctx.print_json(&page);
    }
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|v| {
            vec![
                table::cell(v, "/id"),
                table::clock(v["duration_ms"].as_i64().unwrap_or(0)),
                table::cell(v, "/owner/display_name"),
                table::cell(v, "/reason/text"),
                table::cell(v, "/title"),
            ]
        })
        .collect();
    table::print(
        &["VIDEO", "LENGTH", "OWNER", "WHY", "TITLE"],
        &rows,
        "The feed is empty. Fill it: signal demo, or signal upload FILE",
    );
    if let Some(next) = page["next_cursor"].as_str() {
        println!("\nmore: signal feed --cursor {next}");
    }
    Ok(())
}
