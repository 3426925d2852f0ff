//! One suite for every store: semantics, isolation, leases, crash points and random histories against a reference model.
//!
//! A backend brings a [`Backend`] and says `conformance_tests!(ItsBackend)` in a file under `tests/`. That expands to one
//! `#[test]` for each case, so a case added to the list here reaches every backend by itself. The suite knows no backend: what
//! only one database has (its files, its plans) is tested beside that backend.
//!
//! - `cases`: one rule, one test; told with the desks and runs of `fixture` over the small registry of `world`.
//! - `model`: what the rules say, in maps and sets; `history`: random histories, and every derived answer held against it.

mod backend;
mod cases;
mod fixture;
mod history;
mod model;
mod world;

pub use backend::{Backend, TestDatabase};
pub use cases::isolation::the_wall_alone_hides_a_tenant;
#[doc(hidden)]
pub use history::every_answer_equals_the_models;
pub use history::two_databases_answer_alike;

/// Expands to one test for each case of the suite, in modules by subject, and the random histories.
///
/// Takes an expression that makes a [`Backend`]; it is evaluated in every test.
#[macro_export]
macro_rules! conformance_tests {
    ($backend:expr) => {
        $crate::conformance_tests! { @cases tests $backend }

        mod histories {
            use super::*;

            #[test]
            fn i06_i27_every_answer_equals_the_models_after_every_move() {
                $crate::every_answer_equals_the_models(&$backend);
            }
        }
    };
    (@cases $arm:ident $($with:tt)*) => {
        $crate::conformance_tests! { @$arm [$($with)*]
            lifecycle {
                r10_a_run_records_who_when_what_and_how_much
                r10_one_broken_listing_makes_the_run_partial_with_its_code
                r10_a_run_without_one_complete_listing_failed
                r10_a_refused_sign_in_fails_the_run_and_no_listing_was_begun
                r10_unavailable_beside_complete_is_a_success_without_errors
                r10_a_run_with_everything_unavailable_failed_and_says_why
                unavailable_after_a_stored_page_is_incomplete_and_an_error
                a_cancelled_run_closes_begun_listings_as_incomplete_and_others_as_not_started
                a_rejected_object_is_counted_and_its_path_incomplete_and_the_others_are_kept
                r14_of_25_errors_20_are_kept_and_25_counted
                a_run_is_found_by_either_end_of_its_id_and_by_filters
                tenants_are_known_by_name_and_a_start_makes_one_known
                selections_are_listed_by_last_use
                r12_a_skipped_run_is_a_visible_run_with_a_code
            }
            pages {
                i20_a_page_delivered_again_changes_nothing
                i20_pages_in_any_order_and_split_leave_the_same_catalogue
                i20_an_id_twice_on_a_page_counts_once_with_what_came_last
                i19_the_same_name_is_many_items_and_a_new_name_is_the_same_item
                r20_a_second_sync_makes_no_duplicates_and_moves_last_seen_only
                an_item_reads_as_seen_as_soon_as_its_page_is_committed
                r20_changed_at_moves_only_when_an_observed_field_differs
                a_new_contract_version_rewrites_quietly
                i26_an_assignment_count_that_was_not_read_is_null_and_never_zero
                a_page_that_leaves_a_gap_or_follows_the_last_is_refused
                i33_two_runs_that_meet_the_same_new_item_agree_and_ordinals_have_no_gaps
                i33_a_refused_page_leaves_no_ordinals_behind
                i12_a_page_given_up_at_any_moment_is_stored_whole_or_not_at_all
                a_page_of_a_thousand_objects_is_one_page
                i19_ids_that_differ_by_one_byte_are_different_items
            }
            leases {
                i11_a_run_whose_worker_went_away_fails_and_the_next_start_succeeds
                i32_a_reaped_run_takes_no_page
                i11_an_expired_lease_writes_nothing_even_before_it_is_reaped
                i11_a_finished_run_takes_nothing_more
                a_renewed_lease_runs_from_the_renewal
                i11_another_worker_or_fence_writes_nothing
                i10_of_16_concurrent_starts_one_runs_and_15_are_recorded_as_skipped
                r11_other_selections_and_other_tenants_run_at_the_same_time
                r12_limits_hold_in_all_and_for_a_tenant
                r12_limits_hold_under_concurrent_starts
                a_run_that_waits_is_claimed_when_a_slot_is_free
                i34_a_pending_run_expires_unless_somebody_asks_for_it
                i11_one_dead_run_among_live_ones_is_reaped_alone
            }
            queue {
                a_queued_run_is_claimed_by_a_worker_of_another_process
                queued_runs_come_oldest_first_and_only_those_that_no_limit_holds_back
                a_queued_run_that_only_a_newer_program_can_read_stops_nobody
                a_start_that_waits_keeps_its_run_for_itself
                a_run_for_the_queue_that_meets_a_live_one_is_recorded_as_skipped
                i34_a_queued_run_expires_after_its_own_time
                i34_a_claim_that_has_to_wait_never_shortens_a_place_in_the_queue
                i10_of_two_workers_that_race_for_a_queued_run_one_gets_it
                r12_limits_hold_exactly_under_16_workers_racing_1000_starts
            }
            tenants {
                a_tenant_is_added_changed_and_cleared_field_by_field
                a_limit_outside_of_its_bounds_is_refused_and_nothing_changes
                a_removed_tenant_keeps_what_was_seen_and_gets_no_run
                a_removal_cancels_what_is_pending_and_lets_what_runs_end
                a_removal_twice_changes_nothing_and_a_stranger_has_none
                registering_a_removed_tenant_does_not_bring_it_back_and_setting_it_does
                a_pending_run_of_a_removed_tenant_is_neither_shown_nor_claimed
                r12_a_tenants_own_limit_outweighs_the_one_for_all
                r05_changes_and_a_removal_of_one_tenant_leave_the_other_as_it_is
                of_a_removal_and_starts_that_race_no_run_is_left_pending
                what_no_tenant_can_have_is_refused_or_told_by_table_column_and_key
            }
            cancel {
                a_pending_run_that_is_cancelled_is_skipped_and_frees_its_lock
                the_worker_of_a_running_run_hears_of_a_cancellation_for_as_long_as_it_renews
                a_run_that_has_ended_stays_as_it_is
                a_cancelled_run_can_not_be_claimed
                a_worker_that_is_told_to_cancel_and_dies_is_lost_like_any_other
                r05_a_run_is_cancelled_by_its_own_tenant_alone
                of_a_cancellation_and_a_claim_that_race_one_is_first
            }
            starts {
                a_start_asked_for_again_under_its_key_is_the_same_run
                a_repeated_start_is_no_contention_while_its_run_is_live
                a_key_stands_for_one_selection_and_one_wish
                a_skipped_runs_key_is_remembered_too
                a_repetition_for_a_removed_tenant_makes_nothing
                of_16_starts_at_once_under_one_key_one_makes_the_run
                of_starts_for_two_selections_at_once_under_one_key_one_makes_the_run
                r12_a_run_for_the_queue_that_is_not_to_wait_is_skipped_at_a_limit
                r12_a_tenants_own_limit_holds_for_the_queue_too
                a_run_for_the_queue_that_is_to_wait_knows_no_limit
            }
            tokens {
                a_token_is_good_for_what_it_was_made_for_until_its_time_is_over
                a_token_that_was_taken_back_is_good_for_nothing_and_stays_taken_back
                a_token_that_nobody_made_is_unknown
                the_time_of_a_use_moves_at_most_once_an_hour
                a_token_holds_also_where_its_use_cannot_be_noted
                tokens_are_listed_newest_first_and_without_their_secrets
                a_token_for_a_tenant_that_is_not_known_is_not_made
                i21_a_token_whose_last_tenant_was_purged_is_for_none_and_never_for_all
                what_no_token_can_have_is_refused
                of_uses_that_come_at_once_all_are_answered
            }
            schedules {
                a_schedule_is_kept_as_it_was_made_and_listed_by_name
                a_name_that_is_taken_or_a_tenant_that_is_not_known_makes_no_schedule
                what_no_schedule_can_have_is_refused
                what_is_due_comes_first_what_was_not_reckoned_and_then_the_longest_due
                a_step_that_is_due_asks_for_a_run_and_sets_the_next_time_at_once
                a_scheduled_run_waits_at_a_limit_and_is_skipped_where_one_is_live
                a_schedule_for_every_tenant_takes_in_those_that_come_later
                a_step_of_a_schedule_that_does_not_cover_the_tenant_is_not_there
                a_removed_tenant_is_never_due_and_reckoned_anew_once_it_is_brought_back
                a_schedule_that_rests_is_not_due_and_makes_up_for_nothing
                a_schedule_that_was_taken_away_is_gone_and_its_runs_stay
                a_purged_tenant_is_in_no_schedule_any_more
                a_schedule_that_only_a_newer_program_can_read_stops_nobody
                i10_of_16_steps_at_once_from_the_same_time_one_asks
                of_a_step_and_a_removal_that_race_no_run_comes_after_the_removal
            }
            missing {
                i09_before_the_first_completed_run_there_is_no_baseline
                i09_a_skipped_run_is_no_baseline
                i09_after_the_first_run_of_a_tenant_nothing_is_missing
                r21_what_the_latest_completed_run_did_not_see_is_missing_with_high_confidence
                i07_one_gone_and_one_come_is_one_missing_and_one_new
                what_comes_back_is_missing_no_more
                r22_a_run_of_another_selection_neither_hides_nor_adds_anything
                i08_a_run_of_one_type_makes_nothing_of_other_types_missing
                r22_what_only_another_selection_saw_is_missing_when_this_one_looked_and_did_not
                an_item_that_became_known_while_the_run_went_on_is_not_missing
                missing_since_is_the_oldest_complete_listing_after_the_last_sighting
                missing_since_is_null_where_no_complete_listing_missed_it
                every_answer_carries_the_reference_and_the_outcome_of_each_of_its_listings
                the_reference_latest_success_looks_past_later_failures
                i05_a_type_that_always_fails_does_not_cloud_the_others_with_latest_complete
                r18_the_word_deleted_is_never_produced
                nothing_about_missing_changes_what_is_listed
            }
            doubts {
                r23_a_partial_run_says_so_also_where_the_listing_is_complete
                r23_a_failed_run_says_so_also_where_the_listing_is_complete
                r23_a_run_that_had_errors_says_so_also_when_it_succeeded
                i01_an_incomplete_listing_makes_no_high_confidence_missing
                i25_an_unavailable_type_is_never_evidence_that_items_are_gone
                i25_refused_and_absent_answers_are_never_zero_items_complete
                i01_a_type_that_was_not_reached_makes_no_high_confidence_missing
                i01_a_run_whose_worker_died_makes_no_high_confidence_missing
                seen_since_counts_from_the_claim_and_while_the_other_run_goes_on
                seen_since_counts_a_sighting_between_the_claim_and_the_page_that_missed_it
                i24_an_id_seen_under_another_type_says_so
                i24_an_item_that_sorts_to_a_type_outside_the_scope_is_not_missing_with_high_confidence
                i24_an_id_passed_over_that_was_never_an_item_of_the_type_changes_nothing
                i31_evidence_from_two_contracts_is_never_high_confidence
                i20_on_a_path_that_pages_by_offset_a_second_complete_listing_must_confirm
                unconfirmed_also_without_any_complete_listing_before
                i24_the_guard_trips_on_many_and_most_or_on_all_of_three
                i24_the_guard_speaks_of_the_items_in_its_base_only
                i24_the_guard_holds_on_the_first_run_of_a_changed_selection
                i24_the_base_is_the_selections_own_listing_where_it_has_one
                i24_a_listing_that_ended_after_the_claim_is_no_base
                reasons_come_all_together_and_in_order
            }
            successors {
                i24_an_item_that_moved_to_another_type_under_a_new_id_names_what_it_may_live_on_as
                what_was_known_before_or_has_another_name_platform_type_or_tenant_is_no_successor
                since_is_decided_by_numbers_and_never_by_clocks
                at_most_three_are_named_in_the_order_of_their_first_sighting
                a_nameless_item_has_none_and_a_hint_changes_no_confidence
                i27_successors_outlive_the_listings_that_retention_drops
                each_item_of_a_page_has_its_own_and_an_explanation_says_the_same
            }
            diff {
                i07_one_gone_and_one_come_is_exactly_one_gone_and_one_appeared
                the_run_that_was_claimed_first_is_the_older_whatever_order_they_are_named_in
                a_run_held_against_itself_has_no_changes
                what_was_known_when_the_older_run_was_claimed_has_reappeared_and_all_else_appeared
                a_field_that_came_to_differ_between_the_two_sightings_is_a_change
                i31_a_new_contract_version_is_no_change
                i01_where_the_newer_listing_is_not_complete_nothing_is_gone_for_certain
                what_came_after_a_listing_that_was_not_complete_may_have_been_there
                i24_an_id_that_a_run_passed_over_as_another_type_neither_went_nor_came_for_certain
                i27_a_dropped_listing_is_told_as_dropped_and_never_as_no_difference
                i24_what_is_gone_from_a_listing_whose_base_was_dropped_is_never_certain
                i24_what_came_after_a_listing_that_lost_almost_everything_is_not_said_to_have_come_back_for_certain
                i24_what_came_after_a_listing_whose_base_was_dropped_is_never_certain
                i31_what_comes_with_another_contract_may_have_been_there
                i06_what_comes_on_a_path_that_pages_by_offset_may_have_slipped_past_the_older_run
                i05_a_type_that_may_never_be_read_clouds_no_other_type
                a_type_that_one_run_did_not_cover_is_told_as_not_in_scope
                pages_and_filters_narrow_the_changes_and_never_the_counts
                runs_that_cannot_be_held_against_each_other_say_why
            }
            standing {
                a_selection_stands_with_its_newest_run_its_latest_completed_one_and_its_latest_success
                a_selection_that_never_ended_well_has_neither_a_completed_run_nor_a_success
                r05_a_fleet_is_the_tenants_that_were_asked_for_by_tenant_and_selection
                a_removed_tenant_is_no_part_of_the_fleet_until_it_is_back
                i09_counts_tell_no_baseline_from_nothing_missing
                r22_counts_are_each_selections_own_and_the_totals_of_what_is_missing
            }
            answers {
                items_come_by_type_and_id_with_all_that_was_observed
                item_filters_narrow_each_other
                items_not_seen_since_a_time_are_those_last_seen_before_it
                search_finds_names_and_ids_whatever_the_case_and_takes_no_patterns
                cursors_give_each_item_once_whatever_the_page_size
                cursors_give_each_missing_item_once_with_the_same_totals
                missing_is_narrowed_by_confidence_and_by_time
                an_acknowledgement_hides_an_item_until_it_is_seen_again
                a_note_can_be_replaced_and_taken_back
                an_explanation_shows_every_listing_that_bears_on_the_item
            }
            retention {
                i27_a_prune_keeps_what_answers_need_and_the_run_rows
                i27_a_last_sighting_outlives_its_listing
                i27_another_selections_sighting_outlives_its_listing
                i24_the_guard_holds_after_a_prune
                i24_a_prune_while_a_run_goes_on_keeps_what_it_will_be_measured_against
                i27_the_newest_complete_listing_of_each_type_stays_however_often_it_failed_since
                i27_a_listing_completed_by_a_run_that_goes_on_does_not_stand_in_for_an_ended_one
                retention_never_touches_a_run_that_goes_on
                retention_by_age_drops_what_ended_before_and_without_limits_nothing
            }
            about {
                a_database_tells_its_schema_its_clock_and_that_its_walls_hold
            }
            purge {
                a_purge_leaves_no_row_of_the_tenant_in_any_table_and_none_of_another_changed
                a_purge_is_refused_while_a_run_is_running_and_says_which
                a_run_whose_lease_is_over_and_one_that_is_pending_go_with_the_rest
                i11_a_zombie_of_a_purged_tenant_writes_nothing
                i12_a_purge_that_breaks_off_leaves_all_as_it_was
                a_purged_tenant_begins_anew_and_a_strangers_purge_finds_nothing
                a_purge_amid_starts_pages_notes_and_claims_leaves_nothing_half_there
            }
            isolation {
                r05_another_tenants_ids_answer_exactly_as_ids_that_do_not_exist
                i21_the_same_ids_in_two_tenants_are_two_of_everything
                r05_a_note_and_a_prune_of_one_tenant_leave_the_other_as_it_is
                i21_a_run_id_that_another_tenant_used_is_free
                i21_a_start_key_that_another_tenant_used_is_free
            }
            guardrails {
                r28_i04_tables_of_the_backup_product_stay_as_they_are_and_no_item_is_deleted
            }
        }
    };
    (@tests [$backend:expr] $($subject:ident { $($case:ident)* })*) => {
        $(mod $subject {
            use super::*;

            $(#[test]
            fn $case() {
                $crate::run::$subject::$case(&$backend);
            })*
        })*
    };
    (@runners [] $($subject:ident { $($case:ident)* })*) => {
        #[doc(hidden)]
        pub mod run {
            $(pub mod $subject {
                $(pub fn $case(backend: &dyn $crate::Backend) {
                    $crate::runtime().block_on(async {
                        $crate::cases::$subject::$case($crate::fixture::Lab::new(backend).await).await;
                    });
                })*
            })*
        }
    };
}

conformance_tests! { @cases runners }

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
