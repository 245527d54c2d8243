//! Sealing all secrets anew, under another master key.
//!
//! How its file changes is `vault/change.rs`; everything in the database changes in one transaction.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{Failure, copy::existing, migrate, unlock_existing};
use crate::{
    store::{
        StoreError,
        vault::{
            MasterKey, Rekeyed, SHORTEST, Vault,
            change::{self, Reached},
        },
    },
    time::Timestamp,
};

/// Seals every secret of the database at `database` anew, under a new master key that takes the place of the one in
/// `master_key_file`. No process may be using the database. Blocks.
///
/// Whatever ends it in the middle, the next one who opens the database finds every secret.
///
/// # Errors
/// [`StoreError::Invalid`] when it is no database of ours, [`StoreError::WrongMasterKey`], [`StoreError::Corrupt`] when a secret
/// can not be opened, and [`StoreError::Unavailable`] when a file can not be read or written. Everything is as before then.
pub fn rekey(database: &Path, master_key_file: &Path, now: Timestamp) -> Result<Rekeyed, StoreError> {
    run(database, master_key_file, now, |_| Ok(()))
}

fn run(
    database: &Path,
    master_key_file: &Path,
    now: Timestamp,
    reach: impl Fn(Reached) -> Result<(), StoreError>,
) -> Result<Rekeyed, StoreError> {
    let access = existing(database)?;
    let reader = access.reader()?;
    migrate::refuse_what_is_not_ours(&reader)?;
    migrate::refuse_what_is_older(&reader)?;
    drop(reader);
    let mut connection = access.writer()?;
    let old = opened(&connection, master_key_file)?;
    let master = change::begin(master_key_file)?;
    reach(Reached::NewKey)?;
    let before = change::keep(master_key_file, old.number())?;
    reach(Reached::OldKeyKept)?;
    let secrets = seal_anew(&mut connection, &old, &master, now, &reach)?;
    reach(Reached::Committed)?;
    change::end(master_key_file)?;
    reach(Reached::Done)?;
    forget(&connection)?;
    Ok(Rekeyed { secrets, before })
}

/// The vault as it is, after whatever an earlier change has left undone.
fn opened(connection: &Connection, master_key_file: &Path) -> Result<Vault, StoreError> {
    let unlocked = unlock_existing(connection, master_key_file)?;
    let (vault, key_file) = unlocked.ok_or_else(|| StoreError::Invalid("the database holds no secrets".into()))?;
    change::finish(&key_file, master_key_file)?;
    Ok(vault)
}

/// Everything in one transaction: each secret, and the data key that opens it.
fn seal_anew(
    connection: &mut Connection,
    old: &Vault,
    master: &MasterKey,
    now: Timestamp,
    reach: impl Fn(Reached) -> Result<(), StoreError>,
) -> Result<usize, Failure> {
    let (new, wrapped) = old.renewed(master)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut secrets = 0;
    for (table, column) in columns(&tx)? {
        secrets += column_anew(&tx, old, &new, &table, &column)?;
    }
    tx.execute("DELETE FROM vault", [])?;
    let insert = "INSERT INTO vault (id, create_time, update_time, wrapped_key) VALUES (?1, ?2, ?2, ?3)";
    tx.execute(insert, params![new.number(), now.as_millis(), wrapped])?;
    reach(Reached::Sealed)?;
    tx.commit()?;
    Ok(secrets)
}

