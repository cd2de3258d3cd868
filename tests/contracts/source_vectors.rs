//! Columns of the type VECTOR, on servers that have it (MySQL from 9.0 on): read and written as their bytes.

use highwater::{
    model::{Op, Value},
    sink::{
        Sink, SinkError,
        mysql::{MysqlSink, MysqlSinkSettings},
    },
    source::{ReadMode, Scope, Source},
};

use super::{
    sinks::{advance, read, records},
    sources::{Rows, Server, limits, next, open, start},
};

#[tokio::test]
async fn a_vector_is_read_as_its_bytes_and_orders_nothing() {
    let server = Server::empty("HIGHWATER_TEST_MYSQL_URL").await;
    let version = read(&server.0, "SELECT CAST(VERSION() AS CHAR)")
        .await
        .concat();
    let major = version
        .split('.')
        .next()
        .and_then(|it| it.parse::<u32>().ok());
    if major.is_some_and(|it| it < 9) {
        return server.close().await;
    }
    let columns = "(uid BIGINT PRIMARY KEY, v VECTOR(3))";
    server
        .run(&format!(
            "CREATE TABLE s {columns};\
             INSERT INTO s VALUES (1, STRING_TO_VECTOR('[1,2.5,-3e-38]')), (2, NULL)"
        ))
        .await;
    let source = server.scan("s", "uid", limits(10));
    let at = start(&source, Scope::Incremental).await;
    let mut reader = open(&source, &at, ReadMode::Bounded).await;
    let batch = next(&mut *reader).await.expect("two rows");
    let vectors: Vec<_> = batch.records.iter().map(|it| it.get("v")).collect();
    let bytes: Vec<u8> = [1_f32, 2.5, -3e-38].map(f32::to_le_bytes).concat();
    assert_eq!(vectors, [Some(Value::Bytes(0, &bytes)), Some(Value::Null)]);
    server.run(&format!("CREATE TABLE c {columns}")).await;
    let sink = MysqlSink::open(server.0.clone(), MysqlSinkSettings::new("c")).expect("named");
    sink.write(&[batch.records], &advance(None, 1))
        .await
        .expect("written");
    let same = "SELECT CAST(COUNT(*) AS CHAR) FROM s JOIN c USING (uid) WHERE CAST(s.v AS BINARY) <=> CAST(c.v AS BINARY)";
    assert_eq!(read(&server.0, same).await, ["2"]);
    let short: &[(&str, Value<'_>)] = &[("uid", Value::I64(3)), ("v", Value::Bytes(0, &[1, 2, 3]))];
    let refused = sink
        .write(&records(&[(Op::Upsert, short)]), &advance(Some(1), 2))
        .await;
    let refused = refused.expect_err("no vector has three bytes");
    assert!(matches!(refused, SinkError::Data { .. }), "{refused:?}");
    let error = server
        .scan("s", "v", limits(10))
        .begin(Scope::Incremental, None)
        .await
        .expect_err("vectors have no order");
    let said = highwater::fault::chain(&error);
    assert!(said.contains("vectors have no order"), "{said}");
    server.close().await;
}
