//! Events of a tenant that no execution is told of.

use crate::error::StoreError;
use crate::sqlite::backend::Sqlite;
use crate::sqlite::batch::Job;
use crate::step::TenantEvent;

impl Sqlite {
    pub(crate) async fn tell(&self, event: TenantEvent) -> Result<(), StoreError> {
        let job = Job { told: Some(Box::new(event)), ..Job::default() };
        Ok(self.inner.write(job).await?)
    }
}
