//! Copies of the database: before a migration, as a backup, and back again.
//!
//! A copy is made by SQLite from one snapshot, while others write; it appears under its name only when it is whole and
//! on the disk. It holds secrets as the database does, sealed: whoever restores it needs the same master key.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{Access, Durability, Failure, connect, migrate, unavailable, unlock_existing};
use crate::{
    store::{
        StoreError,
        files::{beside, remove, sync_dir},
    },
    time::Timestamp,
};

/// Copies the database at `database` to the new file `copy`, for its owner alone, while another process may serve from
/// it. Blocks.
///
/// # Errors
/// [`StoreError::Conflict`] when `copy` exists, [`StoreError::Invalid`] when `database` is no database of ours, and
/// [`StoreError::Unavailable`] when either can not be read or written. Nothing is left behind then.
pub fn back_up(database: &Path, copy: &Path) -> Result<(), StoreError> {
    if copy.try_exists().map_err(unavailable)? {
        return Err(StoreError::Conflict { what: format!("the file {}", copy.display()) });
    }
    let connection = existing(database)?.reader()?;
    migrate::refuse_what_is_not_ours(&connection)?;
    Ok(copy_whole(&connection, copy)?)
}

/// Whether a copy could be restored: it is a whole database of ours, of a version this program knows, and
/// `master_key_file` opens its secrets. Changes nothing. Blocks.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Corrupt`], [`StoreError::Newer`], [`StoreError::WrongMasterKey`], and
/// [`StoreError::Unavailable`] when either file can not be read.
pub fn check_backup(copy: &Path, master_key_file: &Path) -> Result<(), StoreError> {
    let connection = existing(copy)?.reader()?;
    migrate::refuse_what_is_not_ours(&connection)?;
    if migrate::is_empty(&connection)? {
        return Err(StoreError::Invalid("the file holds nothing".into()));
    }
    connect::check_thoroughly(&connection)?;
    unlock_existing(&connection, master_key_file)?;
    Ok(())
}

/// Puts `copy` in the place of the database at `database`, which no process may be using. What was there before is kept
/// beside it, under the name that is given back. Blocks.
///
/// # Errors
/// As [`check_backup`]; the database is left as it was then.
pub fn restore(
    copy: &Path,
    database: &Path,
    master_key_file: &Path,
    now: Timestamp,
) -> Result<Option<PathBuf>, StoreError> {
    check_backup(copy, master_key_file)?;
    let fresh = beside(database, ".restored");
    remove(&fresh)?;
    copy_whole(&existing(copy)?.reader()?, &fresh)?;
    let kept = set_aside(database, now)?;
    fs::rename(&fresh, database).and_then(|()| sync_dir(database)).map_err(unavailable)?;
    Ok(kept)
}

/// How a file is opened that has to be there.
pub(super) fn existing(path: &Path) -> Result<Access, StoreError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(StoreError::Invalid(format!("{} is no file", path.display()))),
        Err(error) => return Err(StoreError::Unavailable(format!("{}: {error}", path.display()).into())),
    }
    Ok(Access { path: path.to_owned(), durability: Durability::Full, echo: false })
}

/// Renames a database with what SQLite may have left beside it. Its log belongs to it and to no other file.
fn set_aside(database: &Path, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
    if !database.try_exists().map_err(unavailable)? {
        return Ok(None);
    }
    let kept = beside(database, &format!(".before-{}", now.as_millis()));
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(beside(database, suffix), beside(&kept, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unavailable(error)),
            _ => {}
        }
    }
    Ok(Some(kept))
}

