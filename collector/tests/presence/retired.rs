//! An agent that nobody expects any more.

use super::*;

#[test]
fn an_agent_that_is_retired_ends_what_was_raised_and_is_judged_anew_when_it_is_expected_again() {
    on_both(6, |script| {
        script.hosts[0].up = false;
        script.run(300);
        assert_eq!(script.codes(), [9001]);
        let retire = |script: &Script<'_>, moment| {
            script
                .store
                .transact(&mut |rows| rows.put_retired(AgentId(1), moment).map(drop))
                .unwrap();
        };
        retire(script, Some(script.now()));
        script.run(600);
        assert!(!script.alerts(9001)[0].firing);
        assert_eq!(script.standing(1), Standing::Retired);
        assert_eq!(script.codes(), [9001]);
        retire(script, None);
        script.hosts[0].up = true;
        script.run(60);
        assert_eq!(script.standing(1), Standing::Present);
        script.hosts[0].up = false;
        script.run(300);
        assert_eq!(
            script.alerts(9001).len(),
            script.codes().iter().filter(|code| **code == 9001).count()
        );
        assert!(script.alerts(9001).last().unwrap().firing);
    });
}

#[test]
fn what_a_retired_agent_raised_itself_ends_too_also_what_it_sends_last() {
    on_both(6, |script| {
        script.run(60);
        let raise_own = |script: &Script<'_>, code| {
            let raised = Raise {
                agent: AgentId(1),
                code,
                subject: String::new(),
                occurred: None,
                value: None,
                total: None,
                level: None,
                reason: hansho::rule::Reason::Held,
                count: 1,
            };
            let now = script.now();
            script
                .store
                .transact(&mut |rows| {
                    // As the agent's own: its last run is not the collector's.
                    let id = raise::raise(rows, &raised, now)?.alert();
                    let mut alert = rows.alert(id)?.unwrap();
                    alert.last_run = RunId(77);
                    rows.put_alert(&alert)
                })
                .unwrap();
        };
        raise_own(script, 4001);
        let now = script.now();
        script
            .store
            .transact(&mut |rows| rows.put_retired(AgentId(1), Some(now)))
            .unwrap();
        script.run(5);
        assert!(!script.alerts(4001)[0].firing);
        // A batch that was under way when it was retired.
        raise_own(script, 5001);
        script
            .store
            .transact(&mut |rows| {
                let mut agent = rows.agent(AgentId(1))?.unwrap();
                agent.last_seen = Some(WallTime::from_millis(now.as_millis() + 3000));
                rows.put_agent(&agent)
            })
            .unwrap();
        script.run(5);
        assert!(!script.alerts(5001)[0].firing);
    });
}
