//! Who may come in: one suite for both stores, and the decisions on it in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::code::Language;
use hansho_collector::handling::Who;
use hansho_collector::limit::{
    ACCOUNTS, SCOPE_CUSTOMERS, SESSION_IDLE_MS, SESSION_MS, SESSIONS_PER_ACCOUNT, SETUP_MS,
    USED_STEP_MS,
};
use hansho_collector::people::accounts::{self, Rights};
use hansho_collector::people::gate::{change, look};
use hansho_collector::people::sessions::Ended;
use hansho_collector::people::tokens::{self, Invalid, NewToken};
use hansho_collector::people::{Digest, NotDone, Role, Scope, SetupLink, sessions, setup};
use hansho_collector::store::{MemoryStore, SqliteStore, Store, StoreError, Via};
use support::{Folder, at};

/// Runs a test on both stores and compares what they hold at its end; SQLite's also after it was opened again.
fn on_both(test: impl Fn(&dyn Store)) {
    let folder = Folder::new("people");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    test(&sqlite);
    test(&memory);
    assert_eq!(dump(&sqlite), dump(&memory));
    drop(sqlite);
    let again = SqliteStore::open_reader(folder.path()).unwrap();
    assert_eq!(dump(&again), dump(&memory));
}

/// Everything that a store has of people.
fn dump(store: &dyn Store) -> String {
    look(store, |rows| {
        let accounts = rows.accounts()?;
        let mut each = Vec::new();
        for account in &accounts {
            each.push((
                rows.account(&account.name)?,
                rows.sessions_of(&account.name)?,
            ));
        }
        let tokens = rows.tokens()?;
        for token in &tokens {
            assert_eq!(rows.token(&token.digest)?.as_ref(), Some(token));
        }
        // Digests have no Debug of their own, on purpose.
        let digests: Vec<[u8; 32]> = tokens
            .iter()
            .map(|token| token.digest.0)
            .chain(
                each.iter()
                    .flat_map(|(_, held)| held)
                    .map(|held| held.digest.0),
            )
            .chain(rows.setup_link()?.map(|link| link.digest.0))
            .collect();
        let link = rows.setup_link()?;
        Ok(format!(
            "{accounts:#?}{each:#?}{tokens:#?}{link:?}{digests:?}"
        ))
    })
    .unwrap()
}

fn digest(n: usize) -> Digest {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Digest(bytes)
}

fn customers(names: &[&str]) -> Scope {
    Scope::Customers(names.iter().map(|name| (*name).to_owned()).collect())
}

fn rights(role: Role, scope: Scope) -> Rights {
    Rights {
        role,
        scope,
        disabled: false,
    }
}

fn add(store: &dyn Store, name: &str, rights: &Rights) -> Result<(), NotDone> {
    let hash = Some(format!("hash of {name}"));
    change(store, |rows| {
        accounts::add(rows, name, hash.clone(), rights, Some(Language::Ja), at(5))
    })
}

fn begin(store: &dyn Store, name: &str, n: usize, now: WallTime) {
    change(store, |rows| {
        Ok(sessions::begin(rows, name, digest(n), now)?)
    })
    .unwrap();
}

fn find(store: &dyn Store, n: usize, now: WallTime) -> Result<String, Ended> {
    look(store, |rows| sessions::find(rows, &digest(n), now))
        .unwrap()
        .map(|(session, account)| {
            assert_eq!(session.account, account.name);
            account.name
        })
}

