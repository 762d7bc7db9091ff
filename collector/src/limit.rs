//! Every bound of the collector, each with its reason. Bounds of the protocol stand in `hansho::limit`.

/// Longest customer, system or agent name, in characters: fits a page's column and a mail's subject.
pub const NAME_CHARACTERS: usize = 64;
/// Longest text of a Hello that is kept, in characters; host names have at most 64 bytes on Linux, kernel releases too.
pub const INVENTORY_CHARACTERS: usize = 128;
/// Sequences and uptimes at or above this are refused as malformed: SQLite's integers are signed, and no agent that
/// writes a frame a microsecond gets there in 100,000 years.
pub const NUMBER_LIMIT: u64 = 1 << 62;

/// Batches that make a run the current one which did not follow the one before by uptime: one may be a straggler from the
/// network, three in order while the current run is silent are an agent that lives.
pub const CLAIMS: u32 = 3;

/// A batch that took so long would have been given up by its agent (a post ends within 10 s) and by the collector
/// ([`REQUEST_MS`]): a clock offset that is off by more is no delay.
pub const CLOCK_STEP_MS: u64 = 30_000;
/// Batches in a row that must agree on another clock offset before it counts: one may come from a clock that is just being set.
pub const CLOCK_DOUBTS: u32 = 3;
/// Clock offsets kept of one boot. A drift of 50 ppm needs a new one a week, so these reach back beyond the retention.
pub const CLOCK_PERIODS: usize = 16;
/// A run that was rolled back began less than this before it is believed: three batches, the last of them backed off.
pub const CLAIM_REACH_MS: u64 = 120_000;

/// Readings that the frames of one batch may hold together. A reading of any Linux host has 13 near fields or more, two
/// bytes where nothing at all changes, so that no honest batch of 64 KiB reaches it; four bits a reading, which only
/// malice writes, would unpack to four times as many.
pub const BATCH_READINGS: u32 = 32_768;

/// Repeated frames of one batch that are compared with what is stored: an answer lost on the way repeats some, each a look into
/// the day file. Two agents with one identity repeat again and again, so that few suffice.
pub const FRAME_COMPARES: u32 = 4;
/// Runs remembered of an agent that send while another one speaks for it: a clone or two, each with the run before it.
pub const RIVALS: usize = 4;
/// Longest text of a Goodbye that is kept, in characters: a line of a mail.
pub const GOODBYE_CHARACTERS: usize = 200;
/// Change of a clock's offset that is stored anew: below what ends 9007, so that a steady clock costs no write.
pub const CLOCK_NOTED_MS: u64 = 2_000;

/// Batches that wait for the writer. 1,024 of 64 KiB are 64 MiB at worst; more means overload: 503.
pub const QUEUE_BATCHES: usize = 1024;
/// Batches of one transaction: bounds how long the first of them waits for its answer.
pub const GROUP_BATCHES: usize = 256;
/// Bytes of one transaction, for the same reason.
pub const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Agents remembered with a sign of life that could not be stored: one each, so this bounds memory.
pub const SIGNS_OF_LIFE: usize = 65_536;
/// Agent keys kept in memory; beyond it the cache is emptied and fills again from the store.
pub const KEY_CACHE: usize = 65_536;

/// Simultaneous connections on the ingest listener, by default.
pub const CONNECTIONS: usize = 4096;
/// Share of all connections that one address may have, by default: a site behind one address keeps its agents, and one
/// client alone cannot take every place.
pub const CONNECTIONS_SHARE: usize = 4;
/// Connections beyond the bounds that are answered with 503 at once; further ones are closed. Few: each may cost a
/// handshake.
pub const REFUSAL_PLACES: usize = 64;
/// A connection that is only to be refused ends within this.
pub const REFUSAL_MS: u64 = 2_000;
/// Without an authenticated post within this a connection is closed: strangers hold no place. It is the agent's own
/// limit for a whole post.
pub const STRANGER_MS: u64 = 10_000;
/// A certificate that ends within this is told each day: a fortnight, after those that renew themselves have.
pub const CERTIFICATE_ENDS_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// A TLS handshake ends within this.
pub const HANDSHAKE_MS: u64 = 10_000;
/// The body of a request is complete within this: the agent's own limit for a whole post is 10 s.
pub const BODY_MS: u64 = 10_000;
/// A whole request, answer included, ends within this.
pub const REQUEST_MS: u64 = 20_000;
/// After its first authenticated post, a connection without a complete request header is closed after this. It is also how long a kept-alive connection
/// may be idle, so it is longer than the default post interval (30 s) and its jitter.
pub const HEADER_MS: u64 = 75_000;
/// Longest request header in bytes.
pub const HEADER_BYTES: usize = 8 * 1024;
/// `Retry-After` of a 503, seconds.
pub const RETRY_AFTER_S: u32 = 5;

