//! docs/SITE.md: its nginx configurations as they stand, with a real agent's check before them and a real collector behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use,
    reason = "a test that fails may panic"
)]

#[path = "process_support/authority.rs"]
mod authority;

use authority::issue;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DOCUMENT: &str = include_str!("../docs/SITE.md");
const NGINX: &str = "/usr/sbin/nginx";
const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A process that is stopped when dropped.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let begun = Instant::now();
        while self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            if begun.elapsed() > Duration::from_secs(20) {
                let _ = self.0.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn programs() -> PathBuf {
    let agent = Path::new(env!("CARGO_BIN_EXE_hansho"));
    let directory = agent.parent().unwrap().to_path_buf();
    if !directory.join("hansho-collector").exists() {
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--locked", "--package", "hansho-collector"])
            .status()
            .unwrap();
        assert!(status.success(), "the collector is built");
    }
    directory
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn blocks(from: &str) -> Vec<&'static str> {
    let parts = DOCUMENT.split(from).skip(1);
    parts
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

/// Whether nginx is here; where everything must run its absence is a failure.
fn has_nginx() -> bool {
    let here = Path::new(NGINX).exists() && Path::new(STREAM).exists();
    let all = std::env::var("HANSHO_COMMANDS").is_ok_and(|value| value == "all");
    assert!(
        here || !all,
        "nginx with its stream module is not installed"
    );
    if !here {
        eprintln!("skipped: nginx with its stream module is not installed");
    }
    here
}

/// Starts nginx with a configuration of the document, and lets an agent check the way through it.
fn through(folder: &Path, text: &str, behind: &str, authority: &str) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let port = free_port();
    let at = folder.to_str().unwrap();
    // Names, ports and places are this test's; nothing else changes.
    let text = text
        .replace(
            "server collector.example:7443",
            &format!("server localhost:{behind}"),
        )
        .replace("listen 7443", &format!("listen 127.0.0.1:{port}"))
        .replace(
            "proxy_ssl_name collector.example",
            "proxy_ssl_name localhost",
        )
        .replace("/etc/nginx/hansho", at)
        .replace("/var/log/nginx", at)
        .replace("/run/nginx.pid", &format!("{at}/nginx-{port}.pid"))
        .replace("user www-data;\n", "");
    let file = folder.join(format!("nginx-{port}.conf"));
    fs::write(&file, &text).unwrap();
    let checked = Command::new(NGINX)
        .args(["-t", "-q", "-c"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        checked.status.success() && checked.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let _nginx = Stopped(
        Command::new(NGINX)
            .args(["-g", "daemon off;", "-c"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "nginx listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    write(
        "agent.toml",
        &format!(
            "config_version = 1\n[agent]\nkey_file = \"{at}/agent.key\"\n[spool]\ndirectory = \"{at}/spool\"\n\
                 memory_directory = \"{at}/memory\"\n[forward]\nurls = [\"https://localhost:{port}/\"]\n\
                 ca_file = \"{at}/{authority}\"\n"
        ),
    );
    let check = Command::new(env!("CARGO_BIN_EXE_hansho"))
        .args(["check", "--connect", "--config"])
        .arg(folder.join("agent.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned()
        + &String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{text}\n{said}");
    assert!(
        said.contains("tls      ok") && said.contains("key      ok"),
        "{said}"
    );
}

#[test]
fn an_agent_reaches_the_collector_through_either_gateway() {
    if !has_nginx() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("hansho-site-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let ours = issue(&["localhost"]);
    let theirs = issue(&["localhost"]);
    for (name, text) in [
        ("collector-ca.pem", &ours.authority),
        ("collector.pem", &ours.certificate),
        ("collector.key", &ours.key),
        ("gateway-ca.pem", &theirs.authority),
        ("gateway.pem", &theirs.certificate),
        ("gateway.key", &theirs.key),
    ] {
        write(name, text);
    }
    write(
        "collector.toml",
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\ncertificate = \"collector.pem\"\nkey = \"collector.key\"\n\
         [pages]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"store\"\n",
    );
    let programs = programs();
    let collector = programs.join("hansho-collector");
    let added = Command::new(&collector)
        .args(["agent", "add", "web03", "--system", "mirai/order"])
        .args(["--key-file", "agent.key"])
        .current_dir(&folder)
        .status();
    assert!(added.unwrap().success());
    let mut serve = Stopped(
        Command::new(&collector)
            .arg("serve")
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(serve.0.stdout.take().unwrap()).lines();
    let line = lines
        .map(Result::unwrap)
        .find(|line| line.starts_with("listening ingest="))
        .unwrap();
    let address = line.split('=').nth(1).unwrap().split(' ').next().unwrap();
    let behind = address.rsplit(':').next().unwrap();

    let configurations = blocks("```nginx\n");
    assert_eq!(configurations.len(), 2);
    for (text, authority) in configurations
        .into_iter()
        .zip(["collector-ca.pem", "gateway-ca.pem"])
    {
        through(&folder, text, behind, authority);
    }
    drop(serve);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_agents_side_of_a_proxy_is_a_configuration() {
    let text = blocks("```toml\n")[0];
    let folder = std::env::temp_dir().join(format!("hansho-site-proxy-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("agent.toml");
    fs::write(&file, format!("config_version = 1\n{text}\n")).unwrap();
    let shown = Command::new(env!("CARGO_BIN_EXE_hansho"))
        .args(["check", "--show", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shown.stdout).into_owned()
        + &String::from_utf8_lossy(&shown.stderr);
    assert!(
        said.contains("http://proxy.customer.example:3128"),
        "{said}"
    );
    fs::remove_dir_all(&folder).unwrap();
}
