//! Versions of policy sets, and which one decides: see [`crate::policies`].

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use tokio::sync::watch;
use writ_core::{Digest, Tenant};

use super::backend::{Inner, Postgres};
use super::events;
use super::listener::SETS;
use super::rollouts;
use super::rows::{digest, integer, number, text};
use super::scope::{Access, Scope};
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::policies::{
    ActiveSet, Chosen, KeptVersion, KnownComponent, NewComponent, NewSet, NewVersion, Occasion,
    SetChange, SetVersion, StoredComponent,
};

/// Whoever makes a set decide comes one after the other, whichever host it is on, until the
/// transaction ends; readers need not wait.
pub(super) const HOLD: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('writ policy set ' || $1, 0))";
const ACTIVE: &str = "SELECT number, previous, files, at_ms, cause, author, comment
    FROM policy_active WHERE tenant = $1";
const ONE: &str = "SELECT number, policy_set, document, cause, author, comment, created_ms
    FROM policy_sets WHERE tenant = $1 AND number = $2";
const ONE_OF: &str = "SELECT number, policy_set, document, cause, author, comment, created_ms
    FROM policy_sets WHERE tenant = $1 AND policy_set = $2";
const PAGE: &str = "SELECT number, policy_set, document, cause, author, comment, created_ms
    FROM policy_sets WHERE tenant = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
const COMPONENT: &str =
    "SELECT digest, bytes, report FROM policy_components WHERE tenant = $1 AND digest = $2";
const COMPONENTS: &str = "SELECT digest, report, added_ms,
        (SELECT string_agg(key, ' ') FROM policy_signatures AS signed
            WHERE signed.tenant = known.tenant AND signed.digest = known.digest) AS signed_by
    FROM policy_components AS known
    WHERE tenant = $1 AND digest > $2 ORDER BY digest LIMIT $3";
const KNOWN_COMPONENT: &str = "SELECT digest, report, added_ms,
        (SELECT string_agg(key, ' ') FROM policy_signatures AS signed
            WHERE signed.tenant = known.tenant AND signed.digest = known.digest) AS signed_by
    FROM policy_components AS known
    WHERE tenant = $1 AND digest = $2";
const KNOWN: &str = "SELECT number FROM policy_sets WHERE tenant = $1 AND policy_set = $2";
const IS_THERE: &str = "SELECT number FROM policy_sets WHERE tenant = $1 AND number = $2";
const ADD: &str = "INSERT INTO policy_sets
        (tenant, number, policy_set, document, created_ms, cause, author, comment)
    SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 FROM policy_sets WHERE tenant = $1
    RETURNING number";
const ADD_COMPONENT: &str =
    "INSERT INTO policy_components (tenant, digest, bytes, report, added_ms)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
/// The listeners hear of it when the transaction is committed.
const ACTIVATE: &str = "WITH activated AS (
        INSERT INTO policy_active AS active
            (tenant, number, previous, changes, files, at_ms, cause, author, comment)
        VALUES ($1, $2, NULL, 1, $3, $4, $5, $6, $7)
        ON CONFLICT (tenant) DO UPDATE SET
            previous = CASE WHEN active.number = excluded.number
                THEN active.previous ELSE active.number END,
            number = excluded.number, changes = active.changes + 1,
            files = coalesce(excluded.files, active.files), at_ms = excluded.at_ms,
            cause = excluded.cause, author = excluded.author, comment = excluded.comment
    )
    SELECT pg_notify($8, '')";
const NOTE_FILES: &str = "UPDATE policy_active SET files = $2 WHERE tenant = $1";

