//! `signal videos`

use super::{Ctx, table};
use crate::client::Client;
use serde_json::Value;

pub async fn list(ctx: &Ctx, limit: u32) -> anyhow::Result<()> {
    let client = Client::of_data_dir(&ctx.data_dir).await?;
    let page = client.get(&format!("/v1/me/videos?limit={limit}")).await?;
    if ctx.json {
        return ctx.print_json(&page);
    }
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    table::print(
        &["VIDEO", "STATUS", "LENGTH", "VIEWS", "LIKES", "TITLE"],
        &rows,
        "No videos yet. Upload one: signal upload FILE",
    );
    Ok(())
}

fn row(v: &Value) -> Vec<String> {
    vec![
        table::cell(v, "/id"),
        table::cell(v, "/status_text"),
        table::clock(v["duration_ms"].as_i64().unwrap_or(0)),
        table::cell(v, "/counts/views"),
        table::cell(v, "/counts/likes"),
        table::cell(v, "/title"),
    ]
}

pub async fn show(ctx: &Ctx, id: &str) -> anyhow::Result<()> {
    let client = Client::of_data_dir(&ctx.data_dir).await?;
    let v = client.get(&format!("/v1/videos/{}", path_segment(id)?)).await?;
    if ctx.json {
        return ctx.print_json(&v);
    }
    for (name, path) in [
        ("video", "/id"),
        ("status", "/status_text"),
        ("title", "/title"),
        ("caption", "/caption"),
        ("visibility", "/visibility"),
        ("width", "/width"),
        ("height", "/height"),
        ("reason", "/failure/message"),
        ("verdict", "/verdict/reason"),
        ("link", "/link"),
    ] {
        let cell = table::cell(&v, path);
        if cell != "-" {
            println!("{name:<11}{cell}");
        }
    }
    for rung in v["playback"]["rungs"].as_array().into_iter().flatten() {
        println!(
            "{:<11}{}x{} peak {} average {} kbps",
            "rendition",
            table::cell(rung, "/width"),
            table::cell(rung, "/height"),
            table::cell(rung, "/peak_kbps"),
            table::cell(rung, "/average_kbps")
        );
    }
    Ok(())
}

/// Refuses what would leave its place in a path.
pub fn path_segment(id: &str) -> anyhow::Result<&str> {
    anyhow::ensure!(
        !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()),
        "\"{id}\" is not an id: ids are letters and digits"
    );
    Ok(id)
}
