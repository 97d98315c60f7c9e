//! Components in the store: what each says of itself, and how one comes there by itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::{Digest, Principal, Tenant};
use writ_engine::{Described, Description, Engine, Image, LoadError};
use writ_store::{
    ComponentSignature, KnownComponent, NewComponent, NewSignatures, Store, StoreError,
    StoredComponent,
};

use super::trust::{Signed, Trust, Untrusted};
use crate::clock::now_ms;
use crate::registry::PinnedReference;

/// What a component says of itself, and what was found out about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentReport {
    /// The policy's name.
    pub name: String,
    /// Its version, as its author numbers it.
    pub version: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// The JSON Schema of its settings.
    #[schema(value_type = Object)]
    pub settings_schema: Value,
    /// The interfaces that it imports, with their versions.
    pub imports: Vec<String>,
    /// Whether `configure` runs once and for all; absent where it was never given settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preinitialised: Option<bool>,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The OCI reference by which it came; absent where its bytes were sent, or lay in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A component that somebody brings.
#[derive(Clone, Debug)]
pub struct Brought {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The signature that comes with it.
    pub signature: Option<String>,
    /// By which reference it was pulled; none where its bytes were sent.
    pub reference: Option<PinnedReference>,
}

/// Where components are kept, and whose they are.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// What keeps them.
    pub store: &'a Store,
    /// Whose.
    pub tenant: &'a Tenant,
    /// Whose signatures count.
    pub trust: &'a Trust,
}

/// A component that is in the store now.
#[derive(Clone, Debug)]
pub struct Added {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What it says of itself, as it is kept.
    pub report: ComponentReport,
    /// Whether it was not there before.
    pub is_new: bool,
    /// The keys whose signatures of it are kept.
    pub signed_by: Vec<String>,
}

/// A component is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It would not load, for each of these reasons.
    #[error("it would not load: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Refused(Vec<LoadError>),
    /// It is a tool, which the configuration binds, and not a policy set.
    #[error("it is a tool and no policy\nhint: bind tools with `[[tools]]` in the configuration")]
    Tool,
    /// Its signature does not count, or it needs one.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ComponentReport {
    fn of(description: &Description, imports: &[String], bytes: u64) -> Self {
        Self {
            name: description.name.clone(),
            version: description.version.clone(),
            summary: description.summary.clone(),
            settings_schema: description.settings_schema.clone(),
            imports: imports.to_vec(),
            preinitialised: None,
            bytes,
            reference: None,
        }
    }

    /// That of a component that has taken settings.
    pub(crate) fn of_image(image: &Image, bytes: u64) -> Self {
        let preinitialised = Some(image.preinitialised());
        Self { preinitialised, ..Self::of(image.description(), image.imports(), bytes) }
    }

    /// As it is kept.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and a schema are JSON")
    }

    /// As it was kept; none where it was kept otherwise.
    pub fn read(known: &KnownComponent) -> Option<Self> {
        serde_json::from_str(&known.report).ok()
    }
}

impl Kept<'_> {
    /// A component, as it was kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Damaged`] where it is another one now.
    pub async fn find(self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.store.policy_component(self.tenant, digest).await?;
        match found {
            Some(found) if Digest::of(&found.bytes) != digest => {
                let (id, reason) = (digest.to_string(), "it has another digest".to_owned());
                Err(StoreError::Damaged { what: "component", id, reason })
            }
            found => Ok(found.map(|found| found.bytes)),
        }
    }

    /// What is known of components, by digest: those after one, at most so many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn page(
        self,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<KnownComponent>, StoreError> {
        self.store.policy_components(self.tenant, after, limit).await
    }

    /// What is known of one component.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn known(self, digest: Digest) -> Result<Option<KnownComponent>, StoreError> {
        self.store.known_component(self.tenant, digest).await
    }

    /// The signatures that are kept of a component.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn signatures(
        self,
        component: Digest,
    ) -> Result<Vec<ComponentSignature>, StoreError> {
        self.store.component_signatures(self.tenant, component).await
    }

    /// Keeps signatures that count, but for those that are kept already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_signatures(
        self,
        signatures: Vec<ComponentSignature>,
    ) -> Result<(), StoreError> {
        let mut new = Vec::new();
        for signature in signatures {
            if !self.signatures(signature.component).await?.contains(&signature) {
                new.push(signature);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let new = NewSignatures { tenant: self.tenant.clone(), signatures: new, at_ms: now_ms() };
        self.store.keep_component_signatures(new).await
    }

    /// Whether a component that is kept may be loaded.
    ///
    /// # Errors
    /// [`AddError::Untrusted`] and [`AddError::Store`].
    pub async fn check(self, component: &[u8]) -> Result<(), AddError> {
        self.signed(component, None).await.map(drop)
    }

    /// Who signed a component: by the signature that comes with it, which must count, or by one that is
    /// kept.
    async fn signed(
        self,
        component: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<Signed>, AddError> {
        if let Some(signature) = signature {
            return Ok(Some(self.trust.verify(component, signature)?));
        }
        if !self.trust.has_keys() {
            return Ok(None);
        }
        let known = self.signatures(Digest::of(component)).await?;
        let texts = known.iter().map(|known| known.text.as_str());
        Ok(self.trust.judge(component, texts)?)
    }

    /// Keeps a component that would load, with the signature that comes with it. The chain tells of a
    /// component that is new, and the reference by which it came first stays with it.
    ///
    /// # Errors
    /// [`AddError`], and nothing is kept.
    pub async fn add(
        self,
        engine: &Engine,
        Brought { bytes, signature, reference }: Brought,
        by: &Principal,
    ) -> Result<Added, AddError> {
        // Before anything looks into it.
        let signed = self.signed(&bytes, signature.as_deref()).await?;
        let report = engine.report(&bytes).await.map_err(|error| AddError::Refused(vec![error]))?;
        if !report.problems.is_empty() {
            return Err(AddError::Refused(report.problems));
        }
        let Some(Described::Policy(description)) = &report.description else {
            return Err(AddError::Tool);
        };
        let (digest, at_ms) = (report.digest, now_ms());
        let reference = reference.map(|reference| reference.to_string());
        let report = ComponentReport::of(description, &report.imports, report.bytes);
        let report = ComponentReport { reference: reference.clone(), ..report };
        let fact = Fact::PolicyAdded { component: digest, by: by.person.clone(), reference };
        let new = NewComponent {
            tenant: self.tenant.clone(),
            component: StoredComponent { digest, bytes, report: report.text() },
            at_ms,
            evidence: Evidence::of_tenant(at_ms, digest, fact),
        };
        // A component without its signature might be of no use; a signature alone does no harm.
        let signature =
            |Signed { by, text, .. }| ComponentSignature { component: digest, key: by, text };
        self.keep_signatures(signed.map(signature).into_iter().collect()).await?;
        let is_new = self.store.add_policy_component(new).await?;
        // What is kept of it is what was kept first.
        let known = if is_new { None } else { self.known(digest).await? };
        let report = known.as_ref().and_then(ComponentReport::read).unwrap_or(report);
        let signed_by = self.signatures(digest).await?.into_iter().map(|signature| signature.key);
        Ok(Added { digest, report, is_new, signed_by: signed_by.collect() })
    }
}
