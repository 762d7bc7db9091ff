//! Cache: 3xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
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
