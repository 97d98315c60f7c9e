//! What is waited for, as the store has it: of all hosts that share it, since whoever is free goes on.

use writ_core::Tenant;
use writ_core::execution::Status;
use writ_store::{Store, StoreError};

use crate::telemetry::page::Sample;

/// What can be read; what cannot is told in the log and absent, as in a store that does not answer.
pub(super) async fn figures(store: &Store, tenant: &Tenant) -> Vec<Sample> {
    let figures = [
        executions(store, tenant).await,
        dead_letters(store, tenant).await,
        untold(store, tenant).await,
    ];
    let read = figures.into_iter().filter_map(|figure| match figure {
        Ok(sample) => Some(sample),
        Err(error) => {
            tracing::warn!(%error, "what waits in the store could not be counted");
            None
        }
    });
    read.collect()
}

async fn executions(store: &Store, tenant: &Tenant) -> Result<Sample, StoreError> {
    let mut values = Vec::new();
    for status in Status::NAMES.iter().filter(|name| !Status::FINAL_NAMES.contains(name)) {
        let count = store.count_of_status(tenant, status).await?;
        values.push(((*status).to_owned(), count as f64));
    }
    Ok(Sample {
        name: "writ_executions",
        help: "Executions that have not come to their end, by status.",
        label: Some("status"),
        values,
    })
}

async fn dead_letters(store: &Store, tenant: &Tenant) -> Result<Sample, StoreError> {
    let count = store.count_dead_letters(tenant).await?;
    let help = "Events and calls that were given up and wait for an operator.";
    Ok(Sample::one("writ_dead_letters", help, count as f64))
}

async fn untold(store: &Store, tenant: &Tenant) -> Result<Sample, StoreError> {
    // Channels first: what happens in between makes a figure too large, and never negative.
    let channels = store.channels(tenant).await?;
    let last = store.last_sequence(tenant).await?;
    let values = channels.into_iter().map(|channel| {
        let untold = (last + 1).saturating_sub(channel.next);
        (channel.name.to_string(), untold as f64)
    });
    Ok(Sample {
        name: "writ_channel_untold_events",
        help: "Events of the chain that a channel has not come to, wanted or not, by channel.",
        label: Some("channel"),
        values: values.collect(),
    })
}
