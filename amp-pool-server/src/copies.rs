//! What is done with the database beside a server: backups and audits while one uses it, restoring while none does.

use std::path::{Path, PathBuf};

use amp_pool_core::{
    store::{Audit, postgres, sqlite},
    time::{Clock as _, SystemClock},
};

use crate::{
    ServeError,
    config::{Database, Settings, SettingsError},
    data_dir::DataDir,
};

/// The file of the database.
fn file(settings: &Settings) -> Result<PathBuf, ServeError> {
    match settings.database() {
        Database::Sqlite(path) => Ok(path),
        Database::Memory => {
            let message = "there is no file of a database in memory";
            Err(ServeError::Settings(SettingsError::new("DATABASE_URL", message)))
        }
        Database::Postgres(_) => {
            let message = "this works on a file of SQLite alone; PostgreSQL has tools of its own, such as pg_dump";
            Err(ServeError::Settings(SettingsError::new("DATABASE_URL", message)))
        }
    }
}

/// Copies the database to the new file `copy`, and says what has to be kept with it.
///
/// # Errors
/// When there is no database, `copy` exists, or either can not be read or written.
pub fn back_up(settings: &Settings, copy: &Path) -> Result<String, ServeError> {
    sqlite::back_up(&file(settings)?, copy)?;
    let (copy, key) = (copy.display(), settings.master_key_path());
    Ok(format!("{copy} is whole. Its secrets are sealed with {}: keep that file too, elsewhere.\n", key.display()))
}

/// Says whether `copy` could be restored.
///
/// # Errors
/// Why it can not.
pub fn check(settings: &Settings, copy: &Path) -> Result<String, ServeError> {
    file(settings)?;
    sqlite::check_backup(copy, &settings.master_key_path())?;
    Ok(format!("{} is whole and can be restored.\n", copy.display()))
}

/// Puts `copy` in the place of the database.
///
/// # Errors
/// Why it can not, or that a server is running on the data directory. The database is left as it was then.
pub fn restore(settings: &Settings, copy: &Path) -> Result<String, ServeError> {
    let _no_server = DataDir::open(&settings.data_dir)?;
    let database = file(settings)?;
    let kept = sqlite::restore(copy, &database, &settings.master_key_path(), SystemClock.now())?;
    let before = kept.map(|kept| format!(" What was there is in {}.", kept.display())).unwrap_or_default();
    Ok(format!("{} was restored from {}.{before}\n", database.display(), copy.display()))
}

/// Seals all secrets anew under a new master key.
///
/// # Errors
/// Why it can not, or that a server is running on the data directory. Everything is as before then.
pub async fn rekey(settings: &Settings) -> Result<String, ServeError> {
    let _no_server = DataDir::open(&settings.data_dir)?;
    let (key, now) = (settings.master_key_path(), SystemClock.now());
    let done = match settings.database() {
        Database::Postgres(url) => postgres::rekey(&url, &key, now).await?,
        Database::Sqlite(_) | Database::Memory => sqlite::rekey(&file(settings)?, &key, now)?,
    };
    let (key, before) = (key.display(), done.before.display());
    Ok(format!(
        "{} secrets are sealed anew under the new master key in {key}. The one before is in {before}: backups that were made \
         until now need it. Remove it when none of them is left. Every node of the pool needs the new file.\n",
        done.secrets
    ))
}

/// Recomputes every total of the database.
///
/// # Errors
/// When it can not be read.
pub async fn audit(settings: &Settings) -> Result<Audit, ServeError> {
    match settings.database() {
        Database::Postgres(url) => Ok(postgres::audit(&url).await?),
        Database::Sqlite(_) | Database::Memory => {
            let file = file(settings)?;
            let audited = tokio::task::spawn_blocking(move || sqlite::audit(&file)).await;
            Ok(audited.map_err(ServeError::other)??)
        }
    }
}
