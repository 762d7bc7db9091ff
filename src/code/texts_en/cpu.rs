//! CPU: 2xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
    Text {
        number: 2001,
        meaning: "The processors have been busy nearly all the time, and tasks had to wait for a processor.",
        impact: "Response times rise. Work is done, only later.",
        cause: "Presumed: a batch job, more requests than usual, or a program that turns in a loop.",
        system_action: "hansho goes on sampling; its own share of a processor is bounded. It lowers the \
            priority of nothing.",
        operator_action: &[
            "See who uses the processors now, measured over three seconds: \
             `top -b -d 3 -n 2 | awk '/^top -/{n++} n==2' | head -n 17`.",
            "Look whether a job is planned for this hour: `systemctl list-timers --no-pager`.",
            "A known job may run to its end. Write its name and start into the handover.",
            "An unknown process is a case for the person responsible for the system; do not end it before its \
             name, its start time and its owner are noted.",
        ],
        administrator_action: "Decide whether the job may run at this hour and with how many processes. For a \
            loop, give development the process name, the start time and the readings.",
        clear: "Ends when the mean has stayed at or below the clear level for the clear time. A job that pauses \
            can raise it anew.",
        evidence: "Busy, user and system share, load and CPU pressure are recorded. They show whether the load \
            rose step by step or at once.",
    },
    Text {
        number: 2002,
        meaning: "Tasks have been waiting for a processor during most of the last minutes, and the processors \
            have no idle time left.",
        impact: "Users notice slow answers and timeouts now. Monitoring and logins by ssh become slow as well.",
        cause: "Presumed: more requests arrive than the host can serve, or a runaway program takes all \
            processors.",
        system_action: "hansho goes on sampling with a small fixed share. It ends no process.",
        operator_action: &[
            "Read how long tasks wait, line \"some\", avg60: `cat /proc/pressure/cpu`.",
            "Find the processes with the largest share and their age in seconds: \
             `ps -eo pid,ni,pcpu,etimes,comm --sort=-pcpu | head -n 6`.",
            "If the load comes from requests, reduce it as the response says: sorry page, rate limit, a further \
             server.",
            "If one program runs away, save its stack or log as the response says and only then stop it.",
            "Do not restart everything one after the other: each start needs processors too and makes it \
             longer.",
        ],
        administrator_action: "Compare arrivals with the number that was agreed for this system, and decide \
            between more processors, a limit for the program and a limit at the entrance.",
        clear: "Ends when the waiting share has stayed at or below the clear level for the clear time. Requests \
            that were turned away are not served afterwards.",
        evidence: "CPU pressure, busy share, load and runnable tasks are recorded second by second on the host. \
            The list of step 2 belongs in the report.",
    },
    Text {
        number: 2003,
        meaning: "More tasks have been ready to run than the processors can take. This kernel does not measure \
            pressure, so the queue is judged instead.",
        impact: "Each task waits longer for its turn. Response times rise.",
        cause: "Presumed: many processes were started at once, or a program uses more threads than there are \
            processors.",
        system_action: "hansho goes on sampling. On kernels with pressure measurement this rule rests, and \
            HNS2001 and HNS2002 judge.",
        operator_action: &[
            "Know the number of processors: `nproc`.",
            "Compare it with the column r over ten seconds: `vmstat -t 2 5`.",
            "List the threads that run or wait for a processor: \
             `ps -eLo stat,pid,tid,comm | grep '^R' | head -n 20`.",
            "If one program stands there many times, write down its name and count, and hand it over; end \
             nothing at night that still answers.",
        ],
        administrator_action: "Set the number of workers or threads of that program to suit the processors. A \
            kernel with pressure measurement (CONFIG_PSI) judges more exactly.",
        clear: "Ends when the queue has stayed at or below the clear level for the clear time.",
        evidence: "Runnable tasks, load and busy share are recorded. The list of step 3 shows which program \
            filled the queue.",
    },
    Text {
        number: 2004,
        meaning: "All work has been standing still for a notable share of the time because it waited for \
            storage. Where the kernel does not measure this, the share of time waiting for I/O is judged.",
        impact: "Everything that reads or writes becomes slow, database commits first.",
        cause: "Presumed: a backup or a copy is running, a disk is slow or failing, or network storage does not \
            answer well.",
        system_action: "hansho goes on sampling without waiting for the disk. This alert is held back while \
            HNS1002 or HNS1003 fires, because a host short of memory reads from disk all the time.",
        operator_action: &[
            "Read the line \"full\" to see whether it goes on: `cat /proc/pressure/io`.",
            "Find the device with the longest waits, columns r_await, w_await and %util: `iostat -x 2 3`.",
            "See which processes wait for it: `ps -eo stat,pid,wchan:24,comm | awk '$1 ~ /^D/'`.",
            "Look for errors of the device among the kernel's messages: \
             `journalctl -k --since -2h -p warning --no-pager | tail -n 30`.",
            "If a backup is running, let it end and record how long it took.",
            "With device errors call the storage team at once. Run no fsck on a mounted file system, and \
             remount nothing.",
        ],
        administrator_action: "Move the backup or limit its rate; have the device or the storage path examined \
            where waits are long without load.",
        clear: "Ends when the waiting share has stayed at or below the clear level for the clear time. A \
            failing disk can look well in between.",
        evidence: "I/O pressure, iowait and dirty memory are recorded. The output of step 2 shows which device \
            it was.",
    },
    Text {
        number: 2005,
        meaning: "The hypervisor has been giving processor time that this host asked for to others. The kernel \
            counts it as steal.",
        impact: "Programs run slower although this host looks idle enough. Timers can be late.",
        cause: "Presumed: too many virtual machines share the physical processors, or a limit set for this \
            machine is reached.",
        system_action: "hansho goes on sampling. Nothing on this host can end the condition.",
        operator_action: &[
            "See the share for each processor, column %steal: `mpstat -P ALL 2 3`.",
            "Note which virtualisation it is: `systemd-detect-virt`.",
            "Send the virtualisation team the host name, the start time and the value, and ask for the load of \
             the physical host at that time.",
            "Restarting services does not help; leave them running.",
        ],
        administrator_action: "Have the machine moved, its reservation raised or its limit lifted. On burstable \
            cloud types check the remaining credit.",
        clear: "Ends when the mean has stayed at or below the clear level for the clear time.",
        evidence: "Steal, busy share and load are recorded with times; they are what the virtualisation team \
            asks for.",
    },
    Text {
        number: 2006,
        meaning: "The kernel itself has been using a large share of the processors.",
        impact: "Less is left for the programs. Most of the time users notice nothing.",
        cause: "Presumed: the kernel is searching for memory, handling very many small packets, or a program \
            makes very many system calls.",
        system_action: "hansho goes on sampling. The urgency of this code is \"record\".",
        operator_action: &[
            "No action is needed at night for this code alone; look whether others fire beside it: \
             `hansho status`.",
            "See whether system time (%sys) or interrupts (%soft) lead: `mpstat 2 3`.",
            "Count the connections, since very many short ones cost kernel time: `ss -s`.",
            "Write the three results into the record of this host.",
        ],
        administrator_action: "With much %sys and memory pressure see HNS3008; with much %soft look at packets \
            a second and at connection tracking. Otherwise measure system calls of the first process in working \
            hours.",
        clear: "Ends when the mean has stayed at or below the clear level for the clear time.",
        evidence: "System share, busy share, slab memory and refaults are recorded.",
    },
];