/// Longest request to join, in bytes: a token and a name.
pub const JOIN_BYTES: usize = 2 * 1024;
/// Longest name in it, in bytes: [`NAME_CHARACTERS`] of four.
pub const JOIN_NAME_BYTES: usize = 4 * NAME_CHARACTERS;
/// Span in which joins are counted.
pub const JOIN_WINDOW_MS: u64 = 60_000;
/// Joins looked at in it: a roll-out of a hundred hosts ends in seconds, and guesses cannot keep the writer busy.
pub const JOINS: u32 = 600;
/// Of them wrong tokens of one address: a typing error or two, not a search.
pub const JOIN_FAILURES: u32 = 10;
/// Longest validity of a join token, days.
pub const JOIN_TOKEN_DAYS: u64 = 366;
/// Validity of a join token where nothing is said: a roll-out of a week.
pub const JOIN_TOKEN_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Hosts that may join with one token at most: the largest site, doubled.
pub const JOIN_TOKEN_USES: u32 = 20_000;
/// How long the key before a rotation is taken where nothing is said and the new one is not used.
pub const ROTATION_GRACE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Longest such time that one can ask for, days: a year of hosts that nobody restarts.
pub const ROTATION_GRACE_DAYS: u64 = 366;
/// A running collector looks this often whether keys changed: a revoked one is refused within it, and 10,000 posts a second
/// cost one query.
pub const KEY_CHANGES_MS: u64 = 1000;
/// A key found in the store is looked up again after this at the latest: that of an epoch whose grace is over ends within it.
pub const KEY_FRESH_MS: u64 = 60_000;

/// Post interval of an agent whose Hello never came: the default of agent.toml.
pub const POST_INTERVAL_MS: u64 = 30_000;
/// An agent that was not heard for this many of its post intervals, and a little, is shown as silent.
pub const SILENT_INTERVALS: u64 = 3;
/// The little: jitter of a post, and its way.
pub const SILENT_MARGIN_MS: u64 = 5_000;

/// How often a standby looks whether the store is free: agents try again within seconds anyway.
pub const STANDBY_POLL_MS: u64 = 200;
/// Longest absence that an agent may announce for itself: a month. What is longer is taken as this.
pub const PLANNED_MS: u64 = 31 * 24 * 60 * 60 * 1000;
/// How often presence is judged.
pub const PRESENCE_MS: u64 = 1_000;
/// How often the collector proves its own life: each is a write to the disk.
pub const PROOF_MS: u64 = 10_000;
/// Without a proof for this the collector was away: three proofs.
pub const OUTAGE_MS: u64 = 3 * PROOF_MS;
/// A clock that went back by less than this was only slowed down.
pub const CLOCK_BACK_MS: u64 = 2_000;
/// Greatest backoff of an agent that cannot post, where its post interval is not longer (docs/FORWARD.md).
pub const BACKOFF_CAP_MS: u64 = 30_000;
/// Backoffs that agents have after the collector's own outage: the first may fall just before it, the second into the rush.
pub const BACKOFFS: u64 = 3;
/// After a longer outage of its own the collector does not wake people for reboots of that time: where it was restored from a
/// backup they were told, else they are history.
pub const AWAY_TOLD_MS: u64 = 60 * 60 * 1000;
/// When the first agents of a silent site are back, the others have this to follow: three backoffs and a post's way.
pub const SITE_RETURN_MS: u64 = BACKOFFS * BACKOFF_CAP_MS + SILENT_MARGIN_MS;
/// An event of the collector ends after this without another, as those of agents do.
pub const QUIET_MS: u64 = 30 * 60 * 1000;
/// Signs of two agents with one identity count in the open alert this often at most.
pub const DOUBLE_MS: u64 = 10 * 60 * 1000;
/// A machine id that comes back within this was alternating; later, a machine was restored.
pub const MACHINE_RETURN_MS: u64 = 24 * 60 * 60 * 1000;
/// A batch of the run before that comes later than this after it was followed is no straggler: a post ends within it.
pub const STRAGGLER_MS: u64 = 10_000;
/// A boot that began so much before the last sign of the one before cannot have followed it: more than dates are off.
pub const OVERLAP_MS: u64 = 2_000;
/// A clock that is off by this,
pub const CLOCK_OFF_MS: u64 = 30_000;
/// and until it is off by no more than this,
pub const CLOCK_RIGHT_MS: u64 = 5_000;
/// each for this long.
pub const CLOCK_HOLD_MS: u64 = 10 * 60 * 1000;
/// Agents that must agree before the collector takes its own clock for the one that is off.
pub const CLOCK_WITNESSES: usize = 3;
/// An OOM kill this shortly before a silence is presumed to have led to it.
pub const PRESUME_MS: u64 = 10 * 60 * 1000;
/// Memory in use from which on, permille, its lack is presumed to have led to a silence: the level of 1002.
pub const PRESUME_PERMILLE: u64 = 950;

