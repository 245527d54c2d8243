//! The files of a change of master keys.
//!
//! No moment may leave secrets that nothing opens. The new master key is on the disk, beside the old one, before the database
//! is changed; the database changes in one transaction; then the new file takes the place of the old one, of which a copy
//! stays: backups that were made until then need it. Whoever opens the database in between finds the new key beside the old
//! one and finishes the change of names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{MasterKey, Vault};
use crate::store::{
    StoreError,
    files::{beside, remove, sync_dir, unavailable},
};

/// What was done.
///
/// ```
/// use amp_pool_core::{
///     store::{
///         Durability,
///         sqlite::{self, Rekeyed, SqliteOptions, SqliteStore},
///     },
///     time::{Clock as _, SystemClock},
/// };
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let (path, key) = (home.join("amp_pool.db"), home.join("master.key"));
/// let options = SqliteOptions { path: path.clone(), master_key_file: key.clone(), durability: Durability::Full, echo: false };
/// drop(SqliteStore::open(options, SystemClock.now())?);
///
/// // Nobody may have it open. The old key is kept beside the new one.
/// let Rekeyed { before, .. } = sqlite::rekey(&path, &key, SystemClock.now())?;
/// assert!(before.exists() && key.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekeyed {
    /// How many secrets were sealed anew.
    pub secrets: usize,
    /// Where the master key before is.
    pub before: PathBuf,
}

/// How far it has come. Tests end it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Reached {
    NewKey,
    OldKeyKept,
    Sealed,
    Committed,
    Done,
}

/// Opens the vault of a database, and says by which file: where secrets were being sealed anew when a process ended, the new
/// master key may stand beside the old one.
pub(in crate::store) fn unlock(
    master_key_file: &Path,
    number: u32,
    wrapped: &[u8],
) -> Result<(Vault, PathBuf), StoreError> {
    let master = MasterKey::load(master_key_file).map_err(unavailable)?;
    let fresh = new_file(master_key_file);
    match Vault::unlock(&master, number, wrapped) {
        Err(StoreError::WrongMasterKey) if fresh.exists() => {
            let master = MasterKey::load(&fresh).map_err(unavailable)?;
            Ok((Vault::unlock(&master, number, wrapped)?, fresh))
        }
        unlocked => Ok((unlocked?, master_key_file.to_owned())),
    }
}

/// Where a master key waits until everything is sealed under it.
fn new_file(master_key_file: &Path) -> PathBuf {
    beside(master_key_file, ".new")
}

/// Puts the key that opened the database in its place, where a change ended before that.
pub(in crate::store) fn finish(key_file: &Path, master_key_file: &Path) -> Result<(), StoreError> {
    if key_file == master_key_file { Ok(()) } else { take_place(key_file, master_key_file) }
}

/// A new master key, on the disk beside the old one.
pub(in crate::store) fn begin(master_key_file: &Path) -> Result<MasterKey, StoreError> {
    let fresh = new_file(master_key_file);
    remove(&fresh)?;
    MasterKey::create(&fresh).map_err(unavailable)
}

/// Puts the new master key in the place of the old one.
pub(in crate::store) fn end(master_key_file: &Path) -> Result<(), StoreError> {
    take_place(&new_file(master_key_file), master_key_file)
}

fn take_place(fresh: &Path, master_key_file: &Path) -> Result<(), StoreError> {
    fs::rename(fresh, master_key_file).and_then(|()| sync_dir(master_key_file)).map_err(unavailable)
}

/// Keeps the master key of a data key under that number, on the disk.
pub(in crate::store) fn keep(master_key_file: &Path, number: u32) -> Result<PathBuf, StoreError> {
    let kept = beside(master_key_file, &format!(".{number}"));
    remove(&kept)?;
    fs::copy(master_key_file, &kept).map_err(unavailable)?;
    fs::File::open(&kept).and_then(|file| file.sync_all()).and_then(|()| sync_dir(&kept)).map_err(unavailable)?;
    Ok(kept)
}
