//! Cache: 3xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
    Text {
        number: 3001,
        meaning: "Memory that the kernel holds for itself and cannot give back (unreclaimable slab) has grown \
            through a whole day, and the lowest point of that day lies above the one before. By that growth, what \
            is available lasts for less time than the level of this rule.",
        impact: "The programs still have what they need. Forecast: in some days the kernel has taken what they \
            use, and they are slowed down or killed although none of them has grown.",
        cause: "Presumed: a fault in the kernel, in a driver or in a security agent that runs in the kernel; more \
            rarely, very many open files, connections or containers.",
        system_action: "hansho makes the forecast anew each hour from the marks of two days. It can free nothing \
            of this memory, and nobody can while the host runs.",
        operator_action: &[
            "Write down the largest caches of the kernel, by size; root may read them: \
             `slabtop -o -s c | head -n 16`.",
            "Note the sum of the part that stays: `grep SUnreclaim /proc/meminfo`.",
            "Take both again at the same hour of the next working day; the cache that has grown names the part of \
             the kernel that it belongs to.",
            "Emptying caches by hand does not help here, it only touches the other kind of slab.",
        ],
        administrator_action: "Look up the cache that grows in the errata of the kernel and of the drivers and \
            agents loaded on this host. Plan a reboot in a maintenance window before the time left is over, and an \
            update with it.",
        clear: "Ends when, by the growth of the last day, the time left has stayed at or above the clear level \
            for the clear time, or nothing grows any more. What was taken comes back only by a reboot.",
        evidence: "Unreclaimable slab and available memory of the days before are recorded. Which cache it was \
            stands only in the lists of step 1: they belong in the report.",
    },
    Text {
        number: 3002,
        meaning: "Shared memory and files in tmpfs together have grown through a whole day, and the lowest point \
            of that day lies above the one before. By that growth, what is available lasts for less time than the \
            level of this rule.",
        impact: "Files in memory are memory that no process shows as its own. Forecast: within a day there is \
            none left for the programs, and the kernel kills one of them, which frees nothing of it.",
        cause: "Presumed: a program leaves files in /dev/shm, /run or /tmp behind, or a clean-up of them no longer \
            runs.",
        system_action: "hansho makes the forecast anew each hour. It deletes no file.",
        operator_action: &[
            "Find the tmpfs that is fullest: `df -k -t tmpfs`.",
            "List the largest entries of the usual place, with owner and date: `ls -lS /dev/shm | head -n 12`.",
            "If no tmpfs explains the size, look at the segments of shared memory and who made them: \
             `cat /proc/sysvipc/shm`.",
            "Delete nothing that a running program may hold open; note owner and size, and run the clean-up that \
             the response documents.",
        ],
        administrator_action: "Have the program that left them clean up after itself, and give the tmpfs a size \
            limit, so that it becomes full before the host does.",
        clear: "Ends when, by the growth of the last day, the time left has stayed at or above the clear level \
            for the clear time, or nothing grows any more; the files may still be there.",
        evidence: "Shared memory (tmpfs among it) and available memory of the days before are recorded. The lists \
            of the steps are not, and say whose files they were.",
    },
    Text {
        number: 3003,
        meaning: "A file system that lies in memory (tmpfs) is used beyond the level of this rule. The subject is the             path that is watched.",
        impact: "What is in it is memory of this host. When it is full, programs that write there fail, although the             disks have room.",
        cause: "Presumed: a program leaves temporary files behind, or a file was put there that belongs on a disk.",
        system_action: "hansho goes on looking. It removes nothing from there.",
        operator_action: &[
            "Read size and use of each tmpfs: `df -k -t tmpfs`.",
            "Go to the path of the subject and list its largest entries:              `du -x -k -d 1 . | sort -n | tail -n 10`.",
            "Note the owner and the age of the first three, and whether their program still runs.",
            "Remove only what the customer's response allows. A file that is open keeps its memory until its              program ends.",
        ],
        administrator_action: "Have the program remove its files, or give it a directory on a disk. A larger tmpfs             takes the difference from the memory of the services.",
        clear: "Ends when the used part has stayed at or below the clear level for the clear time.",
        evidence: "Use and size of the tmpfs are recorded when they change. Whose files they were stands in the list             of step 2.",
    },
    Text {
        number: 3004,
        meaning: "A cache directory holds more than the limit that is configured for it. Counted are the blocks             allocated to files and directories below it, hard links once, other file systems left out.",
        impact: "Nothing fails by that alone. Forecast: if its clean-up does not run, the directory goes on until             the file system that it lies on is full.",
        cause: "Presumed: the clean-up of this cache has stopped, or more is kept than was planned.",
        system_action: "hansho walks through the directory again and again at a low pace, and tells with each value             how old it is. It deletes no file.",
        operator_action: &[
            "Read the value, and since when it stands beyond the limit: `hansho status`.",
            "See how much room the file system below it still has: `df -k -T`.",
            "Run the clean-up that the customer's response documents for this cache, and no other one.",
            "Look at the value again after the next walk; where it has not fallen, hand over that the clean-up frees              nothing.",
        ],
        administrator_action: "Find out when the clean-up last ended well. Where the cache is right to be larger,             raise limit_size of its [[cache]] in agent.toml.",
        clear: "Ends when the size has stayed at or below the clear level of the limit for the clear time, as seen by             whole walks.",
        evidence: "Size and limit are recorded when they change by a notable part. Which files were added stands             nowhere.",
    },
    Text {
        number: 3006,
        meaning: "A cache directory has more files and directories in it than the limit that is configured for it.",
        impact: "Searching and cleaning it takes longer and longer. Forecast: on file systems with a fixed number of             inodes, no further file can be made one day, however much space is left.",
        cause: "Presumed: entries are made faster than the clean-up removes them, or it skips some of them.",
        system_action: "hansho goes on counting at a low pace, with memory that does not depend on the number of             entries. It deletes none of them.",
        operator_action: &[
            "See whether inodes become scarce on that file system, column \"IUse%\": `df -i`.",
            "Go to the directory of the subject and find out which part of it has most entries:              `du -x --inodes -d 1 . | sort -n | tail -n 12`.",
            "Start the clean-up by the response. Do not list the whole directory with ls, it may take very long.",
        ],
        administrator_action: "Have the cache spread or expire its entries, or raise limit_entries of its [[cache]] in             agent.toml where the number is intended.",
        clear: "Ends when the number has stayed at or below the clear level of the limit for the clear time, as seen             by whole walks.",
        evidence: "The number of entries and its limit are recorded when they change by a notable part.",
    },
    Text {
        number: 3008,
        meaning: "File pages that had only just been given up were needed again at a high rate, and tasks \
            waited for memory. The kernel counts such pages as refaults.",
        impact: "Reading files takes longer, because they come from disk again and again.",
        cause: "Presumed: the files in daily use no longer fit into what memory the programs leave.",
        system_action: "hansho goes on sampling. A large page cache alone never raises an alert. This one is \
            held back while HNS1002 or HNS1003 fires.",
        operator_action: &[
            "Run this twice, ten seconds apart; the counters show how fast it goes: \
             `grep -E 'refault|pgmajfault' /proc/vmstat`.",
            "See how much is left for cache: `free -w -m`.",
            "Ask whether a search, a backup or a copy of large files runs; it may push the others out of the \
             cache for its time.",
            "Never empty the cache by hand in this condition, it would make every read slow.",
        ],
        administrator_action: "Reduce the memory of the programs or add memory. Large copies can be run so that \
            they do not fill the cache.",
        clear: "Ends when the rate has stayed at or below the clear level for the clear time.",
        evidence: "Refaults and major faults a second, page cache and memory pressure are recorded.",
    },
    Text {
        number: 3009,
        meaning: "The page cache shrank by a large part within a minute. Reads come from disk until it has \
            filled again.",
        impact: "Reads are slower for some minutes. Nothing is lost by it.",
        cause: "Presumed: somebody emptied the cache by hand, a very large file was deleted, or a program \
            suddenly needed the memory.",
        system_action: "hansho records this code; its urgency is \"record\". It frees and fills no cache \
            itself.",
        operator_action: &[
            "Look for the line \"drop_caches\" of the kernel, which names the program that emptied the cache: \
             `journalctl -k --since -10min --no-pager | tail -n 20`.",
            "See who is logged in: `who`.",
            "If HNS1002 fires at the same time, the memory was needed: follow that code and forget this one.",
            "Otherwise only keep under observation whether it comes again at the same hour.",
        ],
        administrator_action: "Remove scheduled jobs that write to drop_caches; they cost time and free nothing \
            that the kernel would not free by itself.",
        clear: "Ends by itself when no further drop has come for the clear time.",
        evidence: "The size of the page cache before and after, and available memory, are recorded.",
    },
];
