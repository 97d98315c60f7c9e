//! What approvals were about: only what finds them; an approval itself is in its execution's row.
//!
//! Found by a digest: what an approval is about may be longer than an index takes.

use std::collections::{BTreeSet, HashMap};

use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::ports::{About, Window};
use writ_core::{Approval, Digest};

use super::rows::{column, integer, text};
use super::text::kept;
use crate::error::Failure;
use crate::row::{HistoryRow, approvals_in};
use crate::sealing::Opener;

const INSERT: &str = "INSERT INTO approval_history (tenant, subject_type, subject_id, action,
        resource_type, resource_id, opened_at_ms, approval, execution, about)
    SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bigint[], $8::text[], $9::text[], $10::bytea[])
    ON CONFLICT DO NOTHING";
const RECENT: &str = "SELECT approval, execution FROM approval_history
    WHERE tenant = $1 AND about = $2 AND opened_at_ms >= $3
    ORDER BY opened_at_ms DESC, approval DESC LIMIT $4";
/// The approvals are taken out of the bodies here: PostgreSQL cannot look into JSON that has U+0000
/// anywhere in it.
const BODIES: &str = "SELECT id, body FROM executions WHERE tenant = $1 AND id = ANY($2)";

/// Writes what approvals are about.
pub(super) async fn insert(
    connection: &mut PgConnection,
    rows: &[HistoryRow],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let digests = column(rows, |row| digest(&row.about));
    sqlx::query(INSERT)
        .bind(column(rows, |row| row.about.tenant.as_str()))
        .bind(column(rows, |row| kept(&row.about.subject.0)))
        .bind(column(rows, |row| kept(&row.about.subject.1)))
        .bind(column(rows, |row| kept(&row.about.action)))
        .bind(column(rows, |row| kept(&row.about.resource.0)))
        .bind(column(rows, |row| kept(&row.about.resource.1)))
        .bind(column(rows, |row| integer(row.opened_at_ms)))
        .bind(column(rows, |row| kept(&row.approval)))
        .bind(column(rows, |row| kept(&row.execution)))
        .bind(column(&digests, |digest| &digest.as_bytes()[..]))
        .execute(connection)
        .await?;
    Ok(())
}

/// Approvals about the same, newest first. In a transaction whose statements all see the same.
pub(super) async fn recent(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    about: &About,
    window: Window,
) -> Result<Vec<Approval>, Failure> {
    let rows = sqlx::query(RECENT)
        .bind(about.tenant.as_str())
        .bind(&digest(about).as_bytes()[..])
        .bind(integer(window.since_ms))
        .bind(integer(window.limit as u64))
        .fetch_all(&mut *connection)
        .await?;
    let executions: Result<BTreeSet<String>, _> =
        rows.iter().map(|row| row.try_get("execution")).collect();
    let mut found = approvals(connection, opener, executions?).await?;
    let approval = |row: &PgRow| {
        let id = text(row, "approval")?;
        let missing = || Failure::damaged(format!("approval `{id}` is not with its execution"));
        found.remove(&id).ok_or_else(missing)
    };
    rows.iter().map(approval).collect()
}

/// Every approval of some executions, whose bodies are read one after the other: each holds a whole
/// request.
async fn approvals(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    executions: BTreeSet<String>,
) -> Result<HashMap<String, Approval>, Failure> {
    let mut found = HashMap::new();
    let executions: Vec<_> = executions.into_iter().collect();
    let query = sqlx::query(BODIES).bind(opener.tenant.as_str()).bind(executions);
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let approvals = approvals_in(opener, &text(&row, "id")?, row.try_get("body")?)?;
        found.extend(approvals.into_iter().map(|approval| (approval.id.clone(), approval)));
    }
    Ok(found)
}

fn digest(about: &About) -> Digest {
    let About { tenant: _, subject, action, resource } = about;
    let parts = [&subject.0, &subject.1, action, &resource.0, &resource.1];
    Digest::of_parts(parts.iter().map(|part| part.as_bytes()))
}
