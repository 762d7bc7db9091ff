//! What programs and browsers ask for beside the pages.

use super::*;
use hansho::frame::evidence::Moment;

#[test]
fn healthz_is_what_the_writer_says() {
    let mut pages = start();
    let jobs = pages.jobs.take().unwrap();
    let writer = std::thread::spawn(move || {
        for healthy in [true, false] {
            match jobs.recv().unwrap() {
                Job::Ping(reply) => reply.send(healthy).unwrap(),
                Job::Batch(..) | Job::Join(..) => unreachable!("nobody posts"),
            }
        }
    });
    assert!(pages.get("/healthz", "").0.starts_with("http/1.1 200"));
    assert!(pages.get("/healthz", "").0.starts_with("http/1.1 503"));
    writer.join().unwrap();
    // The writer is gone.
    assert!(pages.get("/healthz", "").0.starts_with("http/1.1 503"));
    pages
        .metrics
        .damage
        .note("database disk image is malformed");
    let (head, body) = pages.get("/healthz", "");
    assert!(head.starts_with("http/1.1 503"));
    assert_eq!(
        body,
        "the store is damaged: database disk image is malformed\n"
    );
}

#[test]
fn metrics_are_prometheus_text_of_what_is_stored() {
    let pages = start();
    busy(&pages);
    let text = pages.body("/metrics");
    for line in [
        "hansho_frames_stored_total{stream=\"alerts\"} 6",
        "hansho_frames_stored_total{stream=\"readings\"} 1",
        "hansho_duplicates_total{stream=\"alerts\"} 0",
        "hansho_agents 1",
        "hansho_alerts_firing 2",
        "hansho_readings_stored_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(
            name.starts_with("hansho_") && value.parse::<f64>().is_ok(),
            "{line}"
        );
    }
    assert_eq!(pages.store.frames(AgentId(1)).unwrap().len(), 7);
}

#[test]
fn a_connection_to_the_pages_ends_at_its_time_and_places_come_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let bounded = web::listen::Bounded::with(listener, 1, Duration::from_millis(200));
    let (queue, _jobs) = sync_channel(4);
    let store = Arc::new(MemoryStore::default());
    let gate = gate(&store);
    let token = token(&gate);
    let site = Site {
        writing: Arc::clone(&store) as Arc<dyn Store>,
        store,
        gate,
        queue,
        metrics: Arc::new(Metrics::default()),
        signs: Arc::new(SignsOfLife::default()),
        now: || at(0),
        zone: Zone::utc(),
        newest: watch::channel(0).1,
        current: support::current(""),
        masters: support::masters(),
    };
    runtime.spawn(async move { axum::serve(bounded, web::service(Arc::new(site))).await });
    // One that dawdles holds the only place; the next is served when its time is over.
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let mut next = TcpStream::connect(address).unwrap();
    next.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        next,
        "GET / HTTP/1.1\r\nHost: c\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut page = String::new();
    next.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let mut rest = Vec::new();
    assert_eq!(slow.read_to_end(&mut rest).unwrap_or(0), 0);
}

/// What a browser is given beside the pages: it may keep it for ever, since the address changes with the content.
#[test]
fn style_and_scripts_come_from_the_program_itself() {
    let pages = start();
    let home = pages.body("/");
    let addresses: Vec<&str> = home
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(addresses.len() >= 2, "{addresses:?}");
    for address in addresses {
        let (head, body) = pages.get(address, "");
        assert!(head.starts_with("http/1.1 200"), "{address}: {head}");
        assert!(head.contains("immutable"), "{head}");
        assert!(!body.is_empty());
    }
    let (head, _) = pages.get("/assets/nothing.js", "");
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// Charts: columns as JSON, of the span asked for, as long as the axis; a field that was not measured is null.
#[test]
fn charts_get_their_columns() {
    let pages = start();
    busy(&pages);
    let body = pages.body("/charts/0000000000000001?hours=1");
    let data: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(data["charts"].as_array().unwrap().len(), 3);
    assert_eq!(data["offset_s"], 9 * 3600);
    let points = data["time"].as_array().unwrap().len();
    assert!(points > 0);
    for (key, column) in data["columns"].as_object().unwrap() {
        assert_eq!(column.as_array().unwrap().len(), points, "{key}");
    }
    assert_eq!(data["columns"]["cpu_steal"][0], serde_json::Value::Null);
    let codes: Vec<&str> = data["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"HNS1002-E"), "{codes:?}");
    let (head, _) = pages.get("/charts/nobody", "");
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// An open page hears of what happens without asking.
#[test]
fn an_open_page_is_told_that_something_changed() {
    let pages = start();
    let mut stream = TcpStream::connect(pages.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        stream,
        "GET /live HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer {}\r\n\r\n",
        pages.token
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut next_state = || {
        loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(number) = line.strip_prefix("data: ") {
                return number.parse::<u64>().unwrap();
            }
        }
    };
    assert_eq!(next_state(), 0);
    busy(&pages);
    let raised = next_state();
    assert!(raised > 0);
    // Evidence is no event of an alert, and changes the page all the same.
    let about = [support::about(1002, 1, Moment::Firing)];
    let seen = support::evidence(990, (1, 0, 1), &about, &[]);
    let parts = [part(5, Stream::Evidence, 0, &[seen])];
    send(&*pages.store, &batch(5, 1001, &parts), at(1001));
    while next_state() == raised {}
}