/// How long a command waits for another one's transaction.
pub const BUSY_MS: u64 = 5_000;
/// Simultaneous connections to the pages: a team and its monitors; the store is asked for each.
pub const PAGE_CONNECTIONS: usize = 128;
/// A connection to the pages ends after this, whatever the client does: pages are fetched in milliseconds and refresh
/// themselves over new connections.
pub const PAGE_CONNECTION_MS: u64 = 60_000;
/// When the collector stops, pages that are being fetched have this long to end.
pub const STOP_MS: u64 = 5_000;
/// Alerts shown on the main page; the rest is counted there.
pub const PAGE_ALERTS: usize = 200;
/// Open alerts that the pages look at: two of each agent of a large fleet at once. The newest are taken.
pub const PAGE_OPEN: usize = 20_000;
/// Silent agents that a system's line names; the rest is counted there.
pub const PAGE_SILENT: usize = 5;
/// Agents in the table of a system; more have pages of their own. Each costs a look at its newest reading.
pub const PAGE_AGENTS: usize = 300;
/// Customers and systems that a field offers: a list that a browser still shows at once.
pub const PAGE_PLACES: usize = 1000;
/// Evidence on a page of the API: with all its processes each has some ten kilobytes.
pub const API_EVIDENCE: usize = 50;
/// Processes killed for memory on a page, the newest. The API has the rest.
pub const PAGE_VICTIMS: usize = 10;
/// Evidence in the list of an agent's page, each with its table: the last hours of a bad night. The API has the rest.
pub const PAGE_EVIDENCE: usize = 10;
/// Processes named that are not listed any more; the rest is counted.
pub const PAGE_GONE: usize = 5;
/// Decisions and messages shown on an alert's page, the newest: more of them say the same again.
pub const PAGE_TOLD: usize = 100;
/// Lines of the table beside an agent's charts: a screen and a half.
pub const CHART_ROWS: u64 = 48;
/// Rows of each table of the weekly page: what nobody gets to the end of is not worked on.
pub const NOISE_ROWS: usize = 20;
/// An alert that stands so long is not worked on as one.
pub const NOISE_STANDING_MS: u64 = 24 * 60 * 60 * 1000;
/// So many alerts of one code and host on one day are the same one again and again.
pub const NOISE_FLAPS: u64 = 3;
/// Messages a person and day that still are read one by one: one an hour of work, and some at night.
pub const NOISE_BUSY: u64 = 10;
/// Alerts of a week that are looked at: those of a fleet of 10,000 agents with ten each.
pub const NOISE_ALERTS: usize = 100_000;
/// Messages of a week that are looked at, for the same reason.
pub const NOISE_MESSAGES: usize = 100_000;
/// Points of a chart at most: more than a wide screen has pixels for.
pub const CHART_POINTS: u64 = 1500;
/// How often is looked for events that open pages should hear of: an alert is on an open page within 2 s of its rule's time.
pub const LIVE_POLL_MS: u64 = 300;
/// How often is looked whether an open page may still be seen: whoever is shut out, logs out or gets another scope, here or on the
/// command line, learns nothing more after a second. Two rows by their keys for each open page.
pub const LIVE_CHECK_MS: u64 = 1000;
/// Resolved alerts shown on the main page.
pub const PAGE_RESOLVED: usize = 20;
/// Readings that one query returns at most: a month of one agent at 10 s is 259,200.
pub const READINGS: usize = 1_000_000;
/// Days of raw frames kept, by default.
pub const RETENTION_DAYS: u32 = 30;
/// Lost ranges kept of one agent: adjacent ones are one already, so an honest agent in years has some hundred. Beyond it the
/// older half becomes one range a run and stream.
pub const LOSSES: usize = 10_000;
/// A run has named everything that its rings hold when it was heard for so long.
pub const NAMED_MS: u64 = 24 * 60 * 60 * 1000;
/// Day files are not deleted where the newest of a day before today is older than so many days: the clock jumped ahead, or the
/// collector stood still; the next day decides.
pub const SWEEP_JUMP_DAYS: u64 = 2;
/// How often expired day files are looked for.
pub const SWEEP_MS: u64 = 10 * 60 * 1000;
/// Retention counts by a clock that goes at most so many times as fast as time passes: after the collector stood still it catches up in
/// as long as it stood, and a clock that is set ahead by a year deletes nothing today.
pub const VOUCH_SPEED: u64 = 2;
/// A clock before this (2026-01-01) was never set: hosts without a battery begin in 1970.
pub const FIRST_CLOCK_MS: u64 = 1_767_225_600_000;
/// Retention that is so far behind the clock is told, and a clock that is so far behind is remembered: more than a night without a
/// collector, and more than any zone that was mistaken for another.
pub const VOUCH_FAR_MS: u64 = 24 * 60 * 60 * 1000;
/// Without an answer of the writer within this, `/healthz` says 503.
pub const PING_MS: u64 = 3_000;

