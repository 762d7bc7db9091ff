//! The names of the codes, for raised and reserved ones alike.

/// A language of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl Language {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// The tag of BCP 47: `ja`, `en`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// By its tag; `None` for any other.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }
}

/// The name of a code; `None` where the registry has no such number.
#[must_use]
pub fn name(number: u16, language: Language) -> Option<&'static str> {
    let place = NAMES
        .binary_search_by_key(&number, |(number, ..)| *number)
        .ok()?;
    let (_, en, ja) = NAMES.get(place)?;
    Some(match language {
        Language::En => en,
        Language::Ja => ja,
    })
}

/// Number, English, Japanese; in the order of the numbers.
static NAMES: &[(u16, &str, &str)] = &[
    (1001, "memory used high", "メモリ使用率 高"),
    (1002, "memory used critical", "メモリ使用率 危険"),
    (1003, "memory stall", "メモリ逼迫による停滞"),
    (
        1004,
        "memory runs out within 24 h",
        "メモリ枯渇予測(24時間)",
    ),
    (
        1005,
        "memory runs out within 30 min",
        "メモリ枯渇予測(30分)",
    ),
    (1010, "OOM kill", "OOM Killer 発動"),
    (1011, "swapping", "スワップ頻発"),
    (1012, "swap nearly full", "スワップ残少"),
    (2001, "CPU busy", "CPU高負荷継続"),
    (2002, "CPU saturated", "CPU飽和"),
    (2003, "run queue long", "実行待ち過多"),
    (2004, "waiting for I/O", "I/O待ち過多"),
    (2005, "CPU stolen", "仮想CPU競合"),
    (2006, "kernel time high", "カーネル時間過多"),
    (3001, "unreclaimable slab grows", "カーネルslab増加"),
    (3002, "shared memory grows", "共有メモリ増加"),
    (3003, "tmpfs nearly full", "tmpfs残少"),
    (
        3004,
        "cache directory over limit",
        "キャッシュ領域 上限超過",
    ),
    (
        3005,
        "cache directory fills within 24 h",
        "キャッシュ領域 枯渇予測",
    ),
    (3006, "cache entries over limit", "キャッシュ件数 上限超過"),
    (
        3007,
        "service memory grows",
        "サービスメモリ増加(リーク疑い)",
    ),
    (3008, "page cache too small", "ページキャッシュ不足"),
    (3009, "page cache dropped", "ページキャッシュ急減"),
    (4001, "file system filling", "ディスク使用率 高"),
    (4002, "file system nearly full", "ディスク残量 危険"),
    (
        4003,
        "file system full within 2 h",
        "ディスク枯渇予測(2時間)",
    ),
    (
        4004,
        "file system full within 24 h",
        "ディスク枯渇予測(24時間)",
    ),
    (4005, "inodes nearly gone", "inode残少"),
    (4006, "turned read-only", "読み取り専用化"),
    (4007, "mount does not answer", "マウント無応答"),
    (5001, "service absent", "サービス停止"),
    (
        5002,
        "service restarts again and again",
        "サービス再起動多発",
    ),
    (
        5003,
        "service near its memory limit",
        "サービスメモリ上限接近",
    ),
    (5004, "service OOM-killed", "サービスOOM強制終了"),
    (5005, "service CPU throttled", "サービスCPU制限中"),
    (5006, "descriptors near limit", "ファイル記述子 残少"),
    (5007, "processes near limit", "プロセス数 上限接近"),
    (5008, "processes stuck in I/O", "I/O待ちで停止したプロセス"),
    (6001, "listen queue overflows", "接続受付あふれ"),
    (6002, "arrivals unusual", "アクセス急増"),
    (6003, "retransmission", "TCP再送多発"),
    (6004, "connections near limit", "接続数 上限接近"),
    (6005, "conntrack nearly full", "conntrack 残少"),
    (7000, "unregistered customer code", "未登録の業務コード"),
    (8001, "readings discarded unsent", "未送信データ破棄"),
    (8002, "alerts lost, counted", "アラート欠落(件数あり)"),
    (8003, "clock stepped", "時刻の飛び"),
    (8004, "host stalled", "ホスト停滞"),
    (8005, "source gone", "計測元消失"),
    (8006, "configuration refused", "設定不正(前の設定で継続)"),
    (8007, "batch refused", "送信拒否(隔離)"),
    (8008, "collector unreachable", "収集サーバ不通"),
    (8009, "short host stall", "ホスト短時間停滞"),
    (8010, "run rolled back or cloned", "記録の巻き戻り・複製"),
    (8011, "disk ring fault", "ディスクリング書き込み不可"),
    (
        8012,
        "collector refuses all batches",
        "収集サーバが送信を拒否",
    ),
    (9001, "system silent", "無応答"),
    (9002, "back: network only", "通信復旧"),
    (9003, "unplanned reboot", "計画外の再起動"),
    (9004, "planned stop or restart", "計画停止・再起動"),
    (9005, "site silent", "拠点一斉無応答"),
    (9006, "two agents, one identity", "識別子重複"),
    (9007, "clock off", "時刻ずれ"),
    (9008, "mail not delivered", "通知不達"),
];

#[cfg(test)]
mod tests {
    use super::{Language, NAMES, name};
    use crate::code::TABLE;

    #[test]
    fn every_code_has_a_name_of_its_own_in_both_languages() {
        let numbers: Vec<u16> = NAMES.iter().map(|(number, ..)| *number).collect();
        let table: Vec<u16> = TABLE.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, table);
        for language in Language::ALL {
            let mut names: Vec<&str> = table
                .iter()
                .map(|number| name(*number, language).unwrap())
                .collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.len());
        }
        assert!(
            NAMES
                .iter()
                .all(|(_, en, ja)| en.is_ascii() && !ja.is_empty() && en != ja)
        );
        assert_eq!(name(1999, Language::En), None);
        assert_eq!(Language::from_tag("ja"), Some(Language::Ja));
        assert_eq!(Language::from_tag("fr"), None);
    }
}
