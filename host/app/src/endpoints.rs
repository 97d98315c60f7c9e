//! Endpoints: systems elsewhere that carry actions out when this host calls them.
//!
//! An endpoint is a tool like any other: requests name it, its arguments have a schema, policies
//! decide about it, and people agree to it as it is registered, since its digest is part of what they
//! agree to. Each call is signed as Standard Webhooks says and carries the execution's id, which
//! stays the same however often it is made.

mod call;

use reqwest::Client;
use serde_json::json;
use writ_core::{BindingName, BoundTool, Digest, Json, ToolKind};

pub use call::{Called, Refusal, Unanswered};

use crate::auth::Secret;
use crate::outbound::{Backoff, Connections, Endpoint, Signer};
use crate::tool_set::Signature;

/// An endpoint, as `writ.toml` says it.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// What requests call it.
    pub name: BindingName,
    /// What it is for, in a sentence; may be empty.
    pub description: String,
    /// The JSON Schema of its arguments; none where it takes any object.
    pub input_schema: Option<Json>,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// With which it knows who calls: see [`crate::outbound::check_secret`].
    pub secret: Secret,
    /// Whether it does a thing once, however often it is called for one execution.
    pub is_idempotent: bool,
    /// How often it is called for one execution.
    pub backoff: Backoff,
}

/// An endpoint that is ready to be called.
pub struct RegisteredEndpoint {
    /// What may be asked of it.
    pub signature: Signature,
    /// How long one call may take, and where it leads.
    pub endpoint: Endpoint,
    /// How often it is called for one execution.
    pub backoff: Backoff,
    client: Client,
    signer: Signer,
}

/// An endpoint cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// What it takes cannot be told.
    #[error("the endpoint `{0}` cannot be registered: {1}")]
    Schema(BindingName, String),
    /// What calls over HTTP cannot be set up.
    #[error("the endpoint `{0}` cannot be called: {1}")]
    Client(BindingName, reqwest::Error),
}

impl RegisteredEndpoint {
    /// Makes an endpoint ready to be called. Nothing is called.
    ///
    /// # Errors
    /// [`EndpointError`]
    pub fn new(config: &EndpointConfig) -> Result<Self, EndpointError> {
        let name = || config.name.clone();
        let schema = config.input_schema.as_ref().map(Json::to_value);
        let schema = schema.unwrap_or_else(|| json!({ "type": "object" }));
        let signature = Signature::new(config.bound(), config.description.clone(), schema);
        let client = config.endpoint.client(Connections::Fresh);
        Ok(Self {
            signature: signature.map_err(|error| EndpointError::Schema(name(), error))?,
            endpoint: config.endpoint.clone(),
            backoff: config.backoff,
            client: client.map_err(|error| EndpointError::Client(name(), error))?,
            signer: Signer::new(&config.secret),
        })
    }
}

impl EndpointConfig {
    /// What executions are bound to: whoever agreed to one address, schema or promise did not agree
    /// to another.
    fn bound(&self) -> BoundTool {
        let (kind, promise) = match self.is_idempotent {
            true => (ToolKind::IdempotentEndpoint, "idempotent"),
            false => (ToolKind::Endpoint, ""),
        };
        let schema = self.input_schema.as_ref().map_or("", Json::as_str);
        let parts = ["writ endpoint 1", self.endpoint.url.as_str(), schema, promise];
        let digest = Digest::of_parts(parts.iter().map(|part| part.as_bytes()));
        BoundTool { name: self.name.clone(), digest, kind }
    }
}
