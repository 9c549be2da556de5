//! Upload through presigned parts against a plain PUT of the same bytes.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::json;
use signal::client::{Client, text_of};
use std::time::Instant;

/// Bytes of the file sent.
const SIZE: usize = 128 << 20;
const ROUNDS: usize = 3;

pub async fn run(server: &Server, report: &mut Report) -> anyhow::Result<()> {
    let bytes = Bytes::from(noise(SIZE));
    let (mut parts, mut plain) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        plain.push(plain_put(&bytes).await?);
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

async fn by_parts(client: &Client, bytes: &Bytes) -> anyhow::Result<f64> {
    let started = Instant::now();
    let upload =
        client.post("/v1/uploads", &json!({ "filename": "bench.mp4", "size_bytes": bytes.len() })).await?;
    let id = text_of(&upload, "upload_id")?;
    let part_size = usize::try_from(upload["part_size_bytes"].as_u64().context("part size")?)?;
    let numbers: Vec<usize> = (1..=bytes.len().div_ceil(part_size)).collect();
    for batch in numbers.chunks(4) {
        let parts: Vec<_> = batch
            .iter()
            .map(|n| json!({ "number": n, "size_bytes": part_size.min(bytes.len() - (n - 1) * part_size) }))
            .collect();
        let signed = client.post(&format!("/v1/uploads/{id}/parts"), &json!({ "parts": parts })).await?;
        let signed = signed["parts"].as_array().cloned().context("signed parts")?;
        for (part, n) in signed.iter().zip(batch) {
            let from = (n - 1) * part_size;
            client.put_part(part, bytes.slice(from..(from + part_size).min(bytes.len()))).await?;
        }
    }
    client.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// The yardstick: the same bytes PUT in one request to a minimal hyper-based receiver that writes and
/// syncs a file, so that both pay for loopback, disk and fsync.
async fn plain_put(bytes: &Bytes) -> anyhow::Result<f64> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/file", listener.local_addr()?);
    let receiver = tokio::spawn(receive_one(listener, bytes.len()));
    let started = Instant::now();
    let answer = reqwest::Client::builder().no_proxy().build()?.put(url).body(bytes.clone()).send().await?;
    ensure!(answer.status().is_success(), "the plain PUT was refused");
    let seconds = started.elapsed().as_secs_f64();
    receiver.await??;
    Ok(seconds)
}

async fn receive_one(listener: tokio::net::TcpListener, size: usize) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut socket, _) = listener.accept().await?;
    let mut buffer = vec![0u8; 256 << 10];
    let mut head = Vec::new();
    let body_at = loop {
        let n = socket.read(&mut buffer).await?;
        ensure!(n > 0, "closed early");
        head.extend_from_slice(&buffer[..n]);
        if let Some(at) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let dir = tempfile::tempdir()?;
    let mut file = tokio::fs::File::create(dir.path().join("file")).await?;
    file.write_all(&head[body_at..]).await?;
    let mut got = head.len() - body_at;
    while got < size {
        let n = socket.read(&mut buffer).await?;
        ensure!(n > 0, "closed early");
        file.write_all(&buffer[..n]).await?;
        got += n;
    }
    file.sync_all().await?;
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(())
}
