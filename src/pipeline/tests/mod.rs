//! Tests of the steps.

mod cases;
mod lookups;
mod properties;
mod routes;
mod values;
