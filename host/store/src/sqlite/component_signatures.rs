//! Signatures of components: see [`crate::component_signatures`].

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use writ_core::{Digest, Tenant};

use crate::component_signatures::{ComponentSignature, NewSignatures};
use crate::error::{Failure, StoreError};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::policies::PolicyChange;
use crate::sqlite::rows::integer;

const OF_COMPONENT: &str = "SELECT key, signature FROM policy_signatures
    WHERE tenant = ?1 AND digest = ?2 ORDER BY key";
const KEEP: &str = "INSERT INTO policy_signatures (tenant, digest, key, signature, added_ms)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET signature = excluded.signature, added_ms = excluded.added_ms";

impl Sqlite {
    pub(crate) async fn keep_component_signatures(
        &self,
        new: NewSignatures,
    ) -> Result<(), StoreError> {
        self.change_policies(PolicyChange::Sign(new)).await
    }

    pub(crate) async fn component_signatures(
        &self,
        tenant: &Tenant,
        component: Digest,
    ) -> Result<Vec<ComponentSignature>, StoreError> {
        let query = sqlx::query(OF_COMPONENT).bind(tenant.as_str());
        let query = query.bind(&component.as_bytes()[..]);
        let rows = query.fetch_all(&self.inner.shared.readers).await.map_err(Failure::from)?;
        let signature = |row: &SqliteRow| {
            let (key, text) = (row.try_get("key")?, row.try_get("signature")?);
            Ok(ComponentSignature { component, key, text })
        };
        let signatures = rows.iter().map(signature).collect::<Result<_, sqlx::Error>>();
        Ok(signatures.map_err(Failure::from)?)
    }
}

pub(super) async fn keep(
    connection: &mut SqliteConnection,
    new: &NewSignatures,
) -> Result<(), sqlx::Error> {
    for ComponentSignature { component, key, text } in &new.signatures {
        let query = sqlx::query(KEEP).bind(new.tenant.as_str()).bind(&component.as_bytes()[..]);
        let query = query.bind(key).bind(text).bind(integer(new.at_ms));
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
