//! Storage: 4xxx, in English.

use crate::code::texts::Text;

/// In the order of the numbers.
pub(super) static TEXTS: &[Text] = &[
    Text {
        number: 4001,
        meaning: "More of a file system is used than the level of this rule, and less is available than its gate. \
            Counted as df does: what is kept for root is neither used nor available. The subject is the path that \
            is watched.",
        impact: "The services can still write. Forecast: once nothing is available, logs are cut, uploads fail and \
            a database may stop.",
        cause: "Presumed: logs, dumps or old releases that nobody removes, or more data than was planned for.",
        system_action: "hansho goes on looking once a minute and raises HNS4002 where little is left. It deletes \
            nothing.",
        operator_action: &[
            "See how much each file system has left, with its type: `df -k -T`.",
            "Go to the directory that the subject names and list what is largest there, without leaving this file \
             system: `du -x -k -d 1 . | sort -n | tail -n 12`.",
            "Note what of it are logs, dumps and old releases, with owner and date.",
            "Hand the list over in working hours. Delete only what the customer's response names.",
        ],
        administrator_action: "Give logs a rotation with a limit, move dumps away, and compare the use with that \
            of earlier weeks: where it grows steadily, plan the extension before it is urgent.",
        clear: "Ends when the used part has stayed at or below the clear level for the clear time. It says nothing \
            about files that could not be written meanwhile.",
        evidence: "Used, available and total size are recorded when they change. The list of step 2 is not, and \
            belongs in the report.",
    },
    Text {
        number: 4002,
        meaning: "A file system is almost full: what is available to programs other than those of root is below \
            the gate, and the used part above the level of this rule.",
        impact: "Writes may fail at any moment from now on. Forecast: when the last block is taken, programs that \
            cannot write stop or lose what they were about to store.",
        cause: "Presumed: a program writes a log or a dump without end, or a copy of large files is under way.",
        system_action: "hansho goes on; its own disk ring was written in full when it was made and needs no further \
            space on most file systems. It deletes nothing.",
        operator_action: &[
            "Read how much is left at this moment: `df -k`.",
            "Go to the directory of the subject and see which files changed within the last quarter of an hour: \
             `find . -xdev -type f -mmin -15 -size +1M | head -n 20`.",
            "Where du counts far less than df, a deleted file is still held open: a restart of its program gives the \
             space back.",
            "Free space by the customer's response. Never delete files of a database by hand.",
            "If nobody may delete anything, stop the program that writes, and tell the person in charge that \
             writes fail.",
        ],
        administrator_action: "Find out why HNS4001 did not lead to an action in time, and give the largest writer \
            a limit or a file system of its own.",
        clear: "Ends when the used part has stayed at or below the clear level for the clear time. Programs that \
            stopped because they could not write stay stopped.",
        evidence: "Used and available size before and after are recorded; which file it was stands only in the \
            lists of the steps.",
    },
    Text {
        number: 4005,
        meaning: "Almost no inodes are free on a file system: hardly a further file or directory can be made \
            there, however much space is available.",
        impact: "New sessions, uploads, mails and temporary files fail with \"no space left\", while df shows free \
            space.",
        cause: "Presumed: very many small files in a session, cache, mail or spool directory whose clean-up no \
            longer runs.",
        system_action: "hansho counts again once a minute. It deletes no file.",
        operator_action: &[
            "Read the column \"IFree\" of the file system: `df -i`.",
            "Go to the directory that is watched and count entries by subdirectory: \
             `du -x --inodes -d 1 . | sort -n | tail -n 8`.",
            "Ask whether the clean-up of the fullest one has run, and run the one that the response documents.",
        ],
        administrator_action: "Mend the clean-up and watch that directory as a [[cache]] with limit_entries. The \
            number of inodes is fixed when most file systems are made: where the files are needed, plan a new one.",
        clear: "Ends when the free part has stayed at or above the clear level for the clear time.",
        evidence: "Free and total inodes are recorded when they change. Where the files lie is told only by the \
            count of step 2.",
    },
    Text {
        number: 4006,
        meaning: "A file system that could be written at the last look is mounted read-only now.",
        impact: "Everything that writes there fails, databases and logs among it; what is read may still be \
            right for a while.",
        cause: "Presumed: the kernel found an error of the disk or of the file system and turned it read-only to \
            protect the data; more rarely, somebody mounted it so.",
        system_action: "hansho tells the change once. It does not mount anything, and whatever of its own lies \
            there stays in the memory ring.",
        operator_action: &[
            "Read what the kernel said about it: `journalctl -k --since -60min --no-pager | tail -n 60`.",
            "See which file systems are read-only, from the options: \
             `findmnt --real -o TARGET,SOURCE,FSTYPE,OPTIONS`.",
            "Ask whether somebody mounted it so on purpose.",
            "Otherwise assume a failing disk: do not mount it writable again and start no check of the file \
             system. Call the person in charge of the storage.",
            "Tell the owners of the services that nothing can be stored there.",
        ],
        administrator_action: "Secure the data first, from a backup or by a copy that only reads. Replace the disk \
            or repair the path to it, then check the file system, and mount it writable last.",
        clear: "Ends by itself when the change has not come again for the clear time. The file system may still be \
            read-only: only a look at it tells.",
        evidence: "The moment of the change is recorded. The kernel's words of step 1 are not and are overwritten \
            in time: save them.",
    },
    Text {
        number: 4007,
        meaning: "A mount has not answered the question for its size for longer than the level of this rule. \
            Only one process of hansho waits for it.",
        impact: "Programs that touch a path below it stand still and cannot be killed. Forecast: services that use \
            it fill up with waiting requests.",
        cause: "Presumed: the server of a network file system, or the way to it, is gone; on local disks, a device \
            that hangs.",
        system_action: "hansho goes on with everything else and asks again only when that mount has come back. \
            Its other values of this mount are missing until then.",
        operator_action: &[
            "Find the server of the mount without touching it: `cat /proc/self/mounts`.",
            "Do not list it and do not start df or du without a type: they would hang as well.",
            "See which processes already wait, and for what: \
             `ps -eo pid,stat,wchan:24,comm | grep -E ' D' | head -n 20`.",
            "Check whether that server is up and reachable, and hand it over to whoever runs it.",
        ],
        administrator_action: "Bring the server or the path back; the waiting programs then go on by themselves. A \
            forced or lazy unmount is a decision of its own, as it may lose what was written last.",
        clear: "Ends when the mount has answered within the clear level throughout the clear time. Programs that \
            gave up meanwhile are not started by that.",
        evidence: "How long the mount was silent is recorded. Which processes waited stands in the list of \
            step 3.",
    },
];
