//! A machine under QEMU: its disk, its monitor (QMP), and a line on which it carries out commands.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Software emulation on a loaded machine is slow; nothing is timed by this.
const PATIENCE: Duration = Duration::from_secs(300);

/// A path that `cargo xtask guest` gives.
pub(crate) fn given(name: &str) -> PathBuf {
    std::env::var_os(name)
        .unwrap_or_else(|| panic!("{name} is not set: play it by `cargo xtask guest`"))
        .into()
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Makes a disk of `size` (in mkfs.ext4's words) with what lies in `content`, as qcow2: snapshots need it.
pub(crate) fn make_disk(content: &Path, disk: &Path, size: &str) {
    let raw = disk.with_extension("raw");
    succeed(
        Command::new("mkfs.ext4")
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .args(["-q", "-F", "-d"])
            .arg(content)
            .arg(&raw)
            .arg(size),
    );
    succeed(
        Command::new("qemu-img")
            .args(["convert", "-f", "raw", "-O", "qcow2"])
            .arg(&raw)
            .arg(disk),
    );
    fs::remove_file(raw).unwrap();
}

/// What a machine has.
#[derive(Clone, Debug)]
pub(crate) struct Hardware {
    pub(crate) memory_mib: u32,
    /// Further words of the kernel's command line.
    pub(crate) kernel_words: String,
    /// A store for the last words of a kernel (ACPI ERST).
    pub(crate) keeps_dumps: bool,
    /// Goes on from this snapshot on its disk instead of booting.
    pub(crate) snapshot: Option<String>,
}

impl Hardware {
    pub(crate) fn with_memory(memory_mib: u32) -> Self {
        Self {
            memory_mib,
            kernel_words: String::new(),
            keeps_dumps: false,
            snapshot: None,
        }
    }
}

/// A machine that runs; its process is killed when it is dropped.
pub(crate) struct Machine {
    child: Child,
    monitor: BufReader<UnixStream>,
    line: BufReader<UnixStream>,
    /// Sockets lie here: paths of them are short by nature (unix(7)).
    sockets: PathBuf,
    console: PathBuf,
}

impl Machine {
    /// Starts it; what its console says goes to `NAME.console` in `folder`.
    pub(crate) fn start(folder: &Path, name: &str, disk: &Path, hardware: &Hardware) -> Self {
        let sockets = std::env::temp_dir().join(format!(
            "hansho-guest-{}-{}-{name}",
            std::process::id(),
            folder.file_name().unwrap().display()
        ));
        fs::create_dir(&sockets).unwrap();
        let console = folder.join(format!("{name}.console"));
        let (monitor, line) = (sockets.join("monitor"), sockets.join("line"));
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args([
                "-accel", "tcg", "-machine", "pc", "-cpu", "max", "-smp", "1",
            ])
            .args(["-no-user-config", "-nodefaults", "-display", "none"])
            .args(["-m", &hardware.memory_mib.to_string()])
            .arg("-kernel")
            .arg(given("HANSHO_GUEST_KERNEL"))
            .arg("-initrd")
            .arg(given("HANSHO_GUEST_INITRAMFS"))
            .arg("-append")
            .arg(format!(
                // On a busy host the kernel's check of its timer fails, and the counter of cycles is measured wrong, so that
                // the guest's clock runs several times too fast: another timer tells its time.
                "console=ttyS0 quiet panic=1 no_timer_check tsc=unstable clocksource=acpi_pm {}",
                hardware.kernel_words
            ))
            .arg("-chardev")
            .arg(format!(
                "file,id=console,append=on,path={}",
                console.display()
            ))
            .arg("-chardev")
            .arg(format!(
                "socket,id=line,server=on,wait=off,path={}",
                line.display()
            ))
            .args(["-serial", "chardev:console", "-serial", "chardev:line"])
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .arg("-drive")
            .arg(format!("file={},if=virtio,format=qcow2", disk.display()))
            .args(["-netdev", "user,id=net"])
            .args(["-device", "virtio-net-pci,netdev=net,romfile="])
            .args(["-device", "i6300esb", "-action", "watchdog=reset"]);
        if hardware.keeps_dumps {
            let file = folder.join(format!("{name}.erst"));
            command
                .arg("-object")
                .arg(format!(
                    "memory-backend-file,id=erst,size=64K,share=on,mem-path={}",
                    file.display()
                ))
                .args(["-device", "acpi-erst,memdev=erst"]);
        }
        if let Some(snapshot) = &hardware.snapshot {
            command.args(["-loadvm", snapshot]);
        }
        let log = fs::File::create(folder.join(format!("{name}.qemu.log"))).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut machine = Self {
            child,
            monitor: connected(&monitor),
            line: connected(&line),
            sockets,
            console,
        };
        // Its greeting; then it takes commands.
        machine.answer(|answer| answer.get("QMP").is_some());
        machine.ask("qmp_capabilities", &json!({}));
        machine
    }

    fn answer(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut text = String::new();
            let read = self.monitor.read_line(&mut text).unwrap();
            assert!(read > 0, "the machine is gone: {}", self.last_words());
            let answer: Value = serde_json::from_str(&text).unwrap();
            if wanted(&answer) {
                return answer;
            }
        }
    }

    fn ask(&mut self, what: &str, with: &Value) -> Value {
        let question = json!({ "execute": what, "arguments": with });
        writeln!(self.monitor.get_mut(), "{question}").unwrap();
        let answer =
            self.answer(|answer| answer.get("return").is_some() || answer.get("error").is_some());
        assert!(answer.get("error").is_none(), "{what}: {answer}");
        answer["return"].clone()
    }

    /// A command of QEMU's monitor that says nothing where it is well.
    pub(crate) fn monitor(&mut self, words: &str) {
        let said = self.ask("human-monitor-command", &json!({ "command-line": words }));
        assert_eq!(said, "", "{words}");
    }

    /// Whether it stands still, and goes on.
    pub(crate) fn pause(&mut self) {
        self.ask("stop", &json!({}));
    }

    pub(crate) fn go_on(&mut self) {
        self.ask("cont", &json!({}));
    }

    /// Resets it, as the button does.
    pub(crate) fn reset(&mut self) {
        self.ask("system_reset", &json!({}));
    }

    /// Sends a command and waits for no end: it takes the machine down.
    pub(crate) fn send(&mut self, command: &str) {
        writeln!(self.line.get_mut(), "{command}").unwrap();
    }

    /// Carries a command out in the guest; what it printed. It must end with 0.
    pub(crate) fn run(&mut self, command: &str) -> String {
        self.send(command);
        let mut said = String::new();
        loop {
            let mut text = String::new();
            let read = self.line.read_line(&mut text).unwrap_or_else(|error| {
                panic!("{command}: {error}; {said}\n{}", self.last_words())
            });
            assert!(read > 0, "the machine is gone: {}", self.last_words());
            if let Some(code) = text.strip_prefix("@end ") {
                assert_eq!(code.trim(), "0", "{command}: {said}");
                return said;
            }
            said.push_str(&text);
        }
    }

    /// Waits until the line of a machine that boots takes commands: what was said before is passed by.
    pub(crate) fn wait_for_line(&mut self) {
        let started = Instant::now();
        let word = format!("ready-{}", started.elapsed().as_nanos());
        self.line
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
        let mut text = String::new();
        loop {
            self.send(&format!("echo {word}"));
            while self.line.read_line(&mut text).is_ok_and(|read| read > 0) {
                if text.trim_end() == word {
                    self.line
                        .get_ref()
                        .set_read_timeout(Some(Duration::from_secs(1)))
                        .unwrap();
                    // Ends of questions that were asked before it listened.
                    loop {
                        text.clear();
                        if self.line.read_line(&mut text).is_err() {
                            break;
                        }
                    }
                    self.line
                        .get_ref()
                        .set_read_timeout(Some(PATIENCE))
                        .unwrap();
                    return;
                }
                if text.ends_with('\n') {
                    text.clear();
                }
            }
            assert!(
                started.elapsed() < PATIENCE,
                "it takes no commands: {}",
                self.last_words()
            );
        }
    }

    /// Seconds since its boot, and its clock.
    pub(crate) fn clocks(&mut self) -> (f64, u64) {
        let said = self.run("cat /proc/uptime; date +%s");
        let mut lines = said.lines();
        let uptime = lines.next().unwrap().split(' ').next().unwrap();
        (
            uptime.parse().unwrap(),
            lines.next().unwrap().trim().parse().unwrap(),
        )
    }

    /// A figure of the guest's /proc/meminfo, KiB.
    pub(crate) fn meminfo(&mut self, name: &str) -> u64 {
        let said = self.run("cat /proc/meminfo");
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let word = line.unwrap().split_ascii_whitespace().next().unwrap();
        word.parse().unwrap()
    }

    fn last_words(&self) -> String {
        let console = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&console).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// All that its console said.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap()).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.sockets);
    }
}

/// QEMU makes its sockets before it listens to anybody.
fn connected(path: &Path) -> BufReader<UnixStream> {
    let started = Instant::now();
    loop {
        if let Ok(stream) = UnixStream::connect(path) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            return BufReader::new(stream);
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{}: QEMU does not listen",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
