//! The file that says that a store was found damaged: no collector writes to it until somebody has looked.

use super::super::StoreError;
use std::path::Path;

/// Its name within the directory.
pub const MARK: &str = "collector.damaged";

fn io(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io(format!("{}: {error}", path.display()))
}

/// Marks a store as damaged: `said` is one line.
///
/// # Errors
/// [`StoreError::Io`].
pub fn set(directory: &Path, said: &str) -> Result<(), StoreError> {
    let path = directory.join(MARK);
    std::fs::write(&path, format!("{said}\n"))
        .and_then(|()| std::fs::File::open(&path)?.sync_all())
        .map_err(|error| io(&path, &error))
}

/// Refuses a marked store.
///
/// # Errors
/// [`StoreError::Corrupt`] with what the mark says.
pub(super) fn refuse(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join(MARK);
    match std::fs::read_to_string(&path) {
        Ok(said) => Err(StoreError::Corrupt(format!(
            "{}: {}; `check` looks through it and takes the mark away where the main file is whole, else restore a backup",
            path.display(),
            said.trim_end()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(&path, &error)),
    }
}

/// Takes the mark away; says whether there was one.
///
/// # Errors
/// [`StoreError::Io`].
pub fn clear(directory: &Path) -> Result<bool, StoreError> {
    let path = directory.join(MARK);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io(&path, &error)),
    }
}
