//! `import`: keys of a file, or all of another database.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use amp_pool_core::{
    budget::Zone,
    secret::Secret,
    store::{original, postgres::import as copy},
    time::{Clock as _, SystemClock},
};

use crate::{
    ServeError,
    admin::keys,
    config::{Database, Settings, SettingsError},
    data_dir::DataDir,
    database::{self, Opened},
    embedded, open_pool,
};

/// How every file of SQLite begins.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// What is imported, and how.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// A list of keys, a database of ours, or one of the first AMP Pool; `-` is standard input.
    pub file: PathBuf,
    /// Whose keys they are, where they do not say.
    pub provider: Option<String>,
    /// Where the clock of the first AMP Pool stood.
    pub zone: Zone,
    /// Only say what would become of it.
    pub dry_run: bool,
}

/// Imports, and says what became of it. No server may run on the data directory meanwhile.
///
/// # Errors
/// When the file can not be read or understood, or what it is imported into can not be used.
pub async fn import(settings: Settings, wanted: Import) -> Result<String, ServeError> {
    if !is_database(&wanted.file).map_err(|error| wrong_file(error.to_string()))? {
        return import_keys(settings, wanted).await;
    }
    match original::is_original(&wanted.file)? {
        true => import_original(settings, wanted).await,
        false => import_database(settings, wanted).await,
    }
}

fn wrong_file(why: impl Into<String>) -> SettingsError {
    SettingsError::new("FILE", why)
}

fn is_database(file: &Path) -> std::io::Result<bool> {
    if file == Path::new("-") {
        return Ok(false);
    }
    let (mut file, mut start) = (std::fs::File::open(file)?, Vec::new());
    file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut start)?;
    Ok(start == SQLITE)
}

async fn import_keys(settings: Settings, wanted: Import) -> Result<String, ServeError> {
    let (shape, body) = read_file(&wanted.file).map_err(|error| wrong_file(error.to_string()))?;
    let settings = Settings { alerts: None, traces: None, ..settings };
    let data_dir = embedded::data_dir(&settings)?;
    let handle = open_pool(database::open(&settings, data_dir.as_ref()).await?, &settings).await?.handle();
    let report = keys::import_file(&handle, shape, &body, wanted.provider, wanted.dry_run).await;
    handle.close().await;
    report.map_err(|why| wrong_file(why).into())
}

fn read_file(file: &Path) -> std::io::Result<(keys::Shape, Vec<u8>)> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().lock().read_to_end(&mut body)?;
        return Ok((keys::Shape::Text, body));
    }
    Ok((keys::Shape::of_file(&file.to_string_lossy()), std::fs::read(file)?))
}

/// A SQLite database of ours becomes the PostgreSQL database of the settings.
async fn import_database(settings: Settings, wanted: Import) -> Result<String, ServeError> {
    let to = target(&settings)?;
    let _no_server = lock_beside(&wanted.file)?;
    let key = settings.master_key_path();
    let copy::Imported { resumed, agreed, left_out } = match wanted.dry_run {
        true => copy::look(&wanted.file, &key).await?,
        false => copy::import(&wanted.file, &to, &key, SystemClock.now()).await?,
    };
    let agreed = agreed.iter().map(|agreed| format!("{agreed}\n"));
    let left_out = left_out.iter().map(|table| format!("left out: the table {table}, which is not ours\n"));
    let mut told: String = agreed.chain(left_out).collect();
    told.push_str(match (wanted.dry_run, resumed) {
        (true, _) => "This is what would be copied (dry run: nothing was written).\n",
        (false, true) => "The copy that had been broken off is whole: all of this is the same in both databases.\n",
        (false, false) => "The copy is whole: all of this is the same in both databases.\n",
    });
    Ok(format!("{told}Its secrets are sealed with {}: every node needs that file.\n", key.display()))
}

fn target(settings: &Settings) -> Result<Secret, SettingsError> {
    match settings.database() {
        Database::Postgres(url) => Ok(url),
        Database::Sqlite(_) | Database::Memory => Err(SettingsError::new(
            "DATABASE_URL",
            "has to be the postgres:// address that the database is copied to; `restore` puts a file in the place of another",
        )),
    }
}

/// A server that goes on would write what the copy does not have. It locks the directory of its database.
fn lock_beside(file: &Path) -> Result<Option<DataDir>, ServeError> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(if DataDir::is_one(dir) { Some(DataDir::open(dir)?) } else { None })
}

/// A database of the first AMP Pool is taken into that of the settings.
async fn import_original(settings: Settings, wanted: Import) -> Result<String, ServeError> {
    let mut options = original::OriginalOptions { zone: wanted.zone, ..original::OriginalOptions::default() };
    options.provider = wanted.provider.unwrap_or(options.provider);
    let done = match wanted.dry_run {
        true => original::look(&wanted.file, &options).await?,
        false => {
            let data_dir = embedded::data_dir(&settings)?;
            let Opened { store, .. } = database::open(&settings, data_dir.as_ref()).await?;
            let done = original::import(&wanted.file, &*store, &options, SystemClock.now()).await;
            store.close().await?;
            done?
        }
    };
    let original::OriginalImported { resumed, keys, known_keys, sums, remarks } = done;
    let remarks: String = remarks.iter().map(|remark| format!("{remark}\n")).collect();
    let (would, how) = match (wanted.dry_run, resumed) {
        (true, _) => ("would be ", " (dry run: nothing was written)"),
        (false, true) => ("", ", the same in both databases; an earlier import had been broken off"),
        (false, false) => ("", ", the same in both databases"),
    };
    Ok(format!("{remarks}{keys} keys {would}added, {known_keys} there before\n{sums}{how}\n"))
}
