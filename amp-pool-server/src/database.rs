//! Opens the store that the settings name.

use std::sync::Arc;

use amp_pool_core::{
    store::{
        Store, StoreError,
        memory::MemoryStore,
        postgres::{PostgresOptions, PostgresStore},
        sqlite::{SqliteOptions, SqliteStore},
    },
    time::{Clock as _, SystemClock},
};

use crate::{
    ServeError,
    config::{Database, Settings},
    data_dir::DataDir,
};

/// A store, and what its vault has for the pool.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) thoughts: [u8; 32],
}

pub(crate) async fn open(settings: &Settings, data_dir: Option<&DataDir>) -> Result<Opened, ServeError> {
    match settings.database() {
        Database::Memory => Ok(Opened { thoughts: random()?, store: Arc::new(MemoryStore::new()) }),
        Database::Sqlite(path) => {
            let store = sqlite(settings, path).await?;
            Ok(Opened { thoughts: store.vault().thought_secret(), store: Arc::new(store) })
        }
        Database::Postgres(url) => {
            let options = PostgresOptions {
                url,
                master_key_file: settings.master_key_path(),
                node: node_name(data_dir)?,
                connections: settings.db_connections,
                durability: settings.durability,
                echo: settings.db_echo,
            };
            let store = PostgresStore::open(options, SystemClock.now()).await?;
            Ok(Opened { thoughts: store.vault().thought_secret(), store: Arc::new(store) })
        }
    }
}

fn random() -> Result<[u8; 32], ServeError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map(|()| secret).map_err(ServeError::other)
}

fn node_name(data_dir: Option<&DataDir>) -> Result<String, ServeError> {
    let nameless = || StoreError::Unavailable("a node without a data directory has no name".into());
    Ok(data_dir.ok_or_else(nameless)?.node_name()?)
}

async fn sqlite(settings: &Settings, path: std::path::PathBuf) -> Result<SqliteStore, ServeError> {
    let options = SqliteOptions {
        path,
        master_key_file: settings.master_key_path(),
        durability: settings.durability,
        echo: settings.db_echo,
    };
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options, SystemClock.now())).await;
    Ok(opened.map_err(ServeError::other)??)
}
