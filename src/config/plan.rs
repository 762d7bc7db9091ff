//! The plan: a checked configuration as plain values.
//!
//! One process parses agent.toml; the others get the plan in postcard and never see TOML. Every value is in range and
//! fits every other: what takes a [`Plan`] need not check it again.

use crate::code::builtin_rules;
use crate::rule::{Rule, Subject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Everything that the processes need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The file it came from, as it was named; empty for the defaults.
    pub file: String,
    /// `[agent]`.
    pub agent: Agent,
    /// `[sample]`.
    pub sample: Sample,
    /// `[spool]`.
    pub spool: Spool,
    /// `[forward]`.
    pub forward: Forward,
    /// Where transitions are told on the host, besides standard error (`[agent] log_file`).
    pub log: Log,
    /// What goes along with alerts.
    pub evidence: Evidence,
    /// What is watched besides the host.
    pub watch: Watch,
    /// Every rule, disabled ones too, in the order of (code, subject).
    pub rules: Vec<EffectiveRule>,
    /// The keys that its files give, in their order and that of their lines; every other value is built in.
    pub given: Vec<Given>,
}

/// A key that a file gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Like `sample.interval`, or `rule 1002.raise` (`rule 8005 /proc/stat.enabled`) for a key of a rule.
    pub key: String,
    /// The file as an origin says it: `agent.toml`, or one like `agent.d/10-db.toml`.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
}

/// `[agent]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// File with agent id, key epoch and key ([`super::key_file`]).
    pub key_file: PathBuf,
    /// Shown instead of the kernel's host name.
    pub host_name: Option<String>,
}

/// `[sample]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Milliseconds between samples.
    pub interval_ms: u32,
    /// Milliseconds between reads of the counters in `/proc/vmstat`; at least `interval_ms`.
    pub counters_interval_ms: u32,
    /// Milliseconds that one Readings frame covers; at least `interval_ms`.
    pub report_interval_ms: u32,
    /// Who reads.
    pub source: Source,
    /// Directory under which `proc` and `sys` stand: `/` but in tests.
    pub root: PathBuf,
}

/// Who reads the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Our own reader: files held open, nothing allocated.
    Procfs,
    /// The crate sysinfo: fewer quantities, and it allocates.
    Sysinfo,
}

/// `[spool]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spool {
    /// Directory of the disk ring.
    pub directory: PathBuf,
    /// Whether there is a disk ring.
    pub disk: bool,
    /// Its size.
    pub disk_size: DiskSize,
    /// Size of the memory ring, bytes.
    pub memory_size_bytes: u32,
    /// Where the memory ring lies.
    pub memory_directory: MemoryDirectory,
}

/// Size of the disk ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskSize {
    /// 32 MiB where the file system has 4 GiB or more, else 8 MiB.
    Auto,
    /// So many bytes, a multiple of [`crate::limit::BLOCK_BYTES`].
    Bytes(u64),
}

/// Where the memory ring lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemoryDirectory {
    /// The first tmpfs of /run/hansho and /dev/shm/hansho, else a memfd.
    Auto,
    /// This directory.
    Path(PathBuf),
}

/// `[forward]`. Time limits of a post are fixed ([`crate::limit::POST_TIMEOUT_MS`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Collectors, in the order in which they are tried; none: nothing leaves the host.
    pub urls: Vec<CollectorUrl>,
    /// Plain HTTP is allowed to other hosts than this one.
    pub allow_plain_http: bool,
    /// PEM file with the certificates to trust instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the SubjectPublicKeyInfo of certificates (RFC 7469 §2.4); where given, one must match.
    pub pin_sha256: Vec<[u8; 32]>,
    /// The proxy through which posts go.
    pub proxy: Option<Proxy>,
    /// Milliseconds between posts; an alert is posted at once.
    pub post_interval_ms: u32,
    /// Milliseconds that the forwarder stays after a post; `None`: for ever.
    pub linger_ms: Option<u32>,
}

/// An HTTP proxy that makes tunnels (CONNECT).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// The whole address, normalised.
    pub url: String,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User, and the file of one line with the password.
    pub user: Option<(String, PathBuf)>,
}

/// Address of a collector, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorUrl {
    /// The whole address, normalised: scheme and host in lower case, port only where it was given, a path always.
    pub url: String,
    /// Whether TLS is spoken.
    pub https: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Port, 443 or 80 where none was given.
    pub port: u16,
    /// Path and query, from the slash on.
    pub path: String,
}

/// What goes along with alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Whether processes are looked at, and named beside alerts.
    pub processes: bool,
}

/// Where transitions are told besides standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// A file of its own, for log traps.
    pub file: Option<LogFile>,
}

/// A bounded log file: when full it becomes `PATH.1`, in place of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// The file.
    pub path: PathBuf,
    /// Bytes after which it is put aside.
    pub max_size_bytes: u64,
}

