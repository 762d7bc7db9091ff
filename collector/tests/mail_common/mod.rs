//! A Postfix of the test's own (Debian's package `postfix`): its own configuration, queue and Maildirs, on a loopback port
//! that the system chose. And mails as Python's `email` package reads them: a parser that is not ours.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// User and group of the Maildirs: nobody (Debian's base-passwd); Postfix delivers as nobody below 100.
const NOBODY: u32 = 65_534;

/// A running Postfix; it is stopped when dropped.
pub(crate) struct Postfix {
    directory: PathBuf,
    /// Where it listens.
    pub(crate) port: u16,
}

/// Why there is no Postfix here; `None` where there is one.
fn missing() -> Option<&'static str> {
    let has = |program: &str| Path::new(program).exists();
    if !has("/usr/sbin/postfix") || !has("/usr/lib/postfix/sbin/master") {
        return Some("Debian's package postfix is not installed");
    }
    if Command::new("python3").arg("--version").output().is_err() {
        return Some("python3 is not installed");
    }
    let root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    (!root).then_some("not root, which Postfix must be started as")
}

/// What is served: certificate and key in PEM.
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate for these names, self-signed.
pub(crate) fn certificate(names: &[&str]) -> Certificate {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    Certificate {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

impl Postfix {
    /// Starts one; `None`, and a line that says why, where this host has none. Where everything must run
    /// (`HANSHO_COMMANDS=all`) that is a failure.
    pub(crate) fn start(certificate: &Certificate) -> Option<Self> {
        if let Some(why) = missing() {
            let all = std::env::var("HANSHO_COMMANDS").is_ok_and(|value| value == "all");
            assert!(!all, "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        // The port is free when it is chosen and may be taken when Postfix binds it: then another.
        let mut said = String::new();
        for attempt in 0..3 {
            let port = free_port();
            let directory = std::env::temp_dir().join(format!(
                "hansho-postfix-{}-{attempt}-{port}",
                std::process::id()
            ));
            let postfix = Self { directory, port };
            postfix.configure(certificate);
            match postfix.run("start") {
                Ok(()) => return Some(postfix),
                Err(words) => said = words,
            }
        }
        panic!("postfix does not start: {said}");
    }

    fn configure(&self, certificate: &Certificate) {
        let directory = &self.directory;
        fs::create_dir(directory).unwrap();
        for part in ["queue", "data", "mail", "etc"] {
            fs::create_dir(directory.join(part)).unwrap();
        }
        let owned = |path: &str, user: &str| {
            let done = Command::new("chown")
                .arg(user)
                .arg(directory.join(path))
                .status()
                .unwrap();
            assert!(done.success());
        };
        owned("data", "postfix");
        owned("mail", &NOBODY.to_string());
        let write =
            |name: &str, text: &str| fs::write(directory.join("etc").join(name), text).unwrap();
        write("cert.pem", &certificate.certificate);
        write("key.pem", &certificate.key);
        fs::set_permissions(
            directory.join("etc/key.pem"),
            fs::Permissions::from_mode(0o600),
        )
        .unwrap();
        write("access", "");
        let at = directory.display();
        write(
            "main.cf",
            &format!(
                "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
                 mail_owner = postfix\nsetgid_group = postdrop\nmeta_directory = /etc/postfix\n\
                 myhostname = mx.example.jp\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
                 mynetworks = 127.0.0.0/8\nalias_maps =\nlocal_recipient_maps =\n\
                 virtual_mailbox_domains = example.jp\nvirtual_mailbox_base = {at}/mail\n\
                 virtual_mailbox_maps = inline:{{ {{sato@example.jp = sato/}}, {{suzuki@example.jp = suzuki/}} }}\n\
                 virtual_uid_maps = static:{NOBODY}\nvirtual_gid_maps = static:{NOBODY}\n\
                 smtpd_recipient_restrictions = check_recipient_access texthash:{at}/etc/access, permit_mynetworks, reject\n\
                 smtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = {at}/etc/cert.pem\n\
                 smtpd_tls_key_file = {at}/etc/key.pem\nsmtpd_tls_received_header = yes\n\
                 maillog_file = {at}/maillog\nmaillog_file_prefixes = {at}\nmax_use = 1\n"
            ),
        );
        write(
            "master.cf",
            &format!(
                "127.0.0.1:{} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
                 tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
                 defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nverify unix - - n - 1 verify\n\
                 proxymap unix - - n - - proxymap\nsmtp unix - - n - - smtp\nerror unix - - n - - error\n\
                 retry unix - - n - - error\nvirtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\n\
                 postlog unix-dgram n - n - 1 postlogd\n",
                self.port
            ),
        );
    }

    fn run(&self, what: &str) -> Result<(), String> {
        let out = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.directory.join("etc"))
            .arg(what)
            .output()
            .unwrap();
        if out.status.success() {
            return Ok(());
        }
        let log = fs::read_to_string(self.directory.join("maillog")).unwrap_or_default();
        Err(format!("{}{log}", String::from_utf8_lossy(&out.stderr)))
    }

    /// Answers a recipient so from the next connection on; without words as ever.
    pub(crate) fn answer(&self, recipient: &str, words: Option<&str>) {
        let line = words.map_or_else(String::new, |words| format!("{recipient} {words}\n"));
        fs::write(self.directory.join("etc/access"), line).unwrap();
    }

    /// The mails in a Maildir as they are now.
    pub(crate) fn boxed(&self, of: &str) -> Vec<PathBuf> {
        let new = self.directory.join("mail").join(of).join("new");
        fs::read_dir(&new)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default()
    }

    /// Whether all that it took lies in a Maildir. What it took waits in `incoming`, then in `active` (qmgr(8)).
    pub(crate) fn is_idle(&self) -> bool {
        ["incoming", "active"].iter().all(|name| {
            let queue = fs::read_dir(self.directory.join("queue").join(name));
            queue.unwrap().next().is_none()
        })
    }

    /// The mails in a Maildir, in the order of their delivery, once there are so many.
    pub(crate) fn mails(&self, of: &str, many: usize) -> Vec<PathBuf> {
        let new = self.directory.join("mail").join(of).join("new");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let mut found: Vec<PathBuf> = fs::read_dir(&new)
                .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
                .unwrap_or_default();
            if found.len() >= many {
                found.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
                assert_eq!(found.len(), many);
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{of}: {} of {many} mails\n{}",
                found.len(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets it hang: connections are taken by the kernel, and nobody answers.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// Stops it: nobody listens on its port.
    pub(crate) fn stop(&self) {
        self.run("stop").unwrap();
    }

    /// Starts it again on its port.
    pub(crate) fn restart(&self) {
        self.run("start").unwrap();
    }

    fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.directory.join("queue/pid/master.pid")).unwrap();
        let done = Command::new("kill").args([signal, pid.trim()]).status();
        assert!(done.unwrap().success());
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("maillog")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // `postfix stop` looks once a second whether it ended; its master, asked directly, ends its own children. A start
        // that failed left no process.
        let pid = fs::read_to_string(self.directory.join("queue/pid/master.pid"));
        if let Ok(pid) = pid {
            let _ = Command::new("kill").arg(pid.trim()).status();
            let _ = Command::new("kill").args(["-CONT", pid.trim()]).status();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A port of loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A mail as Python reads it.
pub(crate) fn parsed(mail: &Path) -> serde_json::Value {
    let script = r#"
import email, email.policy, json, sys
with open(sys.argv[1], "rb") as file:
    message = email.message_from_binary_file(file, policy=email.policy.default)
def text(kind):
    part = message.get_body((kind,))
    return None if part is None else part.get_content()
def people(name):
    field = message[name]
    return [] if field is None else [[a.display_name, a.addr_spec] for a in field.addresses]
print(json.dumps({
    "headers": {key.lower(): str(value) for key, value in message.items()},
    "from": people("from"), "to": people("to"), "cc": people("cc"),
    "type": message.get_content_type(), "plain": text("plain"), "html": text("html"),
    "date": message["date"].datetime.isoformat(), "date_ms": int(message["date"].datetime.timestamp()) * 1000,
    "defects": [str(d) for part in message.walk() for d in part.defects]
        + [str(d) for value in message.values() for d in getattr(value, "defects", ())],
}))
"#;
    let out = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(mail)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}
