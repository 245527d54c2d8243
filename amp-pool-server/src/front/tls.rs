//! TLS by files, which are read again when they change.
//!
//! Connections that are open keep what they began with. Files that are no good are told and change nothing, unless the server
//! is just starting.

use std::{
    fs, io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::{net::TcpStream, sync::Notify, time::sleep};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use super::stall::StallLimit;
use crate::{
    config::{SettingsError, TlsFiles},
    error::ServeError,
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// A connection under TLS.
pub(super) type Secured = tokio_rustls::server::TlsStream<StallLimit<TcpStream>>;

/// Shows clients a certificate.
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    digest: [u8; 32],
}

impl Tls {
    /// Reads the files.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, ServeError> {
        let current = Current::read(&files)?;
        Ok(Self { files, current: RwLock::new(current) })
    }

    pub(super) async fn accept(&self, stream: StallLimit<TcpStream>) -> io::Result<Secured> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config);
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Looks at the files now and then, and whenever `asked`.
    pub(super) async fn follow(self: Arc<Self>, asked: Arc<Notify>) {
        let mut complaint = String::new();
        loop {
            let was_asked = tokio::select! {
                () = asked.notified() => true,
                () = sleep(LOOK) => false,
            };
            match self.look() {
                Ok(true) => {
                    tracing::info!(file = %self.files.certificates.display(), "new connections get the new certificate");
                }
                Ok(false) if was_asked => tracing::info!("the certificate has not changed"),
                Ok(false) => {}
                // Files that are being written are soon whole; what stays wrong is told once.
                Err(error) => {
                    let told = error.to_string();
                    if was_asked || complaint != told {
                        tracing::error!("the certificate from before stays in use: {told}");
                    }
                    complaint = told;
                    continue;
                }
            }
            complaint.clear();
        }
    }

    /// Takes the files if they have changed and are good.
    fn look(&self) -> Result<bool, SettingsError> {
        let found = Current::read(&self.files)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = current.digest != found.digest;
        if is_new {
            *current = found;
        }
        Ok(is_new)
    }
}

impl Current {
    fn read(files: &TlsFiles) -> Result<Self, SettingsError> {
        let read = |name, path: &std::path::Path| {
            fs::read(path).map_err(|error| SettingsError::new(name, format!("cannot read {}: {error}", path.display())))
        };
        let (chain, key) = (read(CERTIFICATES, &files.certificates)?, read(KEY, &files.key)?);
        let digest = Sha256::new().chain_update(&chain).chain_update([0]).chain_update(&key).finalize().into();
        Ok(Self { config: Arc::new(config(files, &chain, &key)?), digest })
    }
}

const CERTIFICATES: &str = "AMP_POOL_TLS_CERT_FILE";
const KEY: &str = "AMP_POOL_TLS_KEY_FILE";

fn config(files: &TlsFiles, chain: &[u8], key: &[u8]) -> Result<ServerConfig, SettingsError> {
    let certificates = files.certificates.display();
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| SettingsError::new(CERTIFICATES, format!("{certificates} is no good PEM: {error}")))?;
    if chain.is_empty() {
        return Err(SettingsError::new(CERTIFICATES, format!("{certificates} holds no certificate in PEM")));
    }
    // The reason may not hold what is in the file.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        SettingsError::new(KEY, format!("{} holds no private key in PEM that is not encrypted", files.key.display()))
    })?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| {
            SettingsError::new(CERTIFICATES, format!("{certificates} cannot be used with its key: {error}"))
        })?;
    Ok(speaks_http(config))
}

fn speaks_http(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PAIRS: [(&str, &str); 2] = [
        (include_str!("../../tests/tls/cert-1.pem"), include_str!("../../tests/tls/key-1.pem")),
        (include_str!("../../tests/tls/cert-2.pem"), include_str!("../../tests/tls/key-2.pem")),
    ];

    fn write(dir: &Path, (certificate, key): (&str, &str)) -> TlsFiles {
        let files = TlsFiles { certificates: dir.join("tls.crt"), key: dir.join("tls.key") };
        fs::write(&files.certificates, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        files
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_change_are_seen_in_ten_seconds_without_being_told() {
        let dir = tempfile::tempdir().unwrap();
        let tls = Arc::new(Tls::open(write(dir.path(), PAIRS[0])).unwrap());
        let shown = || tls.current.read().unwrap().digest;
        let task = tokio::spawn(tls.clone().follow(Arc::default()));
        // The task begins to wait before its files change.
        sleep(Duration::from_secs(1)).await;
        let first = shown();

        write(dir.path(), PAIRS[1]);
        sleep(Duration::from_secs(8)).await;
        assert_eq!(shown(), first, "it looks each ten seconds");
        sleep(Duration::from_secs(2)).await;
        let second = shown();
        assert_ne!(second, first);

        write(dir.path(), (PAIRS[0].0, "no key"));
        sleep(LOOK * 2).await;
        assert_eq!(shown(), second, "what is no good changes nothing");
        write(dir.path(), PAIRS[0]);
        sleep(LOOK * 2).await;
        assert_eq!(shown(), first);
        task.abort();
    }
}
