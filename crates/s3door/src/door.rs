//! The server: connections in, objects out, and the housekeeping beside it.

use crate::config::DoorConfig;
use crate::cors::Cors;
use crate::guard;
use crate::objects::Objects;
use crate::policy::DoorPolicy;
use crate::service::{Bucket, OneKey};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::Body;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
/// What is read of a refused body, so that its sender gets to read the refusal.
const DRAIN_BYTES: u64 = 32 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// After a failed accept (out of file descriptors) the listener rests.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// The S3 service of one bucket.
#[derive(Clone)]
pub struct Door {
    service: S3Service,
    objects: Objects,
    cors: Cors,
    policy: DoorPolicy,
}

impl Door {
    pub fn new(objects: Objects, config: &DoorConfig) -> Self {
        let bucket = Bucket { objects: objects.clone(), region: config.region.clone() };
        let mut builder = S3ServiceBuilder::new(bucket);
        builder.set_auth(OneKey(config.credentials.clone()));
        let mut limits = S3Config::default();
        limits.xml_max_body_size = usize::try_from(config.policy.xml_max.0).unwrap_or(usize::MAX);
        limits.post_object_max_file_size = 0;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits))));
        let cors = Cors::new(&config.cors_origins, &config.policy);
        Self { service: builder.build(), objects, cors, policy: config.policy.clone() }
    }

    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Answers one request. Never fails: what goes wrong is an S3 error.
    pub async fn handle(&self, req: Request<Incoming>) -> Response<Body> {
        if req.method() == Method::OPTIONS {
            return self.cors.preflight(&req);
        }
        let asked = req.headers().clone();
        let limit = self.policy.request_max.to_duration();
        let mut reply = match guard::check(&req, &self.policy) {
            Err(refusal) => {
                drop(with_draining(req));
                refuse(refusal.status, refusal.code, refusal.message)
            }
            Ok(()) => match tokio::time::timeout(limit, self.service.call(with_draining(req))).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(e)) => {
                    let error = stdx::BoxError::from(e);
                    tracing::error!(%error, "the S3 service failed");
                    refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "this is our fault; try again")
                }
                Err(_) => refuse(StatusCode::BAD_REQUEST, "RequestTimeout", "the request took too long"),
            },
        };
        let id = format!("{:016x}", self.objects.next_generation());
        let headers = reply.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, id);
        }
        self.cors.mark(&asked, headers);
        reply
    }

    /// Serves until `shutdown` is ready, then lets open requests finish within the drain time.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let (door, graceful) = (Arc::new(self), GracefulShutdown::new());
        let keeping = tokio::spawn(Arc::clone(&door).keep_house());
        let places = Arc::new(Semaphore::new(door.policy.connections_max));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place,
                () = &mut shutdown => break,
            };
            let Ok(place) = place else { break };
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => door.connect(stream, place, &graceful),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_REST).await;
                    }
                },
                () = &mut shutdown => break,
            }
        }
        drop(listener);
        keeping.abort();
        if tokio::time::timeout(door.policy.drain.to_duration(), graceful.shutdown()).await.is_err() {
            tracing::warn!("open requests were cut off");
        }
    }

    fn connect(
        self: &Arc<Self>,
        stream: TcpStream,
        place: tokio::sync::OwnedSemaphorePermit,
        graceful: &GracefulShutdown,
    ) {
        // Small answers go out at once; a socket that cannot be told still works.
        let _ = stream.set_nodelay(true);
        let door = Arc::clone(self);
        let service = hyper::service::service_fn(move |req| {
            let door = Arc::clone(&door);
            async move { Ok::<_, Infallible>(door.handle(req).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.policy.header_read.to_duration())
            .keep_alive(true);
        builder.http2().timer(TokioTimer::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }

    /// Offers events again and ends abandoned multipart uploads.
    async fn keep_house(self: Arc<Self>) {
        let mut events = tokio::time::interval(self.policy.outbox_every.to_duration());
        let mut sweeps = tokio::time::interval(self.policy.sweep_every.to_duration());
        loop {
            let (what, outcome) = tokio::select! {
                _ = events.tick() => ("events", self.objects.deliver_pending().await),
                _ = sweeps.tick() => ("multipart uploads", self.objects.sweep().await),
            };
            match outcome {
                Ok(0) => {}
                Ok(n) => tracing::info!(n, what, "kept house"),
                Err(error) => tracing::warn!(%error, what, "house could not be kept; trying again"),
            }
        }
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut reply = Response::new(Body::from(xml));
    *reply.status_mut() = status;
    reply.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    reply
}

fn with_draining(req: Request<Incoming>) -> Request<Body> {
    // A client that asked first sends nothing until it is told to: there is nothing to drain.
    if req.headers().contains_key(http::header::EXPECT) {
        return req.map(Body::from);
    }
    req.map(|body| Body::http_body_unsync(Draining::new(body)))
}

/// A body whose unread rest is read and thrown away. A sender whose connection is closed on it while
/// it sends sees a reset instead of the refusal; browsers then show no reason at all.
struct Draining(Option<Incoming>);

impl Draining {
    fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl hyper::body::Body for Draining {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }
    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Incoming::is_end_stream)
    }
    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        if let Some(body) = self.0.take()
            && !body.is_end_stream()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, Drain { body, left: DRAIN_BYTES }));
        }
    }
}

struct Drain {
    body: Incoming,
    left: u64,
}

impl Future for Drain {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                None | Some(Err(_)) => return Poll::Ready(()),
            };
            let read = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(read) {
                Some(left) => self.left = left,
                None => return Poll::Ready(()),
            }
        }
    }
}