#[test]
fn accounts_come_back_as_they_went_in() {
    on_both(|store| {
        let some = rights(Role::Operator, customers(&["みらい商事", "Ω & Söhne"]));
        assert_eq!(add(store, "佐藤", &some), Ok(()));
        assert_eq!(
            add(
                store,
                "b.sato@mirai.example",
                &rights(Role::Admin, Scope::All)
            ),
            Ok(())
        );
        assert_eq!(
            add(store, "nobody", &rights(Role::Viewer, customers(&[]))),
            Ok(())
        );
        let sso = change(store, |rows| {
            accounts::add(rows, "sso", None, &some, None, at(6))
        });
        assert_eq!(sso, Ok(()));
        let account = look(store, |rows| rows.account("佐藤")).unwrap().unwrap();
        assert_eq!(account.scope, customers(&["みらい商事", "Ω & Söhne"]));
        assert_eq!((account.role, account.created), (Role::Operator, at(5)));
        assert_eq!(account.language, Some(Language::Ja));
        // A scope that is replaced is replaced whole.
        let other = rights(Role::Viewer, customers(&["B"]));
        assert_eq!(
            change(store, |rows| accounts::change(rows, "佐藤", &other)),
            Ok(())
        );
        let account = look(store, |rows| rows.account("佐藤")).unwrap().unwrap();
        assert_eq!(
            (account.role, account.scope),
            (Role::Viewer, customers(&["B"]))
        );
        let language = |rows: &mut dyn hansho_collector::store::rows::AllRows| {
            accounts::set_language(rows, "佐藤", None)
        };
        assert_eq!(change(store, language), Ok(()));
        let missing = look(store, |rows| rows.account("sato")).unwrap();
        assert_eq!(missing, None);
    });
}

#[test]
fn what_is_no_name_and_what_is_taken_is_refused_and_changes_nothing() {
    on_both(|store| {
        let all = rights(Role::Admin, Scope::All);
        assert_eq!(add(store, "sato", &all), Ok(()));
        let before = dump(store);
        assert_eq!(add(store, "sato", &all), Err(NotDone::Taken));
        let long = "x".repeat(65);
        for name in [
            "",
            " sato",
            "a b",
            "a/b",
            "a\nb",
            "<b>",
            "a'--",
            "a\u{202e}b",
            "a\0",
            &long,
        ] {
            assert_eq!(add(store, name, &all), Err(NotDone::Name), "{name:?}");
        }
        let many: Vec<String> = (0..=SCOPE_CUSTOMERS).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for scope in [
            customers(&["a/b"]),
            customers(&[""]),
            customers(&["a\nb"]),
            customers(&many),
        ] {
            let rights = rights(Role::Viewer, scope);
            assert_eq!(add(store, "suzuki", &rights), Err(NotDone::Customer));
            let changed = change(store, |rows| accounts::change(rows, "sato", &rights));
            assert_eq!(changed, Err(NotDone::Customer));
        }
        let missing = |name: &str| change(store, |rows| accounts::disable(rows, name, true));
        assert_eq!(missing("suzuki"), Err(NotDone::Missing));
        assert_eq!(missing("' OR 1=1 --"), Err(NotDone::Missing));
        assert_eq!(dump(store), before);
    });
}

#[test]
fn a_decision_that_fails_in_the_middle_leaves_nothing() {
    on_both(|store| {
        let outcome: Result<(), NotDone> = change(store, |rows| {
            rows.put_setup_link(Some(SetupLink {
                digest: digest(1),
                expires: at(9),
            }))?;
            Err(NotDone::Link)
        });
        assert_eq!(outcome, Err(NotDone::Link));
        let outcome: Result<(), NotDone> = change(store, |rows| {
            rows.put_setup_link(Some(SetupLink {
                digest: digest(1),
                expires: at(9),
            }))?;
            Err(StoreError::Busy.into())
        });
        assert_eq!(outcome, Err(NotDone::Store(StoreError::Busy)));
        assert_eq!(look(store, |rows| rows.setup_link()), Ok(None));
    });
}

#[test]
fn the_last_account_that_manages_accounts_stays() {
    on_both(|store| {
        let all = rights(Role::Admin, Scope::All);
        add(store, "sato", &all).unwrap();
        add(store, "suzuki", &rights(Role::Admin, customers(&["A"]))).unwrap();
        change(store, |rows| {
            accounts::add(rows, "sso", None, &all, None, at(5))
        })
        .unwrap();
        let disable = |name: &str| change(store, |rows| accounts::disable(rows, name, true));
        for other in [
            rights(Role::Operator, Scope::All),
            rights(Role::Admin, customers(&["A"])),
        ] {
            let changed = change(store, |rows| accounts::change(rows, "sato", &other));
            assert_eq!(changed, Err(NotDone::LastAdmin));
        }
        assert_eq!(disable("sato"), Err(NotDone::LastAdmin));
        assert_eq!(disable("suzuki"), Ok(()));
        add(store, "tanaka", &all).unwrap();
        assert_eq!(disable("sato"), Ok(()));
        assert_eq!(disable("tanaka"), Err(NotDone::LastAdmin));
    });
}

