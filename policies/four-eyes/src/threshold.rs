//! The figure from which on agreement is needed.

use serde::Deserialize;
use serde_json::{Number, Value};
use writ_sdk::{Place, Request};

/// A place in the request and the least figure there that matters.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Threshold {
    /// Where the figure is.
    pub path: Place,
    /// From which figure on.
    pub min: Number,
}

/// Whether a request reaches a threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// The figure is below.
    No,
    /// It is not, or there is none: a figure that is hidden must not get through. Says which.
    Yes(String),
}

impl Threshold {
    /// Compares, as doubles.
    pub fn reached(&self, request: &Request) -> Reached {
        let Self { path, min } = self;
        match request.at(path).as_deref() {
            None => Reached::Yes(format!("there is no figure at `{path}`")),
            Some(Value::Number(figure)) if figure.as_f64() < min.as_f64() => Reached::No,
            Some(Value::Number(figure)) => {
                Reached::Yes(format!("{figure} at `{path}` is {min} or more"))
            }
            Some(_) => Reached::Yes(format!("what is at `{path}` is not a number")),
        }
    }
}