/// Events decided on in one transaction: bounds how long decisions hold up what is stored.
pub const STEP_EVENTS: usize = 256;
/// Threads looked at again in one transaction, for the same reason.
pub const STEP_THREADS: usize = 256;
/// An alert that comes this much after it fired says so; one that is over by then goes into a summary: a mail at once would
/// send people after what is past.
pub const LATE_MS: u64 = 15 * 60 * 1000;
/// A summary of late alerts waits this long for more: rings are emptied in posts of seconds.
pub const LATE_WAIT_MS: u64 = 60_000;
/// Messages to a receiver within [`GROUP_SPAN_MS`] after which more of one system become one: a person reads no more than a few
/// at once.
pub const GROUP_AFTER: u64 = 5;
/// Span over which they are counted.
pub const GROUP_SPAN_MS: u64 = 60_000;
/// A group waits this long for more.
pub const GROUP_WAIT_MS: u64 = 10_000;
/// Span over which the ceiling of a receiver counts messages: as it is configured, an hour.
pub const CEILING_SPAN_MS: u64 = 60 * 60 * 1000;
/// Decisions kept of a thread that stands open: a page of an alert that nobody can read through. Of those before, what changed
/// nothing for people is a number (its count, its messages).
pub const THREAD_DECISIONS: usize = 500;
/// So many more are put together at once: each time costs a walk through the thread.
pub const THREAD_SLACK: usize = 100;
/// How often what a ceiling held back is summed up.
pub const STORM_WAIT_MS: u64 = 10 * 60 * 1000;
/// A thread that is kept quiet is looked at again after this: silences and windows can be ended early.
pub const QUIET_LOOK_MS: u64 = 30_000;
/// Alerts of one list; more of it follow in the next message of it.
pub const LIST_ALERTS: usize = 1_000;
/// A claim ends after this, so that a message of a notifier that hangs is sent by another: longer than a whole delivery may take.
pub const CLAIM_MS: u64 = 2 * SMTP_MAIL_MS + 60_000;
/// Waits before the second and later tries of a message; the last is repeated. Greylisting commonly asks for one to five
/// minutes, and the third try comes within five.
pub const RETRY_MS: [u64; 6] = [30_000, 90_000, 300_000, 600_000, 1_200_000, 1_800_000];
/// The longest of them: a message whose next try lies further ahead waits since before the clock was set back, and is tried now.
pub const RETRY_LONGEST_MS: u64 = 1_800_000;
/// A message that no server took in this time since it was first tried is given up. RFC 5321 (4.5.4.1) asks mail hosts for four to five days; an alarm of
/// yesterday wakes nobody, and another receiver was told long ago.
pub const GIVE_UP_MS: u64 = 24 * 60 * 60 * 1000;
/// And never before so many tries failed: as many as [`RETRY_MS`] has waits, more than an hour of trying.
pub const GIVE_UP_TRIES: u32 = 6;
const _: () = assert!(GIVE_UP_TRIES as usize == RETRY_MS.len());
/// Tries after which an undelivered message is told to somebody else; with [`RETRY_MS`] the third ends two minutes after the
/// first.
pub const TRIES_TOLD: u32 = 3;
/// Longest answer of a server that is kept, in characters.
pub const SAID_CHARACTERS: usize = 300;
/// The first message waits at most this long for evidence.
pub const EVIDENCE_MS: u64 = 5_000;
/// Longest text of a host, person or server in one place of a message, in characters: notes and impacts are sentences;
/// more belongs on the page.
pub const MAIL_TEXT_CHARACTERS: usize = 1_000;
/// Longest name in a message, in characters: as [`NAME_CHARACTERS`], and a subject or unit beside it.
pub const MAIL_NAME_CHARACTERS: usize = 96;
/// Longest subject of a mail, in characters: clients show some 70, gateways take 998 bytes a header line.
pub const MAIL_SUBJECT_CHARACTERS: usize = 160;
/// Longest text of a mail, in characters: gateways of Japanese carriers and ticket systems cut at 20,000.
pub const MAIL_CHARACTERS: usize = 20_000;
/// Lines are broken at this many columns, as mail readers of 80 columns show them.
pub const MAIL_COLUMNS: usize = 78;
/// Processes named in a message, a line each: which one it is shows in the first; the page has them all.
pub const MAIL_SUSPECTS: usize = 3;
/// Processes killed for memory in a message, the last first: as many as of those that use it.
pub const MAIL_VICTIMS: usize = 3;
/// Entries of any list in a message (steps, happenings, hosts, addresses): more is not read at night.
pub const MAIL_LIST: usize = 30;
/// Rows of a digest or summary; the rest is counted.
pub const MAIL_ROWS: usize = 100;

