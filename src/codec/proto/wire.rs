//! What stands behind the keys of a message, borrowed; keys, numbers and what is skipped are prost's.

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

use super::plan::Scalar;

/// Messages within messages beyond this are refused, as prost does.
pub(super) const DEPTH: usize = 100;

/// What stands behind a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Sized(&'a [u8]),
    /// The fields between the marks of a group.
    Group(&'a [u8]),
    Fixed32([u8; 4]),
}

/// Bytes that are yet to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub &'a [u8]);

const TRUNCATED: &str = "it is cut off";

impl<'a> Reader<'a> {
    /// The next field's number and what stands behind it; `None` at the end.
    pub fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (number, kind) = decode_key(&mut self.0).map_err(reason)?;
        let wire = match kind {
            WireType::StartGroup => Wire::Group(self.group(number)?),
            kind => self.payload(kind)?,
        };
        Ok(Some((number, wire)))
    }

    /// The next value of that type, as a packed list has them.
    pub fn scalar(&mut self, scalar: Scalar) -> Result<Wire<'a>, String> {
        self.payload(scalar.wire())
    }

    fn payload(&mut self, kind: WireType) -> Result<Wire<'a>, String> {
        Ok(match kind {
            WireType::Varint => Wire::Varint(self.varint()?),
            WireType::SixtyFourBit => Wire::Fixed64(self.fixed()?),
            WireType::LengthDelimited => {
                let length = usize::try_from(self.varint()?).map_err(|_| TRUNCATED)?;
                let (taken, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
                self.0 = rest;
                Wire::Sized(taken)
            }
            WireType::ThirtyTwoBit => Wire::Fixed32(self.fixed()?),
            WireType::StartGroup | WireType::EndGroup => {
                return Err("a group ends that has not begun".to_owned());
            }
        })
    }

    /// The fields up to the end of the group `number`, which has begun.
    fn group(&mut self, number: u32) -> Result<&'a [u8], String> {
        let whole = self.0;
        loop {
            let inside = whole.len() - self.0.len();
            let (inner, kind) = decode_key(&mut self.0).map_err(reason)?;
            if kind == WireType::EndGroup && inner == number {
                return Ok(&whole[..inside]);
            }
            skip_field(kind, inner, &mut self.0, DecodeContext::default()).map_err(reason)?;
        }
    }

    fn varint(&mut self) -> Result<u64, String> {
        decode_varint(&mut self.0).map_err(reason)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*taken)
    }
}

/// What prost says is wrong, without what every error of its says first.
fn reason(error: DecodeError) -> String {
    let said = error.to_string();
    let what = said.strip_prefix("failed to decode Protobuf message: ");
    what.unwrap_or(&said).to_owned()
}

pub(super) fn too_deep() -> String {
    format!("nested deeper than {DEPTH} levels")
}

impl Scalar {
    /// The wire type of its values.
    pub fn wire(self) -> WireType {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::SixtyFourBit,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::ThirtyTwoBit,
            Self::String | Self::Bytes => WireType::LengthDelimited,
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool => WireType::Varint,
        }
    }
}

// prost has these two, but to itself.

pub(super) fn zigzag(it: i64) -> u64 {
    ((it << 1) ^ (it >> 63)) as u64
}

pub(super) fn unzigzag(it: u64) -> i64 {
    ((it >> 1) as i64) ^ -((it & 1) as i64)
}
