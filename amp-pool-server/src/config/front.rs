//! How clients are let in: what their connections may take, which proxies are believed, and the certificate they are shown.

use std::{path::PathBuf, time::Duration};

use amp_pool_core::{
    caller::{ForwardedHeader, IpNet, TrustedProxies},
    service::Limits,
};
use clap::{
    Args,
    builder::{OsStringValueParser, RangedU64ValueParser, TypedValueParser},
};

use super::SettingsError;

/// How clients are let in.
#[derive(Debug, Clone)]
pub struct FrontSettings {
    /// How many connections are open at most. `None`: half of the descriptors that the process may have, because each may
    /// need a second one to an upstream.
    pub connections: Option<usize>,
    /// How many of them may come from one address, which is one /64 of IPv6. `None`: half of them, and from this machine as
    /// many as like. Proxies that are trusted have no such limit.
    pub connections_per_address: Option<usize>,
    /// How long a client may take to send the head of a request, a TLS handshake included. Also how long a connection may rest
    /// between two requests.
    pub head: Duration,
    /// How long a client may take nothing of what is written to it.
    pub stall: Duration,
    /// Whose word on addresses of clients is taken.
    pub proxies: TrustedProxies,
    /// What TLS is spoken with. `None`: it is not.
    pub tls: Option<TlsFiles>,
}

/// Files in PEM. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and what leads from it to a root.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for FrontSettings {
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_address: None,
            head: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            proxies: TrustedProxies::default(),
            tls: None,
        }
    }
}

/// The same as people write it.
#[derive(Args)]
pub struct FrontFlags {
    /// File of the certificate in PEM, with what leads from it to a root; read again when it changes, and on SIGHUP. With it
    /// the server speaks TLS alone
    #[arg(long, env = "AMP_POOL_TLS_CERT_FILE", value_parser = file())]
    pub amp_pool_tls_cert_file: Option<PathBuf>,
    /// File of the certificate's private key in PEM
    #[arg(long, env = "AMP_POOL_TLS_KEY_FILE", value_parser = file())]
    pub amp_pool_tls_key_file: Option<PathBuf>,
    /// Networks of reverse proxies that say truly for whom they speak, such as 127.0.0.1,10.0.0.0/8
    #[arg(long, env = "AMP_POOL_TRUSTED_PROXIES", default_value = "")]
    pub amp_pool_trusted_proxies: String,
    /// The header in which they say it: `x-forwarded-for` or `forwarded`
    #[arg(long, env = "AMP_POOL_FORWARDED_HEADER", default_value = "x-forwarded-for")]
    pub amp_pool_forwarded_header: String,
    /// Connections of clients, at most [default: half of the descriptors that the process may have]
    #[arg(long, env = "AMP_POOL_MAX_CONNECTIONS", value_parser = count())]
    pub amp_pool_max_connections: Option<usize>,
    /// Connections from one address, at most [default: half of all, and any number from this machine]
    #[arg(long, env = "AMP_POOL_MAX_CONNECTIONS_PER_ADDRESS", value_parser = count())]
    pub amp_pool_max_connections_per_address: Option<usize>,
    /// Longest time for the head of a request, and longest rest between two requests, in milliseconds
    #[arg(long, env = "AMP_POOL_HEAD_TIMEOUT_MS", value_parser = millis(), default_value_t = 10_000)]
    pub amp_pool_head_timeout_ms: u64,
    /// Longest time in which a client takes nothing of its answer, in milliseconds
    #[arg(long, env = "AMP_POOL_STALL_TIMEOUT_MS", value_parser = millis(), default_value_t = 60_000)]
    pub amp_pool_stall_timeout_ms: u64,
    /// Longest pause inside the body of a request, in milliseconds
    #[arg(long, env = "AMP_POOL_BODY_GAP_TIMEOUT_MS", value_parser = millis(), default_value_t = 30_000)]
    pub amp_pool_body_gap_timeout_ms: u64,
    /// Bytes a second with which the body of a request has to come, beside that pause; 0 lets it take its time
    #[arg(long, env = "AMP_POOL_MIN_BODY_RATE", default_value_t = 1024)]
    pub amp_pool_min_body_rate: usize,
    /// Bytes of a request's body, at most
    #[arg(long, env = "AMP_POOL_MAX_BODY_BYTES", value_parser = count(), default_value_t = 32 << 20)]
    pub amp_pool_max_body_bytes: usize,
}