/// One answer of a mail server comes within this: RFC 5321 asks for minutes, but people wait; a mail whose last answer
/// came later is sent once more, with the same Message-ID.
pub const SMTP_ANSWER_MS: u64 = 30_000;
/// A whole mail is handed over within this, or given up and tried later.
pub const SMTP_MAIL_MS: u64 = 120_000;
/// Mails begun and not ended, those included that were given up and whose connection still hangs; beyond it none is begun.
pub const SMTP_STUCK: usize = 4;
/// Longest words of a server that are kept, in characters: the enhanced status and a sentence.
pub const SERVER_SAYS_CHARACTERS: usize = 300;
/// Longest Message-ID: with its name it fits a header line of 998 bytes many times (RFC 5322, 2.1.1).
pub const MESSAGE_ID_BYTES: usize = 200;
/// Message-IDs in References: the thread's first and the newest suffice to every mail reader.
pub const REFERENCES: usize = 20;
/// Recipients of one mail: RFC 5321 (4.5.3.1.8) promises 100.
pub const RECIPIENTS: usize = 100;
/// A hook or an Alertmanager answers within this, connection and TLS included.
pub const HOOK_MS: u64 = 10_000;
/// Bytes of its answer that are read: they are only words for a person.
pub const HOOK_ANSWER_BYTES: u64 = 16 * 1024;
/// Longest file of authorities: Debian's has 220 kB.
pub const CA_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Longest template of a mail: far above what its text may become.
pub const TEMPLATE_BYTES: u64 = 64 * 1024;
/// Steps and output that a template may use, in minijinja's fuel: a mail of 20,000 characters needs some thousand, and an
/// endless loop ends within milliseconds.
pub const TEMPLATE_FUEL: u64 = 200_000;
/// How long an Alertmanager keeps an alert that it hears nothing more of: it would end after five minutes by default
/// (`resolve_timeout`), while a collector tells it of changes and repeats only.
pub const ALERTMANAGER_HOLD_MS: u64 = 24 * 60 * 60 * 1000;
/// How often an Alertmanager hears again of what stands open and changes nothing, taken or silenced: three of four may fail.
pub const ALERTMANAGER_RENEW_MS: u64 = ALERTMANAGER_HOLD_MS / 4;
/// Difference between wall clock and monotonic clock from one round of the notifier to the next that is a step of the clock:
/// `adjtime` slews by half a millisecond a second, NTP steps from 128 ms (and hardly ever below a second).
pub const CLOCK_STEPPED_MS: u64 = 1_000;

