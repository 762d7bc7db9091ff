//! A host that is killed, cut off, restarted, rebooted or stopped.

use super::*;

#[test]
fn a_host_that_is_killed_is_shown_after_three_intervals_and_told_after_three_minutes() {
    on_both(2, |script| {
        script.say(0, &[alert(event(1001, 1, 1, 60_000, 60_000))]);
        script.hosts[0].up = false;
        let last = script.s();
        script.run(95);
        assert_eq!(script.standing(1), Standing::Present);
        script.run(1);
        assert_eq!(script.standing(1), Standing::Silent);
        script.run(84);
        script.nothing();
        script.run(400);
        script.expect(9001, Done::Raised, last + 181, last + 181);
        assert_eq!(script.codes(), [9001]);
        let alert = &script.alerts(9001)[0];
        assert_eq!(alert.occurred.unwrap().wall, at(last * 1000));
        assert_eq!(alert.occurred.unwrap().quality, ClockQuality::Exact);
        assert_eq!(alert.detected.unwrap().wall, at((last + 181) * 1000));
        assert_eq!((alert.value, alert.quantity), (Some(181_000), 100));
        let cause = script.cause(alert);
        assert_eq!(cause.silence, Some(SilenceCause::Unknown));
        assert_eq!(cause.presumed, None);
        // Nobody knows whether its alert still holds.
        assert_ne!(script.alerts(1001)[0].flags & FLAG_UNKNOWN, 0);
        assert_eq!(script.standing(2), Standing::Present);
    });
}

#[test]
fn cut_off_and_back_is_network_only_and_its_alerts_are_known_again() {
    on_both(1, |script| {
        script.say(0, &[alert(event(1001, 1, 1, 60_000, 60_000))]);
        script.hosts[0].up = false;
        script.run(300);
        script.hosts[0].up = true;
        let back = script.s();
        script.run(40);
        script.expect(9001, Done::Resolved, back + 1, back + 31);
        script.expect(9002, Done::Recorded, back + 1, back + 31);
        assert_eq!(script.codes(), [9001, 9002]);
        let alert = &script.alerts(9001)[0];
        assert_eq!(script.cause(alert).back, Some(BackCause::NetworkOnly));
        assert_eq!(script.alerts(1001)[0].flags, 0);
        let of = |code| {
            let events = script
                .events()
                .into_iter()
                .filter(move |(known, _)| *known == code);
            events.map(|(_, kind)| kind).collect::<Vec<_>>()
        };
        assert_eq!(
            of(1001),
            [EventKind::Raised, EventKind::Unknown, EventKind::Known]
        );
        assert_eq!(of(9001), [EventKind::Raised, EventKind::Resolved]);
        assert_eq!(of(9002), [EventKind::Ended]);
        // Again later: another episode.
        script.hosts[0].up = false;
        script.run(300);
        assert_eq!(script.alerts(9001)[1].episode, 2);
    });
}

#[test]
fn an_agent_that_was_restarted_says_by_its_state_what_still_holds() {
    on_both(1, |script| {
        let raised = [1001, 2001].map(|code| alert(event(code, 1, 1, 60_000, 60_000)));
        script.say(0, &raised);
        script.hosts[0].up = false;
        script.run(300);
        // A new run in the same boot, whose State names one of the two.
        let mut host = script.hosts[0].clone();
        host.run += 1;
        host.next = 0;
        host.up = true;
        let mut words = script.first_words(&host);
        words[1] = state(script.true_ms, 0, 1, &[open(1001, 1, 60_000)]);
        script.post(&host, &words);
        script.hosts[0] = host;
        let back = script.s();
        script.run(30);
        script.expect(9001, Done::Resolved, back + 1, back + 1);
        assert_eq!(script.codes(), [9001]);
        let silent = &script.alerts(9001)[0];
        assert_eq!(script.cause(silent).back, Some(BackCause::AgentRestarted));
        let (kept, gone) = (&script.alerts(1001)[0], &script.alerts(2001)[0]);
        assert!(kept.firing && kept.flags == 0 && !gone.firing);
    });
}

