//! Names of what is measured and lost, in both languages, in the words of docs/GLOSSARY.ja.md and of the codes' texts.

use crate::codes::Language;
use crate::store::LostReason;
use hansho::frame::kind::Stream;
use hansho::rule::Quantity;
use hansho::sample::Field;

/// A name: English, Japanese.
type Name = (&'static str, &'static str);

/// The fields of a reading in the order of an agent's page.
pub const FIELDS: [(Field, Name); 34] = [
    (Field::MemoryTotal, ("memory total", "メモリ総量")),
    (
        Field::MemoryAvailable,
        ("memory available", "メモリの空き(利用可能)"),
    ),
    (
        Field::MemoryUsedPeak,
        ("memory used, peak", "メモリ使用量(最大)"),
    ),
    (Field::MemoryAnonymous, ("anonymous memory", "匿名メモリ")),
    (Field::PageCache, ("page cache", "ページキャッシュ")),
    (
        Field::Shmem,
        ("shared memory and tmpfs", "共有メモリとtmpfs"),
    ),
    (
        Field::SlabReclaimable,
        ("slab, reclaimable", "slab(回収できる)"),
    ),
    (
        Field::SlabUnreclaimable,
        ("slab, unreclaimable", "slab(回収できない)"),
    ),
    (Field::MemoryDirty, ("dirty pages", "書き込み前のデータ")),
    (Field::MemoryCommitted, ("committed", "割り当て約束済み")),
    (Field::SwapTotal, ("swap total", "スワップ総量")),
    (Field::SwapUsed, ("swap used", "スワップ使用量")),
    (Field::ZfsArc, ("ZFS ARC", "ZFS ARC")),
    (
        Field::HugetlbTotal,
        ("huge page pool", "ヒュージページ総量"),
    ),
    (
        Field::HugetlbFree,
        ("huge page pool, free", "ヒュージページの未使用分"),
    ),
    (Field::Cores, ("processors", "CPU の数")),
    (Field::CpuBusy, ("CPU busy", "CPU使用率")),
    (Field::CpuBusyPeak, ("CPU busy, peak", "CPU使用率(最大)")),
    (Field::CpuUser, ("CPU user", "CPU使用率 user")),
    (Field::CpuSystem, ("CPU system", "CPU使用率 system")),
    (Field::CpuIowait, ("CPU iowait", "I/O 待ち")),
    (Field::CpuSteal, ("CPU steal", "CPU steal(仮想CPU競合)")),
    (Field::Load1, ("load, 1 min", "負荷(1分)")),
    (Field::Runnable, ("runnable tasks", "実行待ちの数")),
    (
        Field::PressureCpuSome,
        ("CPU pressure, some", "CPU の逼迫(some)"),
    ),
    (
        Field::PressureMemorySome,
        ("memory pressure, some", "メモリの逼迫(some)"),
    ),
    (
        Field::PressureMemoryFull,
        ("memory pressure, full", "メモリの逼迫(full)"),
    ),
    (
        Field::PressureIoSome,
        ("I/O pressure, some", "I/O の逼迫(some)"),
    ),
    (
        Field::PressureIoFull,
        ("I/O pressure, full", "I/O の逼迫(full)"),
    ),
    (Field::OomKill, ("OOM kills", "OOM Killer 発動回数")),
    (
        Field::SwapIn,
        ("swapped in, pages/s", "スワップからの読み戻し(ページ/秒)"),
    ),
    (
        Field::SwapOut,
        ("swapped out, pages/s", "スワップへの書き出し(ページ/秒)"),
    ),
    (
        Field::MajorFaults,
        ("major faults/s", "メジャーフォルト(回/秒)"),
    ),
    (
        Field::Refaults,
        ("refaults/s", "ページキャッシュの読み直し(回/秒)"),
    ),
];

/// The name of a language.
#[must_use]
pub const fn of(name: Name, language: Language) -> &'static str {
    match language {
        Language::En => name.0,
        Language::Ja => name.1,
    }
}

