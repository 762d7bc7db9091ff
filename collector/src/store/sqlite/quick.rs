//! A look through the main file beside a running writer.

use super::super::StoreError;
use super::open;
use rusqlite::ErrorCode;
use std::path::Path;
use std::time::Duration;

/// What came of a look that found no damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// All of it was looked at.
    Whole,
    /// It was stopped before its end.
    Stopped,
}

/// How long a query that was told to stop is given before it is told again: it may not have begun.
const AGAIN: Duration = Duration::from_millis(20);

/// Has SQLite look through the main file (`PRAGMA quick_check`: the order of pages, cells and rows, not whether indexes fit their
/// tables), on a connection of its own. `go_on` is asked again and again and waits a little each time; where it says no, the look
/// is stopped.
///
/// # Errors
/// [`StoreError::Corrupt`] with what SQLite says first.
pub fn quick_check(
    directory: &Path,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Looked, StoreError> {
    let main = open::reader(directory)?;
    let handle = main.get_interrupt_handle();
    let said = std::thread::scope(|scope| {
        let query = scope.spawn(move || {
            main.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        });
        while !query.is_finished() {
            if !go_on() {
                handle.interrupt();
                std::thread::sleep(AGAIN);
            }
        }
        query
            .join()
            .map_err(|_| StoreError::Io("the look through the store failed".to_owned()))
    })?;
    match said {
        Ok(said) if said == "ok" => Ok(Looked::Whole),
        Ok(said) => Err(StoreError::Corrupt(said)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(Looked::Stopped)
        }
        Err(error) => Err(error.into()),
    }
}
