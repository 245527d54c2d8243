//! Sealing all secrets anew, under another master key.
//!
//! How its file changes is `vault/change.rs`; everything in the database changes in one transaction, in which no node can
//! enter.

use std::{path::Path, sync::Arc};

use super::{
    Failure,
    connect::Access,
    fields::{collect, firsts},
    migrate, nodes,
    pool::{Lent, Pool},
    stored_vault, unfinished,
};
use crate::{
    secret::Secret,
    store::{
        Durability, StoreError,
        vault::{
            MasterKey, Rekeyed, SHORTEST, Vault,
            change::{self, Reached},
        },
    },
    time::Timestamp,
};

/// In the order in which whoever starts takes them.
const ALONE: &str = "
    SET LOCAL idle_in_transaction_session_timeout = 0;
    LOCK TABLE vault IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE nodes IN SHARE ROW EXCLUSIVE MODE";

/// Every column that could hold something sealed: bytes, of a row with an id. Asked of the database, so that none is overlooked.
const COLUMNS: &str = "
    SELECT bytes.table_name::text, bytes.column_name::text
    FROM information_schema.columns AS bytes
    JOIN information_schema.columns AS id USING (table_schema, table_name)
    WHERE table_schema = current_schema() AND bytes.udt_name = 'bytea' AND table_name <> 'vault'
      AND id.column_name = 'id' AND id.udt_name = 'int8'
    ORDER BY 1, 2";

/// Seals every secret of the database at `url` anew, under a new master key that takes the place of the one in
/// `master_key_file`. No node may be serving; the other nodes need the new file.
///
/// Whatever ends it in the middle, the next one who opens the database with that file finds every secret.
///
/// # Errors
/// [`StoreError::Invalid`] when a node is serving or the schema is not ours, [`StoreError::WrongMasterKey`],
/// [`StoreError::Corrupt`] when a secret can not be opened, and [`StoreError::Unavailable`] when a file or the database can not
/// be read or written. Everything is as before then.
///
/// # Cancel safety
/// As if it had been ended in the middle.
pub async fn rekey(url: &Secret, master_key_file: &Path, now: Timestamp) -> Result<Rekeyed, StoreError> {
    let pool = Arc::new(Pool::new(Access::new(url, Durability::Full, false)?, 1));
    Ok(run(&pool, master_key_file, now, |_| Ok(())).await?)
}

async fn run(
    pool: &Arc<Pool>,
    master_key_file: &Path,
    now: Timestamp,
    reach: impl Fn(Reached) -> Result<(), StoreError>,
) -> Result<Rekeyed, Failure> {
    migrate::refuse_what_is_older(pool, migrate::STEPS).await?;
    unfinished::refuse(&pool.lend().await?).await?;
    let tx = pool.begin().await?;
    tx.batch(ALONE).await?;
    refuse_if_served(&tx).await?;
    let Some((number, wrapped)) = stored_vault(&tx).await? else {
        return Err(StoreError::Invalid("the database holds no secrets".into()).into());
    };
    let (old, key_file) = change::unlock(master_key_file, number, &wrapped)?;
    change::finish(&key_file, master_key_file)?;
    let master = change::begin(master_key_file)?;
    reach(Reached::NewKey)?;
    let before = change::keep(master_key_file, number)?;
    reach(Reached::OldKeyKept)?;
    let (secrets, tables) = seal_anew(&tx, &old, &master, now).await?;
    reach(Reached::Sealed)?;
    tx.commit().await?;
    reach(Reached::Committed)?;
    change::end(master_key_file)?;
    reach(Reached::Done)?;
    for table in tables {
        // Free room in a table still has what whoever has the old key could open.
        tx.batch(&format!("VACUUM (FULL) {table}")).await?;
    }
    Ok(Rekeyed { secrets, before })
}

async fn refuse_if_served(tx: &Lent) -> Result<(), Failure> {
    let serving = nodes::serving(tx).await?;
    if serving == 0 {
        return Ok(());
    }
    let message =
        format!("{serving} nodes serve from the database: stop them first (one that was killed is missed after 15 s)");
    Err(StoreError::Invalid(message).into())
}

/// Each secret, and the data key that opens it. Gives how many, and the tables that changed.
async fn seal_anew(
    tx: &Lent,
    old: &Vault,
    master: &MasterKey,
    now: Timestamp,
) -> Result<(usize, Vec<String>), Failure> {
    let (new, wrapped) = old.renewed(master)?;
    let columns =
        collect(&tx.query_once(COLUMNS, &[]).await?, |row| Ok((row.take::<String>()?, row.take::<String>()?)))?;
    let (mut secrets, mut tables) = (0, Vec::new());
    for (table, column) in columns {
        let changed = column_anew(tx, old, &new, &table, &column).await?;
        secrets += changed;
        if changed > 0 && tables.last() != Some(&table) {
            tables.push(table);
        }
    }
    tx.batch("DELETE FROM vault").await?;
    let number = i32::try_from(new.number()).map_err(Failure::corrupt)?;
    let insert = "INSERT INTO vault (id, create_time, update_time, wrapped_key) VALUES ($1, $2, $2, $3)";
    tx.query_once(insert, &[&number, &now.as_millis(), &wrapped]).await?;
    Ok((secrets, tables))
}

async fn column_anew(tx: &Lent, old: &Vault, new: &Vault, table: &str, column: &str) -> Result<usize, Failure> {
    let find = format!(
        r#"SELECT id, "{column}" FROM {table} WHERE length("{column}") >= $1 AND substring("{column}" FROM 1 FOR 5) = $2 ORDER BY id"#
    );
    let found = tx.query_once(&find, &[&SHORTEST, &&old.mark()[..]]).await?;
    let place = format!("{table}.{column}");
    let (mut ids, mut anew) = (Vec::new(), Vec::new());
    for (row, sealed) in collect(&found, |row| Ok((row.take::<i64>()?, row.take::<Vec<u8>>()?)))? {
        match old.open(&place, row, &sealed) {
            Ok(plain) => {
                ids.push(row);
                anew.push(new.seal(&place, row, &plain)?);
            }
            // Other bytes may begin like this by chance; those of a key are always sealed.
            Err(error) if table == "api_keys" => return Err(error.into()),
            Err(_) => {}
        }
    }
    let update = format!(
        r#"UPDATE {table} AS sealed SET "{column}" = anew.value
           FROM unnest($1::int8[], $2::bytea[]) AS anew (id, value) WHERE sealed.id = anew.id RETURNING 1"#
    );
    let changed = firsts::<i32>(&tx.query_once(&update, &[&ids, &anew]).await?)?;
    Ok(changed.len())
}
