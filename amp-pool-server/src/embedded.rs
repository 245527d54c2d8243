//! A pool as the server has it, without the network: for a program that takes its calls some other way.

use amp_pool_core::pool::Pool;

use crate::{
    ServeError,
    access::Gate,
    app::{AdminDoor, App},
    config::{Database, Settings},
    data_dir::DataDir,
    database, open_pool, seed,
};

/// A pool with its books and its admin API, in the process of its user. Nothing listens.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_server::{Embedded, config::{Database, Settings}};
/// use bytes::Bytes;
/// use http_body_util::Full;
///
/// let embedded = Embedded::open(Settings { database: Some(Database::Memory), ..Settings::default() }).await?;
/// let request = http::Request::get("/api/keys").body(Full::<Bytes>::default())?;
/// assert_eq!(embedded.admin().answer(request).await.status(), 200);
/// embedded.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Embedded {
    pool: Pool,
    admin: AdminDoor,
    // Held as long as anything may be written into the directory.
    _data_dir: Option<DataDir>,
}

impl Embedded {
    /// Opens everything but a port. Of the settings, those about listening and users of the admin API have no effect.
    ///
    /// # Errors
    /// As [`Server::bind`](crate::Server::bind).
    pub async fn open(settings: Settings) -> Result<Self, ServeError> {
        let data_dir = data_dir(&settings)?;
        let app = open_app(&settings, data_dir.as_ref()).await?;
        Ok(Self { pool: app.pool(), admin: app.door(), _data_dir: data_dir })
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// The admin API.
    #[must_use]
    pub fn admin(&self) -> AdminDoor {
        self.admin.clone()
    }

    /// Writes everything that has ended, then closes the store. Call it when no call is under way.
    pub async fn close(self) {
        self.pool.handle().close().await;
    }
}

/// The data directory, where anything is kept there.
pub(crate) fn data_dir(settings: &Settings) -> Result<Option<DataDir>, ServeError> {
    match settings.database() {
        Database::Memory => Ok(None),
        Database::Sqlite(_) | Database::Postgres(_) => Ok(Some(DataDir::open(&settings.data_dir)?)),
    }
}

/// The pool and everything around it.
pub(crate) async fn open_app(settings: &Settings, data_dir: Option<&DataDir>) -> Result<App, ServeError> {
    let opened = database::open(settings, data_dir).await?;
    let gate = Gate::open(opened.store.clone(), settings).await?;
    let pool = open_pool(opened, settings).await?;
    seed::plant(&pool.handle(), settings).await?;
    App::new(pool, gate, settings)
}