/// Bytes of collector.toml at most: 10,000 rows of 400 bytes.
pub const CONFIG_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a roster or of the holidays at most: that of the Cabinet Office, since 1955, has 21 KiB; a roster of three years
/// with three changes a day 200 KiB.
pub const CSV_BYTES: usize = 1024 * 1024;
/// Bytes of a file with a password at most.
pub const SECRET_BYTES: usize = 4096;
/// Rows of one array of tables: more customers, systems or hosts than one collector has agents for.
pub const TABLE_ROWS: usize = 10_000;
/// Items of a list in a row: receivers of a team, addresses of a receiver, steps of a response. More people than that are
/// a mailing list.
pub const LIST_ITEMS: usize = 32;
/// Characters of a text of several lines: a step of a response with its commands, three screens of a telephone.
pub const TEXT_CHARACTERS: usize = 2000;
/// Characters of a short text of one line: a telephone number, a document's number.
pub const SHORT_CHARACTERS: usize = 128;
/// Days that are looked through for the next digest: beyond the longest row of holidays by far, so that none in it means never.
pub const DIGEST_DAYS: u64 = 400;
/// Mistakes that are told at once; a file of another format has one a line.
pub const MISTAKES: usize = 1000;
/// Longest text of an acknowledgement, a reason or a title, in characters: it stands in a mail's thread, beside what matters.
pub const REMARK_CHARACTERS: usize = 1_000;
/// Longest note, in characters: a page of a hand-over. What is longer is a document, and the note names it.
pub const NOTE_CHARACTERS: usize = 4_000;
/// Longest name of a request, in characters: twice what a random identity needs.
pub const REQUEST_CHARACTERS: usize = 64;
/// Longest silence: what is silenced longer than a month is a rule to change.
pub const SILENCE_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Longest single maintenance, for the same reason: it silences.
pub const MAINTENANCE_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Longest single event: it silences nothing, and a campaign may run for a year.
pub const EVENT_MS: u64 = 366 * 24 * 60 * 60 * 1000;
/// How far ahead a silence or window may begin: a year of plans.
pub const AHEAD_MS: u64 = 366 * 24 * 60 * 60 * 1000;
/// How far ahead a recovery or report may be promised; beyond it a digit was mistyped.
pub const PROMISE_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Silences that hold or are to come: each is looked at for each alert.
pub const SILENCES: usize = 1_000;
/// Windows that cover a time or are to come, for the same reason; a customer has some, and there are hundreds of customers.
pub const WINDOWS: usize = 5_000;
/// Times that one alert can be taken or renewed: people do so a few times a night, a script that loops is stopped here.
pub const ACKNOWLEDGEMENTS: u32 = 500;
/// Notes on one alert, agent or system.
pub const NOTES: usize = 1_000;
/// How long a signed link works: a night and the morning after it.
pub const LINK_MS: u64 = 24 * 60 * 60 * 1000;
/// Longest token of a link that is looked at: a receiver of 64 characters with four bytes each makes 388.
pub const LINK_CHARACTERS: usize = 400;
/// Posts of one link within a minute: people press a few times, a script that loops is stopped here.
pub const LINK_POSTS: u32 = 10;
/// Times within a minute that one link is opened: mail scanners of a whole team open it some ten times.
pub const LINK_GETS: u32 = 120;
/// Refused links within a minute that are answered with a page; the rest costs one line. Nobody guesses a mac of 16 bytes.
pub const LINK_REFUSALS: u32 = 60;
/// Links whose use within a minute is remembered; when there are more, all are forgotten: each may be used anew.
pub const LINKS_COUNTED: usize = 4_096;
/// Longest body of a form behind a link: its texts, percent-encoded (nine bytes for a character of Japanese).
pub const LINK_FORM_BYTES: usize = 16 * 1024;
/// Entries of the audit that are read at once.
pub const AUDIT_PAGE: usize = 1_000;

/// So long after a restore it is asked of what agents send whether it was told before: they send again within minutes. Who comes
/// later was cut off, and of that nobody was told.
pub const TOLD_BEFORE_MS: u64 = 24 * 60 * 60 * 1000;
/// What happened so shortly before the last sign of life of a collector may not have been told any more: a batch, a decision and a
/// mail take seconds, an agent posts each 20 s. A mail twice is better than none.
pub const TOLD_MARGIN_MS: u64 = 60_000;
/// Directories beside the store's that `restore` looks into for the store that was there before.
pub const DIRECTORIES_BESIDE: usize = 256;
/// Where for so long nothing was held back as told before a restore, the log says how much it was.
pub const TOLD_QUIET_MS: u64 = 30_000;

