//! The agent: 8xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
    Text {
        number: 8001,
        meaning: "Readings of this host were gone before they could be sent: overwritten, or not yet on disk at \
            a power cut. The collector has recorded them as lost; their number and span are known.",
        impact: "The readings of this host have a gap at the collector. Alerts have a store of their own and \
            are not part of this loss.",
        cause: "Presumed: the collector could not be reached for longer than the store on the host lasts.",
        system_action: "hansho went on judging on the host all the time. Each loss is counted when the \
            collector has recorded it, and no reading is made up for the gap.",
        operator_action: &[
            "See when the last answer of the collector came and how many readings were lost: `hansho status`.",
            "Look for errors and drops of the network interface: `ip -s link show`.",
            "If the collector still does not answer, go on with HNS8008: `hansho explain 8008`.",
            "Delete or move no file of the store; what lies in it is still being sent.",
            "On the collector, find from when to when readings are missing, and write it into the daily report: \
             `hansho-collector readings AGENT`.",
        ],
        administrator_action: "Enlarge the disk ring in agent.toml so that it lasts longer than the longest \
            interruption that is allowed, or lengthen the report interval.",
        clear: "Ends when no further loss of readings has been recorded for the clear time. The gap stays.",
        evidence: "The collector keeps the numbers of what was lost, with the reason \"overwritten\". The \
            readings before and after the gap carry their times.",
    },
    Text {
        number: 8002,
        meaning: "At least one record of this host's alert stream was gone before it could be sent: \
            overwritten, or not yet on disk at a power cut. The collector has recorded it as lost. How many is \
            known; it can be an alert, or a start, a configuration or a list of open alerts.",
        impact: "Presumed: an alert was seen by nobody. The open alerts are sent anew, so the present state is \
            right again.",
        cause: "Presumed: the host was cut off for very long while very many alerts occurred, or the disk lost \
            data in a power cut.",
        system_action: "hansho declares the loss to the collector by its numbers, raises this code when it has \
            been recorded there, and sends the list of open alerts again.",
        operator_action: &[
            "Compare the open alerts on the host with those on the page: `hansho status`.",
            "Every transition is also a line in the host's own log; read there what the lost alerts said: \
             `journalctl -t hansho --since -24h --no-pager | tail -n 100`.",
            "Tell the person responsible for the system which alerts were not delivered, with their times.",
            "On the collector, read how many records are lost in stream 0, and put number, span and the lines \
             found into the report; say so where no line was found: `hansho-collector losses AGENT`.",
        ],
        administrator_action: "Find the rule that occurred so often and give it a level or a time that fits. \
            Check the disk of the store after a power cut.",
        clear: "Ends when no further loss has been counted for the clear time. What was lost is not brought \
            back.",
        evidence: "Count and span of the loss stand at the collector, the lines of the transitions in the \
            journal of the host.",
    },
    Text {
        number: 8003,
        meaning: "The wall clock of this host jumped against the time since boot.",
        impact: "Times in logs around this moment can be out of order. Timers of hansho do not depend on the \
            wall clock.",
        cause: "Presumed: time synchronisation corrected a large error at once, somebody set the clock, or the \
            virtual machine was paused.",
        system_action: "hansho goes on, and the collector dates what follows by the new relation. It sets no \
            clock.",
        operator_action: &[
            "See whether the clock is synchronised: `timedatectl status`.",
            "Where chrony runs, read \"System time\" and \"Last offset\": `chronyc -n tracking`.",
            "Do not set the clock by hand while applications run; databases and licences can fail by it.",
            "Note the size and the direction of the step, for those who read logs of this time.",
        ],
        administrator_action: "Have the clock corrected slowly instead of in one step, and check the \
            reachability of the time servers.",
        clear: "Ends when no further step has come for the clear time. It does not say that the clock is right \
            now.",
        evidence: "The size of the step and its time since boot are recorded.",
    },
    Text {
        number: 8004,
        meaning: "Nothing ran on this host for at least half a minute, this agent included. The time was \
            measured with a clock that goes on meanwhile.",
        impact: "All services paused for that time. Connections may have broken, and clusters may have changed \
            their active side.",
        cause: "Presumed: a live migration, a snapshot, an overloaded physical host, or a standstill of \
            storage.",
        system_action: "hansho records how long it was late. Where the pause was shorter, HNS8009 stands for \
            it; a long one counts in both.",
        operator_action: &[
            "See what the kernel said right after the pause: \
             `journalctl -k --since -15min --no-pager | tail -n 40`.",
            "Check that the host was not restarted meanwhile: `uptime -s`.",
            "Look for services that did not survive the pause: \
             `systemctl list-units --state=failed --no-pager`.",
            "Where the system has a standby side, check which side is active, as the response describes.",
            "Ask the virtualisation team whether a migration or a snapshot ran at this time.",
        ],
        administrator_action: "Agree with the virtualisation team on hours for snapshots and migrations, and \
            set timeouts of the cluster to bear a known pause.",
        clear: "Ends when no further long pause has come for the clear time. It does not say that all services \
            went on.",
        evidence: "The length of the pause is recorded, and pressure and steal before and after it.",
    },
    Text {
        number: 8005,
        meaning: "A source that this host had given before gives nothing any more. The subject of the alert \
            names it.",
        impact: "The rules that need this source do not judge until it is back. The other rules go on.",
        cause: "Presumed: the kernel was changed, a container got another view of /proc or of its own group, \
            the ZFS module was unloaded, or pressure measurement was switched off.",
        system_action: "hansho shows the values of this source as absent, never as zero, and looks again at \
            every tick.",
        operator_action: &[
            "See which values are null now: `hansho sample --json --count 1`.",
            "See whether the files are there and readable: \
             `ls -l /proc/meminfo /proc/stat /proc/loadavg /proc/vmstat`.",
            "For a source below /proc/pressure, see whether the kernel still gives it: `ls /proc/pressure`.",
            "For a source whose name begins with \"memory.\", see whether the container still has the files of \
             its group: `ls /sys/fs/cgroup`.",
            "Ask whether the kernel, the container or its settings were changed today, and put the answer into \
             the handover.",
        ],
        administrator_action: "Give the source back (psi=1 on the kernel command line, another mount of /proc \
            or /sys/fs/cgroup), or switch the rules that need it off in agent.toml so that the gap is agreed.",
        clear: "Ends when the source has given values for the clear time.",
        evidence: "From when the source was missing is recorded. The version of the kernel is part of the \
            inventory of the host.",
    },
    Text {
        number: 8006,
        meaning: "The agent was given a configuration that it cannot take. The one that it took last stays in \
            force.",
        impact: "This host is watched as before. What was to be changed is not changed: new levels, addresses \
            or rules do not act.",
        cause: "Presumed: a slip in agent.toml or in a file of agent.d, a file that the agent may not read, or a \
            file that was left half written.",
        system_action: "hansho goes on with what it took last, also over a restart, and names every fault in \
            its log. It reads the files again only when it is told to or started.",
        operator_action: &[
            "Read which configuration is in force and the first fault of the other: `hansho status`.",
            "List all faults with file, line and key: `hansho check`.",
            "Ask who changed settings of this host last, and give them the list.",
            "Do not mend the files in a hurry and do not put them back; the host is watched meanwhile.",
            "If the change was made for an incident that goes on now, call the administrator at once.",
        ],
        administrator_action: "Mend each line that was named until the check finds none, then have the files \
            read with systemctl reload hansho. Where a tool distributes them, mend its source first.",
        clear: "Ends when the agent has taken a configuration. It does not say that the one taken is the one \
            that was meant.",
        evidence: "Start and end are recorded, and the rules in force with file and line of each. The faults \
            stand in the agent's log.",
    },
    Text {
        number: 8007,
        meaning: "The collector refused single records of this agent, each by its number and with a reason. \
            Only these were set aside.",
        impact: "The refused records are missing at the collector. All other alerts and readings still arrive.",
        cause: "Presumed: agent and collector do not fit in version, or a record was damaged.",
        system_action: "hansho set each refused record aside so that it does not hold up the others, declares \
            it to the collector as lost, and sends the rest.",
        operator_action: &[
            "See how many records were refused, and that answers come all the same: `hansho status`.",
            "Read the version of the agent: `hansho --version`.",
            "Look at the messages of the last hour: `journalctl -t hansho --since -1h --no-pager | tail -n 20`.",
            "On the collector, read which numbers were refused, in the lines with the reason \"refused\": \
             `hansho-collector losses AGENT`.",
            "Give the lines and both versions to the administrator. The key is right, since the collector \
             answers to it; do not replace it.",
        ],
        administrator_action: "Bring the collector to the newer version first, then the agents. Where the \
            versions fit, report the lines of step 4 as a fault of hansho.",
        clear: "Ends an hour after the last refusal. What was refused is not sent again.",
        evidence: "The collector keeps the numbers of what was refused as a loss, and when it recorded them.",
    },
    Text {
        number: 8008,
        meaning: "This host has had no confirmed answer from the collector for longer than the level of the \
            rule.",
        impact: "Alerts of this host do not reach anybody at present. They are kept on the host and sent once \
            the way is back; nothing is lost yet.",
        cause: "Presumed: the network, a proxy, a firewall or the collector itself is out of order.",
        system_action: "hansho goes on judging and recording, writes each transition into the host's own log, \
            and tries again with growing pauses.",
        operator_action: &[
            "See when the last answer came, how the last post ended, and how many records wait: \
             `hansho status`.",
            "See whether there is a way out: `ip route show default`.",
            "Resolve the name of the collector; COLLECTOR is the host in forward.urls: \
             `getent ahosts COLLECTOR`.",
            "See whether connections hang while being opened: `ss -tn state syn-sent`.",
            "If several hosts of the site are silent, call the network team with the name of the site; a single \
             host goes to the owner of its system.",
            "Until the way is back, watch this host by other means.",
        ],
        administrator_action: "Find the first point on the way that fails, and have a second address in \
            forward.urls where the site has a second way.",
        clear: "Ends when an answer of the collector has come that is authenticated. What was kept arrives \
            within the next minutes, with its original times.",
        evidence: "Start and end of the silence are recorded. The readings of that time arrive later than they \
            were taken.",
    },
    Text {
        number: 8009,
        meaning: "Nothing ran on this host for some seconds, this agent included.",
        impact: "Short pauses are rarely noticed by users.",
        cause: "Presumed: the same as for a long stall, only shorter: live migration, snapshot or an overloaded \
            physical host.",
        system_action: "hansho records this code; its urgency is \"record\". A pause of half a minute or more \
            raises HNS8004 too.",
        operator_action: &[
            "Nothing has to be done for a single pause.",
            "If the count of this alert grows within the same night, see in the columns b, wa and st how much \
             the host is waiting: `vmstat -a 1 5`.",
            "On the collector, list the alerts of the week with their counts and add the number to the weekly \
             report: `hansho-collector alerts --all`.",
        ],
        administrator_action: "Compare the times of the pauses with backups and migrations of the \
            virtualisation. Regular pauses belong in the agreement about those jobs.",
        clear: "Ends when no further pause has come for the clear time.",
        evidence: "Length and time of each pause are recorded.",
    },
    Text {
        number: 8010,
        meaning: "The collector holds more records of this run of the agent than the agent itself ever wrote. \
            So the agent's store is older than what was already sent from it.",
        impact: "Presumed: the records of two machines or of two times are mixed. The agent has begun a new \
            run, so that what comes from now on is kept apart.",
        cause: "Presumed: a snapshot of the virtual machine was restored, or the machine was cloned with its \
            key.",
        system_action: "hansho begins a new run with a new number and sends everything from it on. Nothing at \
            the collector is overwritten.",
        operator_action: &[
            "Ask whether a snapshot of this machine was restored or a copy of it started, and when.",
            "Note the identity of this machine: `cat /etc/machine-id`.",
            "Note its addresses, to find the second machine by: `ip -brief address`.",
            "If a copy runs, it needs a key of its own before it may send; tell the administrator which of the \
             two is the copy.",
            "Do not switch either machine off before it is clear which one serves the users.",
        ],
        administrator_action: "After a restored snapshot nothing else is to be done. A clone gets a machine id \
            and an agent key of its own before its agent is started again.",
        clear: "Ends by itself when it has not happened again for the clear time. A clone that still uses the \
            key raises it again.",
        evidence: "The collector keeps both runs with their numbers; the point where they part is the time of \
            the snapshot.",
    },
    Text {
        number: 8011,
        meaning: "The disk ring of this host cannot be opened, created or written. The memory ring goes on \
            alone.",
        impact: "Judging, recording and sending go on. Forecast: if the host restarts or loses power meanwhile, \
            what the collector has not confirmed is lost; and an interruption of the line is bridged for hours \
            instead of days.",
        cause: "Presumed: the file system is full, has turned read-only or reports errors, or the rights of the \
            directory were changed.",
        system_action: "hansho keeps everything in the memory ring and tries the disk again and again, at least \
            once a minute. When it can be written again, what the memory ring still holds goes there.",
        operator_action: &[
            "Read the state of the disk ring, its path and its last fault: `hansho status`.",
            "See whether its file system is full; use the path of step 1 where it is another: `df -h /var/lib`.",
            "See whether it has turned read-only, which stands as \"ro\" in the column OPTIONS: \
             `findmnt -T /var/lib`.",
            "Look for errors that the disk reported: \
             `journalctl -k --since -1h -p err --no-pager | tail -n 20`.",
            "Free space as the customer's response says, never by deleting what belongs to hansho.",
            "If it is read-only or the disk reports errors, call the owner of the storage.",
            "Until this alert has ended, restart the host only where that cannot wait, and after the last post \
             was answered.",
        ],
        administrator_action: "Give the file system space or replace the disk. Where the rights were changed, \
            give the directory back to the agent's user with mode 0700. Where neither is possible, choose \
            another directory with spool.directory.",
        clear: "Ends when the disk ring can be written for the clear time. It does not say that nothing was \
            lost in a restart meanwhile: HNS8001 and HNS8002 say that.",
        evidence: "Start and end are recorded as this alert. The number of the last error stands in the state \
            of step 1, the errors of the disk in the kernel's messages.",
    },
    Text {
        number: 8012,
        meaning: "The collector refused whole posts of this agent with an HTTP status of 4xx. Nothing in such a \
            post was taken, whatever it was.",
        impact: "As long as this goes on, alerts and readings of this host do not reach the collector. They are \
            kept on the host and sent once they are taken; nothing is lost yet.",
        cause: "Presumed: with 401 the key, its epoch or the agent is not known to the collector; with 404 the \
            address in forward.urls is wrong; with 413 something on the way takes less than the smallest post; \
            with another number a proxy or a collector of another version refuses.",
        system_action: "hansho drops nothing. It tries the next address of forward.urls where there is one, \
            repeats slowly, and writes each status into its own log.",
        operator_action: &[
            "Read the HTTP status of the last post and since when no answer has come: `hansho status`.",
            "Check addresses and key file, and read the warnings: `hansho check`.",
            "On the collector, see whether this agent is still in its list: `hansho-collector agent list`.",
            "Ask whether a key was exchanged, an agent removed, or a proxy or the collector changed today.",
            "If all hosts of a site have this code, the proxy or the collector is the place to look; call its \
             owner.",
            "Watch this host by other means as long as its alerts are not taken.",
            "Give the status and the answers to the administrator. Nobody replaces the key on suspicion.",
        ],
        administrator_action: "With 401 give the agent the key that the collector knows, or add it again; with \
            404 mend forward.urls, to which /v1/frames is appended; with 413 raise the limit of the proxy to 64 \
            KiB; otherwise let the proxy pass POST with application/octet-stream, and bring the collector to \
            the newer version first.",
        clear: "Ends an hour after the last refusal. Whether posts are answered again is shown by the state of \
            step 1 at once.",
        evidence: "Each status stands in the host's own log with its time. The collector counts what it \
            refused, by reason, in its metrics.",
    },
];
