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
const VALUES: [Value<'_>; 11] = [
    Value::Null,
    Value::I64(i64::MIN),
    Value::U64(u64::MAX),
    Value::F64(0.1),
    Value::F32(0.1),
    Value::Decimal("12345678901234567890.000000000000000000000000000001"),
    Value::String("a text, \"quoted\" and longer than any short string"),
    Value::Enum("member"),
    Value::Bit(7),
    Value::Bytes(0, b"\0\xff bytes that are longer than a word"),
    Value::Instant(Instant {
        seconds: 1_756_200_615,
        micros: 123_000,
    }),
];

/// Where those begin that the format `protobuf` has prost write.
const BY_PROST: usize = 9;

/// It is looked through before `json` passes it on; what it nests is remembered meanwhile.
const NESTED: Value<'_> = Value::Json("{\"a\": [1, 2.50, \"\\u00e9\"]}");

/// The allocations for packing one row of so many columns, and for encoding it.
fn of_columns(columns: usize, values: &[Value<'_>], format: &dyn Encoder) -> (u64, u64) {
    let field = |place: usize| Field {
        name: format!("column_{place}"),
        kind: Kind::Any,
    };
    let schema = Schema::table("t", (0..columns).map(field).collect(), ["column_1"]);
    let mut records = Records::with_capacity(Arc::new(schema), 2, 1 << 20);
    let (packing, pushed) = counted(|| {
        records.push(Op::Upsert, 0, |packer| {
            (0..columns).for_each(|it| packer.value(values[it % values.len()]));
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
    let none = ((0, 0), (0, 0));
    let few_and_many = |values: &[Value<'_>], format: &dyn Encoder| {
        let few = of_columns(values.len(), values, format);
        (few, of_columns(values.len() * 40, values, format))
    };
    assert_eq!(few_and_many(&VALUES, &Json::PLAIN), none);
    assert_eq!(few_and_many(&VALUES[..BY_PROST], &Protobuf), none);
}

/// What is a message of its own there is made by prost, once to be measured and once to be written.
#[test]
fn bytes_and_instants_cost_a_few_in_protobuf() {
    let (packing, encoding) = of_columns(40, &VALUES[BY_PROST..], &Protobuf);
    assert_eq!(packing, 0);
    assert!(encoding <= 40 * 3, "{encoding} of 40 columns");
}

#[test]
fn a_column_of_json_costs_one_in_the_format_json_alone() {
    assert_eq!(of_columns(40, &[NESTED], &Json::PLAIN), (0, 40));
    assert_eq!(of_columns(40, &[NESTED], &Protobuf), (0, 0));
}
