//! `date`: days and times in another form or another zone.

use chrono_tz::Tz;

use super::{
    edit::{FieldStep, On},
    moment::{Form, Moment, micros, own, to_clock, to_day},
};
use crate::model::{Instant, Kind, Packed, Packer, Value};

/// `date`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateStep {
    /// The fields.
    pub fields: Vec<String>,
    /// How they are written; without it, each value by its own type, texts by ISO 8601.
    pub from: Option<Form>,
    /// How they will be.
    pub to: Form,
    /// The zone of clocks that do not say theirs.
    pub zone: Option<Tz>,
    /// The zone of what is written; without it, `zone`, and without that, UTC.
    pub to_zone: Option<Tz>,
}

impl FieldStep for DateStep {
    fn on(&self, name: &str) -> On<'_> {
        if self.fields.iter().any(|it| it == name) {
            On::Change
        } else {
            On::Copy
        }
    }

    fn named(&self) -> Vec<&str> {
        self.fields.iter().map(String::as_str).collect()
    }

    fn kind(&self, _name: &str, _before: Kind) -> Kind {
        match self.to {
            Form::Date => Kind::Date,
            Form::DateTime => Kind::DateTime,
            Form::Instant => Kind::Instant,
            Form::Epoch(_) => Kind::I64,
            Form::Pattern(_) => Kind::String,
        }
    }

    fn change(&self, _: &str, packed: Packed<'_>, out: &mut Packer<'_>) -> Result<(), String> {
        let value = packed.value().widened();
        if let Value::Null = value {
            out.packed(packed);
            return Ok(());
        }
        let moment = match &self.from {
            Some(form) => form.read(value)?,
            None => own(value)?,
        };
        self.write(moment, out)
    }
}

impl DateStep {
    fn write(&self, moment: Moment, out: &mut Packer<'_>) -> Result<(), String> {
        // Where both zones are said, a clock is set from one to the other.
        let moment = match (moment, self.to_zone) {
            (Moment::Clock(_), Some(_)) => Moment::Point(moment.point(self.zone)?),
            _ => moment,
        };
        let zone = self.to_zone.or(self.zone);
        match &self.to {
            Form::Date => out.value(Value::Date(to_day(moment.local(zone).date())?)),
            Form::DateTime => out.value(Value::DateTime(to_clock(moment.local(zone))?)),
            Form::Instant => {
                let point = moment.point(self.zone)?;
                out.value(Value::Instant(Instant {
                    seconds: point.timestamp(),
                    micros: micros(point.timestamp_subsec_nanos())?,
                }));
            }
            Form::Epoch(units) => {
                let point = moment.point(self.zone)?;
                let (seconds, nanos) = (point.timestamp(), point.timestamp_subsec_nanos());
                let part = i64::from(nanos) / (1_000_000_000 / units);
                let number = seconds
                    .checked_mul(*units)
                    .and_then(|it| it.checked_add(part));
                let number = number.ok_or("it is too far from 1970 for these units")?;
                out.value(Value::I64(number));
            }
            Form::Pattern(pattern) => {
                let moment = match (moment, self.zone) {
                    // Its own zone is known, so that the pattern may write it.
                    (Moment::Clock(_), Some(_)) if writes_zone(pattern) => {
                        Moment::Point(moment.point(self.zone)?)
                    }
                    _ => moment,
                };
                out.value(Value::String(&moment.text(pattern, zone)?));
            }
        }
        Ok(())
    }
}

fn writes_zone(pattern: &str) -> bool {
    ["%z", "%:z", "%Z", "%::z", "%#z", "%+", "%s"]
        .iter()
        .any(|it| pattern.contains(it))
}
