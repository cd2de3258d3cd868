//! Decimal numbers by their text: as long as they are, with no digit lost.
//!
//! Ours is the one place for them, and no crate's: a DECIMAL(65,30) or a number of JSON has more digits
//! than a type of fixed width keeps (`rust_decimal` 28, Decimal128 34): those round the rest, or refuse it.
//! `bigdecimal` keeps it, but makes an integer on the heap of each (288 ns for the plain text of one, and
//! 19 here), takes `1_000` for a number, and sets out to reckon 10^2147483647 where somebody writes
//! `1e2147483647`. What is done here needs no arithmetic: digits are compared, moved, cut off and counted
//! where they stand.

/// A number as it is written: `-12.50`, `1E+3`, `.5`.
#[derive(Debug, Clone, Copy)]
pub struct Decimal<'a> {
    /// `-`, `+` or nothing.
    sign: &'a str,
    whole: &'a str,
    /// What stands behind a point, where there is one.
    fraction: Option<&'a str>,
    /// What stands behind an `e`, where there is one; far beyond every number it is only very large.
    exponent: Option<i64>,
}

impl<'a> Decimal<'a> {
    /// The number that `text` is; `None` where it is none. NaN and Infinity are none.
    pub fn read(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let digits = |from: usize| {
            let rest = bytes[from..].iter();
            from + rest.take_while(|it| it.is_ascii_digit()).count()
        };
        let start = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
        let point = digits(start);
        let (fraction, end) = match bytes.get(point) {
            Some(b'.') => {
                let end = digits(point + 1);
                (Some(&text[point + 1..end]), end)
            }
            _ => (None, point),
        };
        if start == point && fraction.is_none_or(str::is_empty) {
            return None;
        }
        let exponent = match bytes.get(end) {
            None => None,
            Some(b'e' | b'E') => Some(exponent(&text[end + 1..])?),
            Some(_) => return None,
        };
        Some(Self {
            sign: &text[..start],
            whole: &text[start..point],
            fraction,
            exponent,
        })
    }

    /// Whether it is below zero, or a zero with a minus.
    pub fn is_negative(&self) -> bool {
        self.sign == "-"
    }

    /// Its digits before the point as they are written.
    pub fn whole(&self) -> &'a str {
        self.whole
    }

    /// Its digits behind the point as they are written; nothing where there is no point.
    pub fn fraction(&self) -> &'a str {
        self.fraction.unwrap_or_default()
    }

    /// The power of ten that it is multiplied by, where one is written.
    pub fn exponent(&self) -> Option<i64> {
        self.exponent
    }

    /// Whether neither a point nor an exponent is written.
    pub fn is_integer_text(&self) -> bool {
        self.fraction.is_none() && self.exponent.is_none()
    }

    /// Whether it has no plus before it, and digits on both sides of its point.
    pub fn is_strict(&self) -> bool {
        self.sign != "+" && !self.whole.is_empty() && self.fraction.is_none_or(|it| !it.is_empty())
    }

    /// Whether JSON has it as a number as it stands.
    pub fn is_json(&self) -> bool {
        self.is_strict() && (self.whole == "0" || !self.whole.starts_with('0'))
    }

    /// Its digits without the zeros at either end; none where it is zero.
    pub fn significant(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        let digits = self.digits();
        let leading = self.leading_zeros();
        let trailing = digits.clone().rev().take_while(|it| *it == b'0').count();
        let all = self.whole.len() + self.fraction().len();
        digits
            .skip(leading)
            .take(all.saturating_sub(trailing + leading))
    }

    /// The power of ten of the first digit that is not zero.
    pub fn magnitude(&self) -> i64 {
        let exponent = self.exponent.unwrap_or(0);
        exponent
            .saturating_add(self.whole.len() as i64 - 1)
            .saturating_sub(self.leading_zeros() as i64)
    }

    /// Whether both are exactly the same number; both zeros are one.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_zero = |it: &Self| it.significant().next().is_none();
        (is_zero(self) && is_zero(other))
            || (self.is_negative() == other.is_negative()
                && self.magnitude() == other.magnitude()
                && self.significant().eq(other.significant()))
    }

    /// The whole number that it is; `None` where it has another part, or more than 128 bits.
    pub fn to_integer(&self) -> Option<i128> {
        let digits = self.significant();
        let count = digits.clone().count() as i64;
        let magnitude = self.magnitude();
        if count == 0 {
            return Some(0);
        }
        // 128 bits have 39 digits.
        if !(count - 1..39).contains(&magnitude) {
            return None;
        }
        let zeros = 10_i128.pow(u32::try_from(magnitude + 1 - count).ok()?);
        let number = digits.into_iter().try_fold(0_i128, |number, digit| {
            let digit = i128::from(digit - b'0');
            number.checked_mul(10)?.checked_add(digit)
        });
        let number = number?.checked_mul(zeros)?;
        Some(if self.is_negative() { -number } else { number })
    }

    /// Appends the one text of this number, however it was written: no sign of plus, no zeros that say
    /// nothing, no exponent. Rounded half away from zero to `places` behind the point, where these are
    /// given. `None` where its exponent is of no column, and nothing is appended.
    pub fn write_plain(&self, places: Option<u8>, out: &mut Vec<u8>) -> Option<()> {
        let whole = self.whole.trim_start_matches('0');
        let fraction = self.fraction().trim_end_matches('0');
        let fits = places.is_none_or(|it| fraction.len() <= usize::from(it));
        if self.exponent.is_none() && fits {
            write(
                self.is_negative(),
                whole.as_bytes(),
                fraction.as_bytes(),
                out,
            );
            return Some(());
        }
        let exponent = i32::try_from(self.exponent.unwrap_or(0)).ok()?;
        if exponent.unsigned_abs() > MOST_EXPONENT {
            return None;
        }
        let mut digits: Vec<u8> = self.digits().collect();
        // How many of them stand before the point.
        let point = self.whole.len() as i64 + i64::from(exponent);
        let missing = usize::try_from(-point).unwrap_or(0);
        digits.splice(0..0, std::iter::repeat_n(b'0', missing));
        let mut point = usize::try_from(point).unwrap_or(0);
        digits.resize(digits.len().max(point), b'0');
        if let Some(places) = places {
            point += round(&mut digits, point + usize::from(places));
        }
        let (whole, fraction) = digits.split_at(point);
        let leading = whole.iter().take_while(|it| **it == b'0').count();
        let trailing = fraction.iter().rev().take_while(|it| **it == b'0').count();
        let fraction = &fraction[..fraction.len() - trailing];
        write(self.is_negative(), &whole[leading..], fraction, out);
        Some(())
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + Clone + use<'a> {
        self.whole.bytes().chain(self.fraction().bytes())
    }

    fn leading_zeros(&self) -> usize {
        self.digits().take_while(|it| *it == b'0').count()
    }
}

/// Exponents past this are of no column.
const MOST_EXPONENT: u32 = 400;

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let far = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Some(text.parse().unwrap_or(far))
}

/// Keeps `kept` digits. Answers how many have come to stand in front.
fn round(digits: &mut Vec<u8>, kept: usize) -> usize {
    let up = digits.get(kept).is_some_and(|it| *it >= b'5');
    digits.truncate(kept);
    if !up {
        return 0;
    }
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return 0;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
    1
}

fn write(negative: bool, whole: &[u8], fraction: &[u8], out: &mut Vec<u8>) {
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

#[cfg(test)]
mod tests;
