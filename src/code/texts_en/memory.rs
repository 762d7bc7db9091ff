//! Memory: 1xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
    Text {
        number: 1001,
        meaning: "More memory is in use than the level of this rule, and less is available than its gate. In \
            use is total minus available: cache that the kernel can give back is not counted.",
        impact: "The services still have the memory that they ask for. Forecast: if use goes on growing, they \
            become slow and the kernel begins to kill processes.",
        cause: "Presumed: a service has grown, more processes run than usual, or the host is too small for its \
            load.",
        system_action: "hansho goes on sampling and recording. It stops nothing and frees nothing.",
        operator_action: &[
            "Read the present value and since when it has been raised: `hansho status`.",
            "List the largest processes and keep the list in your notes: \
             `ps -eo pid,rss,comm --sort=-rss | head -n 11`.",
            "On the collector, compare with what this host used at the same hour of earlier days, and write \
             down which process is larger than you know it to be; AGENT is the name of the agent: \
             `hansho-collector readings AGENT`.",
            "Do not restart a service because of this warning. It is handed over with the list at the start of \
             the working day.",
        ],
        administrator_action: "Find out why the first process of the list has grown: heap setting, number of \
            workers, size of its own cache. Where it grew by design, plan more memory or move a service; where \
            it did not, give the list to development.",
        clear: "Ends when use has stayed at or below the clear level for the clear time. The end says that \
            memory is available again; it does not say that the services are well.",
        evidence: "Used, available and anonymous memory, swap and memory pressure before and after the start \
            are recorded. The process list of step 2 is not recorded by hansho and belongs in the report.",
    },
    Text {
        number: 1002,
        meaning: "Almost no memory is available on this host. Cache that could be given back is already left \
            out of this figure.",
        impact: "Requests can take longer than usual from now on. Forecast: if the last memory goes, the host \
            stalls or the kernel kills a process of its own choice.",
        cause: "Presumed: one process is growing fast, or many requests hold memory at once.",
        system_action: "hansho goes on sampling, raises HNS1003 where work stands still, and raises HNS1010 \
            where the kernel kills a process. It does not stop or restart anything.",
        operator_action: &[
            "See how much is left in the column \"available\": `free -m`.",
            "Find the process that holds most, and how long it has been running: \
             `ps -eo pid,ppid,rss,etime,comm --sort=-rss | head -n 6`.",
            "Look up that process in the customer's own response, and note who may decide about a restart.",
            "Save the log before anything is restarted, because the cause is gone afterwards: \
             `journalctl --since -30min --no-pager > /var/tmp/before-restart-$(date +%Y%m%dT%H%M).log`.",
            "Carry out what the response allows for that process, then look at the value again for five \
             minutes.",
            "Do not write to drop_caches: the cache is not what fills this host. Do not stop a database that \
             the response does not name.",
        ],
        administrator_action: "Name the process that grew and since when, and give it a limit of its own so \
            that it can no longer take the whole host with it. Decide with development between a leak, a \
            setting and a larger machine.",
        clear: "Ends when use has stayed at or below the clear level for the clear time. Whether the service \
            answers must be seen on the service itself.",
        evidence: "The readings before and after the start show how fast use rose. The saved log and the \
            process list show who used the memory.",
    },
    Text {
        number: 1003,
        meaning: "All work of this host stood still for a notable share of the last minute, because it waited \
            for memory. This is measured by the kernel as memory pressure \"full\".",
        impact: "Users see pauses and timeouts. Forecast: if the pressure stays, the host stops answering \
            altogether, this agent's forwarding included.",
        cause: "Presumed: programs need more memory at the same time than the host has, so that the kernel \
            spends the time reading the same pages again and again.",
        system_action: "hansho is locked in memory and goes on sampling. It sends the alert at once and keeps \
            it on the host until the collector has confirmed it.",
        operator_action: &[
            "Read the line \"full\"; avg10 above 20 means that it is going on now: `cat /proc/pressure/memory`.",
            "See whether pages are being moved, columns si, so and bi: `vmstat 1 5`.",
            "Find the largest process and the processes that wait (state D): \
             `ps -eo pid,stat,rss,comm --sort=-rss | head -n 8`.",
            "Stop the process that is growing, or move its load to another host, as the customer's response \
             allows.",
            "Start no further heavy work on this host: no backup, no full search, no second session with large \
             tools.",
            "If nobody may stop the process, tell the person who decides that the host can stop answering at \
             any time.",
        ],
        administrator_action: "Give the services limits that together fit into memory, or add memory. Check \
            whether swap lies on slow storage.",
        clear: "Ends when the stalled share has stayed at or below the clear level for the clear time. Requests \
            that ran into a timeout meanwhile are not repeated by that.",
        evidence: "Memory pressure \"some\" and \"full\", swap traffic and refaults are recorded second by \
            second on the host. They show how long the work stood still.",
    },
    Text {
        number: 1004,
        meaning: "Memory in use has grown steadily through the last six hours, to where it has not stood in the \
            days before. By that growth, what is available lasts for less time than the level of this rule.",
        impact: "Nothing fails yet. Forecast: if it goes on like this, no memory is left within a day, \
            requests become slow and the kernel begins to kill processes.",
        cause: "Presumed: a program keeps what it takes (a leak), or a cache of its own grows without a limit.",
        system_action: "hansho goes on sampling and makes the forecast anew every quarter of an hour. It raises \
            HNS1005 where the growth becomes fast, and restarts nothing.",
        operator_action: &[
            "Read how much time is left by the growth of the last hours: `hansho status`.",
            "List what holds the memory now, and once more after an hour; the process that is larger in the \
             second list is the suspect: `ps -eo pid,rss,etime,comm --sort=-rss | head -n 16`.",
            "Look in the recorded readings for the hour at which the rise began, and ask what was released or \
             started then; AGENT stands for this host's agent: `hansho-collector readings AGENT`.",
            "Agree today with whoever may decide about the suspect when it is to be restarted, well before the \
             time that is left is over.",
        ],
        administrator_action: "Give both lists to development: which process grew, by how much an hour, since \
            which release. Until it is mended, plan the restart or give the service a limit of its own, so that \
            it alone ends.",
        clear: "Ends when, by the growth of the last six hours, the time left has stayed at or above the clear \
            level for the clear time, or nothing grows any more. What was taken may stay taken.",
        evidence: "Used, available and anonymous memory of all the hours before are recorded, and the time left \
            when it fired. The lists of step 2 are not, and belong in the report.",
    },
    Text {
        number: 1005,
        meaning: "Memory in use is high and has risen fast within the last five minutes. By that growth, what \
            is available lasts for less time than the level of this rule.",
        impact: "There are minutes left to act, not hours. Forecast: unless the growth stops, the host stalls \
            or the kernel kills a process of its own choice.",
        cause: "Presumed: one process takes memory without end, or a flood of requests or a batch needs more \
            than this host has.",
        system_action: "hansho makes the forecast anew several times a minute, and raises HNS1002 and HNS1003 \
            if it comes true. It stops nothing by itself.",
        operator_action: &[
            "Run this twice, half a minute apart, and compare the column RSS to see who grows: \
             `ps -eo pid,ppid,rss,etime,comm --sort=-rss | head -n 8`.",
            "If no process has grown, look for files in memory that have: `df -k -t tmpfs`.",
            "Save the log of the last minutes, in case the grower has to be stopped: \
             `journalctl --since -15min --no-pager > /var/tmp/before-stop-$(date +%Y%m%dT%H%M).log`.",
            "Stop the grower where the response allows it: a batch or an import first, a service only with the \
             consent that the response asks for.",
            "Nobody can decide in time: tell the person in charge by telephone how many minutes are left.",
        ],
        administrator_action: "Find out what was started or deployed in the minutes before, and give that \
            service a limit of its own. A batch that needs so much belongs on a host, or at an hour, that has it.",
        clear: "Ends when, by the growth of the last five minutes, the time left has stayed at or above the \
            clear level for the clear time. Memory may still be nearly full then: HNS1002 says so.",
        evidence: "The readings of each second before it fired are kept on the host, and the time left is in \
            the alert. The two lists of step 1 show who it was; keep them.",
    },
    Text {
        number: 1010,
        meaning: "The kernel ran out of memory and killed at least one process. The count is read from the \
            kernel's own counter oom_kill.",
        impact: "The killed program no longer runs unless something started it again. Data that it held only in \
            memory is gone.",
        cause: "Presumed: the whole host had no memory left, or a service reached the limit of its own group.",
        system_action: "hansho raises one alert and adds up further kills in it. It does not start the killed \
            program.",
        operator_action: &[
            "Read which process was killed, and whether CONSTRAINT_MEMCG (the limit of one service) or \
             CONSTRAINT_NONE (the whole host) is written there: \
             `journalctl -k --since -1h --no-pager | tail -n 60`.",
            "See whether a service is missing now: `systemctl --failed --no-pager`.",
            "Look at the service of the killed process; UNIT is its name: `systemctl status UNIT --no-pager`.",
            "Keep what it wrote before it is started again: \
             `journalctl -u UNIT --since -1h --no-pager > /var/tmp/UNIT-$(date +%Y%m%dT%H%M).log`.",
            "If it does not run, start it as the customer's response says, and check that it answers.",
            "The killed process is not always the one that grew. Do not report it as the cause.",
        ],
        administrator_action: "With CONSTRAINT_MEMCG check the limit of that service; with CONSTRAINT_NONE find \
            the process that grew on the host. Protect programs that must never be chosen by OOMScoreAdjust in \
            their unit.",
        clear: "Ends when no further kill has been counted for the clear time. The end does not say that the \
            killed program runs again.",
        evidence: "The kernel's lines of step 1 name the victim and the memory of every process at that moment. \
            They are overwritten in time, so copy them into the report.",
    },
    Text {
        number: 1011,
        meaning: "The host has been reading back memory from swap at a high rate, and tasks waited for memory \
            meanwhile.",
        impact: "Programs whose memory was moved out answer slowly. Forecast: if more is moved out, the host \
            can come to a standstill.",
        cause: "Presumed: the programs in use need more memory than there is, or a job that ran for a time \
            pushed out the others.",
        system_action: "hansho goes on sampling. This alert is held back while HNS1002 or HNS1003 fires, since \
            they ask for the same response.",
        operator_action: &[
            "Watch the column si for ten seconds; 0 means that it has already stopped: `vmstat -w 2 5`.",
            "List the processes with most memory in swap: \
             `grep -s VmSwap /proc/[0-9]*/status | sort -k2 -rn | head -n 6`.",
            "Ask whether a batch, a backup or a report job is running at this hour; if so, wait for its end and \
             write down when it ended.",
            "Leave swap switched on: swapoff pulls everything back at once and can bring the OOM killer.",
        ],
        administrator_action: "Move the job to another hour or another host, or give it a memory limit. Where \
            there was no job, the host needs more memory for what it runs.",
        clear: "Ends when the rate has stayed at or below the clear level for the clear time. Programs in swap \
            become quick again only as their pages are used.",
        evidence: "Pages swapped in and out a second and memory pressure are recorded. The list of step 2 names \
            whose memory was in swap.",
    },
    Text {
        number: 1012,
        meaning: "Most of the swap space is in use while little memory is available.",
        impact: "The reserve for a sudden need is nearly gone. Forecast: with the next growth the kernel has to \
            kill a process.",
        cause: "Presumed: memory has been short for long, or a program keeps much memory that it never uses.",
        system_action: "hansho goes on sampling. This alert is held back while HNS1002 or HNS1003 fires.",
        operator_action: &[
            "See which swap areas there are and how full each is: `cat /proc/swaps`.",
            "Compare available memory and free swap in one view: `free -h`.",
            "If HNS1002 comes as well, follow the steps of that code first: `hansho explain 1002`.",
            "Add no swap file during the night without the administrator, and empty none.",
        ],
        administrator_action: "Find the program with most memory in swap and decide between a limit, a restart \
            in working hours and more memory. A larger swap only delays the shortage.",
        clear: "Ends when swap in use has stayed at or below the clear level for the clear time. It often stays \
            above for long although memory is available again; then there is no hurry.",
        evidence: "Swap in use, available memory and pages swapped a second are recorded from before the start.",
    },
];
