//! Case files against components: each request runs on the real engine, and what policies store is
//! kept by the real store.
//!
//! The form of a case file is described at [`writ_sdk::testing::case`]. The same files are run
//! natively by the policies' own tests.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use writ_core::ports::{ApprovalReader, Namespace, StorageReader};
use writ_core::{
    Action, DecisionRecord, Digest, Entity, Fault, Json, Limits, PolicyDecision, Request, Tenant,
    Verdict,
};
use writ_engine::{Call, Engine, Execution, Image};
use writ_sdk::testing::{Case, CaseEntity, CaseRequest, Commit, Step, read_cases};
use writ_store::{Store, StoreConfig};

/// Runs every case of a folder against a component.
///
/// # Panics
/// If a case does not hold; the text names the file, the case, the step and the difference of each.
pub async fn check(engine: &Engine, component: &[u8], folder: &Path) {
    let cases = read_cases(folder);
    assert!(!cases.is_empty(), "no case in `{}`", folder.display());
    let directory = tempfile::tempdir().expect("a directory for the store");
    let store = Store::open(StoreConfig::new(directory.path())).await.expect("a new store opens");
    let mut failures = Vec::new();
    for (number, (file, case)) in cases.iter().enumerate() {
        if let Err(told) = Run::new(&store, number).case(engine, component, case).await {
            failures.push(format!("{file}: {}: {told}", case.name));
        }
    }
    store.close().await.expect("a store closes");
    let (failed, all) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{failed} of {all} cases fail:\n{}", failures.join("\n"));
}

/// One case: a story with storage of its own.
struct Run<'a> {
    store: &'a Store,
    reader: Arc<dyn StorageReader>,
    approvals: Arc<dyn ApprovalReader>,
    namespace: Arc<Namespace>,
}

impl<'a> Run<'a> {
    fn new(store: &'a Store, number: usize) -> Self {
        let binding = format!("case-{number}").parse().expect("letters and digits are a name");
        let namespace = Arc::new(Namespace { tenant: Tenant::default(), binding });
        Self { store, reader: store.reader(), approvals: store.approval_reader(), namespace }
    }

    async fn case(&self, engine: &Engine, component: &[u8], case: &Case) -> Result<(), String> {
        let settings = Json::from_value(&case.settings).map_err(|error| error.to_string())?;
        let loaded = engine.load(component, &settings, &Limits::default()).await;
        let image = match (loaded, &case.refused) {
            (Err(error), Some(refused)) if error.to_string().contains(refused) => return Ok(()),
            (Err(error), _) => return Err(format!("the settings are refused: {error}")),
            (Ok(_), Some(refused)) => return Err(format!("they are not refused: {refused}")),
            (Ok(image), None) => image,
        };
        let mut now_ms = 0;
        for (index, step) in case.steps.iter().enumerate() {
            now_ms = step.at_ms.unwrap_or(now_ms);
            let execution = Arc::new(Execution {
                id: format!("{}-{index}", self.namespace.binding),
                tenant: Tenant::default(),
                received_at_ms: now_ms,
                has_begun: step.has_begun,
                sensitive: Arc::default(),
            });
            let told = self.step(&image, step, case.commit, &execution).await;
            told.map_err(|told| format!("step {}: {told}", index + 1))?;
        }
        if case.steps.is_empty() { Err("it has no steps".into()) } else { Ok(()) }
    }

    async fn step(
        &self,
        image: &Image,
        step: &Step,
        commit: Commit,
        execution: &Arc<Execution>,
    ) -> Result<(), String> {
        let request = request(&step.request).map_err(|error| error.to_string())?;
        let request_digest = request.digest();
        let call = Call {
            request: &request,
            request_digest: &request_digest,
            execution,
            namespace: &self.namespace,
            storage: &self.reader,
            approvals: &self.approvals,
        };
        let evaluation = image.evaluate(call).await;
        step.expect.check(&told(&evaluation.result))?;
        let permits = evaluation.result.as_ref().is_ok_and(|decision| {
            matches!(decision.verdict, Verdict::Allow | Verdict::Amend { .. })
        });
        let keeps = evaluation.result.is_ok() && (permits || commit == Commit::Always);
        let Some(mut ledger) = evaluation.ledger else { return Ok(()) };
        if !keeps || step.has_begun {
            ledger.discard_writes();
        }
        let record = record(&request, request_digest, execution);
        let kept = self.store.commit(record, vec![(self.namespace.clone(), ledger)]).await;
        kept.map_err(|error| error.to_string())
    }
}

/// The answer in the SDK's words, which case files are compared with.
fn told(result: &Result<PolicyDecision, Fault>) -> Result<writ_sdk::Decision, String> {
    let decision = match result {
        Ok(decision) => decision,
        Err(fault) => return Err(format!("{fault:?}")),
    };
    let object = |json: &Json| match json.to_value() {
        Value::Object(object) => object,
        other => Map::from_iter([("not an object".to_owned(), other)]),
    };
    let verdict = match &decision.verdict {
        Verdict::Abstain => writ_sdk::Verdict::Abstain,
        Verdict::Allow => writ_sdk::Verdict::Allow,
        Verdict::Amend { patch } => writ_sdk::Verdict::Amend(object(patch)),
        Verdict::Deny { reason } => writ_sdk::Verdict::Deny(reason.clone()),
        Verdict::RequireApproval { requirement } => {
            let value = serde_json::to_value(requirement).map_err(|error| error.to_string())?;
            let requirement = serde_json::from_value(value).map_err(|error| error.to_string())?;
            writ_sdk::Verdict::RequireApproval(requirement)
        }
    };
    Ok(writ_sdk::Decision { verdict, annotations: object(&decision.annotations) })
}

fn request(case: &CaseRequest) -> Result<Request, writ_core::json::InvalidJson> {
    let entity = |entity: &CaseEntity| {
        Ok(Entity {
            kind: entity.kind.clone(),
            id: entity.id.clone(),
            properties: Json::from_object(entity.properties.clone())?,
        })
    };
    Ok(Request {
        subject: entity(&case.subject)?,
        action: Action {
            name: case.action.name.clone(),
            properties: Json::from_object(case.action.properties.clone())?,
        },
        resource: entity(&case.resource)?,
        context: Json::from_object(case.context.clone())?,
    })
}

fn record(request: &Request, request_digest: Digest, execution: &Execution) -> DecisionRecord {
    let (subject, action, resource) = DecisionRecord::parties(request);
    DecisionRecord {
        id: execution.id.clone(),
        tenant: execution.tenant.clone(),
        received_at_ms: execution.received_at_ms,
        request_id: None,
        trace_id: None,
        request_digest,
        subject,
        action,
        resource,
        policy_set: request_digest,
        outcome: "allowed",
        policies: Vec::new(),
        whole: None,
    }
}
