//! What `--help` says. That it names every command with its options, and no other, a test of the command line holds.

pub(super) const HELP: &str = "\
hansho-collector: receives the frames of hansho agents, keeps them, and shows what to do now

usage: hansho-collector COMMAND [--config FILE] [options]

  serve [--standby]           take frames and serve pages until SIGTERM or SIGINT; with --standby it waits
                              as long as another collector runs on the store, and then takes its place
  migrate                     bring the store of an older version up to date, as serve does when it starts
  backup DIRECTORY [--without-keys]
                              copy store and masters, also beside a running serve
  restore DIRECTORY [--told-until TIME]
                              bring a backup back; there must be no store yet. What agents send again and happened until
                              TIME is not mailed once more; without it that is the last sign of life of the store that was
                              there, where it is in a directory beside it, else the moment of the backup
  check                       check configuration, certificate, masters and store
  agent add NAME --system CUSTOMER/SYSTEM [--key-file PATH]
                              add an agent; its key goes to PATH (mode 0600) or stdout
  agent list [--json]         list the agents
  agent rotate AGENT [--key-file PATH] [--grace TIME]
                              give it a new key; the old one is taken until the new one is used, at most TIME (7d)
  agent revoke AGENT [--epoch N]
                              refuse its keys, or one of them, from now on
  agent retire AGENT [--undo] nobody expects it any more: no alerts of its silence, its posts are refused
  agent rename AGENT NEW      give it another name
  agent move AGENT --system CUSTOMER/SYSTEM
                              give it to another system
  join-token add --system CUSTOMER/SYSTEM [--uses N] [--for TIME] [--file PATH]
                              a token with which N hosts (1) may join within TIME (7d), to PATH (mode 0600) or stdout
  join-token list [--json]    list them, without their secrets
  join-token revoke ID        take one back
  alerts [--json] [--all]     firing alerts; with --all resolved ones too
  readings AGENT [--json] [--since-ms N]
                              stored readings, from N milliseconds since 1970 UTC
  frames AGENT [--json]       raw frames still kept
  losses AGENT [--json]       ranges that will never come, with the reason
  stats [--json]              what was stored, came again, was lost
  mail preview [--kind KIND] [--lang ja|en] [--code CODE] [--html] [--templates DIRECTORY]
                              an example of a mail, by the templates of DIRECTORY or of --config where given
  mail test ADDRESS [--lang ja|en]
                              send a mail that says it is a test, and tell what became of it
  test-report --system CUSTOMER/SYSTEM [--json|--csv]
                              which codes were tested on which hosts, when, whether mail arrived, who took it; what was not
  route --agent AGENT --code HNS1002 [--subject S] [--at TIME] [--json]
                              who gets such an alert, what they are told, and why
  responses [--system CUSTOMER/SYSTEM] [--json]
                              codes that a system can raise and that have no response yet
  watch URL [--every TIME] [--after N] [--mail-to ADDRESS] [--lang ja|en]
                              ask another collector's /healthz each minute; mail after N misses (3), and when it is back

  ack ALERT --by NAME [--recovery TIME] [--next-report TIME] [--text TEXT]
                              take an alert, also from whoever has it
  release ALERT --by NAME [--text TEXT]
                              give it back
  silence add --until TIME --reason TEXT --by NAME [--from TIME] and what is silenced, at least one of
              --customer C, --system C/S, --agent AGENT, --code CODE, --subject PATTERN
  silence list [--all] [--json], silence end ID --by NAME
  window add --kind maintenance|event --from TIME --until TIME --ja TEXT --en TEXT --by NAME
             [--days mon,thu [--zone +09:00] [--last TIME]] and where, one of
             --customer C, --system C/S, --agent AGENT; --site C/SITE alone or beside --system
  window list [--all] [--json], window end ID --by NAME [--for-good]
  note add KIND TARGET --text TEXT --by NAME
  note list KIND TARGET [--json]
                              KIND is alert, agent or system
  audit --month 2026-11 [--customer C] [--json]
                              who did what, as CSV
  link rotate --by NAME       let a new secret sign the links in mails

  account add NAME --role ROLE [--customer CUSTOMER]... [--language ja|en] [--no-password]
                              add a person; the password is the first line of stdin. Without --customer all customers
  account list [--json]       list the accounts
  account disable NAME, account enable NAME
                              shut a person out, or let them in again
  account password NAME       set a password, the first line of stdin
  token add NAME --role ROLE [--customer CUSTOMER]... [--days N]
                              make an API token and print it, once; without --days it has no end
  token list [--json]         list the API tokens
  token revoke NAME           revoke an API token

ROLE is viewer, operator or admin.
TIME is 2026-11-24T03:20+09:00, 2026-11-24T03:20, 03:20 (the next one, of --told-until the last) or +30m, +2h, +1d.
AGENT is NAME, CUSTOMER/SYSTEM/NAME, or the agent's 16 hexadecimal digits.
--config FILE is ./collector.toml where it is not given. Every command takes --help.
Reading commands work beside a running serve.

exit codes: 0 done, 1 not done, 64 usage, 65 store damaged or too new, 66 no such configuration file, 74 I/O,
77 not allowed to read the configuration file, 78 faults in the configuration or a key file
";
