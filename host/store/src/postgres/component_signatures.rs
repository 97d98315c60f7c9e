//! Signatures of components: see [`crate::component_signatures`].

use sqlx::postgres::PgRow;
use writ_core::{Digest, Tenant};

use super::backend::{Inner, Postgres};
use super::rows::{integer, text};
use super::scope::{Access, Scope};
use super::text::kept;
use crate::component_signatures::{ComponentSignature, NewSignatures};
use crate::error::{Failure, StoreError};

const OF_COMPONENT: &str = "SELECT key, signature FROM policy_signatures
    WHERE tenant = $1 AND digest = $2 ORDER BY key";
const KEEP: &str = "INSERT INTO policy_signatures (tenant, digest, key, signature, added_ms)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, digest, key)
    DO UPDATE SET signature = excluded.signature, added_ms = excluded.added_ms";

impl Postgres {
    pub(crate) async fn keep_component_signatures(
        &self,
        new: NewSignatures,
    ) -> Result<(), StoreError> {
        let kept = self.inner.keep_component_signatures(new).await;
        Ok(kept.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn component_signatures(
        &self,
        tenant: &Tenant,
        component: Digest,
    ) -> Result<Vec<ComponentSignature>, StoreError> {
        let query = sqlx::query(OF_COMPONENT).bind(tenant.as_str());
        let query = query.bind(&component.as_bytes()[..]);
        let mut view = self.inner.link.read(tenant).await?;
        let rows = query.fetch_all(&mut *view).await.map_err(Failure::from)?;
        let signature = |row: &PgRow| {
            let (key, text) = (text(row, "key")?, text(row, "signature")?);
            Ok(ComponentSignature { component, key, text })
        };
        let signatures = rows.iter().map(signature).collect::<Result<_, sqlx::Error>>();
        Ok(signatures.map_err(Failure::from)?)
    }
}

impl Inner {
    async fn keep_component_signatures(&self, new: NewSignatures) -> Result<(), sqlx::Error> {
        let NewSignatures { tenant, mut signatures, at_ms } = new;
        // Rows are held in one order by whoever keeps several.
        signatures.sort_by(|a, b| {
            (a.component.as_bytes(), &a.key).cmp(&(b.component.as_bytes(), &b.key))
        });
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        for ComponentSignature { component, key, text } in &signatures {
            let query = sqlx::query(KEEP).bind(tenant.as_str()).bind(&component.as_bytes()[..]);
            let query = query.bind(kept(key)).bind(kept(text)).bind(integer(at_ms));
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }
}