#[test]
fn a_session_ends_by_age_by_idleness_and_with_its_account() {
    on_both(|store| {
        add(store, "sato", &rights(Role::Admin, Scope::All)).unwrap();
        add(store, "suzuki", &rights(Role::Viewer, Scope::All)).unwrap();
        begin(store, "sato", 1, at(0));
        assert_eq!(find(store, 1, at(0)), Ok("sato".to_owned()));
        assert_eq!(find(store, 2, at(0)), Err(Ended::Unknown));
        assert!(find(store, 1, at(SESSION_IDLE_MS - 1)).is_ok());
        assert_eq!(find(store, 1, at(SESSION_IDLE_MS)), Err(Ended::Idle));
        // Used again and again it lasts as long as it may, and no longer.
        let mut now = 0;
        while now < SESSION_MS {
            assert!(find(store, 1, at(now)).is_ok(), "{now}");
            change(store, |rows| {
                Ok(sessions::note_use(rows, &digest(1), at(now))?)
            })
            .unwrap();
            now += SESSION_IDLE_MS / 2;
        }
        assert_eq!(find(store, 1, at(SESSION_MS)), Err(Ended::Old));
        // Begun by a clock that was set back since: by an hour it holds, by more than it may hold it is over.
        begin(store, "sato", 4, at(2 * SESSION_MS));
        assert!(find(store, 4, at(2 * SESSION_MS - 3_600_000)).is_ok());
        assert_eq!(find(store, 4, at(SESSION_MS - 1)), Err(Ended::Old));
        begin(store, "suzuki", 3, at(1));
        assert!(find(store, 3, at(2)).is_ok());
        change(store, |rows| accounts::disable(rows, "suzuki", true)).unwrap();
        assert_eq!(find(store, 3, at(2)), Err(Ended::Unknown));
        // Let in again, the old session is no way in.
        change(store, |rows| accounts::disable(rows, "suzuki", false)).unwrap();
        assert_eq!(find(store, 3, at(2)), Err(Ended::Unknown));
        // A session whose account was disabled by other means.
        begin(store, "suzuki", 4, at(1));
        change(store, |rows| {
            let account = rows.account("suzuki")?.unwrap();
            Ok(rows.put_account(&hansho_collector::people::Account {
                disabled: true,
                ..account
            })?)
        })
        .unwrap();
        assert_eq!(find(store, 4, at(2)), Err(Ended::Account));
    });
}

#[test]
fn uses_are_noted_once_a_minute_and_revive_nothing() {
    on_both(|store| {
        add(store, "sato", &rights(Role::Admin, Scope::All)).unwrap();
        begin(store, "sato", 1, at(0));
        let used = |now: u64| {
            change(store, |rows| {
                sessions::note_use(rows, &digest(1), at(now))?;
                Ok(rows.session(&digest(1))?.map(|session| session.used))
            })
            .unwrap()
        };
        assert_eq!(used(USED_STEP_MS - 1), Some(at(0)));
        assert_eq!(used(USED_STEP_MS), Some(at(USED_STEP_MS)));
        // The clock was set back: the later time stays.
        assert_eq!(used(5), Some(at(USED_STEP_MS)));
        change(store, |rows| Ok(rows.delete_session(&digest(1))?)).unwrap();
        assert_eq!(used(10 * USED_STEP_MS), None);
    });
}

