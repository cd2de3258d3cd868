//! Values of columns that hold a text of a closed set: members, UUIDs, addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Admitted, Members, Refusal, not_a, texts};
use crate::model::Value;

const NO_MEMBER: &str = "it is no member of the column, letter for letter";
const NO_MEMBERS: &str = "it names no members of the column, letter for letter and in their order";
const IS_EMPTY: &str =
    "one of the column's members has no text, from which this text does not tell none";

/// A member of an ENUM.
pub(super) fn one<'v>(value: Value<'v>, members: &Members) -> Result<Admitted<'v>, Refusal> {
    let text = name(value, "ENUM")?;
    if members.has(text) {
        Ok(Admitted::Text(text))
    } else {
        Err(NO_MEMBER.into())
    }
}

/// Members of a SET.
pub(super) fn several<'v>(value: Value<'v>, members: &Members) -> Result<Admitted<'v>, Refusal> {
    let text = name(value, "SET")?;
    if members.has("") && text.split(',').any(str::is_empty) {
        Err(IS_EMPTY.into())
    } else if text.is_empty() || members.has_in_order(text) {
        Ok(Admitted::Text(text))
    } else {
        Err(NO_MEMBERS.into())
    }
}

/// The servers take a number for a member's, and a truth value for the first.
fn name<'v>(value: Value<'v>, what: &str) -> Result<&'v str, Refusal> {
    match value {
        Value::String(it) | Value::Enum(it) => Ok(it),
        Value::Bytes(_, it) => texts::utf8(it),
        other => Err(not_a(what, &other)),
    }
}

/// A UUID as MariaDB shows it.
pub(super) fn uuid(value: Value<'_>) -> Result<Admitted<'_>, Refusal> {
    let text = name(value, "UUID")?;
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    if text.len() == 36 && text.as_bytes().iter().enumerate().all(fits) {
        Ok(Admitted::Text(text))
    } else {
        Err("it is no UUID of lower-case digits in groups of 8, 4, 4, 4 and 12".into())
    }
}

/// An IPv4 address.
pub(super) fn inet4(value: Value<'_>) -> Result<Admitted<'_>, Refusal> {
    let text = name(value, "INET4")?;
    match text.parse::<Ipv4Addr>() {
        Ok(address) if address.to_string() == text => Ok(Admitted::Text(text)),
        _ => Err("it is no IPv4 address".into()),
    }
}

/// An IPv6 address as MariaDB shows it.
pub(super) fn inet6(value: Value<'_>) -> Result<Admitted<'_>, Refusal> {
    let text = name(value, "INET6")?;
    let is_shown = |address: Ipv6Addr| {
        let old = address.to_ipv4().map(|it| format!("::{it}"));
        address.to_string() == text || old.is_some_and(|it| it == text)
    };
    if text.parse().is_ok_and(is_shown) {
        Ok(Admitted::Text(text))
    } else {
        Err("it is no IPv6 address in its shortest form, of lower-case digits".into())
    }
}
