//! A row costs no allocation for a column: packing, reading and writing it, counted.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

use highwater::{
    codec::{Encoder, json::Json, protobuf::Protobuf},
    model::{Field, Instant, Kind, Op, Records, Schema, Value},
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no count any more.
        let _ = COUNT.try_with(|it| it.set(it.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNT.try_with(|it| it.set(it.get() + 1));
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = COUNT.get();
    let done = work();
    (COUNT.get() - before, done)
}

/// One value of each sort that a table lends.
const VALUES: [Value<'_>; 12] = [
    Value::Null,
    Value::I64(i64::MIN),
    Value::U64(u64::MAX),
    Value::F64(0.1),
    Value::F32(0.1),
    Value::Decimal("12345678901234567890.000000000000000000000000000001"),
    Value::String("a text, \"quoted\" and longer than any short string"),
    Value::Enum("member"),
    Value::Bytes(0, b"\0\xff bytes that are longer than a word"),
    Value::Instant(Instant {
        seconds: 1_756_200_615,
        micros: 123_000,
    }),
    Value::Json("{\"a\": [1, 2.50, \"\\u00e9\"]}"),
    Value::Bit(7),
];

/// The allocations for packing one row of so many columns, and for encoding it twice.
fn of_columns(columns: usize, format: &dyn Encoder) -> (u64, u64) {
    let field = |place: usize| Field {
        name: format!("column_{place}"),
        kind: Kind::Any,
    };
    let schema = Schema::table("t", (0..columns).map(field).collect(), ["column_1"]);
    let mut records = Records::with_capacity(Arc::new(schema), 2, 1 << 20);
    let (packing, pushed) = counted(|| {
        records.push(Op::Upsert, 0, |packer| {
            (0..columns).for_each(|it| packer.value(VALUES[it % VALUES.len()]));
            Ok::<_, ()>(())
        })
    });
    pushed.expect("nothing fails");
    let mut out = Vec::with_capacity(1 << 20);
    let row = records.get(0).expect("one row");
    let (encoding, encoded) = counted(|| format.encode(&row, "topic", &mut out));
    encoded.expect("it can be held");
    assert!(out.len() > columns * 2, "something was written");
    (packing, encoding)
}

#[test]
fn a_column_costs_no_allocation() {
    for format in [&Json::PLAIN as &dyn Encoder, &Protobuf] {
        let few = of_columns(VALUES.len(), format);
        let many = of_columns(VALUES.len() * 40, format);
        assert_eq!(few, many);
        assert_eq!(many.0, 0, "nor does the row, where there is room");
    }
}
