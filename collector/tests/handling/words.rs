//! Notes, and the links of mails.

use super::*;

#[test]
fn notes_are_written_and_one_on_an_alert_is_told() {
    on_both(|store, open, _| {
        let add = |on: NoteOn, text: &str| {
            transact(store, |rows| {
                note::add(rows, &who("佐藤"), &on, text, at(1))
            })
        };
        add(
            NoteOn::Alert(open),
            "order-api のメモリが\r\n増え続けている",
        )
        .unwrap();
        add(NoteOn::Agent(AgentId(2)), "old disk").unwrap();
        assert_eq!(
            refused(add(NoteOn::Alert(open), " \n")),
            Refused::Empty("the note")
        );
        assert_eq!(
            refused(add(NoteOn::Agent(AgentId(9)), "x")),
            Refused::NoAgent
        );
        assert_eq!(
            refused(add(NoteOn::Alert(open), &"x".repeat(4001))),
            Refused::TooLong {
                what: "the note",
                most: 4000
            }
        );
        let notes = transact(store, |rows| {
            note::list(rows, &who("x"), &NoteOn::Alert(open))
        })
        .unwrap();
        assert_eq!(notes[0].text, "order-api のメモリが\n増え続けている");
        assert_eq!(events(store), [(open, EventKind::Noted)]);
        let customers: Vec<String> = entries(store)
            .into_iter()
            .map(|entry| entry.customer)
            .collect();
        assert_eq!(customers, ["みらい商事", "other"]);
    });
}

#[test]
fn a_link_shows_its_alert_and_changes_nothing() {
    on_both(|store, open, _| {
        let mut token = String::new();
        store
            .transact(&mut |rows| {
                let secret = link::ensure(rows, [1; 32], at(0))?;
                // The second start does not change it.
                assert_eq!(link::ensure(rows, [2; 32], at(1))?, secret);
                token = link::sign(&secret, open, "受注運用ML", link::expiry(at(0)));
                Ok(())
            })
            .unwrap();
        let look = |token: &str, now: u64| {
            let mut found = None;
            store
                .view(&mut |rows| {
                    found = Some(by_link(rows, token, at(now))?);
                    Ok(())
                })
                .unwrap();
            found.unwrap()
        };
        let target = look(&token, 1).unwrap();
        assert_eq!(target.link.receiver, "受注運用ML");
        assert_eq!(target.owner.agent, "web03");
        assert_eq!(target.acknowledgement, None);
        take(store, &who("佐藤"), open, &Ask::default(), 2).unwrap();
        assert_eq!(look(&token, 3).unwrap().acknowledgement.unwrap().by, "佐藤");
        let ended = link::expiry(at(0)).as_millis() / 1000 * 1000;
        assert_eq!(
            look(&token, DAY).unwrap_err(),
            LinkRefused::Expired(WallTime::from_millis(ended))
        );
        let rotate = |random: u8, now: u64| {
            store
                .transact(&mut |rows| {
                    link::rotate(rows, &who("admin"), [random; 32], at(now)).map(drop)
                })
                .unwrap();
        };
        rotate(7, 4);
        assert!(look(&token, 5).is_ok());
        // A day after it was replaced nothing of it can work any more, and the next change deletes it.
        rotate(8, 2 * DAY);
        let mut numbers = Vec::new();
        store
            .view(&mut |rows| {
                numbers = rows.link_secrets()?.iter().map(|row| row.number).collect();
                Ok(())
            })
            .unwrap();
        assert_eq!(numbers, [2, 3]);
        let gone = link::sign(
            &hansho_collector::store::LinkSecret {
                number: 3,
                secret: [8; 32],
                created: at(0),
            },
            AlertId(3),
            "x",
            at(3 * DAY),
        );
        assert_eq!(look(&gone, 2 * DAY).unwrap_err(), LinkRefused::NoAlert);
    });
}