/// What is watched besides the host itself: the subjects of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// `[[filesystem]]` in their order, then those that are watched by default; at most
    /// [`crate::limit::WATCHED_FILESYSTEMS`].
    pub filesystems: Vec<Filesystem>,
    /// `[[cache]]` in their order; at most [`crate::limit::WATCHED_CACHES`].
    pub caches: Vec<Cache>,
}

/// A file system that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filesystem {
    /// A path on it, and the subject of its alerts.
    pub path: Subject,
    /// Nobody named it: it is that of the disk ring or of a cache directory. Where it is one that is watched already (the same
    /// device), nothing is told of it.
    pub by_default: bool,
}

/// A cache directory that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// The directory, and the subject of its alerts.
    pub path: Subject,
    /// What is allocated to all in it is compared with this, KiB: the total of [`crate::rule::Quantity::CacheSize`].
    pub limit_kib: Option<u64>,
    /// The number of entries is compared with this: the total of [`crate::rule::Quantity::CacheEntries`].
    pub limit_entries: Option<u64>,
}

/// A rule in force, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveRule {
    /// The rule.
    pub rule: Rule,
    /// `built-in`, or file and line of its `[[rule]]` like `agent.toml:41` or `agent.d/10-db.toml:3`.
    pub origin: String,
}

/// Origin of what no file gives.
pub const BUILT_IN: &str = "built-in";
/// Default of `spool.memory_size`, bytes.
pub const MEMORY_SIZE_BYTES: u32 = 256 * 1024;
/// Default of `agent.log_file_size`, bytes.
pub const LOG_FILE_SIZE_BYTES: u64 = 1024 * 1024;

impl Default for Plan {
    /// What an agent.toml of `config_version = 1` alone says.
    fn default() -> Self {
        let mut plan = Self {
            file: String::new(),
            agent: Agent {
                key_file: "/etc/hansho/agent.key".into(),
                host_name: None,
            },
            sample: Sample {
                interval_ms: 1000,
                counters_interval_ms: 5000,
                report_interval_ms: 10_000,
                source: Source::Procfs,
                root: "/".into(),
            },
            spool: Spool {
                directory: "/var/lib/hansho".into(),
                disk: true,
                disk_size: DiskSize::Auto,
                memory_size_bytes: MEMORY_SIZE_BYTES,
                memory_directory: MemoryDirectory::Auto,
            },
            forward: Forward {
                urls: Vec::new(),
                allow_plain_http: false,
                ca_file: None,
                pin_sha256: Vec::new(),
                proxy: None,
                post_interval_ms: 30_000,
                linger_ms: None,
            },
            log: Log::default(),
            evidence: Evidence { processes: true },
            watch: Watch::default(),
            rules: builtin_rules()
                .into_iter()
                .map(|rule| EffectiveRule {
                    rule,
                    origin: BUILT_IN.into(),
                })
                .collect(),
            given: Vec::new(),
        };
        super::watch::settle(&mut plan);
        plan
    }
}

impl Plan {
    /// A hash of the rules in force, wherever they came from: the first eight bytes (little-endian) of SHA-256 over
    /// their postcard forms, one after the other.
    #[must_use]
    pub fn config_hash(&self) -> u64 {
        let mut hash = Sha256::new();
        for effective in &self.rules {
            // Cannot fail: memory is the only bound, and a rule has no type that postcard refuses.
            hash.update(postcard::to_stdvec(&effective.rule).unwrap_or_default());
        }
        let bytes: [u8; 32] = hash.finalize().into();
        bytes
            .first_chunk::<8>()
            .map_or(0, |first| u64::from_le_bytes(*first))
    }

    /// Where the value of a key came from: file and line, or `built-in`.
    #[must_use]
    pub fn origin(&self, key: &str) -> String {
        self.given
            .iter()
            .find(|given| given.key == key)
            .map_or_else(
                || BUILT_IN.into(),
                |given| format!("{}:{}", given.file, given.line),
            )
    }

    /// A hash of all values, wherever they came from: two configurations that say the same have the same.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // Cannot fail: memory is the only bound.
        let bytes = self.without_origins().to_bytes().unwrap_or_default();
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        hash.first_chunk::<8>()
            .map_or(0, |first| u64::from_le_bytes(*first))
    }

    /// The same values without where they came from: two files that say the same give equal ones.
    #[must_use]
    pub fn without_origins(&self) -> Self {
        let mut plain = self.clone();
        plain.file.clear();
        plain.given.clear();
        for effective in &mut plain.rules {
            effective.origin.clear();
        }
        plain
    }

    /// The plan as the processes pass it to each other.
    ///
    /// # Errors
    /// Never on a plan of this program; postcard's reason otherwise.
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_stdvec(self)
    }

    /// Reads what [`Plan::to_bytes`] of the same program wrote.
    ///
    /// # Errors
    /// postcard's reason; bytes left over are refused as `DeserializeBadEncoding`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, postcard::Error> {
        match postcard::take_from_bytes(bytes)? {
            (plan, []) => Ok(plan),
            _ => Err(postcard::Error::DeserializeBadEncoding),
        }
    }
}
