//! What every store does, as small named checks.
//!
//! A store of your own passes when [`all`] ends without a panic:
//!
//! ```
//! use std::sync::Arc;
//! use amp_pool_core::{store::{Store, memory::MemoryStore}, testkit::conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(
//! conformance::all(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>)
//! # );
//! # Ok::<(), std::io::Error>(())
//! ```

// A check that fails panics, as a test does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::store::Store;

mod adjustments;
mod alerts;
mod balances;
mod bodies;
mod books;
mod budgets;
mod config;
mod health;
mod pages;
mod prices;
mod retention;
mod samples;
mod sums;
mod users;

/// One check: what it holds a store to, and how. Given an empty store, it panics when the store does otherwise.
pub type Check = (&'static str, fn(Arc<dyn Store>) -> BoxFuture<'static, ()>);

macro_rules! checks {
    ($($file:ident { $($name:ident)* })*) => {
        /// Every check there is, in an order that shows the simplest failure first.
        pub const CHECKS: &[Check] = &[
            $($((stringify!($name), |store| Box::pin(async move { $file::$name(&*store).await }))),*),*
        ];
    };
}

checks! {
    config {
        a_new_store_is_empty
        a_key_comes_back_as_it_was_written
        the_same_credential_twice_is_a_conflict
        the_same_credential_at_another_place_is_another_key
        an_update_replaces_a_key_and_keeps_its_birth
        an_update_to_the_credential_of_another_key_changes_nothing
        the_credential_of_a_deleted_key_is_free
        many_keys_are_changed_at_once_and_each_is_answered
        an_id_is_never_given_twice
        a_client_token_comes_back_as_it_was_written
        the_same_client_token_twice_is_a_conflict
        an_update_of_a_client_token_keeps_its_secret
        a_rotated_client_token_keeps_all_but_its_secret
        a_group_comes_back_as_it_was_written
        two_groups_are_not_called_the_same
        a_group_goes_when_no_token_belongs_to_it
        a_route_comes_back_as_it_was_written
        a_model_has_one_route
        a_rule_comes_back_as_it_was_written
        a_provider_comes_back_and_stays_while_keys_belong_to_it
        a_setting_is_written_replaced_and_removed
        what_is_not_there_is_not_found
    }
    prices {
        a_price_comes_back_as_it_was_written
        prices_are_told_in_their_order_and_from_a_row_on
    }
    books {
        an_unknown_call_has_no_record
        an_open_call_has_no_outcome
        a_settled_call_comes_back_as_it_was_written
        many_calls_are_read_at_once_as_each_alone
        a_call_opened_and_settled_in_one_batch_is_one_row
        a_call_settled_without_being_opened_is_written
        a_call_settled_twice_counts_once
        a_batch_handed_in_again_changes_nothing
        a_settled_call_can_not_be_opened_again
        recovery_resolves_each_open_call_once
        a_recovered_call_can_not_be_settled
        the_records_of_a_deleted_key_stay
        many_writers_at_once_lose_nothing
        closing_loses_nothing
    }
    budgets {
        what_was_never_touched_is_zero
        a_hold_becomes_what_the_call_did_cost
        a_call_that_cost_more_than_was_held_is_booked_in_full
        a_hold_that_breaks_any_limit_holds_nothing
        holds_of_one_batch_see_each_other
        what_one_call_frees_the_next_of_its_batch_may_hold
        a_hold_takes_what_there_is_down_to_its_least
        a_hold_handed_in_again_is_answered_as_it_was
        a_second_settlement_changes_no_budget
        a_call_that_was_never_sent_is_void
        more_may_be_held_for_a_call_and_its_cost_counts_once
        an_ended_call_holds_nothing
        recovery_spends_what_was_held_once
        windows_do_not_share_what_is_spent
    }
    adjustments {
        an_adjustment_stands_beside_its_record
        sums_follow_an_adjustment
        budgets_follow_an_adjustment
        a_call_that_was_adjusted_meanwhile_is_left_as_it_is
    }
    pages {
        pages_go_from_the_newest_without_gaps_or_repeats
        a_page_holds_no_attempts
        failures_go_from_the_newest_and_by_pages
        failures_are_narrowed_by_time
        every_filter_narrows
        the_rare_is_found_among_the_many
    }
    bodies {
        bodies_come_back_as_they_were_kept
        bodies_go_by_their_age_or_with_their_call
    }
    balances {
        a_balance_comes_back_as_it_was_kept
        the_same_balance_again_is_one_that_lasts
        another_balance_is_another_row_and_takes_the_raw_text_over
        what_a_person_says_again_is_said_again
        the_latest_of_each_key_and_source_is_found
        a_range_of_balances_is_what_was_true_in_it
        old_balances_grow_thin
        the_balances_of_a_deleted_key_go_with_it
    }
    health {
        a_trouble_comes_back_as_it_was_kept
        troubles_take_the_place_of_those_before
        history_goes_from_the_newest_and_by_pages
        the_same_again_is_one_that_goes_on
        history_is_bounded_by_count_and_by_age
        the_health_of_a_deleted_key_goes_with_it
    }
    sums {
        sums_agree_with_the_records_for_every_split
        nothing_sums_to_one_row_of_zeros
        open_calls_are_not_counted
        hours_and_days_that_touch_the_range_are_counted_whole
        adding_up_changes_no_answer
    }
    users {
        a_user_comes_back_as_it_was_written
        two_users_never_have_one_name
        one_of_many_first_admins_wins
        the_last_admin_cannot_vanish
        a_session_is_found_until_it_is_ended
        a_session_ends_by_itself
        what_ends_the_sessions_of_a_user
        an_identity_signs_in_one_user
        a_deed_is_kept_before_it_is_done
        deeds_are_read_from_the_newest
    }
    alerts {
        an_alert_rule_comes_back_as_it_was_written
        a_channel_comes_back_with_its_secrets
        states_take_the_place_of_those_before
        what_happened_is_read_from_the_newest
        a_delivery_is_tried_by_one_at_a_time
        what_became_of_a_delivery_is_kept
        what_is_to_be_sent_by_a_channel_that_goes_is_given_up
    }
    retention {
        the_oldest_calls_are_forgotten_first_and_no_newer_ones
        sums_outlive_the_calls_they_are_made_of
        a_call_that_runs_is_not_forgotten
        what_a_budget_has_spent_stays_spent
        the_books_say_how_far_they_reach
    }
}

/// The `n`th of many records with every field filled, for what a store is tested for beyond this.
#[must_use]
pub fn sample(n: u16) -> crate::store::Record {
    samples::record(n)
}

/// Runs every check on a store of its own.
///
/// # Panics
/// When a store does otherwise. The name of the check is the last line written to stderr.
pub async fn all(make: impl AsyncFn() -> Arc<dyn Store>) {
    for (name, check) in CHECKS {
        eprintln!("conformance: {name}");
        check(make().await).await;
    }
}
