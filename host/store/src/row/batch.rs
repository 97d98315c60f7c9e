//! Batches of decisions: what one transaction keeps of one tenant, as one row.
//!
//! The ids in a batch are at most [`SPAN_MS`] apart, so a decision is found among the few batches
//! that can hold its id, and what took far longer to decide than its companions gets a batch of its
//! own.

use writ_core::strand::{ChainedBatch, StrandPlace};
use writ_core::{Digest, Tenant};

use super::DecisionRow;
use crate::moment::time_of;
use crate::sealing::{Sealed, Sealing};

/// How far apart the times in a batch's ids are at most, in milliseconds.
pub(crate) const SPAN_MS: u64 = 2_000;
/// How many bytes of records go into a batch, unless one alone has more: a decision is read with all
/// of its batch.
const BYTES_MAX: usize = 1 << 20;

/// Decisions of one tenant that become a batch: never none.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) tenant: Tenant,
    rows: Vec<DecisionRow>,
    /// The times of the lowest and the highest id; none where one alone has none.
    span: Option<(u64, u64)>,
    bytes: usize,
}

/// A batch as it is to be kept.
#[derive(Debug)]
pub(crate) struct BatchRow {
    pub(crate) tenant: Tenant,
    pub(crate) strand: String,
    pub(crate) first_id: String,
    pub(crate) last_id: String,
    pub(crate) from_ms: u64,
    pub(crate) link: ChainedBatch,
    /// Sealed, where values are.
    pub(crate) body: String,
}

/// Gathers decisions, in the order in which they were committed.
pub(crate) fn gather(decisions: Vec<DecisionRow>) -> Vec<Gathered> {
    let mut gathered: Vec<Gathered> = Vec::new();
    for row in decisions {
        match gathered.iter_mut().rev().find(|open| open.tenant == row.tenant) {
            Some(open) if open.takes(&row) => open.add(row),
            Some(_) | None => gathered.push(Gathered::of(row)),
        }
    }
    gathered
}

impl Gathered {
    fn of(row: DecisionRow) -> Self {
        let span = time_of(&row.id).map(|at| (at, at));
        Self { tenant: row.tenant.clone(), span, bytes: row.text.len(), rows: vec![row] }
    }

    fn takes(&self, row: &DecisionRow) -> bool {
        let Some(((low, high), at)) = self.span.zip(time_of(&row.id)) else { return false };
        high.max(at) - low.min(at) <= SPAN_MS && self.bytes + row.text.len() <= BYTES_MAX
    }

    fn add(&mut self, row: DecisionRow) {
        let widened = self.span.zip(time_of(&row.id));
        self.span = widened.map(|((low, high), at)| (low.min(at), high.max(at)));
        self.bytes += row.text.len();
        self.rows.push(row);
    }

    /// The batch in the next place of a strand.
    pub(crate) fn place(&self, end: &mut StrandPlace, sealing: &Sealing) -> BatchRow {
        let Self { tenant, rows, bytes, .. } = self;
        let ids = || rows.iter().map(|row| &row.id);
        let (first_id, last_id) = (ids().min().cloned(), ids().max().cloned());
        let received = || rows.iter().map(|row| row.received_at_ms);
        let (from_ms, until_ms) = (received().min(), received().max());
        let link = end.append(rows.iter().map(|row| row.digest).collect(), until_ms.unwrap_or(0));
        let mut body = String::with_capacity(bytes + rows.len());
        for row in rows {
            if !body.is_empty() {
                body.push('\n');
            }
            body.push_str(&row.text);
        }
        let body = sealing.seal(tenant, Sealed::Decisions, (&end.strand, link.number), body);
        BatchRow {
            tenant: tenant.clone(),
            strand: end.strand.clone(),
            first_id: first_id.unwrap_or_default(),
            last_id: last_id.unwrap_or_default(),
            from_ms: from_ms.unwrap_or(0),
            link,
            body,
        }
    }
}

impl BatchRow {
    /// The digests of its records, one after the other.
    pub(crate) fn digests(&self) -> Vec<u8> {
        self.link.digests.iter().flat_map(Digest::as_bytes).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tenant: &str, id: &str, text: &str) -> DecisionRow {
        let (tenant, digest) = (tenant.parse().unwrap(), Digest::of(text));
        DecisionRow { tenant, id: id.into(), received_at_ms: 5, text: text.into(), digest }
    }

    fn id(at_ms: u64) -> String {
        format!("{}-7000-8000-000000000000", crate::moment::id_at(at_ms))
    }

    #[track_caller]
    fn check(rows: Vec<DecisionRow>, expected: &[&[&str]]) {
        let gathered = gather(rows);
        let texts = |batch: &Gathered| batch.rows.iter().map(|row| row.text.clone()).collect();
        let found: Vec<Vec<String>> = gathered.iter().map(texts).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn decisions_of_one_tenant_and_time_share_a_batch() {
        let rows = vec![
            row("a", &id(10_000), "1"),
            row("b", &id(10_000), "2"),
            row("a", &id(9_000), "3"),
            row("a", &id(11_000), "4"),
        ];
        check(rows, &[&["1", "3", "4"], &["2"]]);
    }

    #[test]
    fn what_is_far_apart_or_has_no_time_has_a_batch_of_its_own() {
        let rows = vec![
            row("a", &id(10_000), "1"),
            row("a", &id(7_999), "2"),
            row("a", "none", "3"),
            row("a", "none", "4"),
            row("a", &id(10_000), "5"),
        ];
        check(rows, &[&["1"], &["2"], &["3"], &["4"], &["5"]]);
    }

    #[test]
    fn a_batch_has_a_size() {
        let large = "x".repeat(BYTES_MAX);
        let rows = vec![row("a", &id(1), "1"), row("a", &id(1), &large), row("a", &id(1), "2")];
        check(rows, &[&["1"], &[&large], &["2"]]);
    }

    #[test]
    fn a_placed_batch_tells_what_it_holds() {
        let rows = vec![row("a", &id(5), "one"), row("a", &id(3), "two")];
        let mut end = StrandPlace::start(&"a".parse().unwrap(), "s");
        let placed = gather(rows).remove(0).place(&mut end, &Sealing::default());
        assert_eq!(
            (&placed.first_id, &placed.last_id, &*placed.body),
            (&id(3), &id(5), "one\ntwo")
        );
        assert_eq!(placed.link.digests, [Digest::of("one"), Digest::of("two")]);
        assert_eq!((placed.digests().len(), end.number, end.hash), (64, 1, placed.link.hash));
    }
}