impl Postgres {
    pub(crate) async fn note_set_files(
        &self,
        tenant: &Tenant,
        files: Digest,
    ) -> Result<(), StoreError> {
        let noted = self.inner.note_set_files(tenant, files).await;
        Ok(noted.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn activate_set(&self, change: SetChange) -> Result<Option<u64>, StoreError> {
        let inner = self.inner.clone();
        // Who stops waiting does not take it back.
        let changing = tokio::spawn(async move {
            let changed = inner.activate_set(change).await;
            changed.map_err(|error| inner.link.failed(error))
        });
        Ok(changing.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }

    pub(crate) async fn keep_set(&self, new: NewVersion) -> Result<KeptVersion, StoreError> {
        let inner = self.inner.clone();
        let keeping = tokio::spawn(async move {
            inner.keep_set(new).await.map_err(|error| inner.link.failed(error))
        });
        Ok(keeping.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }

    pub(crate) async fn add_policy_component(&self, new: NewComponent) -> Result<bool, StoreError> {
        let inner = self.inner.clone();
        let adding = tokio::spawn(async move {
            inner.add_policy_component(new).await.map_err(|error| inner.link.failed(error))
        });
        Ok(adding.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }

    pub(crate) async fn known_component(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Option<KnownComponent>, StoreError> {
        let query = sqlx::query(KNOWN_COMPONENT).bind(tenant.as_str());
        let query = query.bind(&digest.as_bytes()[..]);
        let mut view = self.inner.link.read(tenant).await?;
        let row = query.fetch_optional(&mut *view).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(known).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn policy_components(
        &self,
        tenant: &Tenant,
        after: Option<Digest>,
        limit: u32,
    ) -> Result<Vec<KnownComponent>, StoreError> {
        let after = after.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec());
        let query = sqlx::query(COMPONENTS).bind(tenant.as_str()).bind(after);
        let mut view = self.inner.link.read(tenant).await?;
        let rows = query.bind(i64::from(limit)).fetch_all(&mut *view).await;
        let rows = rows.map_err(Failure::from)?;
        Ok(rows.iter().map(known).collect::<Result<_, _>>().map_err(Failure::from)?)
    }

    pub(crate) async fn active_set(
        &self,
        tenant: &Tenant,
    ) -> Result<Option<ActiveSet>, StoreError> {
        let query = sqlx::query(ACTIVE).bind(tenant.as_str());
        let mut view = self.inner.link.read(tenant).await?;
        let row = query.fetch_optional(&mut *view).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(active).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn set_version(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<Option<SetVersion>, StoreError> {
        let query = sqlx::query(ONE).bind(tenant.as_str()).bind(integer(number));
        let mut view = self.inner.link.read(tenant).await?;
        let row = query.fetch_optional(&mut *view).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(version).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn set_version_of(
        &self,
        tenant: &Tenant,
        policy_set: Digest,
    ) -> Result<Option<SetVersion>, StoreError> {
        let query = sqlx::query(ONE_OF).bind(tenant.as_str()).bind(&policy_set.as_bytes()[..]);
        let mut view = self.inner.link.read(tenant).await?;
        let row = query.fetch_optional(&mut *view).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(version).transpose().map_err(Failure::from)?)
    }

    pub(crate) async fn set_versions(
        &self,
        tenant: &Tenant,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SetVersion>, StoreError> {
        let before = before.map_or(i64::MAX, integer);
        let query = sqlx::query(PAGE).bind(tenant.as_str()).bind(before).bind(i64::from(limit));
        let mut view = self.inner.link.read(tenant).await?;
        let rows = query.fetch_all(&mut *view).await.map_err(Failure::from)?;
        Ok(rows.iter().map(version).collect::<Result<_, _>>().map_err(Failure::from)?)
    }

    pub(crate) async fn policy_component(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Option<StoredComponent>, StoreError> {
        let query = sqlx::query(COMPONENT).bind(tenant.as_str()).bind(&digest.as_bytes()[..]);
        let mut view = self.inner.link.read(tenant).await?;
        let row = query.fetch_optional(&mut *view).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(component).transpose().map_err(Failure::from)?)
    }

    pub(crate) fn set_changes(&self) -> watch::Receiver<u64> {
        self.inner.set_changes.subscribe()
    }
}

impl Inner {
    async fn note_set_files(&self, tenant: &Tenant, files: Digest) -> Result<(), sqlx::Error> {
        let mut transaction = self.link.begin(Scope::Tenant(tenant), Access::Write).await?;
        let query = sqlx::query(NOTE_FILES).bind(tenant.as_str());
        query.bind(&files.as_bytes()[..]).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    async fn activate_set(&self, change: SetChange) -> Result<Option<u64>, sqlx::Error> {
        let SetChange { tenant, chosen, files, occasion, at_ms, only_if, .. } = change;
        let SetChange { promotes, overtakes, evidence, .. } = change;
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        sqlx::query(HOLD).bind(tenant.as_str()).execute(&mut *transaction).await?;
        if only_if.is_some() {
            let going_on = rollouts::going_on(&mut transaction, &tenant).await?;
            if only_if != going_on.map(|rollout| rollout.id) {
                return Ok(None);
            }
        }
        let chosen = chosen_number(&mut transaction, &tenant, chosen, (&occasion, at_ms)).await?;
        let Some(chosen) = chosen else { return Ok(None) };
        sqlx::query(ACTIVATE)
            .bind(tenant.as_str())
            .bind(integer(chosen))
            .bind(files.as_ref().map(|files| &files.as_bytes()[..]))
            .bind(integer(at_ms))
            .bind(kept(&occasion.trigger))
            .bind(occasion.by.as_ref().map(|by| kept(by.as_str())))
            .bind(kept(&occasion.comment))
            .bind(SETS)
            .execute(&mut *transaction)
            .await?;
        if let Some(evidence) = evidence(chosen) {
            events::append(&mut transaction, &tenant, vec![evidence]).await?;
        }
        rollouts::overturn(&mut transaction, &tenant, (chosen, promotes, overtakes)).await?;
        transaction.commit().await?;
        Ok(Some(chosen))
    }

    async fn keep_set(&self, new: NewVersion) -> Result<KeptVersion, sqlx::Error> {
        let NewVersion { tenant, set, occasion, at_ms, evidence } = new;
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        sqlx::query(HOLD).bind(tenant.as_str()).execute(&mut *transaction).await?;
        if let Some(number) = known_number(&mut transaction, &tenant, &set).await? {
            return Ok(KeptVersion { number, is_new: false });
        }
        let number = add(&mut transaction, &tenant, &set, (&occasion, at_ms)).await?;
        if let Some(evidence) = evidence(number) {
            events::append(&mut transaction, &tenant, vec![evidence]).await?;
        }
        transaction.commit().await?;
        Ok(KeptVersion { number, is_new: true })
    }

    async fn add_policy_component(&self, new: NewComponent) -> Result<bool, sqlx::Error> {
        let NewComponent { tenant, component, at_ms, evidence } = new;
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        let is_new = keep(&mut transaction, &tenant, &component, at_ms).await?;
        if is_new {
            events::append(&mut transaction, &tenant, vec![evidence]).await?;
        }
        transaction.commit().await?;
        Ok(is_new)
    }
}

/// Which version decides.
pub(super) async fn active_number(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Option<u64>, sqlx::Error> {
    let row = sqlx::query(ACTIVE).bind(tenant.as_str()).fetch_optional(connection).await?;
    row.map(|row| number(&row, "number")).transpose()
}

/// Keeps a component, and tells whether it is new.
async fn keep(
    connection: &mut PgConnection,
    tenant: &Tenant,
    component: &StoredComponent,
    at_ms: u64,
) -> Result<bool, sqlx::Error> {
    let StoredComponent { digest, bytes, report } = component;
    let query = sqlx::query(ADD_COMPONENT).bind(tenant.as_str()).bind(&digest.as_bytes()[..]);
    let query = query.bind(bytes).bind(kept(report)).bind(integer(at_ms));
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

/// The number of what was chosen: of a new version where there is none with the digest.
async fn chosen_number(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    tenant: &Tenant,
    set: &NewSet,
) -> Result<Option<u64>, sqlx::Error> {
    let query = sqlx::query(KNOWN).bind(tenant.as_str()).bind(&set.policy_set.as_bytes()[..]);
    let row = query.fetch_optional(connection).await?;
    row.map(|row| number(&row, "number")).transpose()
}

async fn add(
    connection: &mut PgConnection,
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
        .bind(kept(&set.document))
        .bind(integer(at_ms))
        .bind(kept(&occasion.trigger))
        .bind(occasion.by.as_ref().map(|by| kept(by.as_str())))
        .bind(kept(&occasion.comment))
        .fetch_one(connection)
        .await?;
    number(&row, "number")
}

fn active(row: &PgRow) -> Result<ActiveSet, sqlx::Error> {
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

fn version(row: &PgRow) -> Result<SetVersion, sqlx::Error> {
    Ok(SetVersion {
        number: number(row, "number")?,
        policy_set: digest(row, "policy_set")?,
        document: text(row, "document")?,
        occasion: occasion(row)?,
        created_ms: number(row, "created_ms")?,
    })
}

pub(super) fn occasion(row: &PgRow) -> Result<Occasion, sqlx::Error> {
    let author: Option<String> = row.try_get("author")?;
    Ok(Occasion {
        trigger: text(row, "cause")?,
        by: author.and_then(|author| author.parse().ok()),
        comment: text(row, "comment")?,
    })
}

fn component(row: &PgRow) -> Result<StoredComponent, sqlx::Error> {
    let (bytes, report) = (row.try_get("bytes")?, text(row, "report")?);
    Ok(StoredComponent { digest: digest(row, "digest")?, bytes, report })
}

fn known(row: &PgRow) -> Result<KnownComponent, sqlx::Error> {
    let (report, added_ms) = (text(row, "report")?, number(row, "added_ms")?);
    let signed_by = KnownComponent::keys(row.try_get("signed_by")?);
    Ok(KnownComponent { digest: digest(row, "digest")?, report, added_ms, signed_by })
}