/// Writes the file anew and empties its log: free room in both still has what whoever has the old key could open.
fn forget(connection: &Connection) -> Result<(), Failure> {
    connection.execute_batch("VACUUM")?;
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

/// Every column that could hold something sealed: bytes, of a row with an id. Asked of the database, so that none is overlooked.
fn columns(tx: &Transaction<'_>) -> Result<Vec<(String, String)>, Failure> {
    let columns = "
        SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND columns.type = 'BLOB' AND tables.name <> 'vault'
          AND EXISTS (SELECT 1 FROM pragma_table_info(tables.name) WHERE name = 'id' AND pk = 1 AND type = 'INTEGER')";
    let mut statement = tx.prepare(columns)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn column_anew(tx: &Transaction<'_>, old: &Vault, new: &Vault, table: &str, column: &str) -> Result<usize, Failure> {
    let (quoted, place) = (|name: &str| ["\"", name, "\""].concat(), [table, ".", column].concat());
    let (in_table, in_column) = (quoted(table), quoted(column));
    let find = [
        "SELECT id, ",
        &in_column,
        " FROM ",
        &in_table,
        " WHERE length(",
        &in_column,
        ") >= ?1 AND substr(",
        &in_column,
        ", 1, 5) = ?2",
    ]
    .concat();
    let update = ["UPDATE ", &in_table, " SET ", &in_column, " = ?1 WHERE id = ?2"].concat();
    let mut statement = tx.prepare(&find)?;
    let rows = statement.query_map(params![SHORTEST, old.mark()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut count = 0;
    for (row, sealed) in rows.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()? {
        match old.open(&place, row, &sealed) {
            Ok(plain) => {
                tx.execute(&update, params![new.seal(&place, row, &plain)?, row])?;
                count += 1;
            }
            // Other bytes may begin like this by chance; those of a key are always sealed.
            Err(error) if table == "api_keys" => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::{
        keys::KeySpec,
        secret::Secret,
        store::{
            ConfigStore as _, Durability, RecordStore as _,
            files::beside,
            sqlite::{SqliteOptions, SqliteStore},
        },
    };

    const NOW: Timestamp = Timestamp::from_millis(1);
    const STEPS: [Reached; 5] =
        [Reached::NewKey, Reached::OldKeyKept, Reached::Sealed, Reached::Committed, Reached::Done];

    struct Place(tempfile::TempDir);

    impl Place {
        fn database(&self) -> PathBuf {
            self.0.path().join("amp_pool.db")
        }

        fn key(&self) -> PathBuf {
            self.0.path().join("master.key")
        }

        fn open(&self) -> Result<SqliteStore, StoreError> {
            let (path, master_key_file) = (self.database(), self.key());
            SqliteStore::open(SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false }, NOW)
        }

        async fn filled() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            let store = place.open().unwrap();
            for n in 0..20 {
                let mut spec = KeySpec::new(format!("key {n}"), "openai", Secret::new(format!("sk-0123456789-{n}")));
                spec.egress.proxy = Some(format!("http://user:pass{n}@127.0.0.1:1").parse().unwrap());
                spec.egress.headers.insert("x-secret", format!("value-{n}").parse().unwrap());
                store.insert_key(spec, NOW).await.unwrap();
            }
            store.close().await.unwrap();
            place
        }

        /// Everything secret of every key, in clear.
        async fn secrets(&self) -> Vec<String> {
            let store = self.open().unwrap();
            let keys = store.load().await.unwrap().keys;
            store.close().await.unwrap();
            let told = |key: &crate::keys::Key| {
                let egress = &key.spec.egress;
                let proxy = egress.proxy.as_ref().map(|proxy| proxy.expose().to_owned());
                format!("{} {:?} {:?} {}", key.spec.api_key.expose(), proxy, egress.headers, key.fingerprint)
            };
            keys.iter().map(told).collect()
        }

        /// Every file of the database, as bytes.
        fn bytes(&self) -> Vec<u8> {
            let files = ["", "-wal"].map(|suffix| fs::read(beside(&self.database(), suffix)).unwrap_or_default());
            files.concat()
        }
    }

    #[tokio::test]
    async fn secrets_are_the_same_and_nothing_of_the_old_seal_is_left() {
        let place = Place::filled().await;
        let (secrets, old) = (place.secrets().await, fs::read(place.key()).unwrap());
        let sealed_before: Vec<Vec<u8>> = {
            let connection = Connection::open(place.database()).unwrap();
            let mut statement = connection.prepare("SELECT api_key FROM api_keys").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let done = rekey(&place.database(), &place.key(), NOW).unwrap();

        assert_eq!((done.secrets, &fs::read(&done.before).unwrap()), (60, &old));
        assert_ne!(fs::read(place.key()).unwrap(), old);
        assert!(!beside(&place.key(), ".new").exists());
        let bytes = place.bytes();
        for sealed in sealed_before {
            assert!(!bytes.windows(sealed.len()).any(|part| part == sealed), "an old seal is still in the file");
        }
        assert_eq!(place.secrets().await, secrets);
        fs::write(place.key(), old).unwrap();
        assert!(matches!(place.open(), Err(StoreError::WrongMasterKey)));
    }

    #[tokio::test]
    async fn wherever_it_ends_every_secret_is_found_and_it_can_be_done_again() {
        for step in STEPS {
            let place = Place::filled().await;
            let secrets = place.secrets().await;
            let end = |reached| if reached == step { Err(StoreError::Invalid("the end".into())) } else { Ok(()) };
            run(&place.database(), &place.key(), NOW, end).unwrap_err();

            assert_eq!(place.secrets().await, secrets, "{step:?}");
            assert_eq!(rekey(&place.database(), &place.key(), NOW).unwrap().secrets, 60, "{step:?}");
            assert_eq!(place.secrets().await, secrets, "{step:?}, and again");
        }
    }

    #[tokio::test]
    async fn a_secret_that_does_not_open_ends_it_and_changes_nothing() {
        let place = Place::filled().await;
        let swap = "UPDATE api_keys SET api_key = (SELECT api_key FROM api_keys WHERE id = 1) WHERE id = 2";
        Connection::open(place.database()).unwrap().execute(swap, []).unwrap();
        let before = fs::read(place.key()).unwrap();

        assert!(matches!(rekey(&place.database(), &place.key(), NOW), Err(StoreError::Corrupt(_))));
        assert_eq!(fs::read(place.key()).unwrap(), before);
    }
}
