//! What may be asked of something that carries actions out: its name, what it is for, and the
//! arguments that it takes.

use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use writ_core::{BoundTool, Json, Sensitive};

/// How many flaws of some arguments are told.
const FLAWS_MAX: usize = 16;
/// How long arguments may be for all their flaws to be looked for, in bytes.
const LISTED_BYTES_MAX: usize = 16 << 10;
/// How much of a flaw's text is told, in characters: it quotes the value, which may be large.
const FLAW_CHARS_MAX: usize = 300;

/// What may be asked of a tool or an endpoint.
pub struct Signature {
    /// Its name, and what it is.
    pub bound: BoundTool,
    /// What it is for, in a sentence.
    pub summary: String,
    /// The JSON Schema of its arguments (draft 2020-12).
    pub input_schema: Value,
    arguments: Validator,
    /// Whether the schema marks some arguments as sensitive.
    is_marked: bool,
}

/// What is wrong with some arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where: a JSON pointer into the arguments (RFC 6901).
    pub pointer: String,
    /// What.
    pub message: String,
}

impl Signature {
    /// What may be asked of something.
    ///
    /// # Errors
    /// Where the schema is no JSON Schema.
    pub fn new(bound: BoundTool, summary: String, input_schema: Value) -> Result<Self, String> {
        // The schema is not trusted: nothing is fetched, and patterns run in linear time.
        let arguments = jsonschema::draft202012::options()
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .build(&input_schema)
            .map_err(|error| format!("its input schema is no JSON Schema: {error}"))?;
        let is_marked = Sensitive::is_marked(&input_schema);
        Ok(Self { bound, summary, input_schema, arguments, is_marked })
    }

    /// What must not be told of some arguments.
    pub fn sensitive(&self, arguments: &Json) -> Arc<Sensitive> {
        match self.is_marked {
            true => Arc::new(Sensitive::of(&self.input_schema, &arguments.to_value())),
            false => Arc::default(),
        }
    }

    /// Why it is not to be done with arguments that policies have amended; none where it may be.
    pub fn amended_badly(&self, arguments: &Json) -> Option<String> {
        let flaws = self.flaws(arguments);
        let Flaw { pointer, message } = flaws.first()?;
        Some(format!(
            "the arguments, as policies amended them, break the schema at `{pointer}`: {message}"
        ))
    }

    /// What is wrong with some arguments, at most 16 flaws, and one where they are long; nothing where they
    /// satisfy the schema. What must not be told of them is masked.
    pub fn flaws(&self, arguments: &Json) -> Vec<Flaw> {
        let (value, sensitive) = (arguments.to_value(), self.sensitive(arguments));
        let flaw = |error: jsonschema::ValidationError<'_>| Flaw {
            pointer: error.instance_path().as_str().to_owned(),
            message: sensitive.mask(&error.to_string()).chars().take(FLAW_CHARS_MAX).collect(),
        };
        // All flaws are there before the first is told: a million of them take a hundred times the memory of
        // the arguments.
        if arguments.as_str().len() > LISTED_BYTES_MAX {
            return self.arguments.validate(&value).err().map(flaw).into_iter().collect();
        }
        self.arguments.iter_errors(&value).take(FLAWS_MAX).map(flaw).collect()
    }
}