#[test]
fn a_quick_restart_of_the_agent_is_no_incident() {
    on_both(1, |script| {
        script.run(10);
        script.restart(0, false);
        script.run(300);
        script.nothing();
        assert!(
            script
                .whys()
                .contains(&Why::Back(BackCause::AgentRestarted))
        );
    });
}

#[test]
fn an_unplanned_reboot_after_a_silence_is_told_when_it_is_back_with_what_the_host_says() {
    on_both(1, |script| {
        script.hosts[0].up = false;
        script.run(400);
        script.true_ms += 20_000;
        script.restart(0, true);
        script.true_ms += 10;
        let told = hansho::frame::body::Boot {
            kernel_dumps: Some(1),
            last_end: 2,
            last_boot: 2,
            ..hansho::frame::body::Boot::default()
        };
        script.say(0, &[booted(10, &told)]);
        script.true_ms -= 10;
        let back = script.s();
        script.run(60);
        script.expect(9003, Done::Raised, back + 1, back + 1);
        assert_eq!(script.codes(), [9001, 9003]);
        let reboot = &script.alerts(9003)[0];
        let cause = script.cause(reboot);
        assert_eq!(
            (cause.back, cause.boot),
            (Some(BackCause::Rebooted), Some(BootReason::Panic))
        );
        assert_eq!(reboot.occurred.unwrap().wall, at(back * 1000));
        // An event ends after half an hour without another.
        script.run(1800);
        script.expect(9003, Done::Resolved, back + 1801, back + 1801);
    });
}

#[test]
fn a_reboot_so_quick_that_nobody_missed_it_is_told_and_one_that_was_announced_is_recorded() {
    on_both(2, |script| {
        script.hosts[0].up = false;
        script.stop(1, 600_000);
        script.run(40);
        script.restart(0, true);
        script.restart(1, true);
        let back = script.s();
        script.run(200);
        script.expect(9003, Done::Raised, back + 96, back + 97);
        script.expect(9004, Done::Recorded, back + 96, back + 97);
        assert_eq!(script.codes().len(), 2);
        let planned = &script.alerts(9004)[0];
        assert_eq!(planned.agent, AgentId(2));
        assert_eq!(script.cause(planned).text, "disk swap");
        let reboot = &script.alerts(9003)[0];
        assert_eq!(script.cause(reboot).silence, None);
    });
}

#[test]
fn stopped_in_order_without_an_announcement_is_told_as_that() {
    on_both(1, |script| {
        script.stop(0, 0);
        let last = script.s();
        script.run(300);
        script.expect(9001, Done::Raised, last + 181, last + 181);
        let silent = &script.alerts(9001)[0];
        assert_eq!(
            script.cause(silent).silence,
            Some(SilenceCause::StoppedInOrder)
        );
        script.restart(0, true);
        script.run(10);
        assert_eq!(script.codes(), [9001, 9003]);
        let reboot = &script.alerts(9003)[0];
        assert_eq!(
            script.cause(reboot).silence,
            Some(SilenceCause::StoppedInOrder)
        );
    });
}

#[test]
fn what_is_announced_is_planned_and_what_is_overdue_is_told() {
    on_both(1, |script| {
        script.say(0, &[alert(event(1001, 1, 1, 60_000, 60_000))]);
        script.stop(0, 600_000);
        let last = script.s();
        script.run(500);
        script.expect(9004, Done::Raised, last + 96, last + 96);
        assert_eq!(script.codes(), [9004]);
        assert_eq!(script.standing(1), Standing::Planned);
        assert_ne!(script.alerts(1001)[0].flags & FLAG_UNKNOWN, 0);
        script.run(300);
        script.expect(9001, Done::Raised, last + 696, last + 696);
        script.expect(9004, Done::Resolved, last + 696, last + 696);
        let silent = &script.alerts(9001)[0];
        let cause = script.cause(silent);
        assert_eq!(cause.silence, Some(SilenceCause::Overdue));
        assert_eq!(cause.planned_until, Some(at((last + 600) * 1000)));
        assert_eq!(cause.text, "disk swap");
        script.restart(0, false);
        script.run(30);
        script.expect(9001, Done::Resolved, last + 801, last + 801);
    });
}

