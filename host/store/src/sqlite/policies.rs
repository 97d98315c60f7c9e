//! Versions of policy sets, and which one decides: see [`crate::policies`].

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::{oneshot, watch};
use writ_core::{ChainedEvent, Digest, Tenant};

use crate::component_signatures::NewSignatures;
use crate::error::{Failure, StoreError};
use crate::policies::{
    ActiveSet, Chosen, KeptVersion, KnownComponent, NewComponent, NewSet, NewVersion, Occasion,
    SetChange, SetVersion, StoredComponent,
};
use crate::rollouts::{NewRollout, NotBegun, RolloutStop};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::batch::Job;
use crate::sqlite::chains::Chains;
use crate::sqlite::component_signatures;
use crate::sqlite::rollouts;
use crate::sqlite::rows::{digest, integer, number};

/// What the writer is to change, and whom it tells what came of it: before it is durable.
#[derive(Debug)]
pub(crate) enum PolicyChange {
    /// Another set decides, under this number.
    Activate(Box<SetChange>, oneshot::Sender<u64>),
    /// A version is kept, which may be there.
    Keep(Box<NewVersion>, oneshot::Sender<KeptVersion>),
    /// The files of this host say a set.
    Files(Tenant, Digest),
    /// A component comes, which may be new.
    Add(Box<NewComponent>, oneshot::Sender<bool>),
    /// Signatures come.
    Sign(NewSignatures),
    /// A version is rolled out, as the tenant's rollout of this number.
    RollOut(Box<NewRollout>, oneshot::Sender<Result<u64, NotBegun>>),
    /// A rollout ends, which may have ended.
    EndRollout(Box<RolloutStop>, oneshot::Sender<bool>),
}

const ACTIVE: &str = "SELECT number, previous, files, at_ms, cause, author, comment
    FROM policy_active WHERE tenant = ?";
const ONE: &str = "SELECT number, policy_set, document, cause, author, comment, created_ms
    FROM policy_sets WHERE tenant = ?1 AND number = ?2";
const ONE_OF: &str = "SELECT number, policy_set, document, cause, author, comment, created_ms
    FROM policy_sets WHERE tenant = ?1 AND policy_set = ?2";
const PAGE: &str = "SELECT number, policy_set, document, cause, author, comment, created_ms
    FROM policy_sets WHERE tenant = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3";
const COMPONENT: &str =
    "SELECT digest, bytes, report FROM policy_components WHERE tenant = ?1 AND digest = ?2";
const COMPONENTS: &str = "SELECT digest, report, added_ms,
        (SELECT group_concat(key, ' ') FROM policy_signatures AS signed
            WHERE signed.tenant = known.tenant AND signed.digest = known.digest) AS signed_by
    FROM policy_components AS known
    WHERE tenant = ?1 AND digest > ?2 ORDER BY digest LIMIT ?3";
const KNOWN_COMPONENT: &str = "SELECT digest, report, added_ms,
        (SELECT group_concat(key, ' ') FROM policy_signatures AS signed
            WHERE signed.tenant = known.tenant AND signed.digest = known.digest) AS signed_by
    FROM policy_components AS known
    WHERE tenant = ?1 AND digest = ?2";
const KNOWN: &str = "SELECT number FROM policy_sets WHERE tenant = ?1 AND policy_set = ?2";
const IS_THERE: &str = "SELECT number FROM policy_sets WHERE tenant = ?1 AND number = ?2";
const ADD: &str = "INSERT INTO policy_sets
        (tenant, number, policy_set, document, created_ms, cause, author, comment)
    SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 FROM policy_sets WHERE tenant = ?1
    RETURNING number";
const ADD_COMPONENT: &str =
    "INSERT INTO policy_components (tenant, digest, bytes, report, added_ms)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
