//! Upload through presigned parts against a plain PUT of the same bytes.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use anyhow::{Context, ensure};
use bytes::Bytes;
use s3door::{Credentials, PresignRequest, Presigner};
use serde_json::json;
use signal::client::{Client, text_of};
use std::time::Instant;

/// Bytes of the file sent.
const SIZE: usize = 128 << 20;
const ROUNDS: usize = 3;
/// Parts on their way at once.
const AT_ONCE: usize = 4;

pub async fn run(server: &Server, report: &mut Report) -> anyhow::Result<()> {
    let bytes = Bytes::from(noise(SIZE));
    let (mut parts, mut plain) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        plain.push(plain_put(server, &bytes, round).await?);
        let client =
            Client::guest(&server.url, &format!("0000000000000000000000010{round}"), "bench").await?;
        parts.push(by_parts(&client, &bytes).await?);
    }
    let rate = |seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        SIZE as f64 / 1e6 / seconds[seconds.len() / 2]
    };
    report.add(&Figure {
        name: "upload_by_parts_vs_plain_put",
        value: rate(&mut parts),
        unit: "MB/s",
        baseline: Some(rate(&mut plain)),
        target: 0.7,
        better: Better::Higher,
    });
    Ok(())
}

fn noise(n: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; n];
    stdx::Entropy::fill(&stdx::SeededEntropy::new(7), &mut bytes);
    bytes
}

/// As the web client does it: parts signed in batches, four on their way at once.
async fn by_parts(client: &Client, bytes: &Bytes) -> anyhow::Result<f64> {
    let started = Instant::now();
    let upload =
        client.post("/v1/uploads", &json!({ "filename": "bench.mp4", "size_bytes": bytes.len() })).await?;
    let id = text_of(&upload, "upload_id")?;
    let part_size = usize::try_from(upload["part_size_bytes"].as_u64().context("part size")?)?;
    let numbers: Vec<usize> = (1..=bytes.len().div_ceil(part_size)).collect();
    for batch in numbers.chunks(AT_ONCE) {
        let parts: Vec<_> = batch
            .iter()
            .map(|n| json!({ "number": n, "size_bytes": part_size.min(bytes.len() - (n - 1) * part_size) }))
            .collect();
        let signed = client.post(&format!("/v1/uploads/{id}/parts"), &json!({ "parts": parts })).await?;
        let signed = signed["parts"].as_array().cloned().context("signed parts")?;
        let sent = signed.iter().zip(batch).map(|(part, n)| {
            let from = (n - 1) * part_size;
            client.put_part(part, bytes.slice(from..(from + part_size).min(bytes.len())))
        });
        futures::future::try_join_all(sent).await?;
    }
    client.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// The yardstick: the same bytes in one signed PUT to the same object store, so that both pay for
/// loopback, hashing, disk and fsync.
async fn plain_put(server: &Server, bytes: &Bytes, round: usize) -> anyhow::Result<f64> {
    let secret = |name: &str| std::fs::read_to_string(server.data_dir().join("secrets").join(name));
    let credentials = Credentials {
        access_key: secret("s3-access-key")?.trim().to_owned(),
        secret_key: secret("s3-secret-key")?.trim().to_owned(),
    };
    let url = Presigner::new(credentials, "us-east-1").sign(&PresignRequest {
        method: "PUT",
        endpoint: &server.objects_url,
        bucket: "signal-media",
        key: &format!("bench/{round}"),
        query: &[],
        headers: &[],
        now: stdx::Clock::now(&stdx::SystemClock),
        life: vocab::Millis::from_secs(600),
    })?;
    let http = signal::client::http()?;
    let started = Instant::now();
    let answer = http.put(url).body(bytes.clone()).send().await?;
    ensure!(answer.status().is_success(), "the plain PUT was refused: {}", answer.text().await?);
    Ok(started.elapsed().as_secs_f64())
}
