//! The only part of Writ that knows SQL: decisions, what policies stored, executions with what
//! people are asked about them, and the events that tell of it all.
//!
//! # Two databases
//!
//! [`Store`] is one thing over either of two: SQLite files, which one host has to itself, and a
//! PostgreSQL database, which any number of hosts share. What the tables hold, and what every commit
//! keeps, is the same, and one suite of tests holds both to it. How they get there is not: on SQLite
//! commits are judged in memory and written by one task, since nobody else writes; on PostgreSQL each
//! is a transaction that holds what it builds on. Most of this page is about the former; the latter
//! has a chapter at its end.
//!
//! # Tables
//!
//! SQLite: one file, `writ.db`, with its write-ahead log beside it, and `writ.lock`, which one host
//! holds for as long as it may write. `migrations/` describes the tables, in a folder a database;
//! it only ever grows.
//!
//! - `decision_batches`: a row for the decisions of one tenant in one transaction, appended, never
//!   changed: each record a line of JSON, and its digest. Strands of them are chains of their own; see
//!   below. Ids are UUIDs version 7, and those of a batch at most two seconds apart, so one is found
//!   among the few batches that can hold it, by the index of last ids.
//! - `decision_strands`: a row for each strand: where it begins, once its start was removed; and on
//!   PostgreSQL where it ends.
//! - `decisions`: a row for each decision from before there were batches; only read and removed.
//! - `storage`: a row for each key that a policy stored, by tenant, binding and key. A version that
//!   grows by one with each write and deletion. A deleted key keeps its row, without a value, so
//!   that its version goes on; an expired one keeps it too. An hour later the row is swept.
//! - `executions`: a row for each action on its way from the question to its effect, as it stands
//!   now. The body is all of it, as canonical JSON; the columns beside it only find it: by id, by
//!   status, by requester, by both, and by when time next changes it.
//! - `approvals`: a row for each question to people, which leads to its execution. The approval
//!   itself is in the execution's body. `asked`: a row for each approver whom a pending approval
//!   asks now, so that what asks somebody is found without looking at what does not.
//! - `approval_history`: a row for each approval, appended, never changed, by what it is about:
//!   subject, action name and resource. It is what policies ask for with `approval-history`, and
//!   holds what finds the approval; how that stands is in the execution's body.
//! - `events`: a row for each fact about an execution, appended, never changed: one chain a tenant.
//!   The body is all of the event but its hash, as canonical JSON, so that whoever can hash text
//!   can check it. See [`writ_core::chain`].
//! - `idempotency`: a row for each key that a caller gave to a request.
//! - `journal`: a row for each host call that a running tool was answered, appended, never changed: by
//!   execution and number. The body is the whole entry, as canonical JSON ([`writ_core::journal`]).
//! - `work`: a row for each execution whose tool a host may run, by that tool's name and digest, so that
//!   each host finds what it has the tools for. With the time from which on it may: 0 where it is
//!   allowed or has been answered, the end of its lease where it runs, later where it rests.
//! - `errands`: a row for each thing that a transition of one execution calls for at another, until
//!   it is done ([`writ_core::execution::Errand`]).
//! - `api_keys`: a row for each key that names who calls, with the digest of its secret. A key that
//!   has ended keeps its row.
//! - `channels`: a row for each channel on which others are told of events: the place in the tenant's
//!   chain up to which it has told, and the lease of the host that tells. `dead_letters`: a row for each
//!   event that a channel has given up, until it was told after all.
//! - `answer_links`: a row for each letter that asks somebody, with the digest of what answers in their
//!   name; it goes with its execution.
//! - `anchors`: a row for each tenant of whose chain the start was removed: where it begins, and until
//!   when what had ended was removed ([`Store::retain`]).
//! - `signing_keys`: a row for each key that signs for a tenant: one in use, and those before it, until
//!   what they have signed has ended.
//! - `policy_sets`: a row for each version of a tenant's policy set, appended, never changed: its bindings
//!   as JSON, and its digest, which no other version has. `policy_components`: a row for each component
//!   that versions are made of, by its digest. `policy_active`: a row for each tenant, which names the
//!   version that decides, the one before it, and what a host's files said last. `policy_signatures`: a
//!   row for each signature of a component, by the key that made it. `policy_rollouts`: a row for each
//!   tenant, of the version that is rolled out beside it, or was the last.
//! - `probes`: always empty, written and emptied in one transaction to see whether writing works.
//!
//! # What is sealed
//!
//! Where the configuration has keys ([`Sealing`]), columns are encrypted before they are written:
//! `executions.body` (arguments and results, errors, what people are asked and say),
//! `decision_batches.body` (what was asked, and what policies were answered and said; before there were
//! batches, `decisions.policies`), `journal.body`,
//! `signing_keys.secret` and `policy_sets.document` (what policies are configured with). A batch is
//! sealed once, as a whole. Sealed values and others lie side by side; [`Store::reseal`] seals what was
//! not, or with another key. Plain stays what finds and orders things: ids, states, times, requesters
//! and approvers, what approvals are about (subject, action's name, resource), digests, keys for
//! requests that are sent again, events (which
//! hold no arguments, results or reasons), dead letters of channels; and what policies and tools store
//! (`storage`), by whose keys and sizes it is found and counted, and components of policies. A digest in the chain is of what was
//! sealed, not of the sealed text, so the evidence is the same with and without.
//!
//! # Strands of decisions
//!
//! ```text
//! batch 1 ── hash ──> batch 2 ── hash ──> batch 3     the batches of one writer, in their order
//!    └ digests of its records                └──> `decisions.anchored`, in the tenant's chain of events
//! ```
//!
//! A batch's hash is of the hash before it, the time of its latest request and the digests of its
//! records ([`writ_core::strand`]), so that whoever has the digests can follow a strand without any
//! record, and a record can be shown to be in its place without any other. Files have one strand a
//! tenant, which goes on whenever a host opens them; in a database each host has as many as it has
//! transactions at once, so that none waits for the place of another. A host whose commit may or may
//! not have become durable begins another strand.
//!
//! Every minute, and when a host stops, an event tells how far strands have come, if they have: up to
//! there nothing can be cut off unnoticed. What a killed host has written after the last such event is
//! told by the next event of the same strand, on SQLite; on PostgreSQL it only has the strand's row,
//! which whoever can write the batches can write too. So has what a host was still committing when it
//! stopped; and after a write that failed on SQLite, what was not told yet waits for the tenant's next
//! decision.
//!
//! # From a commit to the disk, on SQLite
//!
//! ```text
//! evaluations ── read ──> table (memory) <── load what is not resident ── reading connections
//!      │                    ^      │
//!      └── commit ── judge ─┘      └─ in the order of judging ─> writer ── one transaction ──> disk
//! ```
//!
//! A commit is judged against memory alone: every version that its ledgers saw must still be the
//! key's, every generation the namespace's, and what it adds must fit the quota. If so its writes
//! are in memory at once, for later evaluations to read, and it is queued for the writer before the
//! lock is let go. The writer makes one transaction, and one fsync, of what arrived while the last
//! one was under way, and answers. So the order on disk is the order of judging, and a decision is
//! only answered when all that it was built on is durable.
//!
//! An execution's step is a commit too: its next state, what finds its approvals, its events, the
//! caller's key, the decision that it rests on and what that decision's policies stored are one
//! part of one transaction.
//!
//! What the step calls for at other executions (who called is told of an end, what was called is
//! called off) is kept with it as an errand, and done after it by whoever works first.
//!
//! What a running tool stores is likewise one part: it is committed with the journal's entry of the call, and only
//! while the run that asks is the execution's last ([`Store::record`]). What the tool has merely read
//! is recorded with the next thing that it does.
//!
//! # From an execution to its next state, on SQLite
//!
//! ```text
//! hold its name ── load ── change ── judge the grounds ── queue ── check ── number, chain ── disk
//!      └───────────────── held until the writer has answered ─────────────────────────────────┘
//! ```
//!
//! One host owns the files, so a lock in memory is enough for steps of one execution to come one
//! after the other. What is held goes with the commit to the writer, which lets it go when it
//! answers: a caller that stops waiting lets nobody in too early. A caller's key is held likewise,
//! from the look whether it is new until it is durable.
//!
//! The writer alone has an order, so it alone gives events their places and hashes. It keeps the
//! end of each tenant's chain in memory, and forgets it whenever a transaction fails.
//!
//! Before it writes a batch, within the transaction, it looks at which versions its executions are.
//! A step that does not follow the version that is there is refused, and the rest of the batch is
//! kept: only somebody else than the store can have caused that, or an id that is there already.
//! (Looked at beforehand and not by a savepoint for each step, since one statement looks for all.)
//! If a refused step also wanted something stored, memory has that already: then what was judged
//! after it is refused too, and memory is emptied as if the disk had failed.
//!
//! # Invariants
//!
//! - A key that is resident is as the last accepted commit left it. One that is not resident is
//!   durable. What is not yet durable is never evicted.
//! - A row loaded before its key was evicted is never taken after: it may be old.
//! - Usage and generation of a namespace are in memory before anything is written there, and from
//!   then on counted with each write.
//! - Usage may have grown between a policy's write, which is checked against its quota, and the
//!   commit. A commit that grows a namespace beyond its quota is in conflict, and evaluated again;
//!   then the policy itself is told. With the usage that it was checked against it always fits.
//! - A row is swept no sooner than an hour after its value's end, and no evaluation runs that long.
//!   So nobody who saw a key's version can meet that version again on a key that began anew. The
//!   host's clock may therefore not be set forward by an hour while it serves; if it is, an
//!   evaluation under way could take a key that began anew for the one that it read.
//!
//! - A step is made from the last durable state of its execution: nobody reads what is not durable.
//! - No two steps of one execution, and no two of one key, are ever in one batch.
//! - The last event of an execution tells the digest of its row's body, and its version. Every event
//!   tells of an execution that is there. [`Store::verify`] looks whether that is so, and whether
//!   each chain is whole. Events that happened to the tenant tell of none ([`Store::tell`]); the last of
//!   [`writ_core::execution::Fact::Swept`] tells of the tenant's anchor.
//! - A version of a policy set and a component are never changed, and a version's components are there.
//!   `policy_active` names a version that is there, and so does `policy_rollouts`.
//! - A channel's place moves on only under the last lease's fence, never back, and past an event only
//!   when that was told or, in the same transaction, has become a dead letter.
//! - A strand's batches have places without a gap from its start on, which the last
//!   [`writ_core::execution::Fact::Swept`] tells where it is not the first. The ids in a batch are at most
//!   two seconds apart.
//! - `approval_history` has one row for each row of `approvals`.
//! - `work` has a row for an execution exactly where [`writ_core::Execution::work_at_ms`] gives a time.
//! - `asked` has a row for an approver exactly where a pending approval's present stage names them.
//!
//! # What a crash leaves, on SQLite
//!
//! `synchronous = FULL`: a commit that was answered is on disk, whatever stops, process, system or
//! power. A commit that was not answered is there as a whole or not at all; a decision may be found
//! that nobody was told. Memory held nothing that the disk lacks, except what was never answered.
//! The lock goes with the process. The next host replays the log when it opens the file.
//!
//! # What a failing disk leaves
//!
//! If a transaction fails, each commit in it fails, and each that is queued behind it, since that
//! may have been built on it. Memory is emptied, and filled again from the disk; versions begin
//! above all that were lost, so that an evaluation which saw something lost cannot commit. Each
//! commit fails by itself as long as the disk does, [`Store::ping`] too, until a write succeeds.
//!
//! # PostgreSQL
//!
//! ```text
//! begin, for one tenant ── hold: key, execution, namespaces, end of the chain ── write ── commit
//! ```
//!
//! Nothing is judged in memory, so that nothing has to be the same in two hosts' memories. A
//! transaction holds rows in one order, which is the same in all: the caller's key, the execution,
//! each namespace of storage, and last the end of the tenant's chain, for which every step of every
//! host waits. A namespace's row is the lock on all that is stored there: held alone to write, and
//! together to read, since what was not there when it was read has no row to hold. It also says how
//! much is in the namespace, and its generation.
//!
//! - Two steps of one execution, two uses of one key, two writes in one namespace come one after the
//!   other, whichever hosts they come from. Transactions that are in each other's way after all are
//!   in conflict, as if what they read had changed.
//! - Evaluations that keep losing to others' take turns ([`Store::turns`]), which no commit waits for.
//! - Decisions that are built on nothing hold nothing but a strand of their host's; those that come
//!   together share a transaction.
//! - What is committed is durable: readers, and so evaluations, see nothing that may yet be lost.
//!   `synchronous_commit` is on, whatever the database's default.
//! - A host that is killed takes its transactions with it; one that hangs loses them after half a
//!   minute. What is due is leased to one host for some seconds, by the database's clock. The lease
//!   spares work; that nothing is done twice rests on versions and fencing tokens alone.
//! - Hosts are told of events and changed keys by `NOTIFY`, in the transaction that makes them, and
//!   ask every two seconds in case they were not told.
//! - Row-level security shows a transaction the rows of the tenant that it names. Superusers are
//!   beyond it: [`Store::open`] warns of such a role.
//! - Texts that callers give may hold U+0000, which PostgreSQL's cannot: it is escaped.
//! - A host does not change the tables: [`Store::migrate`] does, when the operator says so.
//!
//! # What is absent
//!
//! No retention of keys. SQLite files grow up to [`StoreConfig::file_bytes_max`], and then the store is
//! full; what was removed leaves room in the file, which does not shrink. No retries: who is in conflict
//! evaluates again. No signature: who may write the database can make a chain anew from its start,
//! which only its end ([`Verified::head`]), noted elsewhere, can tell. Nothing looks whether an id of a
//! decision was there before: hosts draw them.