/// Workers that hand messages over: one slow server holds up one of them, and there are two or three servers.
pub const NOTIFIER_WORKERS: usize = 4;
/// How often the notifier looks whether anything was stored or is due: a mail is to be out within two seconds.
pub const NOTIFIER_PAUSE_MS: u64 = 250;
/// Days of which the daily mail's figures are kept: a year of them answers when mails stopped.
pub const DAILIES: u64 = 400;
/// Days that alerts are kept after they ended, by default: the same season of the year before can be looked up.
pub const ALERTS_DAYS: u32 = 730;
/// Days that what happened to alerts is kept, by default: for the reports of a year.
pub const EVENTS_DAYS: u32 = 366;
/// Days that evidence is kept, by default: the quarter that a report is about. Names of programs are the customer's, and are not
/// kept for longer than they are looked at.
pub const EVIDENCE_DAYS: u32 = 92;
/// Evidence kept of an agent, the newest: ten a day (pending, firing, walked again, resolved) over [`EVIDENCE_DAYS`] would be more,
/// but of an agent that is that busy nobody looks at the oldest. Ten kilobytes each, four megabytes an agent at worst.
pub const EVIDENCE_KEPT: usize = 400;
/// Processes that the kernel killed for memory kept of an agent, the newest: a host that kills one an hour for a week. Kept for
/// [`EVIDENCE_DAYS`].
pub const VICTIMS_KEPT: usize = 200;
/// A kill so long before an OOM kill was counted belongs to it: counters are read at most ten minutes apart (`counters_interval`), and
/// the kernel's clock and ours differ a little. By the built-in rule an episode ends half an hour after its last kill, so that the
/// one before keeps its own.
pub const VICTIM_BEFORE_MS: u64 = 11 * 60 * 1000;
/// Evidence of one alert that is looked at, the newest: twice each of pending, firing and resolved, and as many of others with the
/// same number.
pub const EVIDENCE_OF_ALERT: usize = 24;
/// Alerts with the same code, subject and episode that are told apart: a test, and those of before a host lost its rings.
pub const EVIDENCE_TWINS: usize = 16;
/// Evidence of another run than its alert's is taken for its own up to so long before or after it: a rule is pending for some
/// minutes at the longest, and a table that was walked anew follows within one.
pub const EVIDENCE_NEAR_MS: u64 = 10 * 60 * 1000;
/// Processes of one Evidence that are read: five lists of eight are 40, and no agent of ours sends more.
pub const EVIDENCE_SUSPECTS: usize = 80;
/// Days that messages, threads and decisions are kept, by default, for the same reason.
pub const OUTBOX_DAYS: u32 = 366;
/// Days that the audit is kept, by default: five years, as contracts of operation ask for records of work.
pub const AUDIT_DAYS: u32 = 1827;
/// Rows that one transaction of the retention forgets at most of a table, with what belongs to each: batches wait for it, some
/// milliseconds, 20 in an unoptimised build with a million rows of each table.
pub const FORGET_ROWS: usize = 200;
/// Such transactions in a row before the retention rests.
pub const FORGET_ROUNDS: u32 = 500;
/// Pause between two of them: batches go first.
pub const FORGET_PAUSE_MS: u64 = 20;
/// A daily mail that could not be decided at its time, because no collector ran, is sent up to so long after it.
pub const DAILY_LATE_MS: u64 = 6 * 60 * 60 * 1000;
/// How often is looked whether the daily mail, or retention, is due.
pub const UPKEEP_MS: u64 = 10_000;
/// A backup that is older stands in the daily mail as something to look at.
pub const BACKUP_OLD_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Per mille of the disk free below which the daily mail says so.
pub const DISK_LOW_PERMILLE: u64 = 100;
/// A message that waits for so long stands there too: the mail server answers within minutes.
pub const WAITING_OLD_MS: u64 = 60 * 60 * 1000;

/// How long after its start a collector has its store looked through first: the rush of agents is over.
pub const INSPECT_FIRST_MS: u64 = 15 * 60 * 1000;
/// How often after that: once a day, so that of a week of backups most are of before the damage.
pub const INSPECT_EVERY_MS: u64 = 24 * 60 * 60 * 1000;
/// A look is given up after this: while it lasts, the write-ahead log cannot be begun anew and grows.
pub const INSPECT_LONGEST_MS: u64 = 10 * 60 * 1000;
/// How often a look is asked whether it may go on.
pub const INSPECT_POLL_MS: u64 = 100;

/// How often is looked at what made progress.
pub const ALIVE_MS: u64 = 1_000;
/// Where nothing made progress for so long by itself (no agent posts, nothing is stored), it is asked to.
pub const ALIVE_ASK_MS: u64 = 5_000;
/// What made no progress for so long stands still: ten sweeps, or three times what is asked and refused.
pub const ALIVE_STILL_MS: u64 = 20_000;
/// The listener answers its own collector within this.
pub const ALIVE_PROBE_MS: u64 = 3_000;
/// The dead man's signal ends within this, whatever the other side does.
pub const SIGNAL_MS: u64 = 8_000;
/// A failure that goes on is logged again after this.
pub const SIGNAL_LOG_MS: u64 = 60 * 60 * 1000;