/// A file, or nothing at all: a variable that is empty is not given.
fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

fn millis() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=24 * 60 * 60 * 1000)
}

impl FrontFlags {
    pub(super) fn check(&self) -> Result<FrontSettings, SettingsError> {
        Ok(FrontSettings {
            connections: self.amp_pool_max_connections,
            connections_per_address: self.amp_pool_max_connections_per_address,
            head: Duration::from_millis(self.amp_pool_head_timeout_ms),
            stall: Duration::from_millis(self.amp_pool_stall_timeout_ms),
            proxies: self.proxies()?,
            tls: self.tls()?,
        })
    }

    pub(super) fn limit(&self, limits: &mut Limits) {
        limits.body = self.amp_pool_max_body_bytes;
        limits.body_gap = Duration::from_millis(self.amp_pool_body_gap_timeout_ms);
        limits.body_rate = self.amp_pool_min_body_rate;
    }

    fn proxies(&self) -> Result<TrustedProxies, SettingsError> {
        let networks = self.amp_pool_trusted_proxies.split(',').map(str::trim).filter(|network| !network.is_empty());
        let networks: Result<Vec<IpNet>, _> = networks.map(str::parse).collect();
        let networks = networks.map_err(|wrong| SettingsError::new("AMP_POOL_TRUSTED_PROXIES", wrong.to_string()))?;
        let header: Result<ForwardedHeader, _> = self.amp_pool_forwarded_header.trim().parse();
        let header = header.map_err(|wrong| SettingsError::new("AMP_POOL_FORWARDED_HEADER", wrong.to_string()))?;
        Ok(TrustedProxies::new(networks, header))
    }

    fn tls(&self) -> Result<Option<TlsFiles>, SettingsError> {
        let given = |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
        match (given(&self.amp_pool_tls_cert_file), given(&self.amp_pool_tls_key_file)) {
            (Some(certificates), Some(key)) => Ok(Some(TlsFiles { certificates, key })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(SettingsError::new("AMP_POOL_TLS_KEY_FILE", "the certificate needs its private key"))
            }
            (None, Some(_)) => {
                Err(SettingsError::new("AMP_POOL_TLS_CERT_FILE", "the private key needs its certificate"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, SettingsError};

    fn check(settings: &[(&str, &str)], expected: &str) {
        let found = Settings::named(settings.iter().copied());
        assert_eq!(
            found.err().map_or(String::new(), |error: SettingsError| error.to_string()),
            expected,
            "{settings:?}"
        );
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_its_name() {
        check(&[("amp_pool_trusted_proxies", "127.0.0.1, 10.0.0.0/8,::1")], "");
        check(
            &[("amp_pool_trusted_proxies", "10.0.0.0/33")],
            "AMP_POOL_TRUSTED_PROXIES: `10.0.0.0/33` is no address such as `10.0.0.1` and no network such as `10.0.0.0/8`",
        );
        check(
            &[("amp_pool_forwarded_header", "x-real-ip")],
            "AMP_POOL_FORWARDED_HEADER: `x-real-ip` is neither `x-forwarded-for` nor `forwarded`",
        );
        check(&[("amp_pool_tls_cert_file", "c.pem"), ("amp_pool_tls_key_file", "k.pem")], "");
        check(&[("amp_pool_tls_cert_file", ""), ("amp_pool_tls_key_file", "")], "");
        check(&[("amp_pool_tls_cert_file", "c.pem")], "AMP_POOL_TLS_KEY_FILE: the certificate needs its private key");
        check(&[("amp_pool_tls_key_file", "k.pem")], "AMP_POOL_TLS_CERT_FILE: the private key needs its certificate");
    }

    #[test]
    fn nobody_gets_a_limit_of_nothing_at_all() {
        for name in
            ["max_connections", "max_connections_per_address", "head_timeout_ms", "stall_timeout_ms", "max_body_bytes"]
        {
            assert!(Settings::named([(format!("amp_pool_{name}"), "0")]).is_err(), "{name}");
        }
    }
}