#[test]
fn a_planned_stop_that_ends_in_time_is_one_record() {
    on_both(1, |script| {
        script.stop(0, 600_000);
        script.run(300);
        script.restart(0, true);
        script.run(200);
        assert_eq!(script.codes(), [9004]);
        let planned = &script.alerts(9004)[0];
        assert!(!planned.firing);
        assert_eq!(script.cause(planned).back, Some(BackCause::Rebooted));
    });
}

#[test]
fn a_window_covers_a_silence_and_ends_early_when_people_end_it() {
    on_both(1, |script| {
        let begin = script.s();
        script.window = Some((begin, begin + 3600));
        script.hosts[0].up = false;
        script.run(400);
        assert_eq!(script.codes(), [9004]);
        let text = script.cause(&script.alerts(9004)[0]).text;
        assert_eq!(text, "night work");
        script.window = None;
        let ended = script.s();
        script.run(200);
        script.expect(9001, Done::Raised, ended + 96, ended + 97);
    });
}

#[test]
fn an_oom_kill_or_full_memory_before_a_silence_is_a_presumption() {
    on_both(3, |script| {
        script.say(0, &[alert(event(1010, 1, 1, 60_000, 60_000))]);
        script.say(1, &[alert(event(1002, 1, 1, 60_000, 60_000))]);
        // The third only shows 97 % in its last reading.
        let host = script.hosts[2].clone();
        let part = support::Part {
            run: host.run,
            boot: host.boot,
            stream: hansho::frame::kind::Stream::Readings,
            first: 0,
            items: vec![support::Item::Frame(readings(100_000, &[1900]))],
        };
        let sent = script.true_ms - host.booted_ms + 1;
        let bytes = support::bytes_at(3, host.run, host.boot, sent, at(script.true_ms), &[part]);
        let batch = hansho_collector::ingest::AuthenticatedBatch::open(&bytes, &support::key(3));
        script
            .store
            .accept(&[&batch.unwrap()], script.now())
            .unwrap();
        for host in &mut script.hosts {
            host.up = false;
        }
        script.run(300);
        let presumed = |agent: u64| {
            let silent = script.alerts(9001);
            let of = silent.iter().find(|alert| alert.agent == AgentId(agent));
            script.cause(of.unwrap()).presumed
        };
        assert_eq!(presumed(1), Some(Presumed::OomKill));
        assert_eq!(presumed(2), Some(Presumed::MemoryExhausted));
        assert_eq!(presumed(3), Some(Presumed::MemoryExhausted));
    });
}

#[test]
fn an_agent_that_never_was_heard_is_not_silent() {
    let store = MemoryStore::default();
    store
        .add_agent(&support::new_agent(9, "never"), at(0))
        .unwrap();
    let mut script = Script::new(&store, 1);
    script.run(1000);
    script.nothing();
    assert_eq!(script.standing(9), Standing::Never);
}

#[test]
fn an_announced_absence_counts_until_it_is_ended() {
    on_both(2, |script| {
        for host in [0, 1] {
            let uptime = script.true_ms;
            script.say(host, &[leave(uptime, 900_000)]);
        }
        script.run(60);
        // The first is away as announced; the second ends it, and dies later.
        let uptime = script.true_ms;
        script.say(1, &[leave(uptime, 0)]);
        for host in &mut script.hosts {
            host.up = false;
        }
        script.run(300);
        assert_eq!(script.codes(), [9004, 9001]);
        let planned = &script.alerts(9004)[0];
        assert_eq!(
            (planned.agent, script.cause(planned).text.as_str()),
            (AgentId(1), "disk swap")
        );
        let silent = &script.alerts(9001)[0];
        assert_eq!(silent.agent, AgentId(2));
        assert_eq!(script.cause(silent).silence, Some(SilenceCause::Unknown));
    });
}