#[test]
fn an_account_has_so_many_sessions_and_the_one_used_longest_ago_ends() {
    on_both(|store| {
        add(store, "sato", &rights(Role::Admin, Scope::All)).unwrap();
        add(store, "suzuki", &rights(Role::Viewer, Scope::All)).unwrap();
        begin(store, "suzuki", 99, at(0));
        for n in 0..SESSIONS_PER_ACCOUNT {
            begin(store, "sato", n, at(n as u64));
        }
        change(store, |rows| {
            Ok(sessions::note_use(rows, &digest(0), at(USED_STEP_MS))?)
        })
        .unwrap();
        let now = at(USED_STEP_MS + 1);
        begin(store, "sato", 50, now);
        assert!(find(store, 0, now).is_ok());
        assert_eq!(find(store, 1, now), Err(Ended::Unknown));
        for n in (2..SESSIONS_PER_ACCOUNT).chain([50, 99]) {
            assert!(find(store, n, now).is_ok(), "{n}");
        }
        // Ended ones make room before any that holds.
        let late = at(SESSION_IDLE_MS + 5);
        begin(store, "sato", 51, late);
        let held = look(store, |rows| rows.sessions_of("sato")).unwrap();
        let held: Vec<Digest> = held.iter().map(|session| session.digest).collect();
        assert_eq!(held, [6, 7, 0, 50, 51].map(digest).to_vec());
    });
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    on_both(|store| {
        add(store, "sato", &rights(Role::Admin, Scope::All)).unwrap();
        for n in 0..3 {
            begin(store, "sato", n, at(0));
        }
        let set = |but: Option<Digest>| {
            change(store, |rows| {
                accounts::set_password(rows, "sato", "new hash".to_owned(), but.as_ref())
            })
        };
        assert_eq!(set(Some(digest(1))), Ok(()));
        assert_eq!(find(store, 0, at(1)), Err(Ended::Unknown));
        assert!(find(store, 1, at(1)).is_ok());
        assert_eq!(set(None), Ok(()));
        assert_eq!(find(store, 1, at(1)), Err(Ended::Unknown));
        let account = look(store, |rows| rows.account("sato")).unwrap().unwrap();
        assert_eq!(account.password.as_deref(), Some("new hash"));
    });
}

#[test]
fn tokens_have_an_end_a_scope_and_a_last_use() {
    on_both(|store| {
        let new = |name: &str, expires| NewToken {
            name: name.to_owned(),
            role: Role::Operator,
            scope: customers(&["A", "B"]),
            expires,
        };
        let add = |token: NewToken, n: usize| {
            change(store, |rows| {
                tokens::add(rows, &token, digest(n), "sato", at(3))
            })
        };
        assert_eq!(add(new("monitor", Some(at(10))), 1), Ok(()));
        assert_eq!(add(new("for-ever", None), 2), Ok(()));
        assert_eq!(add(new("monitor", None), 3), Err(NotDone::Taken));
        assert_eq!(add(new("a b", None), 3), Err(NotDone::Name));
        let find = |n: usize, now| {
            look(store, |rows| tokens::find(rows, &digest(n), now))
                .unwrap()
                .map(|token| (token.name, token.used))
        };
        assert_eq!(find(1, at(9)), Ok(("monitor".to_owned(), None)));
        assert_eq!(find(1, at(10)), Err(Invalid::Expired));
        assert_eq!(find(3, at(9)), Err(Invalid::Unknown));
        let note = |n: usize, now| {
            change(store, |rows| Ok(tokens::note_use(rows, &digest(n), now)?)).unwrap();
        };
        note(2, at(20));
        note(2, at(30));
        assert_eq!(find(2, at(99)), Ok(("for-ever".to_owned(), Some(at(20)))));
        let revoke = |name: &str| change(store, |rows| tokens::revoke(rows, name));
        assert_eq!(revoke("for-ever"), Ok(()));
        assert_eq!(revoke("for-ever"), Err(NotDone::Missing));
        note(2, at(USED_STEP_MS * 2));
        assert_eq!(find(2, at(99)), Err(Invalid::Unknown));
        // The name is free again, and brings nothing of the old scope back.
        let narrow = NewToken {
            scope: customers(&["C"]),
            ..new("for-ever", None)
        };
        assert_eq!(add(narrow, 4), Ok(()));
        let token = look(store, |rows| rows.token(&digest(4))).unwrap().unwrap();
        assert_eq!(token.scope, customers(&["C"]));
    });
}

