//! Signing in by OpenID Connect: at whom, as whom, and who gets in.

use amp_pool_core::{secret::Secret, user::Role};
use clap::Args;
use url::{Host, Url};

use super::{SettingsError, flags::secret};

const ISSUER: &str = "AMP_POOL_OIDC_ISSUER";
const PUBLIC: &str = "AMP_POOL_PUBLIC_URL";

/// How people sign in by OpenID Connect.
#[derive(Clone)]
pub struct OidcSettings {
    /// Who says who somebody is, by its `issuer` and letter by letter.
    pub issuer: String,
    /// What the issuer calls us.
    pub client_id: String,
    /// What we show the issuer. `None`: it trusts PKCE alone.
    pub client_secret: Option<Secret>,
    /// Where browsers find this server, without a path: `https://pool.example.com`.
    pub public_url: Url,
    /// What is asked for, `openid` among it.
    pub scopes: String,
    /// Whoever has a verified address in one of these becomes a user. None: only those whom an admin has made.
    pub domains: Vec<String>,
    /// What those may do. Never an admin.
    pub role: Role,
    /// What people call the issuer.
    pub name: String,
}

/// The same as people write it.
#[derive(Args)]
pub struct OidcFlags {
    /// Lets people sign in by OpenID Connect: the address of the issuer, as it writes it in its tokens
    #[arg(long, env = "AMP_POOL_OIDC_ISSUER")]
    pub amp_pool_oidc_issuer: Option<String>,
    /// What the issuer calls this server
    #[arg(long, env = "AMP_POOL_OIDC_CLIENT_ID")]
    pub amp_pool_oidc_client_id: Option<String>,
    /// What this server shows the issuer; a public client has none
    #[arg(long, env = "AMP_POOL_OIDC_CLIENT_SECRET", value_parser = secret)]
    pub amp_pool_oidc_client_secret: Option<Secret>,
    /// What the issuer is asked for
    #[arg(long, env = "AMP_POOL_OIDC_SCOPES", default_value = "openid email profile")]
    pub amp_pool_oidc_scopes: String,
    /// Domains of e-mail, with commas between them: whoever has a verified address there becomes a user. Without any only those
    /// come in whom an admin has made, without a password, by their address
    #[arg(long, env = "AMP_POOL_OIDC_DOMAINS", default_value = "")]
    pub amp_pool_oidc_domains: String,
    /// What those users may do: `viewer` or `operator`. An admin can make more of them
    #[arg(long, env = "AMP_POOL_OIDC_ROLE", default_value = "viewer")]
    pub amp_pool_oidc_role: String,
    /// What the button calls the issuer [default: its host]
    #[arg(long, env = "AMP_POOL_OIDC_NAME")]
    pub amp_pool_oidc_name: Option<String>,
    /// Where browsers find this server, as https://HOST; needed for OpenID Connect, whose issuer sends them back to
    /// /api/auth/oidc/callback there
    #[arg(long, env = "AMP_POOL_PUBLIC_URL")]
    pub amp_pool_public_url: Option<String>,
}

impl OidcFlags {
    pub(super) fn check(&self) -> Result<Option<OidcSettings>, SettingsError> {
        let Some(issuer) = given(self.amp_pool_oidc_issuer.as_deref()) else {
            return match given(self.amp_pool_oidc_client_id.as_deref()) {
                Some(_) => Err(SettingsError::new(ISSUER, "is needed where AMP_POOL_OIDC_CLIENT_ID is given")),
                None => Ok(None),
            };
        };
        let address = issuer_url(issuer)?;
        let needed = |name, value: &Option<String>| {
            let missing = || SettingsError::new(name, "is needed where AMP_POOL_OIDC_ISSUER is given");
            given(value.as_deref()).map(str::to_owned).ok_or_else(missing)
        };
        let name = given(self.amp_pool_oidc_name.as_deref()).or(address.host_str()).unwrap_or(issuer);
        Ok(Some(OidcSettings {
            issuer: issuer.to_owned(),
            client_id: needed("AMP_POOL_OIDC_CLIENT_ID", &self.amp_pool_oidc_client_id)?,
            client_secret: self.amp_pool_oidc_client_secret.clone().filter(|secret| !secret.expose().is_empty()),
            public_url: public_url(&needed(PUBLIC, &self.amp_pool_public_url)?)?,
            scopes: scopes(&self.amp_pool_oidc_scopes)?,
            domains: domains(&self.amp_pool_oidc_domains)?,
            role: role(&self.amp_pool_oidc_role)?,
            name: name.to_owned(),
        }))
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Whose word on users is taken has to be who it says it is: only on this machine may it do without TLS.
fn issuer_url(text: &str) -> Result<Url, SettingsError> {
    let wrong = || SettingsError::new(ISSUER, "has the form https://HOST/PATH; http is for an issuer on this machine");
    let url: Url = text.parse().map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if plain && may_be_asked(&url, is_on_this_machine(&url)) { Ok(url) } else { Err(wrong()) }
}

/// Whether something that is believed may come from there.
pub(crate) fn may_be_asked(url: &Url, without_tls: bool) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => without_tls && is_on_this_machine(url),
        _ => false,
    }
}

