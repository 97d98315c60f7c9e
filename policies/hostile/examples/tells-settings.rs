//! Refuses its settings, and tells all of them.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::{Json, Rule};

struct TellsSettings;

impl Rule for TellsSettings {
    const NAME: &str = "tells-settings";
    const SETTINGS_SCHEMA: &str = r#"{
        "type": "object",
        "properties": {"token": {"type": "string", "maxLength": 40, "x-sensitive": true}}
    }"#;

    fn configure(settings: Json) -> Result<(), String> {
        Err(format!("these will not do: {settings}"))
    }
}

writ_hostile::guest!(TellsSettings);
