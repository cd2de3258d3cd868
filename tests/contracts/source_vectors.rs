//! Columns of the type VECTOR, on servers that have it (MySQL from 9.0 on): read as their bytes.

use highwater::{
    model::Value,
    source::{Extent, Manner, Source},
};

use super::{
    sinks::read,
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
    let at = start(&source, Extent::Incremental).await;
    let mut reader = open(&source, &at, Manner::Bounded).await;
    let batch = next(&mut *reader).await.expect("two rows");
    let vectors: Vec<_> = batch.records.iter().map(|it| it.get("v")).collect();
    let bytes: Vec<u8> = [1_f32, 2.5, -3e-38].map(f32::to_le_bytes).concat();
    assert_eq!(vectors, [Some(Value::Bytes(0, &bytes)), Some(Value::Null)]);
    let error = server
        .scan("s", "v", limits(10))
        .begin(Extent::Incremental, None)
        .await
        .expect_err("vectors have no order");
    let said = highwater::fault::chain(&error);
    assert!(said.contains("vectors have no order"), "{said}");
    server.close().await;
}
