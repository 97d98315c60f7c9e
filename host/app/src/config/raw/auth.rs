//! `[auth]`: whose tokens count.

use serde::Deserialize;

use crate::auth::SigningAlgorithm;

/// `[auth]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct Auth {
    pub(in crate::config) jwt: Option<Jwt>,
}

/// `[auth.jwt]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Jwt {
    pub(in crate::config) issuer: String,
    pub(in crate::config) audience: String,
    #[serde(default = "Jwt::algorithms")]
    pub(in crate::config) algorithms: Vec<SigningAlgorithm>,
    pub(in crate::config) jwks_url: Option<String>,
    pub(in crate::config) jwks_file: Option<String>,
    #[serde(default = "Jwt::person_claim")]
    pub(in crate::config) person_claim: String,
    #[serde(default = "Jwt::roles_claim")]
    pub(in crate::config) roles_claim: String,
    #[serde(default = "Jwt::groups_claim")]
    pub(in crate::config) groups_claim: String,
    pub(in crate::config) tenant_claim: Option<String>,
    #[serde(default = "Jwt::refresh_min_ms")]
    pub(in crate::config) refresh_min_ms: u64,
}

impl Jwt {
    fn algorithms() -> Vec<SigningAlgorithm> {
        SigningAlgorithm::DEFAULT.into()
    }

    fn person_claim() -> String {
        "sub".into()
    }

    fn roles_claim() -> String {
        "writ_roles".into()
    }

    fn groups_claim() -> String {
        "groups".into()
    }

    fn refresh_min_ms() -> u64 {
        10_000
    }
}