/// The version that decides stays the previous one's follower where it is made to decide again.
const ACTIVATE: &str = "INSERT INTO policy_active 
        (tenant, number, previous, changes, files, at_ms, cause, author, comment)
    VALUES (?1, ?2, NULL, 1, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT DO UPDATE SET
        previous = CASE WHEN number = excluded.number THEN previous ELSE number END,
        number = excluded.number, changes = changes + 1,
        files = coalesce(excluded.files, files), at_ms = excluded.at_ms,
        cause = excluded.cause, author = excluded.author, comment = excluded.comment";
const NOTE_FILES: &str = "UPDATE policy_active SET files = ?2 WHERE tenant = ?1";

impl Sqlite {
    pub(crate) async fn note_set_files(
        &self,
        tenant: &Tenant,
        files: Digest,
    ) -> Result<(), StoreError> {
        self.change_policies(PolicyChange::Files(tenant.clone(), files)).await
    }

    pub(crate) async fn activate_set(&self, change: SetChange) -> Result<Option<u64>, StoreError> {
        let (number, mut told) = oneshot::channel();
        self.change_policies(PolicyChange::Activate(Box::new(change), number)).await?;
        Ok(told.try_recv().ok())
    }

    pub(crate) async fn keep_set(&self, new: NewVersion) -> Result<KeptVersion, StoreError> {
        let (is_kept, mut told) = oneshot::channel();
        self.change_policies(PolicyChange::Keep(Box::new(new), is_kept)).await?;
        Ok(told.try_recv().map_err(|_| Failure::closed())?)
    }

    pub(crate) async fn add_policy_component(&self, new: NewComponent) -> Result<bool, StoreError> {
        let (is_new, mut told) = oneshot::channel();
        self.change_policies(PolicyChange::Add(Box::new(new), is_new)).await?;
        Ok(told.try_recv().unwrap_or_default())
    }

    pub(super) async fn change_policies(&self, change: PolicyChange) -> Result<(), StoreError> {
        let policies = Some(Box::new(change));
        Ok(self.inner.write(Job { policies, ..Job::default() }).await?)
    }

    pub(crate) async fn known_component(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Option<KnownComponent>, StoreError> {
        let query = sqlx::query(KNOWN_COMPONENT).bind(tenant.as_str());
        let query = query.bind(&digest.as_bytes()[..]);
        let row = query.fetch_optional(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(known).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn policy_components(
        &self,
        tenant: &Tenant,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<KnownComponent>, StoreError> {
        let after = after.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec());
        let query = sqlx::query(COMPONENTS).bind(tenant.as_str()).bind(after).bind(limit);
        let rows = query.fetch_all(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(rows.iter().map(known).collect::<Result<_, _>>().map_err(Failure::from)?)
    }

    pub(crate) async fn active_set(
        &self,
        tenant: &Tenant,
    ) -> Result<Option<ActiveSet>, StoreError> {
        let query = sqlx::query(ACTIVE).bind(tenant.as_str());
        let row = query.fetch_optional(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(active).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn set_version(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<Option<SetVersion>, StoreError> {
        let query = sqlx::query(ONE).bind(tenant.as_str()).bind(integer(number));
        let row = query.fetch_optional(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(version).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn set_version_of(
        &self,
        tenant: &Tenant,
        policy_set: Digest,
    ) -> Result<Option<SetVersion>, StoreError> {
        let query = sqlx::query(ONE_OF).bind(tenant.as_str()).bind(&policy_set.as_bytes()[..]);
        let row = query.fetch_optional(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(version).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn set_versions(
        &self,
        tenant: &Tenant,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SetVersion>, StoreError> {
        let before = before.map_or(i64::MAX, integer);
        let query = sqlx::query(PAGE).bind(tenant.as_str()).bind(before).bind(limit);
        let rows = query.fetch_all(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(rows.iter().map(version).collect::<Result<_, _>>().map_err(Failure::from)?)
    }

    pub(crate) async fn policy_component(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Option<StoredComponent>, StoreError> {
        let query = sqlx::query(COMPONENT).bind(tenant.as_str()).bind(&digest.as_bytes()[..]);
        let row = query.fetch_optional(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(component).transpose().map_err(Failure::from)?)
    }

    /// Nobody else changes it: it is never sent to.
    pub(crate) fn set_changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.set_changes.subscribe()
    }
}

/// Makes changes, and returns the events that tell of them. Who no longer waits for an answer has not
/// given up on the change.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    changes: Vec<PolicyChange>,
) -> Result<Vec<ChainedEvent>, sqlx::Error> {
    let mut events = Vec::new();
    for change in changes {
        match change {
            PolicyChange::Activate(change, number) => {
                let Some((chosen, told)) = activate(connection, chains, *change).await? else {
                    continue;
                };
                events.extend(told);
                number.send(chosen).ok();
            }
            PolicyChange::Keep(new, is_kept) => {
                let (version, event) = keep_version(connection, chains, *new).await?;
                is_kept.send(version).ok();
                events.extend(event);
            }
            PolicyChange::Files(tenant, files) => {
                let query = sqlx::query(NOTE_FILES).bind(tenant.as_str());
                query.bind(&files.as_bytes()[..]).execute(&mut *connection).await?;
            }
            PolicyChange::Add(new, is_new) => {
                let event = bring(connection, chains, *new).await?;
                is_new.send(event.is_some()).ok();
                events.extend(event);
            }
            PolicyChange::Sign(new) => component_signatures::keep(connection, &new).await?,
            PolicyChange::RollOut(new, id) => {
                let begun = rollouts::begin(connection, chains, *new).await?;
                let begun = begun.map(|(begun, told)| {
                    events.extend(told);
                    begun
                });
                id.send(begun).ok();
            }
            PolicyChange::EndRollout(stop, has_ended) => {
                let told = rollouts::stop(connection, chains, *stop).await?;
                has_ended.send(told.is_some()).ok();
                events.extend(told.into_iter().flatten());
            }
        }
    }
    Ok(events)
}

/// Makes a set decide; none where there is no such version.
async fn activate(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    change: SetChange,
) -> Result<Option<(u64, Vec<ChainedEvent>)>, sqlx::Error> {
    let SetChange { tenant, chosen, files, occasion, at_ms, only_if, .. } = change;
    let SetChange { promotes, overtakes, evidence, .. } = change;
    if only_if.is_some() {
        let going_on = rollouts::going_on(connection, &tenant).await?;
        if only_if != going_on.map(|rollout| rollout.id) {
            return Ok(None);
        }
    }
    let Some(chosen) = chosen_number(connection, &tenant, chosen, (&occasion, at_ms)).await? else {
        return Ok(None);
    };
    sqlx::query(ACTIVATE)
        .bind(tenant.as_str())
        .bind(integer(chosen))
        .bind(files.as_ref().map(|files| &files.as_bytes()[..]))
        .bind(integer(at_ms))
        .bind(&occasion.trigger)
        .bind(occasion.by.as_ref().map(|by| by.as_str()))
        .bind(&occasion.comment)
        .execute(&mut *connection)
        .await?;
    let mut events = Vec::new();
    if let Some(evidence) = evidence(chosen) {
        events.push(chains.head(connection, &tenant).await?.append(evidence));
    }
    events.extend(
        rollouts::overturn(connection, chains, &tenant, (chosen, promotes, overtakes)).await?,
    );
    Ok(Some((chosen, events)))
}

/// Which version decides.
pub(super) async fn active_number(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Option<u64>, sqlx::Error> {
    let row = sqlx::query(ACTIVE).bind(tenant.as_str()).fetch_optional(connection).await?;
    row.map(|row| number(&row, "number")).transpose()
}

/// Keeps a version, and tells of it where it is new.
async fn keep_version(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    new: NewVersion,
) -> Result<(KeptVersion, Option<ChainedEvent>), sqlx::Error> {
    let NewVersion { tenant, set, occasion, at_ms, evidence } = new;
    if let Some(number) = known_number(connection, &tenant, &set).await? {
        return Ok((KeptVersion { number, is_new: false }, None));
    }
    let number = add(connection, &tenant, &set, (&occasion, at_ms)).await?;
    let event = match evidence(number) {
        Some(evidence) => Some(chains.head(connection, &tenant).await?.append(evidence)),
        None => None,
    };
    Ok((KeptVersion { number, is_new: true }, event))
}

/// Keeps a component, and tells of it where it is new.
async fn bring(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    new: NewComponent,
) -> Result<Option<ChainedEvent>, sqlx::Error> {
    let NewComponent { tenant, component, at_ms, evidence } = new;
    match keep(connection, &tenant, &component, at_ms).await? {
        true => Ok(Some(chains.head(connection, &tenant).await?.append(evidence))),
        false => Ok(None),
    }
}

/// Keeps a component, and tells whether it is new.
async fn keep(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    component: &StoredComponent,
    at_ms: u64,
) -> Result<bool, sqlx::Error> {
    let StoredComponent { digest, bytes, report } = component;
    let query = sqlx::query(ADD_COMPONENT).bind(tenant.as_str()).bind(&digest.as_bytes()[..]);
    let query = query.bind(bytes).bind(report).bind(integer(at_ms));
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

/// The number of what was chosen: of a new version where there is none with the digest.
async fn chosen_number(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    chosen: Chosen,
    (occasion, at_ms): (&Occasion, u64),
) -> Result<Option<u64>, sqlx::Error> {
    match chosen {
        Chosen::Version(version) => {
            let query = sqlx::query(IS_THERE).bind(tenant.as_str()).bind(integer(version));
            let row = query.fetch_optional(connection).await?;
            row.map(|row| number(&row, "number")).transpose()
        }
        Chosen::Set(set) => match known_number(connection, tenant, &set).await? {
            Some(number) => Ok(Some(number)),
            None => add(connection, tenant, &set, (occasion, at_ms)).await.map(Some),
        },
    }
}

/// The number of the version that has a set's digest.
async fn known_number(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    set: &NewSet,
) -> Result<Option<u64>, sqlx::Error> {
    let query = sqlx::query(KNOWN).bind(tenant.as_str()).bind(&set.policy_set.as_bytes()[..]);
    let row = query.fetch_optional(connection).await?;
    row.map(|row| number(&row, "number")).transpose()
}

async fn add(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    set: &NewSet,
    (occasion, at_ms): (&Occasion, u64),
) -> Result<u64, sqlx::Error> {
    for component in &set.components {
        keep(connection, tenant, component, at_ms).await?;
    }
    let row = sqlx::query(ADD)
        .bind(tenant.as_str())
        .bind(&set.policy_set.as_bytes()[..])
        .bind(&set.document)
        .bind(integer(at_ms))
        .bind(&occasion.trigger)
        .bind(occasion.by.as_ref().map(|by| by.as_str()))
        .bind(&occasion.comment)
        .fetch_one(connection)
        .await?;
    number(&row, "number")
}

fn active(row: &SqliteRow) -> Result<ActiveSet, sqlx::Error> {
    let previous: Option<i64> = row.try_get("previous")?;
    let files: Option<Vec<u8>> = row.try_get("files")?;
    Ok(ActiveSet {
        number: number(row, "number")?,
        previous: previous.map(i64::cast_unsigned),
        files: files.and_then(|bytes| Some(Digest::from_bytes(bytes.try_into().ok()?))),
        at_ms: number(row, "at_ms")?,
        occasion: occasion(row)?,
    })
}

fn version(row: &SqliteRow) -> Result<SetVersion, sqlx::Error> {
    Ok(SetVersion {
        number: number(row, "number")?,
        policy_set: digest(row, "policy_set")?,
        document: row.try_get("document")?,
        occasion: occasion(row)?,
        created_ms: number(row, "created_ms")?,
    })
}

pub(super) fn occasion(row: &SqliteRow) -> Result<Occasion, sqlx::Error> {
    let author: Option<String> = row.try_get("author")?;
    Ok(Occasion {
        trigger: row.try_get("cause")?,
        by: author.and_then(|author| author.parse().ok()),
        comment: row.try_get("comment")?,
    })
}

fn component(row: &SqliteRow) -> Result<StoredComponent, sqlx::Error> {
    let (bytes, report) = (row.try_get("bytes")?, row.try_get("report")?);
    Ok(StoredComponent { digest: digest(row, "digest")?, bytes, report })
}

fn known(row: &SqliteRow) -> Result<KnownComponent, sqlx::Error> {
    let (report, added_ms) = (row.try_get("report")?, number(row, "added_ms")?);
    let signed_by = KnownComponent::keys(row.try_get("signed_by")?);
    Ok(KnownComponent { digest: digest(row, "digest")?, report, added_ms, signed_by })
}