/// Name of a field.
#[must_use]
pub fn field(field: Field, language: Language) -> &'static str {
    FIELDS
        .into_iter()
        .find(|(known, _)| *known == field)
        .map_or("", |(_, name)| of(name, language))
}

/// Name of a quantity.
#[must_use]
pub fn quantity(quantity: Quantity, language: Language) -> &'static str {
    let of_field = |found| field(found, language);
    let name = match quantity {
        Quantity::MemoryUsed => ("memory used", "メモリ使用量"),
        Quantity::MemoryAvailable => return of_field(Field::MemoryAvailable),
        Quantity::MemoryAnonymous => return of_field(Field::MemoryAnonymous),
        Quantity::PageCache => return of_field(Field::PageCache),
        Quantity::Shmem => return of_field(Field::Shmem),
        Quantity::SlabReclaimable => return of_field(Field::SlabReclaimable),
        Quantity::SlabUnreclaimable => return of_field(Field::SlabUnreclaimable),
        Quantity::SwapUsed => return of_field(Field::SwapUsed),
        Quantity::MemoryDirty => return of_field(Field::MemoryDirty),
        Quantity::MemoryCommitted => return of_field(Field::MemoryCommitted),
        Quantity::MemoryRunsOut => (
            "time until memory runs out (growth of 6 h)",
            "メモリ枯渇までの時間(6時間の増え方)",
        ),
        Quantity::MemoryRunsOutSoon => (
            "time until memory runs out (growth of 5 min)",
            "メモリ枯渇までの時間(5分の増え方)",
        ),
        Quantity::SlabRunsOut => (
            "time until slab takes all (growth of a day)",
            "slabの増加でメモリが枯渇するまでの時間(1日の増え方)",
        ),
        Quantity::ShmemRunsOut => (
            "time until shared memory takes all (growth of a day)",
            "共有メモリの増加でメモリが枯渇するまでの時間(1日の増え方)",
        ),
        Quantity::CpuBusy => return of_field(Field::CpuBusy),
        Quantity::CpuUser => return of_field(Field::CpuUser),
        Quantity::CpuSystem => return of_field(Field::CpuSystem),
        Quantity::CpuIowait => return of_field(Field::CpuIowait),
        Quantity::CpuSteal => return of_field(Field::CpuSteal),
        Quantity::Load1PerCore => ("load a processor, 1 min", "CPU 1個あたりの負荷(1分)"),
        Quantity::RunnablePerCore => ("runnable tasks a processor", "CPU 1個あたりの実行待ち"),
        Quantity::PressureCpuSome => return of_field(Field::PressureCpuSome),
        Quantity::PressureMemorySome => return of_field(Field::PressureMemorySome),
        Quantity::PressureMemoryFull => return of_field(Field::PressureMemoryFull),
        Quantity::PressureIoSome => return of_field(Field::PressureIoSome),
        Quantity::PressureIoFull => return of_field(Field::PressureIoFull),
        Quantity::OomKill => return of_field(Field::OomKill),
        Quantity::SwapIn => return of_field(Field::SwapIn),
        Quantity::SwapOut => return of_field(Field::SwapOut),
        Quantity::MajorFaults => return of_field(Field::MajorFaults),
        Quantity::Refaults => return of_field(Field::Refaults),
        Quantity::PageCacheDrop => ("drop of the page cache", "ページキャッシュの減少"),
        Quantity::FilesystemUsed => ("file system used", "ディスク使用量"),
        Quantity::FilesystemFree => ("file system available", "ディスクの空き"),
        Quantity::InodesFree => ("free inodes", "空き inode"),
        Quantity::FilesystemReadOnly => ("turned read-only", "読み取り専用化"),
        Quantity::MountSilence => (
            "time without an answer of the mount",
            "マウントの無応答時間",
        ),
        Quantity::TmpfsUsed => ("tmpfs used", "tmpfs の使用量"),
        Quantity::CacheSize => ("size of the cache directory", "キャッシュ領域の大きさ"),
        Quantity::CacheEntries => ("entries of the cache directory", "キャッシュ領域の件数"),
        Quantity::ReadingsDiscarded => ("readings discarded", "破棄した計測値"),
        Quantity::AlertsLost => ("alerts lost", "欠落したアラート"),
        Quantity::ClockStep => ("step of the clock", "時刻の飛び"),
        Quantity::TickLate => ("lateness of a sample", "計測の遅れ"),
        Quantity::SourceGone => ("source gone", "計測元消失"),
        Quantity::FramesRefused => ("frames refused", "拒否された記録"),
        Quantity::ForwardSilence => (
            "time without an answer of the collector",
            "収集サーバから応答のない時間",
        ),
        Quantity::PostsRefused => ("posts refused", "拒否された送信"),
        Quantity::DiskRingFault => ("fault of the disk ring", "ディスクリングの異常"),
        Quantity::ConfigurationRefused => ("configuration refused", "設定の拒否"),
        Quantity::HostSilence => ("time without a sign of life", "連絡のない時間"),
        Quantity::Reboots => ("reboots", "サーバーの再起動"),
        Quantity::AgentsSilent => ("silent agents of the site", "拠点の無応答の台数"),
        Quantity::AgentsOfIdentity => ("agents of one identity", "同じ識別子のエージェント"),
        Quantity::ClockOffset => ("distance of the clock", "時刻のずれ"),
        Quantity::MessagesUndelivered => ("messages not delivered", "届かなかった通知"),
        Quantity::RunAhead => ("collector ahead of the agent", "記録の巻き戻り"),
    };
    of(name, language)
}

