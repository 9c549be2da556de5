//! The memory engines keep their promises, and broken ones are caught.

mod saboteurs;

use catalog::conformance::{cases, library_cases};
use catalog::{LibraryStore, MemoryLibraryStore, MemoryVideoStore, VideoStore};
use saboteurs::{ShelfFlaw, VideoFlaw};
use std::sync::Arc;
use testkit::{saboteur, trials};

fn broken(name: &str, flaw: VideoFlaw, expected: &'static [&'static str]) -> libtest_mimic::Trial {
    let make = move || -> Arc<dyn VideoStore> { Arc::new(saboteurs::BrokenVideos::with(flaw)) };
    saboteur(name, cases, make, expected)
}

fn broken_shelf(name: &str, flaw: ShelfFlaw, expected: &'static [&'static str]) -> libtest_mimic::Trial {
    let make = move || -> Arc<dyn LibraryStore> { Arc::new(saboteurs::BrokenLibrary::with(flaw)) };
    saboteur(name, library_cases, make, expected)
}

fn main() {
    let mut all = trials("memory", cases(), || -> Arc<dyn VideoStore> { Arc::<MemoryVideoStore>::default() });
    all.extend(trials("memory", library_cases(), || -> Arc<dyn LibraryStore> {
        Arc::<MemoryLibraryStore>::default()
    }));
    all.extend([
        broken(
            "forgets_the_condition",
            VideoFlaw::ForgetsTheCondition,
            &["advance_from_the_wrong_status_is_stale", "advance_at_an_old_revision_is_stale"],
        ),
        broken("reads_then_writes", VideoFlaw::ReadsThenWrites, &["racing_advances_have_one_winner"]),
        broken(
            "drops_the_facts",
            VideoFlaw::DropsTheFacts,
            &["facts_land_with_the_status", "facts_that_are_not_given_stay"],
        ),
        broken(
            "drops_the_last_page",
            VideoFlaw::DropsTheLastPage,
            &["owner_lists_page_without_gap_or_repeat"],
        ),
        broken(
            "index_forgets_visibility",
            VideoFlaw::IndexForgetsVisibility,
            &["the_index_follows_the_visibility_both_ways"],
        ),
        broken(
            "newest_standing_first",
            VideoFlaw::NewestStandingFirst,
            &["standing_videos_come_oldest_first"],
        ),
        broken("sorts_what_was_asked", VideoFlaw::SortsWhatWasAsked, &["get_many_keeps_the_order_asked"]),
        broken(
            "gives_whosever_it_is",
            VideoFlaw::GivesWhoseverItIs,
            &["only_the_owners_video_is_given", "racing_gifts_have_one_winner"],
        ),
        broken(
            "replaces_any_package",
            VideoFlaw::ReplacesAnyPackage,
            &[
                "a_package_grows_in_place_of_the_one_shown",
                "captions_and_the_package_that_shows_them_change_in_one_step",
                "a_cover_is_asked_for_and_shown_in_one_step_each",
            ],
        ),
        broken_shelf(
            "says_always_new",
            ShelfFlaw::SaysAlwaysNew,
            &["putting_and_removing_say_whether_they_changed_something"],
        ),
        broken_shelf("merge_leaves_behind", ShelfFlaw::MergeLeavesBehind, &["a_merge_moves_everything"]),
        broken_shelf("pages_by_time_alone", ShelfFlaw::PagesByTimeAlone, &["shelves_page_newest_first"]),
    ]);
    testkit::main(all)
}