#[test]
fn there_are_so_many_accounts_and_tokens_and_no_more() {
    let store = MemoryStore::default();
    change(&store, |rows| {
        let all = rights(Role::Viewer, Scope::All);
        for n in 0..ACCOUNTS {
            accounts::add(rows, &format!("a{n}"), None, &all, None, at(0))?;
        }
        assert_eq!(
            accounts::add(rows, "one-more", None, &all, None, at(0)),
            Err(NotDone::TooMany)
        );
        for n in 0..=ACCOUNTS {
            let token = NewToken {
                name: format!("t{n}"),
                role: Role::Viewer,
                scope: Scope::All,
                expires: None,
            };
            let added = tokens::add(rows, &token, digest(n), "x", at(0));
            let expected = if n < ACCOUNTS {
                Ok(())
            } else {
                Err(NotDone::TooMany)
            };
            assert_eq!(added, expected);
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_set_up_link_works_once_in_its_time_and_while_there_is_no_account() {
    on_both(|store| {
        let offer =
            |n: usize, now| change(store, |rows| Ok(setup::offer(rows, digest(n), now)?)).unwrap();
        let good =
            |n: usize, now| look(store, |rows| setup::is_good(rows, &digest(n), now)).unwrap();
        let first = |n: usize, name: &str, now| {
            change(store, |rows| {
                setup::first_account(rows, &digest(n), name, "hash".to_owned(), None, now)
            })
        };
        assert!(!good(1, at(0)));
        assert!(offer(1, at(0)));
        assert!(good(1, at(SETUP_MS - 1)));
        assert!(!good(1, at(SETUP_MS)));
        assert!(!good(2, at(0)));
        assert_eq!(first(1, "sato", at(SETUP_MS)), Err(NotDone::Link));
        // The next start offers another; the one before is good no more.
        assert!(offer(2, at(10)));
        assert!(!good(1, at(10)));
        assert_eq!(first(1, "sato", at(10)), Err(NotDone::Link));
        // A name that does not do uses nothing up.
        assert_eq!(first(2, "a b", at(11)), Err(NotDone::Name));
        assert!(good(2, at(11)));
        assert_eq!(first(2, "sato", at(11)), Ok(()));
        let account = look(store, |rows| rows.account("sato")).unwrap().unwrap();
        assert_eq!((account.role, account.scope), (Role::Admin, Scope::All));
        assert_eq!(first(2, "suzuki", at(12)), Err(NotDone::Link));
        assert!(!offer(3, at(13)));
        assert!(!good(3, at(13)));
    });
    // An account that is added otherwise ends the offer.
    on_both(|store| {
        change(store, |rows| Ok(setup::offer(rows, digest(1), at(0))?)).unwrap();
        add(store, "sato", &rights(Role::Viewer, Scope::All)).unwrap();
        assert_eq!(look(store, |rows| rows.setup_link()), Ok(None));
        let first = change(store, |rows| {
            setup::first_account(rows, &digest(1), "x", "hash".to_owned(), None, at(1))
        });
        assert_eq!(first, Err(NotDone::Link));
    });
}

/// What is stored lets nobody in who reads it: neither passwords nor any secret.
#[test]
fn the_files_hold_no_secret() {
    use hansho_collector::people::{Gate, Settings};
    let folder = Folder::new("people-secrets");
    let store = std::sync::Arc::new(SqliteStore::open_writer(folder.path(), at(0)).unwrap());
    let shared = || std::sync::Arc::clone(&store) as std::sync::Arc<dyn Store>;
    let gate = Gate::new(shared(), shared(), Settings::default());
    let link = gate.offer_setup(at(0)).unwrap().unwrap();
    gate.set_up(&link, ("sato", "correct horse battery"), None, at(1))
        .unwrap();
    let session = gate
        .login(
            "sato",
            "correct horse battery",
            [127, 0, 0, 1].into(),
            at(2),
        )
        .unwrap();
    let token = gate
        .add_token(
            &NewToken {
                name: "t".to_owned(),
                role: Role::Viewer,
                scope: Scope::All,
                expires: None,
            },
            &Who {
                name: "sato".to_owned(),
                via: Via::Page,
                scope: Scope::All,
            },
            at(3),
        )
        .unwrap();
    assert!(gate.session(&session, at(4)).unwrap().is_ok());
    assert!(gate.token(&token, at(4)).unwrap().is_ok());
    let raw = |hex: &str| -> Vec<u8> {
        (0..32)
            .map(|n| u8::from_str_radix(&hex[n * 2..n * 2 + 2], 16).unwrap())
            .collect()
    };
    let mut needles = vec![b"correct horse".to_vec()];
    for secret in [&link, &session, &token] {
        needles.push(secret.hex().into_bytes());
        needles.push(raw(&secret.hex()));
    }
    let mut read = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        read += bytes.len();
        for needle in &needles {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle));
        }
        // The search finds what is there.
        if bytes.windows(9).any(|window| window == b"$argon2id") {
            read += 1_000_000_000;
        }
    }
    assert!(read > 1_000_000_000);
}
