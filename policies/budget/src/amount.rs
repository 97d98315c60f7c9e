//! Reading the amount out of a request.

use std::fmt;

use serde_json::Value;
use writ_sdk::{Place, Request};

use crate::decimal::{Decimal, NotADecimal, Rounding};

/// Why an amount cannot be counted. The caller reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAmount {
    place: Place,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    Missing,
    NotANumber,
    Negative,
    NotADecimal(NotADecimal),
}

/// The amount at a place of the request; rounded up at the ninth digit behind the point.
///
/// # Errors
/// Where there is no number, or a negative one, or one above 10¹⁸.
pub fn read_amount(request: &Request, place: &Place) -> Result<Decimal, InvalidAmount> {
    read(request, place).map_err(|why| InvalidAmount { place: place.clone(), why })
}

fn read(request: &Request, place: &Place) -> Result<Decimal, Why> {
    let value = request.at(place).ok_or(Why::Missing)?;
    let Value::Number(number) = value.as_ref() else { return Err(Why::NotANumber) };
    // The host's canonical JSON writes doubles; their shortest text is what the caller wrote.
    let amount = Decimal::parse(&number.to_string(), Rounding::Up).map_err(Why::NotADecimal)?;
    let negative = number.as_f64().is_none_or(|number| number < 0.0);
    if negative { Err(Why::Negative) } else { Ok(amount) }
}

impl fmt::Display for InvalidAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the amount at `{}` cannot be counted: ", self.place)?;
        match &self.why {
            Why::Missing => f.write_str("it is missing"),
            Why::NotANumber => f.write_str("it is not a number"),
            Why::Negative => f.write_str("it is negative"),
            Why::NotADecimal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InvalidAmount {}
