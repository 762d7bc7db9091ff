//! `hansho join`: from a join token to a key file, and to a first configuration where there is none.

use super::Command;
use super::args::{Args, CONFIG};
use super::configuration::proxy_password;
use super::exit::{Exit, Outcome, Stop};
use super::forward::{proxy, trust};
use super::output::{Output, say, shown};
use hansho::config::plan::CollectorUrl;
use hansho::config::{self, NewKey, Plan, key_file};
use hansho::forward::client::Client;
use hansho::frame::BootId;
use hansho::sample::inventory::{Inventory, boot_id};
use lexopt::Arg;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where hosts join.
const JOIN_PATH: &str = "/v1/join";
/// Longest message of a collector that is repeated, in characters.
const MESSAGE_CHARS: usize = 300;

/// The subcommand.
pub(crate) const COMMAND: Command = Command {
    name: "join",
    summary: "become an agent of a collector, with a join token",
    help: "\
Asks a collector for a key, with a token of \"hansho-collector join-token add\", and writes the key file. Where there is no
configuration yet, one is written that names the collector. TLS as the agent would do it; plain http:// only to this host.

Usage: hansho join URL --token-file FILE [--name NAME] [--replace] [--config FILE]
                   [--ca-file FILE | --pin-sha256 HEX]

  URL                of the collector, as in forward.urls: https://collector.example:7443/
  --token-file FILE  one line, the token; only its owner may have access (chmod 600)
  --name NAME        what the collector calls this host; default: agent.host_name, else the kernel's
  --replace          put the new key in place of one that is there: this host then is another agent
  --config FILE      default /etc/hansho/agent.toml; if it is there, its key file, authorities and proxy are used, else the key
                     is written beside it as agent.key
  --ca-file FILE     PEM of the authorities to trust, an absolute path; only without a configuration, and written into it
  --pin-sha256 HEX   likewise, a pin of the collector's public key

Exit codes: 0 joined; 1 the collector does not take the token or the name; 64 wrong command line; 66 the token file is missing;
69 the collector cannot be reached; 73 the key file is there already, or cannot be created; 75 not now, try again; 76 what
answers is no collector; 77 not allowed to read or write a file; 78 wrong configuration or token file

Example: hansho join https://collector.example:7443/ --token-file join.token
",
    run,
};

