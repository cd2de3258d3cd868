//! The wire of protobuf: keys, lengths and payloads, front to back.

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
        let (number, kind) = self.key()?;
        let wire = match kind {
            3 => Wire::Group(self.group(number)?),
            4 => return Err("a group ends that has not begun".to_owned()),
            _ => self.payload(kind)?,
        };
        Ok(Some((number, wire)))
    }

    /// The next value of that type, as a packed list has them.
    pub fn scalar(&mut self, scalar: Scalar) -> Result<Wire<'a>, String> {
        self.payload(scalar.wire())
    }

    fn key(&mut self) -> Result<(u32, u8), String> {
        let key = u32::try_from(self.varint()?).map_err(|_| "a field number is too large")?;
        match key >> 3 {
            0 => Err("a field has the number 0".to_owned()),
            number => Ok((number, (key & 7) as u8)),
        }
    }

    fn payload(&mut self, kind: u8) -> Result<Wire<'a>, String> {
        Ok(match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| TRUNCATED)?;
                let (taken, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
                self.0 = rest;
                Wire::Sized(taken)
            }
            5 => Wire::Fixed32(self.fixed()?),
            other => return Err(format!("there is no wire type {other}")),
        })
    }

    /// The fields up to the end of the group `number`, which has begun.
    fn group(&mut self, number: u32) -> Result<&'a [u8], String> {
        let whole = self.0;
        let mut open = vec![number];
        loop {
            let inside = whole.len() - self.0.len();
            let (number, kind) = self.key()?;
            match kind {
                3 if open.len() >= DEPTH => return Err(too_deep()),
                3 => open.push(number),
                4 if open.pop() != Some(number) => {
                    return Err("a group ends that has not begun".to_owned());
                }
                4 if open.is_empty() => return Ok(&whole[..inside]),
                4 => {}
                _ => drop(self.payload(kind)?),
            }
        }
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            if at == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.0 = &self.0[at + 1..];
                return Ok(value);
            }
        }
        Err(match self.0.len() {
            0..10 => TRUNCATED.to_owned(),
            _ => "a number has more than 64 bits".to_owned(),
        })
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*taken)
    }
}

pub(super) fn too_deep() -> String {
    format!("nested deeper than {DEPTH} levels")
}

impl Scalar {
    /// The wire type of its values.
    pub fn wire(self) -> u8 {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => 1,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => 5,
            Self::String | Self::Bytes => 2,
            _ => 0,
        }
    }
}

pub(super) fn zigzag(it: i64) -> u64 {
    ((it << 1) ^ (it >> 63)) as u64
}

pub(super) fn unzigzag(it: u64) -> i64 {
    ((it >> 1) as i64) ^ -((it & 1) as i64)
}
