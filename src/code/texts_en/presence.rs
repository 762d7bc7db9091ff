//! Presence: 9xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
    Text {
        number: 9001,
        meaning: "Nothing has been heard of this host for longer than its agent promised, and for at least three minutes. Whether the \
            host stands still, its agent does not run, or the way is cut cannot be told from the collector. The alert says whether \
            the agent had said that it stops, or an announced absence is over.",
        impact: "Nobody judges memory, CPU and services of this host now. Its open alerts are shown as unknown.",
        cause: "Presumed: the host or its network failed, it was switched off without a word, or it was so short of memory that \
            nothing ran any more. Where an OOM kill or full memory came shortly before, the alert says so, as a presumption.",
        system_action: "The collector goes on listening, and says why when the host is back: network only, agent restarted, or \
            reboot. What the agent records meanwhile is kept on the host and sent then.",
        operator_action: &[
            "Try the host by a path of its own, such as its console or ssh, before anything else is done to it.",
            "Read since when it is silent and whether others of its system are: `hansho-collector agent list`.",
            "Read what stood open on it before: `hansho-collector alerts`.",
            "If it is reached, see whether the agent runs there: `systemctl status hansho --no-pager`.",
            "If the console does not answer either, follow the response for a forced restart, and note who decided it.",
        ],
        administrator_action: "Announce stops with hansho leave or a window, so that this code means a fault. Check the way from the \
            host to the collector where it comes back with the network only.",
        clear: "Ends with the first sign of life of this agent. It does not say that its services run.",
        evidence: "The last sign of life, the last reading and the alerts open then are stored. With the end comes the reason for the return.",
    },
    Text {
        number: 9002,
        meaning: "The host was silent and is heard again. It is the same boot and the same run of its agent: only the way between was cut.",
        impact: "Alerts of that time arrive late, with their true times. Nothing stopped on the host because of this.",
        cause: "Presumed: a line, a firewall, a proxy or name resolution failed for a while.",
        system_action: "The agent went on judging and recording. It sends what lies in its store, the alerts first.",
        operator_action: &[
            "Note the length of the interruption; nothing need be done on the host.",
            "See whether anything of that time was overwritten before it could be sent: `hansho-collector losses AGENT`.",
            "Where it comes again at the same hour, name the hours to the network team.",
        ],
        administrator_action: "Compare the times with work on lines and firewalls, and give the host a second way where interruptions are many.",
        clear: "It is over when it is recorded. It does not say that the line is stable.",
        evidence: "Begin and length of the silence are recorded. The readings of that time follow from the store of the host.",
    },
    Text {
        number: 9003,
        meaning: "The host has been started anew, and no stop was announced and no window was open. What is known of the reason stands in \
            the alert: what the host itself says, and whether its agent had been stopped in order.",
        impact: "All services of the host were interrupted. Those that do not start by themselves are still down.",
        cause: "Presumed: loss of power, a panic of the kernel, a reset from outside, a watchdog, or a restart by hand that nobody \
            announced.",
        system_action: "The collector compares the identity of the boot before and after. Where the boots are so near that a copy of the \
            host may have taken over, it waits for one and a half minutes before it says so.",
        operator_action: &[
            "See when the host was started: `uptime -s`.",
            "List the services that did not come up: `systemctl list-units --state=failed --no-pager`.",
            "Open the screens of the business and see that they answer.",
            "Read what the kernel said since it was started: `journalctl -k --since -15min --no-pager | tail -n 60`.",
            "Ask who works on the host or its platform now, and write the answer into the report before anything is restarted again.",
        ],
        administrator_action: "Find the reason in the journal of the boot before, in the console's record and with the \
            platform's team. Have services start by themselves, and announce planned restarts.",
        clear: "Ends half an hour after the last reboot without another one. It does not say that all services are back.",
        evidence: "Both boots with their times, the last readings before and the first after are stored, and what was open before.",
    },
    Text {
        number: 9004,
        meaning: "The host is away, or was started again, as it was announced beforehand: by its agent or by a window.",
        impact: "None beyond what was agreed. While it is away, its open alerts are unknown.",
        cause: "Presumed: planned work.",
        system_action: "The collector waits until the announced end and a little longer. Then it raises HNS9001 as overdue.",
        operator_action: &[
            "Read who announced it, until when and why, on the page of the alert.",
            "When the work takes longer, extend the window before it ends.",
        ],
        administrator_action: "Record planned work as windows, so that those on duty see it in advance.",
        clear: "Ends when the agent is back, or when the announced time is over.",
        evidence: "The announcement with its words and its end, and the times of leaving and return, are recorded.",
    },
    Text {
        number: 9005,
        meaning: "At least five hosts of one site, and three tenths of it, fell silent within two minutes of one another. This one alert \
            stands for HNS9001 of each of them.",
        impact: "The whole site is not watched. Services that depend on it may be unreachable for its users.",
        cause: "Presumed: the line, the power or a central switch or firewall of the site failed.",
        system_action: "The collector sends one alert for the site, counts its silent hosts, and marks their open alerts as unknown. Hosts that \
            stay silent when the others are back get an alert each.",
        operator_action: &[
            "Call the site, or whoever is nearest to it, and ask for power and line.",
            "Ask the carrier whether there is a fault in the area, and note the number of the ticket.",
            "Compare the list of silent hosts with the network plan for what they share: `hansho-collector agent list`.",
            "Start no single host of the site anew while its line is down.",
        ],
        administrator_action: "Give the site a second way out, or agree on how long an interruption may last. Check that the list of its hosts is \
            right.",
        clear: "Ends when so many are back that it is no longer one incident, a minute and a half after the last return.",
        evidence: "The number of silent hosts and of all hosts of the site, the first and the last sign of life are recorded.",
    },
    Text {
        number: 9006,
        meaning: "Two agents send under one identity. The alert says by what they were told apart: two runs that send in turn, the same \
            record with other contents, a machine id that goes back and forth, or two boots at once.",
        impact: "Readings and alerts of two hosts are mixed under one name. A fault of one may look like one of the other.",
        cause: "Presumed: a disk or a virtual machine was copied together with the agent's key and both copies run.",
        system_action: "The collector stores what both send as far as their records can be told apart, and calls neither of them a reboot.",
        operator_action: &[
            "Read on each host that may be the copy which key it uses: `hansho status`.",
            "Ask the virtualisation team which machine was cloned or restored today, and where the copy runs.",
            "Have nobody delete either machine before it is clear which one serves users.",
            "Hand it to the administrator with the times at which each one was heard: `hansho-collector frames AGENT`.",
        ],
        administrator_action: "Register the copy as an agent of its own with hansho join or a new key file, and delete the key and the store of hansho in images \
            that are copied.",
        clear: "Ends half an hour after the last sign of a second agent. What was mixed stays mixed.",
        evidence: "The frames of both are kept raw with their runs and times of receipt.",
    },
    Text {
        number: 9007,
        meaning: "The wall clock of this host has been at least half a minute away from the collector's for ten minutes.",
        impact: "Times in the logs of this host do not fit those of others. Certificates, tickets and batch jobs can fail by it.",
        cause: "Presumed: time synchronisation does not run or does not reach its server; where few hosts report, the collector's own \
            clock can be the wrong one.",
        system_action: "hansho dates what this host tells by the collector's clock and the time since boot, so that its own times stay right. \
            Where most hosts agree against the collector, it takes its own clock for the wrong one and says so in its log.",
        operator_action: &[
            "Compare the time, the zone and the state of synchronisation with a clock that is known to be right: `timedatectl status`.",
            "Where chrony runs, list its sources and whether one is chosen: `chronyc -n sources`.",
            "Set no clock by hand during business; hand it over with the distance read from the alert.",
        ],
        administrator_action: "Repair the way to the time servers, and have the clock moved slowly or in an agreed window.",
        clear: "Ends when the distance has been five seconds or less for ten minutes.",
        evidence: "The distance at each change is recorded, and since when it has been so.",
    },
    Text {
        number: 9008,
        meaning: "A message to a receiver was refused, or could not be delivered in three tries within five minutes. The subject of the alert \
            names the receiver. This message goes to another one.",
        impact: "The people behind that receiver do not know of alerts now. Nobody acts for them unless they are called.",
        cause: "Presumed: the mail server is down or refuses the address, a mailbox is full, or the name is not resolved.",
        system_action: "The collector keeps every message, tries again, and tells the next receiver.",
        operator_action: &[
            "Telephone the people of that receiver from the list, and read to them what is open: `hansho-collector alerts`.",
            "See whether the collector resolves names: `getent hosts localhost`.",
            "Pass the words of the mail server's refusal on to whoever runs it.",
        ],
        administrator_action: "Correct the address or the mail server, and keep a second receiver on another way.",
        clear: "Ends when a message to this receiver has been delivered again.",
        evidence: "Each try with its time and the answer of the server is kept.",
    },
];
