//! What the tables share, on the double, in every weather.

mod support;

use aws::dynamo::{Attr, Dynamo, Item, Key, Put, Query, Range, Read, Table, Write};
use stdx::Fault;
use support::{Storm, dynamo};

static ROWS: Table =
    Table { name: "Rows", hash: Attr::s("id"), range: Some(Attr::n("at")), indexes: &[], ttl: None };

fn row(at: i64) -> Item {
    Item::new(1).s("id", "a").n("at", at)
}

fn key(at: i64) -> Key {
    Key::pair("a", at.to_string())
}

fn in_every_weather(check: impl AsyncFn(Dynamo)) {
    for storm in Storm::ALL {
        let rows = dynamo(&[&ROWS], storm);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        println!("{}", storm.word());
        runtime.block_on(check(rows));
    }
}

#[test]
fn a_row_is_inserted_once_and_the_second_one_sees_it() {
    in_every_weather(async |rows| {
        for at in 0..6 {
            assert_eq!(rows.put_new(&ROWS, row(at)).await.unwrap(), Put::Written);
            let second = rows.put_new(&ROWS, row(at)).await.unwrap();
            assert!(matches!(second, Put::Refused(Some(_))));
        }
    });
}

#[test]
fn a_change_counts_every_round_exactly_once() {
    in_every_weather(async |rows| {
        for _ in 0..20 {
            let grown = |seen: Option<&Item>| {
                let n = seen.and_then(|i| i.opt_n("n")).unwrap_or(0) + 1;
                Ok::<_, Fault>((Write::Put(row(1).n("n", n)), n))
            };
            rows.change(&ROWS, &key(1), grown).await.unwrap();
        }
        let row = rows.get(&ROWS, &key(1), Read::Strong).await.unwrap().unwrap();
        assert_eq!(row.get_n("n").unwrap(), 20);
    });
}

#[test]
fn batches_write_and_read_everything_and_queries_keep_their_order() {
    in_every_weather(async |rows| {
        rows.put_many(&ROWS, (0..60).map(row).collect()).await.unwrap();
        let keys: Vec<_> = (0..70).map(key).collect();
        assert_eq!(rows.get_many(&ROWS, &keys, Read::Strong).await.unwrap().len(), 60);
        let last = Query::of(&ROWS, "a", 5).range(Range::Before("50".into())).newest_first().strong();
        let found = rows.query(last).await.unwrap();
        let at: Vec<_> = found.iter().map(|i| i.get_n("at").unwrap()).collect();
        assert_eq!(at, [49, 48, 47, 46, 45]);
        rows.delete_many(&ROWS, &keys[..10]).await.unwrap();
        assert_eq!(rows.count(Query::of(&ROWS, "a", 1000)).await.unwrap(), 50);
    });
}

#[test]
fn a_large_item_is_refused_before_it_is_sent() {
    let rows = dynamo(&[&ROWS], Storm::Calm);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        assert!(rows.put(&ROWS, row(1).s("body", "x".repeat(110_000))).await.is_err());
        assert_eq!(rows.meter().spent().requests, 0);
    });
}
