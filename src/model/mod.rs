//! Pure values: what moves through Highwater, without any system's own types.
//!
//! Nothing here is `Serialize`: wire formats belong to `codec`, and the text of a position to
//! the source that made it.

mod decimal;
pub mod domain;
mod finding;
mod flow_name;
mod key;
mod message;
mod packed;
mod position;
mod record;
mod schema;
mod system;
mod table_index;
mod texts;
mod time;
mod topic_name;
pub(crate) mod units;
mod value;

pub use decimal::Decimal;
pub use finding::{Finding, Severity};
pub use flow_name::FlowName;
pub use key::{write_first, write_key};
pub use message::{Headers, Message, Messages, RecordOrigin};
pub use packed::{OwnedValue, Packed, Packer};
pub use position::Position;
pub use record::{Batch, Fields, Items, Op, PackedFields, Records, Row};
pub use schema::{Field, Kind, Schema};
pub use system::{Facts, Keeps, Role, System};
pub use table_index::{IndexPart, TableIndex};
pub use texts::{BytesText, JsonText, Texts, from_base64, from_hex};
pub use time::{Date, DateTime, Instant, Time};
pub use topic_name::topic_problem;
pub use value::Value;
