//! A door by itself, to point a client at: `cargo run -p s3door --example serve -- DIRECTORY [ADDRESS]`.

use s3door::{Credentials, Door, DoorConfig, NoListener, Objects, ObjectsDeps};
use std::path::PathBuf;
use std::sync::Arc;
use stdx::{OsEntropy, SystemClock};

#[tokio::main]
async fn main() -> Result<(), stdx::BoxError> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("usage: serve DIRECTORY [ADDRESS]")?);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8081".into());
    let credentials = Credentials { access_key: "signal".into(), secret_key: "signal-example".into() };
    let config = DoorConfig::new(credentials);
    let deps = ObjectsDeps {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        listener: Arc::new(NoListener),
    };
    let objects = Objects::open(&root, &config.bucket, deps, config.policy.clone())?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{address}, bucket {}, access key signal, secret key signal-example", config.bucket);
    let stop = async {
        // Without signals it runs until it is killed.
        let _ = tokio::signal::ctrl_c().await;
    };
    Door::new(objects, &config).serve(listener, stop).await;
    Ok(())
}
