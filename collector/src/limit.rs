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

/// Post interval of an agent whose Hello never came: the default of agent.toml.
pub const POST_INTERVAL_MS: u64 = 30_000;
/// An agent that was not heard for this many of its post intervals, and a little, is shown as silent.
pub const SILENT_INTERVALS: u64 = 3;
/// The little: jitter of a post, and its way.
pub const SILENT_MARGIN_MS: u64 = 5_000;

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
/// Without an answer of the writer within this, `/healthz` says 503.
pub const PING_MS: u64 = 3_000;

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
/// Entries of any list in a message (steps, happenings, suspects, hosts, addresses): more is not read at night.
pub const MAIL_LIST: usize = 30;
/// Rows of a digest or summary; the rest is counted.
pub const MAIL_ROWS: usize = 100;

/// One answer of a mail server comes within this: RFC 5321 asks for minutes, but people wait; a mail whose last answer
/// came later is sent once more, with the same Message-ID.
pub const SMTP_ANSWER_MS: u64 = 30_000;
/// A whole mail is handed over within this, or given up and tried later.
pub const SMTP_MAIL_MS: u64 = 120_000;
/// Mails that were given up and whose connection still hangs; beyond it none is begun, and the mail waits.
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
