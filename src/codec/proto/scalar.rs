//! A value as one of the scalars, exact or refused.

use prost::encoding::encode_varint;

use super::{
    encode::{Refused, mismatch, refused},
    plan::Scalar,
    wire::zigzag,
};
use crate::model::Value;

/// Appends `value` as `scalar`, without a key.
pub(super) fn scalar(scalar: Scalar, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
    let value = value.widened();
    match scalar {
        Scalar::Int32 => encode_varint(i64::from(narrow::<i32>(&value)?) as u64, out),
        Scalar::Int64 => encode_varint(narrow::<i64>(&value)? as u64, out),
        Scalar::Uint32 => encode_varint(u64::from(narrow::<u32>(&value)?), out),
        Scalar::Uint64 => encode_varint(narrow::<u64>(&value)?, out),
        Scalar::Sint32 => {
            let it = zigzag(i64::from(narrow::<i32>(&value)?));
            encode_varint(it, out);
        }
        Scalar::Sint64 => encode_varint(zigzag(narrow::<i64>(&value)?), out),
        Scalar::Fixed32 => out.extend_from_slice(&narrow::<u32>(&value)?.to_le_bytes()),
        Scalar::Fixed64 => out.extend_from_slice(&narrow::<u64>(&value)?.to_le_bytes()),
        Scalar::Sfixed32 => out.extend_from_slice(&narrow::<i32>(&value)?.to_le_bytes()),
        Scalar::Sfixed64 => out.extend_from_slice(&narrow::<i64>(&value)?.to_le_bytes()),
        Scalar::Bool => match value {
            Value::Bool(it) => out.push(u8::from(it)),
            // What SQL calls a BOOLEAN is a number.
            Value::I64(it @ (0 | 1)) => out.push(it as u8),
            other => return Err(mismatch(&other, "a truth value")),
        },
        Scalar::Float => out.extend_from_slice(&single(&value)?.to_le_bytes()),
        Scalar::Double => out.extend_from_slice(&double(&value)?.to_le_bytes()),
        Scalar::String => text(&value, out)?,
        Scalar::Bytes => match &value {
            Value::Bytes(0, it) | Value::Geometry(it) => bytes(it, out),
            Value::ObjectId(it) => bytes(it, out),
            other => return Err(mismatch(other, "plain bytes")),
        },
    }
    Ok(())
}

pub(super) fn narrow<N: TryFrom<i128>>(value: &Value<'_>) -> Result<N, Refused> {
    let it = match value {
        Value::I64(it) => i128::from(*it),
        Value::U64(it) | Value::Bit(it) => i128::from(*it),
        Value::Year(it) => i128::from(*it),
        Value::Bool(it) => i128::from(*it),
        other => return Err(mismatch(other, "a whole number")),
    };
    N::try_from(it).map_err(|_| refused(format!("{it} is outside the range of its type")))
}

fn double(value: &Value<'_>) -> Result<f64, Refused> {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::F64(it) => Ok(*it),
        Value::F32(it) => Ok(f64::from(*it)),
        Value::I64(it) if it.unsigned_abs() <= EXACT => Ok(*it as f64),
        Value::U64(it) if *it <= EXACT => Ok(*it as f64),
        other => Err(mismatch(other, "exactly a double")),
    }
}

fn single(value: &Value<'_>) -> Result<f32, Refused> {
    if let Value::F32(it) = value {
        return Ok(*it);
    }
    let wide = double(value)?;
    let it = wide as f32;
    if f64::from(it) == wide || wide.is_nan() {
        Ok(it)
    } else {
        Err(mismatch(value, "exactly a float"))
    }
}

fn text(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
    let shown = match value {
        Value::String(it) | Value::Enum(it) | Value::Json(it) | Value::Decimal(it) => {
            bytes(it.as_bytes(), out);
            return Ok(());
        }
        Value::Date(it) => it.to_string(),
        Value::Time(it) => it.to_string(),
        Value::DateTime(it) => it.to_string(),
        Value::Instant(it) => it.to_string(),
        Value::ObjectId(it) => it.iter().map(|it| format!("{it:02x}")).collect(),
        other => return Err(mismatch(other, "text")),
    };
    bytes(shown.as_bytes(), out);
    Ok(())
}

fn bytes(it: &[u8], out: &mut Vec<u8>) {
    encode_varint(it.len() as u64, out);
    out.extend_from_slice(it);
}