/// Name of a stream.
#[must_use]
pub const fn stream(stream: Stream, language: Language) -> &'static str {
    let name = match stream {
        Stream::Alerts => ("alerts", "アラート"),
        Stream::Readings => ("readings", "計測値"),
        Stream::Evidence => ("evidence", "調査用の記録"),
        Stream::History => ("history", "1秒ごとの計測値"),
    };
    of(name, language)
}

/// Why a range is lost.
#[must_use]
pub const fn lost(reason: LostReason, language: Language) -> &'static str {
    let name = match reason {
        LostReason::Unknown => ("reason unknown", "理由は不明"),
        LostReason::Overwritten => ("overwritten before it was sent", "送信前に上書きされた"),
        LostReason::Refused => ("refused by the collector", "収集サーバが拒否した"),
        LostReason::RefusedMalformed => (
            "refused by the collector: malformed",
            "収集サーバが拒否した(形式の誤り)",
        ),
        LostReason::RefusedWrongStream => (
            "refused by the collector: of a kind that has no place in this stream",
            "収集サーバが拒否した(種類の誤り)",
        ),
        LostReason::Gap => (
            "missing, and the agent said nothing",
            "番号が飛んだ(エージェントからの申告なし)",
        ),
        LostReason::Merged => (
            "several ranges in one, with what is stored between them",
            "複数の欠落区間をまとめたもの(間に保存済みの分を含む)",
        ),
    };
    of(name, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_and_quantity_has_two_names_of_its_own() {
        for language in Language::ALL {
            let mut names: Vec<_> = Field::ALL
                .into_iter()
                .map(|known| field(known, language))
                .collect();
            assert!(!names.contains(&""));
            names.sort_unstable();
            let before = names.len();
            names.dedup();
            assert_eq!(names.len(), before);
            let quantities = Quantity::ALL.iter();
            assert!(
                quantities
                    .clone()
                    .all(|(known, ..)| !quantity(*known, language).is_empty())
            );
        }
        let japanese = |text: &str| text.chars().any(|c| ('\u{3040}'..='\u{9fff}').contains(&c));
        for (known, ..) in Quantity::ALL {
            assert!(japanese(quantity(known, Language::Ja)), "{known:?}");
        }
        for known in Field::ALL {
            let name = field(known, Language::Ja);
            assert!(japanese(name) || name == "ZFS ARC", "{known:?}");
        }
    }
}
