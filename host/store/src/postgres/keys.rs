//! API keys: one row a key, which stays when the key has ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row as _};
use writ_core::{Key, KeyId, Person, Principal, Role, Tenant};

use super::listener::KEYS;
use super::rows::{decode, digest, integer, name, number, time};
use super::signing;
use crate::row::KeyChange;

const CREATE: &str = "WITH created AS (
        INSERT INTO api_keys (id, tenant, person, roles, person_groups, secret, created_at_ms,
            expires_at_ms, revoked_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    )
    SELECT pg_notify($10, '')";
const CREATE_FIRST: &str = "WITH created AS (
        INSERT INTO api_keys (id, tenant, person, roles, person_groups, secret, created_at_ms,
            expires_at_ms, revoked_at_ms)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
        WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE tenant = $2)
    )
    SELECT pg_notify($10, '')";
/// Until it has ended, no other host makes a key; all may read them.
const HOLD: &str = "LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE";
/// The first time counts.
const REVOKE: &str = "WITH revoked AS (
        UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, $3)
        WHERE tenant = $1 AND id = $2
    )
    SELECT pg_notify($4, '')";
const ONE: &str = "SELECT * FROM api_keys WHERE tenant = $1 AND id = $2";
const ALL: &str = "SELECT * FROM api_keys WHERE tenant = $1 ORDER BY created_at_ms, id";

/// Makes or ends a key. The listeners hear of it when the transaction is committed.
pub(super) async fn change(
    connection: &mut PgConnection,
    change: KeyChange,
) -> Result<(), sqlx::Error> {
    match change {
        KeyChange::Create(key) => create(connection, CREATE, key).await,
        KeyChange::CreateFirst(key) => {
            sqlx::query(HOLD).execute(&mut *connection).await?;
            create(connection, CREATE_FIRST, key).await
        }
        KeyChange::Revoke { tenant, id, at_ms } => {
            let query = sqlx::query(REVOKE).bind(tenant.as_str()).bind(id.as_str());
            query.bind(integer(at_ms)).bind(KEYS).execute(connection).await?;
            Ok(())
        }
        KeyChange::KeepSigning(key) => signing::keep(connection, &key).await,
        KeyChange::RotateSigning { key, forget_before_ms } => {
            signing::rotate(connection, &key, forget_before_ms).await
        }
    }
}

async fn create(
    connection: &mut PgConnection,
    sql: &'static str,
    key: Key,
) -> Result<(), sqlx::Error> {
    let Principal { tenant, person, roles, groups } = &*key.principal;
    sqlx::query(sql)
        .bind(key.id.as_str())
        .bind(tenant.as_str())
        .bind(person.as_str())
        .bind(list(roles))
        .bind(list(groups))
        .bind(&key.secret.as_bytes()[..])
        .bind(integer(key.created_at_ms))
        .bind(key.expires_at_ms.map(integer))
        .bind(key.revoked_at_ms.map(integer))
        .bind(KEYS)
        .execute(connection)
        .await?;
    Ok(())
}

/// One key of a tenant.
pub(super) async fn one(
    connection: &mut PgConnection,
    tenant: &Tenant,
    id: KeyId,
) -> Result<Option<Key>, sqlx::Error> {
    let query = sqlx::query_as(ONE).bind(tenant.as_str()).bind(id.as_str());
    let row: Option<Row> = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.0))
}

/// Every key of a tenant, oldest first.
pub(super) async fn all(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Vec<Key>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(ALL).bind(tenant.as_str()).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

struct Row(Key);

impl FromRow<'_, PgRow> for Row {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let principal = Principal {
            tenant: name(row, "tenant")?,
            person: name(row, "person")?,
            roles: read::<Role>(row, "roles")?,
            groups: read::<Person>(row, "person_groups")?,
        };
        Ok(Self(Key {
            id: name(row, "id")?,
            principal: Arc::new(principal),
            secret: digest(row, "secret")?,
            created_at_ms: number(row, "created_at_ms")?,
            expires_at_ms: time(row, "expires_at_ms")?,
            revoked_at_ms: time(row, "revoked_at_ms")?,
        }))
    }
}

fn list<T: serde::Serialize>(names: &BTreeSet<T>) -> String {
    serde_json::to_string(names).expect("names are plain JSON")
}

fn read<T>(row: &PgRow, column: &str) -> Result<BTreeSet<T>, sqlx::Error>
where
    T: serde::de::DeserializeOwned + Ord,
{
    serde_json::from_str(row.try_get(column)?).map_err(decode)
}
