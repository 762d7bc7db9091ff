//! An entry for every number, raised or only reserved. No text stands here.

use super::entry::{Entry, Family, Severity, Urgency, agent, collector, reserved};
use crate::rule::Quantity;

/// While this code fires for a host, everything that the host's agent raised is unknown and not notified: nobody can
/// say whether it still holds. See [`silenced_with_host`].
pub const HOST_ABSENT: u16 = 9001;

/// True for codes that become unknown while [`HOST_ABSENT`] fires for their host: all but presence itself (9xxx).
#[must_use]
pub const fn silenced_with_host(number: u16) -> bool {
    number < 9000
}

/// Every entry, in the order of the numbers.
pub static TABLE: &[Entry] = &[
    // 1xxx memory
    agent(
        1001,
        "memory_used_high",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::MemoryUsed,
    )
    .in_family(Family::Memory, 1),
    agent(
        1002,
        "memory_used_critical",
        Severity::Error,
        Urgency::Now,
        Quantity::MemoryUsed,
    )
    .in_family(Family::Memory, 4),
    agent(
        1003,
        "memory_stall",
        Severity::Error,
        Urgency::Now,
        Quantity::PressureMemoryFull,
    )
    .in_family(Family::Memory, 5),
    agent(
        1004,
        "memory_runs_out_24h",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::MemoryRunsOut,
    )
    .in_family(Family::Memory, 2),
    agent(
        1005,
        "memory_runs_out_30m",
        Severity::Error,
        Urgency::Now,
        Quantity::MemoryRunsOutSoon,
    )
    .in_family(Family::Memory, 3),
    agent(
        1010,
        "oom_kill",
        Severity::Error,
        Urgency::Now,
        Quantity::OomKill,
    )
    .in_family(Family::Memory, 6),
    agent(
        1011,
        "swapping",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::SwapIn,
    )
    .suppressed_by(&[1002, 1003]),
    agent(
        1012,
        "swap_nearly_full",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::SwapUsed,
    )
    .suppressed_by(&[1002, 1003]),
    // 2xxx CPU
    agent(
        2001,
        "cpu_busy",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::CpuBusy,
    )
    .in_family(Family::Cpu, 1),
    agent(
        2002,
        "cpu_saturated",
        Severity::Error,
        Urgency::Now,
        Quantity::PressureCpuSome,
    )
    .in_family(Family::Cpu, 2),
    agent(
        2003,
        "run_queue_long",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::RunnablePerCore,
    ),
    agent(
        2004,
        "io_waiting",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::PressureIoFull,
    )
    .suppressed_by(&[1002, 1003]),
    agent(
        2005,
        "cpu_stolen",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::CpuSteal,
    ),
    agent(
        2006,
        "kernel_time_high",
        Severity::Warning,
        Urgency::Record,
        Quantity::CpuSystem,
    ),
    // 3xxx cache
    agent(
        3001,
        "slab_unreclaimable_grows",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::SlabRunsOut,
    ),
    agent(
        3002,
        "shared_memory_grows",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::ShmemRunsOut,
    ),
    agent(
        3003,
        "tmpfs_nearly_full",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::TmpfsUsed,
    ),
    agent(
        3004,
        "cache_directory_over_limit",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::CacheSize,
    )
    .in_family(Family::CacheDirectory, 2),
    reserved(
        3005,
        "cache_directory_fills_24h",
        Severity::Warning,
        Urgency::WorkingHours,
    )
    .in_family(Family::CacheDirectory, 1),
    agent(
        3006,
        "cache_entries_over_limit",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::CacheEntries,
    )
    .in_family(Family::CacheDirectory, 2),
    reserved(
        3007,
        "service_memory_grows",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    agent(
        3008,
        "page_cache_too_small",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::Refaults,
    )
    .suppressed_by(&[1002, 1003]),
    agent(
        3009,
        "page_cache_dropped",
        Severity::Information,
        Urgency::Record,
        Quantity::PageCacheDrop,
    ),
    // 4xxx storage
    agent(
        4001,
        "filesystem_filling",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::FilesystemUsed,
    )
    .in_family(Family::Filesystem, 1),
    agent(
        4002,
        "filesystem_nearly_full",
        Severity::Error,
        Urgency::Now,
        Quantity::FilesystemUsed,
    )
    .in_family(Family::Filesystem, 4),
    reserved(4003, "filesystem_full_2h", Severity::Error, Urgency::Now)
        .in_family(Family::Filesystem, 3),
    reserved(
        4004,
        "filesystem_full_24h",
        Severity::Warning,
        Urgency::WorkingHours,
    )
    .in_family(Family::Filesystem, 2),
    agent(
        4005,
        "inodes_nearly_gone",
        Severity::Error,
        Urgency::Now,
        Quantity::InodesFree,
    ),
    agent(
        4006,
        "filesystem_read_only",
        Severity::Error,
        Urgency::Now,
        Quantity::FilesystemReadOnly,
    ),
    agent(
        4007,
        "mount_unresponsive",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::MountSilence,
    ),
    // 5xxx services
    reserved(5001, "service_absent", Severity::Error, Urgency::Now),
    reserved(
        5002,
        "service_restarts",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    reserved(
        5003,
        "service_near_memory_limit",
        Severity::Warning,
        Urgency::WorkingHours,
    )
    .in_family(Family::ServiceMemory, 1),
    reserved(5004, "service_oom_killed", Severity::Error, Urgency::Now)
        .in_family(Family::ServiceMemory, 2),
    reserved(
        5005,
        "service_cpu_throttled",
        Severity::Warning,
        Urgency::Record,
    ),
    reserved(
        5006,
        "descriptors_near_limit",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    reserved(
        5007,
        "processes_near_limit",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    reserved(
        5008,
        "processes_stuck_io",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    // 6xxx access
    reserved(6001, "listen_queue_overflow", Severity::Error, Urgency::Now),
    reserved(
        6002,
        "arrivals_unusual",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    reserved(
        6003,
        "tcp_retransmission",
        Severity::Warning,
        Urgency::Record,
    ),
    reserved(
        6004,
        "connections_near_limit",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    reserved(6005, "conntrack_nearly_full", Severity::Error, Urgency::Now),
    // 7xxx the customer's own
    reserved(
        7000,
        "unregistered_customer_code",
        Severity::Warning,
        Urgency::WorkingHours,
    ),
    // 8xxx the agent
    agent(
        8001,
        "readings_discarded",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::ReadingsDiscarded,
    ),
    agent(
        8002,
        "alerts_lost",
        Severity::Error,
        Urgency::WorkingHours,
        Quantity::AlertsLost,
    ),
    agent(
        8003,
        "clock_stepped",
        Severity::Warning,
        Urgency::Record,
        Quantity::ClockStep,
    ),
    agent(
        8004,
        "host_stalled",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::TickLate,
    ),
    agent(
        8005,
        "source_gone",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::SourceGone,
    ),
    agent(
        8006,
        "configuration_refused",
        Severity::Error,
        Urgency::WorkingHours,
        Quantity::ConfigurationRefused,
    ),
    agent(
        8007,
        "batch_refused",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::FramesRefused,
    ),
    agent(
        8008,
        "collector_unreachable",
        Severity::Warning,
        Urgency::Record,
        Quantity::ForwardSilence,
    ),
    agent(
        8009,
        "host_stalled_short",
        Severity::Information,
        Urgency::Record,
        Quantity::TickLate,
    ),
    agent(
        8010,
        "run_ahead",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::RunAhead,
    ),
    agent(
        8011,
        "disk_ring_fault",
        Severity::Error,
        Urgency::WorkingHours,
        Quantity::DiskRingFault,
    ),
    agent(
        8012,
        "posts_refused",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::PostsRefused,
    ),
    // 9xxx presence
    collector(
        9001,
        "system_silent",
        Severity::Error,
        Urgency::Now,
        Quantity::HostSilence,
    )
    .suppressed_by(&[9005]),
    collector(
        9002,
        "back_network_only",
        Severity::Information,
        Urgency::Record,
        Quantity::HostSilence,
    ),
    collector(
        9003,
        "reboot_unplanned",
        Severity::Error,
        Urgency::Now,
        Quantity::Reboots,
    ),
    collector(
        9004,
        "stop_planned",
        Severity::Information,
        Urgency::Record,
        Quantity::HostSilence,
    ),
    collector(
        9005,
        "site_silent",
        Severity::Error,
        Urgency::Now,
        Quantity::AgentsSilent,
    ),
    collector(
        9006,
        "identity_duplicate",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::AgentsOfIdentity,
    ),
    collector(
        9007,
        "clock_off",
        Severity::Warning,
        Urgency::WorkingHours,
        Quantity::ClockOffset,
    ),
    collector(
        9008,
        "mail_undelivered",
        Severity::Error,
        Urgency::Now,
        Quantity::MessagesUndelivered,
    ),
];

/// The entry of a number.
#[must_use]
pub fn entry(number: u16) -> Option<&'static Entry> {
    let place = TABLE
        .binary_search_by_key(&number, |entry| entry.number)
        .ok()?;
    TABLE.get(place)
}

#[cfg(test)]
mod tests {
    use super::{HOST_ABSENT, TABLE, entry, silenced_with_host};

    #[test]
    fn numbers_ascend_and_every_entry_is_found() {
        assert!(TABLE.is_sorted_by(|a, b| a.number < b.number));
        for known in TABLE {
            assert!((1000..=9999).contains(&known.number));
            assert_eq!(entry(known.number), Some(known));
        }
        for unknown in [0, 999, 1000, 1006, 8013, 9999, u16::MAX] {
            assert_eq!(entry(unknown), None);
        }
    }

    #[test]
    fn slugs_are_unique_ascii_words() {
        for (place, known) in TABLE.iter().enumerate() {
            assert!(
                known
                    .slug
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
            );
            assert!(TABLE[..place].iter().all(|other| other.slug != known.slug));
        }
    }

    #[test]
    fn suppressors_exist_and_never_form_a_circle() {
        // Depth first from every code; a path longer than the table would have to repeat a code.
        fn walk(number: u16, depth: usize) {
            assert!(depth <= TABLE.len(), "circle through {number}");
            for suppressor in entry(number).unwrap().suppressed_by {
                walk(*suppressor, depth + 1);
            }
        }
        for known in TABLE {
            walk(known.number, 0);
        }
        assert!(!silenced_with_host(HOST_ABSENT));
        assert!(silenced_with_host(1002) && silenced_with_host(8008));
    }

    #[test]
    fn families_are_those_of_the_manual() {
        let members = |family| {
            let mut members: Vec<(u8, u16)> = TABLE
                .iter()
                .filter_map(|known| known.family.map(|place| (place, known.number)))
                .filter(|((of, _), _)| *of == family)
                .map(|((_, rank), number)| (rank, number))
                .collect();
            members.sort_unstable();
            members
        };
        use super::Family::{CacheDirectory, Cpu, Filesystem, Memory, ServiceMemory};
        assert_eq!(
            members(Memory),
            [
                (1, 1001),
                (2, 1004),
                (3, 1005),
                (4, 1002),
                (5, 1003),
                (6, 1010)
            ]
        );
        assert_eq!(members(Cpu), [(1, 2001), (2, 2002)]);
        assert_eq!(members(CacheDirectory), [(1, 3005), (2, 3004), (2, 3006)]);
        assert_eq!(
            members(Filesystem),
            [(1, 4001), (2, 4004), (3, 4003), (4, 4002)]
        );
        assert_eq!(members(ServiceMemory), [(1, 5003), (2, 5004)]);
        let suppressed: Vec<(u16, &[u16])> = TABLE
            .iter()
            .filter(|known| !known.suppressed_by.is_empty())
            .map(|known| (known.number, known.suppressed_by))
            .collect();
        assert_eq!(
            suppressed,
            [
                (1011, &[1002, 1003][..]),
                (1012, &[1002, 1003]),
                (2004, &[1002, 1003]),
                (3008, &[1002, 1003]),
                (9001, &[9005]),
            ]
        );
    }

    #[test]
    fn a_family_rises_in_severity() {
        for lower in TABLE {
            for higher in TABLE {
                let (Some((a, low)), Some((b, high))) = (lower.family, higher.family) else {
                    continue;
                };
                // Forecasts (1005, 4003) stand below the level they foretell, so warnings never outrank errors.
                if a == b && low < high {
                    assert!(
                        lower.severity <= higher.severity,
                        "{} outranks {}",
                        higher.number,
                        lower.number
                    );
                }
            }
        }
    }
}
