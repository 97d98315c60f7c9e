//! API keys: one row a key, which stays when the key has ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{FromRow, Row as _};
use writ_core::{Digest, Key, KeyId, Person, Principal, Role, Tenant};

use crate::row::KeyChange;
use crate::sqlite::rows::integer;
use crate::sqlite::signing;

const CREATE: &str = "INSERT INTO api_keys (id, tenant, person, roles, person_groups, secret,
        created_at_ms, expires_at_ms, revoked_at_ms) VALUES (?,?,?,?,?,?,?,?,?)";
const CREATE_FIRST: &str = "INSERT INTO api_keys (id, tenant, person, roles, person_groups, secret,
        created_at_ms, expires_at_ms, revoked_at_ms)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE tenant = ?2)";

/// Makes changes in their order.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    changes: Vec<KeyChange>,
) -> Result<(), sqlx::Error> {
    for change in changes {
        match change {
            KeyChange::Create(key) => create(connection, CREATE, key).await?,
            KeyChange::CreateFirst(key) => create(connection, CREATE_FIRST, key).await?,
            KeyChange::Revoke { tenant, id, at_ms } => {
                revoke(connection, &tenant, id, at_ms).await?;
            }
            KeyChange::KeepSigning(key) => signing::keep(connection, &key).await?,
            KeyChange::RotateSigning { key, forget_before_ms } => {
                signing::rotate(connection, &key, forget_before_ms).await?;
            }
        }
    }
    Ok(())
}

async fn create(
    connection: &mut SqliteConnection,
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
        .execute(connection)
        .await?;
    Ok(())
}

/// The first time counts.
async fn revoke(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: KeyId,
    at_ms: u64,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, ?)
               WHERE tenant = ? AND id = ?";
    let query = sqlx::query(sql).bind(integer(at_ms)).bind(tenant.as_str()).bind(id.as_str());
    query.execute(connection).await?;
    Ok(())
}

/// Every key of a tenant, as far as it is durable, oldest first.
pub(crate) async fn all(readers: &SqlitePool, tenant: &Tenant) -> Result<Vec<Key>, sqlx::Error> {
    let sql = "SELECT * FROM api_keys WHERE tenant = ? ORDER BY created_at_ms, id";
    let rows: Vec<Row> = sqlx::query_as(sql).bind(tenant.as_str()).fetch_all(readers).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// One key of a tenant, as far as it is durable.
pub(crate) async fn one(
    readers: &SqlitePool,
    tenant: &Tenant,
    id: KeyId,
) -> Result<Option<Key>, sqlx::Error> {
    let sql = "SELECT * FROM api_keys WHERE tenant = ? AND id = ?";
    let query = sqlx::query_as(sql).bind(tenant.as_str()).bind(id.as_str());
    let row: Option<Row> = query.fetch_optional(readers).await?;
    Ok(row.map(|row| row.0))
}

struct Row(Key);

impl FromRow<'_, SqliteRow> for Row {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let time = |column| -> Result<Option<u64>, sqlx::Error> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
        };
        let secret: &[u8] = row.try_get("secret")?;
        Ok(Self(Key {
            id: row.try_get::<&str, _>("id")?.parse().map_err(decode)?,
            principal: Arc::new(Principal {
                tenant: row.try_get::<&str, _>("tenant")?.parse().map_err(decode)?,
                person: row.try_get::<&str, _>("person")?.parse().map_err(decode)?,
                roles: read::<Role>(row, "roles")?,
                groups: read::<Person>(row, "person_groups")?,
            }),
            secret: Digest::from_bytes(secret.try_into().map_err(decode)?),
            created_at_ms: time("created_at_ms")?.unwrap_or_default(),
            expires_at_ms: time("expires_at_ms")?,
            revoked_at_ms: time("revoked_at_ms")?,
        }))
    }
}

fn list<T: serde::Serialize>(names: &BTreeSet<T>) -> String {
    serde_json::to_string(names).expect("names are plain JSON")
}

fn read<T>(row: &SqliteRow, column: &str) -> Result<BTreeSet<T>, sqlx::Error>
where
    T: serde::de::DeserializeOwned + Ord,
{
    serde_json::from_str(row.try_get(column)?).map_err(decode)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
