//! A caller that gives up waiting takes nobody's connection along.

use embedded::{Database, DbPolicy};
use std::time::Duration;
use stdx::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_after_many_were_given_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let policy = DbPolicy { readers: 2, ..DbPolicy::default() };
    let db = Database::open(dir.path(), &[], &policy).expect("opened");
    for _ in 0..20 {
        let slow = db.read(|_| {
            std::thread::sleep(Duration::from_millis(20));
            Ok::<(), Fault>(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(2), slow).await.is_err());
        db.read(|conn| conn.query_row("SELECT 1", [], |_| Ok(())).map_err(embedded::db::fault))
            .await
            .expect("a connection is there");
    }
}
