//! Schedules under a clock that is set forward and back, over restarts and with several processes.

use mains_base::Time;
use mains_database::jobs::{Cron, Handler, Jobs, Schedule, drain};

use super::{Site, count, on_both};

/// Every hour, from one process.
fn hourly() -> Jobs {
    let cron = Cron::parse("0 * * * *", "UTC").unwrap();
    Jobs::new().with(Handler::new("hourly", count)).every(Schedule::new("hourly", cron))
}

/// The clock shows a time of 2026-01-02, or of the day after with an hour from 24 on; then everybody looks.
async fn at(site: &Site, hour: i64, minute: i64) {
    let midnight = Time::parse("2026-01-02T00:00:00Z").unwrap().micros();
    site.clock.set(Time::from_micros(midnight + (hour * 60 + minute) * 60_000_000));
    drain(&site.db, &hourly()).await.unwrap();
}

/// The hours of the slots that had their effect, each of them once.
async fn hours(site: &Site) -> Vec<String> {
    let effects = site.effects().await;
    assert!(effects.iter().all(|(_, times)| *times == 1), "{effects:?}");
    effects.into_iter().map(|(slot, _)| slot[8..13].to_owned()).collect()
}

#[test]
fn each_slot_once_and_the_last_of_those_that_were_missed() {
    on_both(|site| async move {
        at(&site, 3, 30).await;
        assert!(hours(&site).await.is_empty(), "a new schedule does not look back");
        for (hour, minute) in [(4, 0), (4, 0), (4, 59), (5, 1)] {
            at(&site, hour, minute).await;
        }
        assert_eq!(hours(&site).await, ["02T04", "02T05"]);
        let site = site.restarted().await;
        at(&site, 9, 15).await;
        assert_eq!(hours(&site).await, ["02T04", "02T05", "02T09"]);
        at(&site, 10, 0).await;
        assert_eq!(hours(&site).await, ["02T04", "02T05", "02T09", "02T10"]);
    });
}

#[test]
fn a_clock_that_was_ahead_neither_doubles_nor_skips() {
    on_both(|site| async move {
        at(&site, 3, 30).await;
        at(&site, 4, 0).await;
        // A day ahead, and back again.
        at(&site, 28, 10).await;
        at(&site, 4, 10).await;
        for hour in 5..=7 {
            at(&site, hour, 0).await;
        }
        assert_eq!(hours(&site).await, ["02T04", "02T05", "02T06", "02T07", "03T04"]);
        // An hour back: nothing comes twice.
        at(&site, 6, 0).await;
        at(&site, 7, 0).await;
        at(&site, 8, 0).await;
        assert_eq!(hours(&site).await.len(), 6);
        // The slot that was claimed while the clock was ahead comes, and is not claimed again.
        at(&site, 28, 0).await;
        at(&site, 29, 0).await;
        assert_eq!(hours(&site).await, ["02T04", "02T05", "02T06", "02T07", "02T08", "03T04", "03T05"]);
    });
}

#[test]
fn a_schedule_that_was_stopped_before_its_first_slot_keeps_it() {
    on_both(|site| async move {
        at(&site, 3, 30).await;
        let site = site.restarted().await;
        at(&site, 4, 30).await;
        assert_eq!(hours(&site).await, ["02T04"]);
    });
}

/// Berlin sets its clock forward on 2026-03-29 and back on 2026-10-25; somebody sets that of the machine besides.
#[test]
fn a_zone_that_changes_its_clock_and_a_machine_that_is_set_keep_each_slot_once() {
    on_both(|site| async move {
        let cron = Cron::parse("30 2 * * *", "Europe/Berlin").unwrap();
        let nightly = Jobs::new().with(Handler::new("nightly", count)).every(Schedule::new("nightly", cron));
        let looks = [
            "2026-03-28T00:00:00Z",
            "2026-03-28T01:30:00Z",
            // Over the hour that there is not, ahead of it, back, and over it again.
            "2026-03-29T01:29:00Z",
            "2026-03-29T02:10:00Z",
            "2026-03-29T00:10:00Z",
            "2026-03-29T01:40:00Z",
            "2026-03-30T00:29:00Z",
            "2026-03-30T00:31:00Z",
            // Half past two comes twice; it is set back between the two.
            "2026-10-24T23:00:00Z",
            "2026-10-25T00:31:00Z",
            "2026-10-25T00:01:00Z",
            "2026-10-25T00:59:00Z",
            "2026-10-25T01:31:00Z",
            "2026-10-26T01:31:00Z",
        ];
        for look in looks {
            site.clock.set(Time::parse(look).unwrap());
            drain(&site.db, &nightly).await.unwrap();
        }
        let effects = site.effects().await;
        assert!(effects.iter().all(|(_, times)| *times == 1), "{effects:?}");
        let slots: Vec<&str> = effects.iter().map(|(slot, _)| &slot[..16]).collect();
        assert_eq!(
            slots,
            [
                "2026-03-28T01:30",
                "2026-03-29T01:30",
                "2026-03-30T00:30",
                // Of the months that nobody looked, the last one.
                "2026-10-24T00:30",
                "2026-10-25T00:30",
                "2026-10-26T01:30"
            ]
        );
    });
}
