//! Hosts that join with a token, and a check that changes nothing.

use super::*;

#[test]
fn a_host_joins_with_a_token_and_then_posts_with_its_key() {
    let collector = start(Setting::default());
    let ends = clock::now().as_millis() + 60_000;
    let put = |rows: &mut dyn AllRows| {
        rows.put_join_token(&JoinToken {
            id: 3,
            hash: token_hash(&[9; 32]),
            customer: "みらい商事".to_owned(),
            system: "受注".to_owned(),
            uses: 1,
            used: 0,
            created: at(0),
            ends: hansho::clock::WallTime::from_millis(ends),
            revoked: None,
        })
    };
    collector.store.transact(&mut { put }).unwrap();
    let token = token_text(3, &[9; 32]);
    let (status, said) = join(&collector, &token, "a/b");
    assert_eq!((status, said["error"].as_str()), (400, Some("name")));
    let (status, said) = join(&collector, &token, "web03");
    assert_eq!((status, said["error"].as_str()), (409, Some("name_taken")));
    let (status, said) = join(&collector, &token, "web04");
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["agent"], "みらい商事/受注/web04");
    let words: Vec<&str> = said["key"].as_str().unwrap().split(' ').collect();
    assert_eq!((words[0], words[2], words.len()), ("hansho1", "1", 4));
    let id = AgentId(u64::from_str_radix(words[1], 16).unwrap());
    assert_eq!(
        collector.store.master_of(id, 1, clock::now()).unwrap(),
        Some(1)
    );
    let (status, said) = join(&collector, &token, "web05");
    assert_eq!((status, said["error"].as_str()), (403, Some("used_up")));
    // Too long for a token and a name.
    assert_eq!(join(&collector, &token, &"x".repeat(3000)).0, 413);
}

#[test]
fn wrong_tokens_are_told_nothing_and_soon_have_to_wait() {
    let collector = start(Setting::default());
    let wrong = token_text(3, &[9; 32]);
    let said = join(&collector, &wrong, "x");
    assert_eq!(said, join(&collector, "nonsense", "x"));
    assert_eq!((said.0, said.1["error"].as_str()), (401, Some("token")));
    let statuses: Vec<u16> = (0..20).map(|_| join(&collector, &wrong, "x").0).collect();
    assert_eq!(statuses.last(), Some(&429));
    // Agents are not held up by it.
    assert_eq!(collector.post(&hello_batch(1000)).0, 200);
}

#[test]
fn bodies_that_are_none_count_as_wrong_tokens() {
    let collector = start(Setting::default());
    let token = token_text(3, &[9; 32]);
    let long = "x".repeat(3000);
    let statuses: Vec<u16> = (0..20).map(|_| join(&collector, &token, &long).0).collect();
    assert_eq!((statuses[0], statuses.last()), (413, Some(&429)));
}

#[test]
fn a_check_proves_key_and_writer_and_changes_nothing() {
    let collector = start(Setting::default());
    let check = |batch: &[u8]| {
        let head = head(batch.len()).replace("/v1/frames", "/v1/check");
        let mut stream = collector.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(batch).unwrap();
        response(&mut stream)
    };
    let batch = hello_batch(1000);
    let (status, _, body) = check(&batch);
    assert_eq!(status, 200);
    let answer = Answer::open(&body, &key(1), &echo(&batch)).unwrap();
    assert!(answer.stored.is_empty());
    assert!(answer.collector_wall.as_millis() > NOW / 2);
    let agent = &collector.store.agents().unwrap()[0];
    assert_eq!((agent.current_run, agent.last_seen), (None, None));
    assert_eq!(collector.stored(), 0);
    let mut forged = batch;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(check(&forged).0, 401);

    // A writer that is gone, or cannot write, is no success.
    let silent = start(Setting {
        writer: false,
        ..Setting::default()
    });
    drop(silent.jobs);
    let batch = hello_batch(1000);
    let head = head(batch.len()).replace("/v1/frames", "/v1/check");
    let mut stream = TcpStream::connect(silent.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&batch).unwrap();
    assert_eq!(response(&mut stream).0, 503);
}
