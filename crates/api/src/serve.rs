//! Connections: as many as are allowed, none that only dawdles, all finished when told to stop.

use axum::Router;
use axum::extract::ConnectInfo;
use futures::FutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use vocab::Millis;

#[derive(Debug, Clone)]
pub struct ServePolicy {
    /// Connections at once; the next one waits in the kernel's queue.
    pub connections_max: usize,
    /// Time for a request's head to arrive, and for a kept connection to be used again.
    pub head_timeout: Millis,
    /// Head of a request, and what a slow reader may have waiting per HTTP/2 stream.
    pub buffer_bytes_max: usize,
    pub streams_max: u32,
    /// How often a silent HTTP/2 peer is asked whether it lives.
    pub ping_every: Millis,
}

impl Default for ServePolicy {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            head_timeout: Millis::from_secs(30),
            buffer_bytes_max: 64 * 1024,
            streams_max: 256,
            ping_every: Millis::from_secs(20),
        }
    }
}

/// Serves HTTP/1.1 and HTTP/2 (prior knowledge) until `stop`, then lets what is under way finish.
/// Dropping the future cuts it off: the root bounds the drain.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    policy: ServePolicy,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(policy.connections_max));
    let builder = Arc::new(builder(&policy));
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = next(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (app, builder) = (app.clone(), Arc::clone(&builder));
        let watcher = open.watcher();
        tokio::spawn(async move {
            let _place = place;
            let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                app.clone().oneshot(request.map(axum::body::Body::new))
            });
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            // A peer that breaks off is no event of ours.
            let _ = watcher.watch(connection).await;
        });
    }
    drop(listener);
    open.shutdown().map(Ok).await
}

fn builder(policy: &ServePolicy) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(policy.head_timeout.to_duration())
        .max_buf_size(policy.buffer_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(policy.streams_max)
        .max_send_buf_size(policy.buffer_bytes_max)
        .keep_alive_interval(policy.ping_every.to_duration())
        .keep_alive_timeout(policy.ping_every.to_duration());
    builder
}

/// The next connection, once there is a place for it. `None` = that one failed.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers leave at once.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            // Out of file descriptors, mostly: trying again at once would only burn the processor.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