struct Options {
    config: PathBuf,
    url: CollectorUrl,
    token_file: PathBuf,
    name: Option<String>,
    replace: bool,
    ca_file: Option<PathBuf>,
    pin: Option<String>,
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let (mut config, mut url, mut token_file) = (PathBuf::from(CONFIG), None, None);
    let (mut name, mut replace, mut ca_file, mut pin) = (None, false, None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("config") => config = args.path()?,
            Arg::Long("token-file") => token_file = Some(args.path()?),
            Arg::Long("name") => name = Some(args.text()?),
            Arg::Long("replace") => replace = true,
            Arg::Long("ca-file") => ca_file = Some(args.path()?),
            Arg::Long("pin-sha256") => pin = Some(args.text()?),
            Arg::Value(word) if url.is_none() => {
                let text = word.to_string_lossy();
                let parsed = config::collector_url(&text)
                    .map_err(|allowed| Stop::usage(format!("URL: allowed {allowed}")))?;
                url = Some(parsed);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let url = url.ok_or_else(|| Stop::usage("which collector? its URL"))?;
    let token_file = token_file.ok_or_else(|| Stop::usage("which token? --token-file FILE"))?;
    Ok(Options {
        config,
        url,
        token_file,
        name,
        replace,
        ca_file,
        pin,
    })
}

/// The configuration that is there, or the one that will be written; with its text then.
fn plan(options: &Options) -> Result<(Plan, Option<String>), Stop> {
    if super::file::is_there(&options.config) {
        if options.ca_file.is_some() || options.pin.is_some() {
            let message = format!(
                "--ca-file and --pin-sha256: {} is there and says whom to trust",
                options.config.display()
            );
            return Err(Stop::usage(message));
        }
        return Ok((config::load(&options.config)?, None));
    }
    let mut text = String::from(
        "# Written by hansho join. The reference of every key: agent.toml of the distribution; hansho check --show.\nconfig_version = 1\n",
    );
    if let Some(key_file) = key_beside(&options.config) {
        let key_file = quoted(&key_file.to_string_lossy());
        text.push_str(&format!("\n[agent]\nkey_file = {key_file}\n"));
    }
    text.push_str("\n[forward]\n");
    text.push_str(&format!("urls = [{}]\n", quoted(&options.url.url)));
    if let Some(file) = &options.ca_file {
        text.push_str(&format!("ca_file = {}\n", quoted(&file.to_string_lossy())));
    }
    if let Some(pin) = &options.pin {
        text.push_str(&format!("pin_sha256 = [{}]\n", quoted(pin)));
    }
    let name = options.config.display().to_string();
    let plan = config::parse(&text, &name)?;
    Ok((plan, Some(text)))
}

/// The key file of a first configuration in another place than the usual one: beside it.
fn key_beside(config: &Path) -> Option<PathBuf> {
    let folder = |path: &Path| path.parent().map(Path::to_owned);
    let own = folder(&std::path::absolute(config).ok()?)?;
    (Some(&own) != folder(Path::new(CONFIG)).as_ref()).then(|| own.join("agent.key"))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let token = config::secret::read(
        &options.token_file,
        "one line: a token of hansho-collector join-token add",
    )?;
    let (plan, new_text) = plan(&options)?;
    let inventory = Inventory::read(&plan.sample.root);
    let name = options
        .name
        .clone()
        .or_else(|| plan.agent.host_name.clone())
        .or(inventory.hostname)
        .ok_or_else(|| Stop::usage("this host has no name: --name NAME"))?;
    // Before a use of the token is spent.
    let key_path = &plan.agent.key_file;
    let key = NewKey::prepare(key_path, options.replace)
        .map_err(|error| cannot_create(key_path, &error))?;
    let joined = ask(&options, &plan, &token, &name)?;
    let line = format!("{}\n", joined.key);
    key_file::parse(line.as_bytes(), "the collector's answer")
        .map_err(|error| Stop::failed(Exit::Format, error.to_string()))?;
    key.keep(&line)
        .map_err(|error| cannot_create(key_path, &error))?;
    out.line(&format!(
        "joined as {}; the key is in {}",
        shown(&joined.agent),
        shown(&key_path.display().to_string())
    ))?;
    configured(&options, &plan, new_text.as_deref(), out)?;
    out.line("next: hansho check --connect, then start the agent (hansho run)")?;
    Ok(Exit::Done)
}

/// Writes the configuration where there is none; says where one that is there does not name the collector.
fn configured(
    options: &Options,
    plan: &Plan,
    new_text: Option<&str>,
    out: &mut Output,
) -> Result<(), Stop> {
    let path = options.config.display().to_string();
    if let Some(text) = new_text {
        config::write_configuration(&options.config, text)
            .map_err(|error| cannot_create(&options.config, &error))?;
        return out.line(&format!("{}: written", shown(&path)));
    }
    let named = plan
        .forward
        .urls
        .iter()
        .any(|url| url.url == options.url.url);
    if !named {
        say(&format!(
            "warning: {}: forward.urls does not name {}: add it",
            shown(&path),
            options.url.url
        ));
    }
    Ok(())
}

fn cannot_create(path: &Path, error: &std::io::Error) -> Stop {
    let (exit, words) = match error.kind() {
        std::io::ErrorKind::AlreadyExists => (
            Exit::CannotCreate,
            "is there already: this host has joined; --replace makes it another agent".to_owned(),
        ),
        std::io::ErrorKind::PermissionDenied => {
            (Exit::NoPermission, "not allowed to write it".to_owned())
        }
        _ => (Exit::CannotCreate, error.to_string()),
    };
    Stop::failed(exit, format!("{}: {words}", path.display()))
}

struct Joined {
    agent: String,
    key: String,
}

/// Asks the collector.
fn ask(options: &Options, plan: &Plan, token: &str, name: &str) -> Result<Joined, Stop> {
    let mut plan = plan.clone();
    plan.forward.urls = vec![options.url.clone()];
    let proxy = proxy(&plan, proxy_password(&plan)?);
    let boot = BootId(boot_id(&plan.sample.root).unwrap_or(0));
    let client = Client::new(vec![options.url.url.clone()], trust(&plan), boot)
        .map_err(|why| Stop::failed(Exit::Configuration, why))?
        .through(proxy);
    let asked = json!({ "token": token, "name": name }).to_string();
    let url = &options.url.url;
    let (status, body) = client
        .exchange(JOIN_PATH, "application/json", asked.as_bytes())
        .map_err(|why| Stop::failed(Exit::Unavailable, format!("{url}: {why}")))?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    if status == 200
        && let Some((agent, key)) = text("agent").zip(text("key"))
    {
        return Ok(Joined { agent, key });
    }
    Err(refused(url, status, text("message")))
}

/// Why not, in the collector's words where it has any.
fn refused(url: &str, status: u16, message: Option<String>) -> Stop {
    let exit = match status {
        400 | 401 | 403 | 409 if message.is_some() => Exit::Nothing,
        408 | 429 | 500..=599 => Exit::Temporary,
        _ => Exit::Format,
    };
    let words = match (message, status) {
        (Some(message), _) => message.chars().take(MESSAGE_CHARS).collect(),
        (None, 404) => {
            "nobody lets hosts join there: a collector of an older version, or another server"
                .into()
        }
        (None, 503) => "the collector cannot now: try again".to_owned(),
        (None, _) => "what answers is no collector".to_owned(),
    };
    Stop::failed(exit, format!("{url}: {words} (status {status})"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_written_reads_back() {
        let text = format!(
            "config_version = 1\n[forward]\nurls = []\nca_file = {}\n",
            quoted("/a \"b\"\\c/ü.pem")
        );
        let plan = hansho::config::parse(&text, "t").unwrap_or_else(|errors| panic!("{errors}"));
        let file = plan.forward.ca_file.unwrap_or_default();
        assert_eq!(file.to_string_lossy(), "/a \"b\"\\c/ü.pem");
    }
}