/// Whether the address leads to this machine whatever a resolver says.
pub(crate) fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn public_url(text: &str) -> Result<Url, SettingsError> {
    let wrong = || SettingsError::new(PUBLIC, "has the form https://HOST or http://HOST:PORT, without a path");
    let url: Url = text.parse().map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if bare && matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(wrong()) }
}

fn scopes(text: &str) -> Result<String, SettingsError> {
    let scopes: Vec<&str> = text.split_whitespace().collect();
    if scopes.contains(&"openid") {
        return Ok(scopes.join(" "));
    }
    Err(SettingsError::new("AMP_POOL_OIDC_SCOPES", "has to have `openid` in it"))
}

fn domains(text: &str) -> Result<Vec<String>, SettingsError> {
    let names = text.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    names.map(domain).collect()
}

fn domain(name: String) -> Result<String, SettingsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if name.chars().all(plain) && !name.starts_with('.') {
        return Ok(name);
    }
    Err(SettingsError::new("AMP_POOL_OIDC_DOMAINS", format!("`{name}` is no domain such as `example.com`")))
}

/// Who only works somewhere is no admin for that.
fn role(text: &str) -> Result<Role, SettingsError> {
    match text.trim().parse() {
        Ok(role) if role < Role::Admin => Ok(role),
        _ => Err(SettingsError::new("AMP_POOL_OIDC_ROLE", format!("`{text}` is neither `viewer` nor `operator`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;

    const GOOD: [(&str, &str); 3] = [
        ("amp_pool_oidc_issuer", "https://id.example.com/realms/a"),
        ("amp_pool_oidc_client_id", "pool"),
        ("amp_pool_public_url", "https://pool.example.com"),
    ];

    fn check(changes: &[(&str, &str)], expected: &str) {
        let mut settings = GOOD.to_vec();
        settings.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        settings.extend(changes);
        let found = Settings::named(settings).map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(found, expected, "{changes:?}");
    }

    #[test]
    fn without_an_issuer_there_is_none() {
        assert!(Settings::named([("amp_pool_oidc_issuer", "")]).unwrap().oidc.is_none());
        let oidc = Settings::named(GOOD).unwrap().oidc.unwrap();
        assert_eq!((oidc.name.as_str(), oidc.role.as_str()), ("id.example.com", "viewer"));
        assert_eq!((oidc.scopes.as_str(), oidc.domains.len()), ("openid email profile", 0));
    }

    #[test]
    fn what_cannot_be_trusted_is_refused_by_its_name() {
        let issuer = "AMP_POOL_OIDC_ISSUER: has the form https://HOST/PATH; http is for an issuer on this machine";
        for wrong in ["http://id.example.com", "id.example.com", "ftp://h", "https://h/?a=b", "https://u@h/"] {
            check(&[("amp_pool_oidc_issuer", wrong)], issuer);
        }
        for good in ["http://127.0.0.1:5556/dex", "http://localhost:8080", "http://[::1]:1", "https://h/"] {
            check(&[("amp_pool_oidc_issuer", good)], "");
        }
        check(
            &[("amp_pool_oidc_issuer", "")],
            "AMP_POOL_OIDC_ISSUER: is needed where AMP_POOL_OIDC_CLIENT_ID is given",
        );
        let needed = "is needed where AMP_POOL_OIDC_ISSUER is given";
        check(&[("amp_pool_oidc_client_id", "")], &format!("AMP_POOL_OIDC_CLIENT_ID: {needed}"));
        check(&[("amp_pool_public_url", "")], &format!("AMP_POOL_PUBLIC_URL: {needed}"));
        let public = "AMP_POOL_PUBLIC_URL: has the form https://HOST or http://HOST:PORT, without a path";
        for wrong in ["pool.example.com", "https://pool.example.com/ui", "javascript:alert(1)"] {
            check(&[("amp_pool_public_url", wrong)], public);
        }
        check(&[("amp_pool_oidc_role", "admin")], "AMP_POOL_OIDC_ROLE: `admin` is neither `viewer` nor `operator`");
        check(&[("amp_pool_oidc_role", "operator")], "");
        check(&[("amp_pool_oidc_scopes", "email")], "AMP_POOL_OIDC_SCOPES: has to have `openid` in it");
        let domain = "AMP_POOL_OIDC_DOMAINS: `*.example.com` is no domain such as `example.com`";
        check(&[("amp_pool_oidc_domains", "example.org,*.example.com")], domain);
    }
}