mod account;
mod answer_links;
mod channels;
mod claim;
mod commit;
mod component_signatures;
mod config;
mod decisions;
mod error;
mod execution;
mod keys;
mod letters;
mod migration;
mod moment;
mod page;
pub mod points;
mod policies;
mod port;
mod postgres;
mod recorded;
mod reseal;
mod retention;
mod rollouts;
mod row;
mod sealing;
mod signing;
mod sqlite;
mod stats;
mod step;
mod store;
mod strand;
mod telling;
mod verify;

pub use crate::answer_links::{AnswerLink, AskedOf};
pub use crate::channels::{ChannelId, ChannelLease, ChannelState, KnownChannel, Told, Untold};
pub use crate::commit::Accepted;
pub use crate::component_signatures::{ComponentSignature, NewSignatures};
pub use crate::config::{Database, PostgresConfig, StoreConfig};
pub use crate::decisions::PlacedDecision;
pub use crate::error::{Cause, CommitError, Failure, StoreError};
pub use crate::execution::{
    ApprovalFilter, ChangeError, CreateError, Created, DueErrand, ExecutionFilter, Grounds,
    IDEMPOTENCY_KEY_BYTES_MAX, IdempotencyKey, PAGE_MAX, RecordError, Run,
};
pub use crate::letters::{DeadLetter, Unsent};
pub use crate::migration::Migrated;
pub use crate::page::{PAGE_BYTES_MAX, Page};
pub use crate::policies::{
    ActiveSet, COMPONENTS_MAX, Chosen, KeptVersion, KnownComponent, NewComponent, NewSet,
    NewVersion, Occasion, SET_VERSIONS_MAX, SetChange, SetVersion, StoredComponent, ToldOfVersion,
};
pub use crate::recorded::RecordedBatch;
pub use crate::reseal::{ResealFrom, Resealed};
pub use crate::retention::{Holder, Removed};
pub use crate::rollouts::{KnownRollout, NewRollout, NotBegun, RolloutEnd, RolloutStop, ToldOfEnd};
pub use crate::row::StoredDecision;
pub use crate::sealing::{
    InvalidSealing, SEALING_KEY_BYTES, SEALING_KEY_ID_BYTES_MAX, SealError, Sealing,
};
pub use crate::signing::SigningKey;
pub use crate::stats::StoreStats;
pub use crate::store::{Store, Turns};
pub use crate::verify::{Broken, Verified, VerifyError};
