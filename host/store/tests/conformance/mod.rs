//! What every store must do, whatever database it keeps its tables in: functions over a store, each
//! with a store of its own, for each implementation's test file to call.

#![allow(dead_code, unreachable_pub, reason = "each test file that includes this uses a part")]

pub mod approvals;
pub mod channels;
pub mod commits;
pub mod contention;
pub mod decisions;
pub mod evaluation;
pub mod events;
pub mod executions;
pub mod expiry;
pub mod flow;
pub mod history;
pub mod journal;
pub mod listing;
pub mod policies;
pub mod quotas;
pub mod retention;
pub mod texts;

/// Makes a test of each function, with the store that `$open` gives.
#[macro_export]
macro_rules! conformance_tests {
    ($open:path) => {
        $crate::conformance_tests! { $open;
            approvals: an_approval_is_listed_for_those_whom_it_asks,
            approvals: the_next_stage_asks_others,
            approvals: what_has_ended_asks_nobody,
            approvals: what_somebody_has_answered_is_listed_for_them,
            approvals: an_approval_leads_to_its_execution,
            channels: a_channel_begins_with_what_happens_next_and_stays_where_it_is,
            channels: one_holder_at_a_time_has_a_channel,
            channels: a_channel_never_goes_back,
            channels: a_dead_letter_is_kept_once_with_the_place,
            channels: a_link_is_found_by_its_digest_and_tells_whose_letter_was_taken,
            channels: a_link_goes_with_its_execution,
            commits: a_commit_is_seen_by_later_evaluations,
            commits: a_conflict_keeps_neither_decision_nor_writes,
            commits: an_evaluation_that_only_read_is_still_checked,
            commits: a_conflict_names_only_the_namespaces_that_changed,
            commits: a_key_that_was_deleted_and_set_again_is_not_the_one_that_was_read,
            commits: namespaces_do_not_see_each_other,
            commits: two_ledgers_of_one_namespace_do_not_both_commit,
            commits: keys_and_values_may_be_any_text_and_any_bytes,
            commits: writes_of_discarded_ledgers_are_not_kept,
            contention: no_increment_is_lost_among_64_evaluations,
            contention: a_sum_over_two_keys_stays_what_it_was,
            contention: any_history_is_one_after_the_other,
            decisions: a_decision_reads_back_as_it_was,
            decisions: a_tenant_does_not_see_the_decisions_of_another,
            decisions: decisions_are_listed_newest_first,
            decisions: decisions_of_any_times_are_found_and_listed,
            decisions: decisions_with_and_without_grounds_are_whole_together,
            events: events_tell_what_has_happened,
            events: each_tenant_has_a_chain_without_a_gap,
            events: whoever_watches_is_told_of_events_that_can_be_read,
            executions: an_execution_reads_back_as_it_was,
            executions: an_execution_moves_to_its_end,
            executions: what_is_refused_changes_nothing,
            executions: one_of_64_claims_gets_the_permit,
            executions: changes_of_one_execution_come_one_after_the_other,
            executions: grounds_are_kept_with_the_execution,
            executions: grounds_that_changed_keep_nothing,
            executions: the_same_execution_is_not_created_twice,
            executions: of_64_with_one_key_one_is_created,
            executions: of_64_with_a_key_each_and_one_in_common_one_is_created,
            executions: a_key_is_for_one_request_of_one_requester,
            executions: a_key_has_its_bounds,
            executions: executions_are_listed_newest_first,
            executions: pages_end_before_they_are_large,
            executions: what_time_changes_is_found_when_it_is_due,
            expiry: what_has_expired_is_absent_and_keeps_its_version,
            expiry: what_was_swept_is_as_if_it_never_was,
            expiry: sweeping_spares_what_an_evaluation_may_still_have_seen,
            expiry: sweeping_frees_the_quota,
            history: a_history_is_of_what_was_asked_newest_first,
            history: a_history_has_a_beginning_and_a_length,
            history: a_history_is_about_one_thing,
            history: a_history_does_not_look_at_arguments,
            history: a_history_tells_how_approvals_stand,
            history: a_history_has_each_approval_of_an_execution,
            journal: a_journal_reads_back_in_order,
            journal: an_entry_is_kept_with_what_it_tells_of_or_not_at_all,
            journal: only_the_last_run_records,
            journal: a_step_that_is_refused_records_nothing,
            journal: work_is_what_a_host_may_run_now,
            journal: work_is_found_by_who_has_the_tool,
            journal: what_rests_is_no_work_until_it_is_time_or_it_changes,
            journal: an_errand_is_kept_with_its_transition_until_it_is_done,
            listing: a_listing_has_what_was_committed_in_byte_order,
            listing: a_listing_pages_through_a_prefix,
            listing: a_listing_is_in_conflict_with_a_new_key,
            listing: a_listing_is_in_conflict_with_a_deletion,
            listing: a_listing_is_not_in_conflict_with_a_changed_value,
            policies: versions_are_numbered_and_one_decides,
            policies: what_was_there_decides_again_under_its_number,
            policies: a_component_that_somebody_brings_is_kept_and_told_once,
            policies: signatures_are_kept_by_key_and_listed_with_their_component,
            policies: a_version_that_is_not_there_changes_nothing,
            policies: components_are_kept_once_and_for_their_tenant_alone,
            policies: a_version_is_kept_and_told_once_and_does_not_decide,
            policies: of_16_that_come_at_once_each_has_a_number,
            policies: one_version_is_rolled_out_at_a_time,
            policies: a_version_that_decides_is_rolled_out_no_more,
            policies: a_rollout_within_a_version_ends_with_it,
            policies: of_16_that_end_a_rollout_one_does,
            quotas: usage_counts_keys_and_bytes,
            quotas: two_evaluations_do_not_exceed_the_quota_together,
            quotas: a_full_namespace_may_still_shrink,
            retention: what_ended_long_ago_goes_with_all_that_belongs_to_it,
            retention: a_journal_goes_with_its_execution,
            retention: the_chain_tells_what_was_removed_and_goes_on,
            retention: what_is_not_old_enough_or_has_not_ended_stays,
            retention: what_a_channel_has_not_told_stays,
            retention: much_goes_a_little_at_a_time_while_others_read,
            retention: several_that_sweep_at_once_remove_each_thing_once,
            retention: what_tells_of_removals_alone_leaves_nothing_new,
            retention: decisions_go_by_their_age_alone,
            retention: decisions_go_on_where_all_before_have_gone,
            retention: a_retry_is_told_of_on_both_and_keeps_what_it_retries,
            retention: what_is_retried_while_it_is_swept_is_there_or_not_retried,
            texts: what_a_decision_is_about_may_be_any_text,
            texts: what_people_are_asked_about_may_be_any_text,
            texts: a_key_of_a_caller_may_be_any_text,
            texts: nothing_is_found_by_a_text_that_names_nothing,
        }
    };
    ($open:path; $($area:ident: $name:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let opened = $open().await;
            $crate::conformance::$area::$name(&opened.store).await;
        })+
    };
}
