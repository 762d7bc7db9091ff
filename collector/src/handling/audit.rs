//! The audit: every action of a person, and its export.

use super::Who;
use crate::limit::AUDIT_PAGE;
use crate::store::rows::AllRows;
use crate::store::{AuditEntry, AuditFilter, StoreError};
use crate::zone::Zone;
use hansho::clock::WallTime;
use serde_json::json;

/// An alert was taken.
pub const ACKNOWLEDGE: &str = "acknowledge";
/// An alert was given back.
pub const RELEASE: &str = "release";
/// A silence was made.
pub const SILENCE_ADD: &str = "silence_add";
/// A silence was ended early.
pub const SILENCE_END: &str = "silence_end";
/// A window was made.
pub const WINDOW_ADD: &str = "window_add";
/// A window was ended.
pub const WINDOW_END: &str = "window_end";
/// A note was written.
pub const NOTE: &str = "note";
/// The secret of the links was changed.
pub const LINK_ROTATE: &str = "link_rotate";

/// Appends an entry. Other rooms use it for their own actions, with words of their own.
///
/// # Errors
/// [`StoreError`].
pub fn append(
    rows: &mut dyn AllRows,
    who: &Who,
    action: &str,
    on: &str,
    customer: &str,
    detail: &str,
    now: WallTime,
) -> Result<(), StoreError> {
    rows.append_audit(&AuditEntry {
        number: 0,
        at: now,
        by: who.name.clone(),
        via: who.via,
        action: action.to_owned(),
        on: on.to_owned(),
        customer: customer.to_owned(),
        detail: detail.to_owned(),
    })
}

/// `key=value` pairs of a detail; texts are quoted, so that they cannot pass for a pair.
#[derive(Debug, Default)]
pub(super) struct Detail(String);

impl Detail {
    pub(super) fn put(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        self.0.push_str(value);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.put(key, &json!(value).to_string());
        }
    }

    pub(super) fn moment(&mut self, key: &str, moment: Option<WallTime>) {
        if let Some(moment) = moment {
            self.put(
                key,
                &crate::clock::utc(moment.as_millis()).replace(' ', "_"),
            );
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// All entries of a customer between two moments, `customer` being `None` for all, each given to `take` in order.
///
/// # Errors
/// [`StoreError`].
pub fn each(
    rows: &mut dyn AllRows,
    customer: Option<&str>,
    (from, until): (WallTime, WallTime),
    take: &mut dyn FnMut(&AuditEntry),
) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let page = rows.audit(&AuditFilter {
            customer,
            from,
            until,
            after,
            limit: AUDIT_PAGE,
        })?;
        for entry in &page {
            take(entry);
        }
        match page.last() {
            Some(last) if page.len() == AUDIT_PAGE => after = last.number,
            _ => return Ok(()),
        }
    }
}

/// The first line of a CSV (RFC 4180), with the mark by which spreadsheets know UTF-8.
pub const CSV_HEAD: &str = "\u{feff}number,time,by,via,action,on,customer,detail\r\n";

/// An entry as a line of CSV.
#[must_use]
pub fn csv_line(entry: &AuditEntry, zone: &Zone) -> String {
    let cells = [
        entry.number.to_string(),
        cell(&zone.show(entry.at)),
        cell(&entry.by),
        cell(entry.via.word()),
        cell(&entry.action),
        cell(&entry.on),
        cell(&entry.customer),
        cell(&entry.detail),
    ];
    format!("{}\r\n", cells.join(","))
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"; the full-width
/// signs too, which Japanese spreadsheets read as their narrow twins).
#[must_use]
pub fn cell(text: &str) -> String {
    let formula = text.trim_start_matches(' ').starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠',
    ]);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

/// An entry as a line of JSON.
#[must_use]
pub fn json_line(entry: &AuditEntry) -> String {
    let line = json!({
        "number": entry.number,
        "at_ms": entry.at.as_millis(),
        "by": entry.by,
        "via": entry.via.word(),
        "action": entry.action,
        "on": entry.on,
        "customer": entry.customer,
        "detail": entry.detail,
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Via;

    #[test]
    fn a_cell_is_never_a_formula_and_never_ends_early() {
        for (text, shown) in [
            ("plain", "\"plain\""),
            ("", "\"\""),
            ("a\"b,c\nd", "\"a\"\"b,c\nd\""),
            ("=1+1", "\"'=1+1\""),
            (" =1+1", "\"' =1+1\""),
            ("+81-3", "\"'+81-3\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("＝1", "\"'＝1\""),
        ] {
            assert_eq!(cell(text), shown);
        }
    }

    #[test]
    fn a_line_has_eight_cells() {
        let entry = AuditEntry {
            number: 3,
            at: WallTime::from_millis(1_732_417_087_000),
            by: "=佐藤".to_owned(),
            via: Via::Link,
            action: ACKNOWLEDGE.to_owned(),
            on: "000000000A".to_owned(),
            customer: "mirai".to_owned(),
            detail: "text=\"a\"".to_owned(),
        };
        assert_eq!(
            csv_line(&entry, &Zone::utc()),
            "3,\"2024-11-24 02:58:07 UTC\",\"'=佐藤\",\"link\",\"acknowledge\",\"000000000A\",\"mirai\",\"text=\"\"a\"\"\"\r\n"
        );
        assert!(json_line(&entry).contains("\"by\":\"=佐藤\""));
    }
}
