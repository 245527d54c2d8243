//! Pools without the server: smaller, and without an admin API.

use std::{any::Any, sync::Arc};

use amp_pool_core::{
    Pool,
    pool::BuildError,
    store::{
        Durability, Store,
        memory::MemoryStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
    time::{Clock as _, SystemClock},
};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::{
    call::Call,
    config::Config,
    engine::Engine,
    status::{AMP_POOL_UNSUPPORTED, Failure},
};

/// A pool.
pub(super) struct Own(Pool);

impl Own {
    pub(super) async fn open(config: Config) -> Result<Self, Failure> {
        if let Some((name, _)) = config.settings.iter().find(|(name, _)| name != "data_dir") {
            let message = format!("`{name}`: without the server, `data_dir` is the only setting");
            return Err(Failure::config(message));
        }
        let mut builder = Pool::builder();
        if let Some(data_dir) = config.setting("data_dir") {
            let (store, seal) = open_store(data_dir.to_owned()).await?;
            builder = builder.store(store).seal(seal);
        } else {
            builder = builder.store(Arc::new(MemoryStore::new()));
        }
        let pool = builder.build().await.map_err(|error: BuildError| Failure::unavailable(error))?;
        config.plant(&pool.handle()).await?;
        Ok(Self(pool))
    }

    pub(super) fn pool(&self) -> Pool {
        self.0.clone()
    }

    #[expect(clippy::unused_self, reason = "with the server there is one")]
    pub(super) fn admin(&self) -> Admin {
        Admin
    }

    pub(super) async fn close(self) {
        self.0.handle().close().await;
    }
}

async fn open_store(data_dir: String) -> Result<(Arc<dyn Store>, [u8; 32]), Failure> {
    let opened = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&data_dir).map_err(|error| Failure::unavailable(format!("{data_dir}: {error}")))?;
        let directory = std::path::Path::new(&data_dir);
        let options = SqliteOptions {
            path: directory.join("amp_pool.db"),
            master_key_file: directory.join("master.key"),
            durability: Durability::Full,
            echo: false,
        };
        SqliteStore::open(options, SystemClock.now()).map_err(Failure::unavailable)
    });
    let store = opened.await.map_err(|_| Failure::panicked())??;
    let seal = store.vault().thought_secret();
    Ok((Arc::new(store), seal))
}

/// There is no admin API.
pub(crate) struct Admin;

impl Admin {
    #[expect(clippy::unused_self, reason = "with the server it is otherwise")]
    pub(super) fn ask(
        &self,
        _: &Engine,
        _: Arc<dyn Any + Send + Sync>,
        _: Request<Full<Bytes>>,
    ) -> Result<Call, Failure> {
        Err(Failure::new(
            AMP_POOL_UNSUPPORTED,
            "this library was built without the server, and so without its admin API",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{host::Host, status::AMP_POOL_INVALID_CONFIG};

    fn open(config: &str) -> Result<Arc<Host>, Failure> {
        Host::open(Config::read(config)?).map(Arc::new)
    }

    #[test]
    fn a_pool_keeps_what_it_was_given_and_has_no_admin_api() {
        let dir = tempfile::tempdir().unwrap();
        let keys = r#""keys": [{"name": "mine", "provider": "openai", "api_key": "sk-test"}]"#;
        let home = format!(r#""data_dir": {:?}"#, dir.path());
        for config in [format!("{{{home}, {keys}}}"), format!("{{{home}}}")] {
            let host = open(&config).unwrap();
            assert_eq!(host.handle().keys().len(), 1, "{config}");
            let asked = host.ask_admin(Request::new(Full::new(Bytes::new())));
            assert_eq!(asked.err().map(|failure| failure.status), Some(AMP_POOL_UNSUPPORTED));
        }
    }

    #[test]
    fn a_setting_of_the_server_is_refused_by_its_name() {
        let refused = open(r#"{"port": 0}"#).err().map(|failure| (failure.status, failure.message));
        let message = "`port`: without the server, `data_dir` is the only setting".to_owned();
        assert_eq!(refused, Some((AMP_POOL_INVALID_CONFIG, message)));
    }
}