/// Copies what `connection` sees now to `copy`, replacing it. The copy has that name only when it is whole.
pub(super) fn copy_whole(connection: &Connection, copy: &Path) -> Result<(), Failure> {
    let part = beside(copy, ".part");
    make_empty(&part).map_err(unavailable)?;
    let target = part.to_str().ok_or_else(|| StoreError::Invalid("the path of the copy is not UTF-8".into()))?;
    let copied = connection.execute("VACUUM INTO ?1", [target]).map_err(Failure::from).and_then(|_| {
        fs::File::open(&part).and_then(|file| file.sync_all()).map_err(unavailable)?;
        fs::rename(&part, copy).and_then(|()| sync_dir(copy)).map_err(|error| unavailable(error).into())
    });
    if copied.is_err() {
        // Half a copy is of no use to anybody; the failure is what is told.
        let _ = fs::remove_file(&part);
    }
    copied
}

/// SQLite takes an empty file as the target of a copy, so its mode can be set first.
fn make_empty(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{
        ConfigStore as _,
        sqlite::{SqliteOptions, SqliteStore},
    };

    const NOW: Timestamp = Timestamp::from_millis(7);

    struct Case {
        dir: TempDir,
    }

    impl Case {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn open(&self) -> SqliteStore {
            let (path, master_key_file) = (self.path("pool.db"), self.path("master.key"));
            SqliteStore::open(SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false }, NOW)
                .unwrap()
        }

        fn back_up(&self) -> Result<(), StoreError> {
            back_up(&self.path("pool.db"), &self.path("copy"))
        }

        fn restore(&self) -> Result<Option<PathBuf>, StoreError> {
            restore(&self.path("copy"), &self.path("pool.db"), &self.path("master.key"), NOW)
        }

        async fn put(&self, store: &SqliteStore, value: &str) {
            store.put_setting("name".into(), Some(value.into()), NOW).await.unwrap();
        }

        async fn value(&self) -> String {
            self.open().load().await.unwrap().settings["name"].clone()
        }
    }

    #[tokio::test]
    async fn a_backup_is_made_while_the_database_is_used_and_brings_that_moment_back() {
        let case = Case::new();
        let store = case.open();
        case.put(&store, "then").await;
        case.back_up().unwrap();
        case.put(&store, "later").await;
        drop(store);

        let kept = case.restore().unwrap().unwrap();

        assert_eq!(case.value().await, "then");
        fs::rename(kept, case.path("pool.db")).unwrap();
        let _ = (fs::remove_file(case.path("pool.db-wal")), fs::remove_file(case.path("pool.db-shm")));
        assert_eq!(case.value().await, "later", "what was there is kept");
    }

    #[tokio::test]
    async fn a_backup_overwrites_nothing_and_leaves_no_half() {
        let case = Case::new();
        drop(case.open());
        fs::write(case.path("copy"), "a letter").unwrap();

        assert!(matches!(case.back_up(), Err(StoreError::Conflict { .. })));
        assert_eq!(fs::read_to_string(case.path("copy")).unwrap(), "a letter");
        let missing = back_up(&case.path("nothing"), &case.path("other"));
        assert!(missing.unwrap_err().to_string().contains("nothing"));
        assert!(!case.path("other").exists() && !case.path("other.part").exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_backup_is_its_owners_alone() {
        let case = Case::new();
        drop(case.open());
        case.back_up().unwrap();

        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(case.path("copy")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_can_not_be_used_replaces_nothing() {
        let case = Case::new();
        let store = case.open();
        case.put(&store, "then").await;
        drop(store);
        case.back_up().unwrap();
        let good = fs::read(case.path("copy")).unwrap();

        fs::write(case.path("copy"), "a letter").unwrap();
        case.restore().unwrap_err();
        fs::write(case.path("copy"), &good[..good.len() / 2]).unwrap();
        case.restore().unwrap_err();
        fs::write(case.path("copy"), "").unwrap();
        case.restore().unwrap_err();
        fs::write(case.path("copy"), good).unwrap();
        let key = fs::read(case.path("master.key")).unwrap();
        fs::remove_file(case.path("master.key")).unwrap();
        assert!(matches!(case.restore(), Err(StoreError::Unavailable(_))), "its secrets could not be read");
        assert!(!case.path("master.key").exists(), "and no other key is made for them");
        fs::write(case.path("master.key"), key).unwrap();

        assert_eq!(case.value().await, "then");
    }
}
