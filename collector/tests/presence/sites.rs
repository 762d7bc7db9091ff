//! Many of one site or system at once.

use super::*;

#[test]
fn a_silent_site_is_one_incident_and_whoever_stays_away_is_told_alone() {
    on_both(300, |script| {
        for host in &mut script.hosts {
            host.up = false;
        }
        let cut = script.s();
        script.run(400);
        script.expect(9005, Done::Raised, cut + 150, cut + 181);
        assert_eq!(script.codes(), [9005]);
        let site = &script.alerts(9005)[0];
        assert_eq!(site.agent, AgentId(0));
        assert_eq!(site.identity.subject, "みらい商事/受注");
        assert_eq!((site.value, site.total), (Some(300), Some(300)));
        assert_eq!(script.standing(300), Standing::Site);
        // The line is back; two hosts are not, one was started anew.
        for host in script.hosts.iter_mut().skip(3) {
            host.up = true;
        }
        script.run(20);
        script.restart(2, true);
        let back = script.s();
        script.run(120);
        script.expect(9005, Done::Resolved, back + 90, back + 120);
        let mut codes = script.codes();
        codes.sort_unstable();
        assert_eq!(codes, [9001, 9001, 9003, 9005]);
        // The reboot is in the record; its site was told.
        script.expect(9003, Done::Recorded, back, back + 2);
    });
}

#[test]
fn four_of_twenty_are_four_silences_and_the_last_ones_of_a_small_system_too() {
    on_both(20, |script| {
        for host in script.hosts.iter_mut().take(4) {
            host.up = false;
        }
        script.run(400);
        assert_eq!(script.codes(), [9001; 4]);
    });
}

#[test]
fn a_fifth_after_four_that_were_told_is_one_incident_that_lasts() {
    on_both(8, |script| {
        script.hosts[..4]
            .iter_mut()
            .for_each(|host| host.up = false);
        // Within the two minutes of a site, but not silent yet when the four are told.
        script.run(100);
        script.hosts[4].up = false;
        script.run(600);
        let mut codes = script.codes();
        codes.sort_unstable();
        assert_eq!(codes, [9001, 9001, 9001, 9001, 9005]);
        assert!(script.alerts(9005)[0].firing);
        script.hosts.iter_mut().for_each(|host| host.up = true);
        script.run(300);
        assert_eq!(script.alerts(9005).len(), 1);
        assert!(!script.alerts(9005)[0].firing);
        assert!(script.alerts(9001).iter().all(|alert| !alert.firing));
    });
}

#[test]
fn one_more_after_four_that_were_told_makes_a_site_once() {
    on_both(10, |script| {
        for host in 0..4 {
            script.hosts[host].up = false;
        }
        script.run(100);
        script.hosts[4].up = false;
        script.run(600);
        let mut codes = script.codes();
        codes.sort_unstable();
        assert_eq!(codes, [9001, 9001, 9001, 9001, 9005]);
        for host in 0..5 {
            script.hosts[host].up = true;
        }
        script.run(300);
        let ended: Vec<u16> = script
            .happened()
            .into_iter()
            .filter(|(_, _, done)| *done == Done::Resolved)
            .map(|(_, code, _)| code)
            .collect();
        assert_eq!(ended, [9001, 9001, 9001, 9001, 9005]);
        assert!((1..=5).all(|agent| script.standing(agent) == Standing::Present));
    });
}