/// How often `watch` asks, by default.
pub const WATCH_EVERY_MS: u64 = 60_000;
/// Answers missed in a row before `watch` mails: two may be a restart.
pub const WATCH_AFTER: u32 = 3;
/// Accounts, and API tokens as many again: a large operations centre has some hundred people. Lists of them are one page.
pub const ACCOUNTS: usize = 1000;
/// Customers in the scope of one account or token: whoever needs more of them sees all.
pub const SCOPE_CUSTOMERS: usize = 1000;
/// Sessions of one account: the browsers of a person at work, on the telephone and at home. One more ends the one that was
/// used longest ago.
pub const SESSIONS_PER_ACCOUNT: usize = 8;
/// A session ends so long after its password was given: within a day with its shifts and hand-over.
pub const SESSION_MS: u64 = 24 * 60 * 60 * 1000;
/// A session ends so long after its last use. Open pages fetch themselves again, so this is a browser that is closed or a
/// machine that sleeps.
pub const SESSION_IDLE_MS: u64 = 2 * 60 * 60 * 1000;
/// Last uses of sessions and tokens are stored at most so often: pages are fetched every few seconds, and each would be a
/// write to the disk.
pub const USED_STEP_MS: u64 = 60 * 1000;
/// A set-up link is good for so long; the next start of `serve` prints another.
pub const SETUP_MS: u64 = 24 * 60 * 60 * 1000;
/// Failed logins of one account within [`LOGIN_WINDOW_MS`]: a person mistypes some times; guesses at this pace are 350,000 a
/// year.
pub const LOGIN_FAILURES: u32 = 10;
/// Failed logins from one address within [`LOGIN_WINDOW_MS`]: an office behind one address, not a list of names.
pub const LOGIN_FAILURES_ADDRESS: u32 = 50;
/// Failed logins are forgotten so long after the first of them.
pub const LOGIN_WINDOW_MS: u64 = 15 * 60 * 1000;
/// Names, and addresses, whose failed logins are remembered: bounds memory to some 500 KiB. Beyond it the one with the
/// fewest failures is forgotten.
pub const LOGIN_ENTRIES: usize = 4096;
/// Shortest password, in characters: with [`LOGIN_FAILURES`] nobody guesses twelve that are no word.
pub const PASSWORD_CHARACTERS: usize = 12;
/// Longest password, in bytes: a sentence fits, and hashing it takes no longer.
pub const PASSWORD_BYTES: usize = 256;
/// Passwords hashed at once: each takes 19 MiB and a processor for some 20 ms; others wait.
pub const HASHES_AT_ONCE: usize = 2;
/// Longest form: the largest holds the customers of a scope.
pub const FORM_BYTES: usize = 128 * 1024;
/// Longest address that a login leads back to: of our own pages none is longer.
pub const RETURN_BYTES: usize = 1024;
/// Longest life of an API token that one can ask for: ten years; one without an end is said in as many words.
pub const TOKEN_DAYS: u64 = 3650;

/// Longest body of a request to the API: the customers of a scope are the longest, and every character may be escaped.
pub const API_BODY_BYTES: usize = 256 * 1024;
/// Longest query of a request to the API: each parameter with its longest value, percent-encoded.
pub const API_QUERY_BYTES: usize = 16 * 1024;
/// Items on a page of the API where the request does not say.
pub const API_PAGE: u64 = 100;
/// Items on a page of the API at most: some 300 KiB of alerts.
pub const API_PAGE_MOST: u64 = 500;
/// Longest cursor of a page: hexadecimal digits of the path of an agent, three names of 64 characters of four bytes each.
pub const API_CURSOR_CHARACTERS: usize = 2048;
/// Alerts that are looked at for one page of a filtered list: some ten milliseconds. What is not found among them is on the
/// next page.
pub const API_LOOKED_AT: usize = 5_000;
/// Readings that one request looks at: a page of the newest ones, and those of the same moment.
pub const API_READINGS: usize = 1_000;
/// Entries of a file of the audit: some 30 MiB in memory while it is made. A team of ten makes 1,000 a month.
pub const API_CSV_ENTRIES: usize = 100_000;

/// Boots and changes of the configuration kept of an agent: seven a day for a month; a host that boots more often shows the newest.
pub const PAST_KEPT: u32 = 210;
