//! E-mail for alerts, by SMTP.

use std::{net::SocketAddr, time::Duration};

use amp_pool_core::{
    alert::{Mail, Message, Security},
    courier::{MailError, Mailer},
    transport::guard::Guard,
};
use futures::future::BoxFuture;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message as Letter, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters, TlsParametersBuilder},
    },
};

const PATIENCE: Duration = Duration::from_secs(15);

/// Sends mail by the server that a channel names, one connection a mail.
pub(crate) struct Smtp {
    guard: Guard,
    /// Trusted beside Mozilla's.
    roots: Vec<Certificate>,
}

impl Smtp {
    pub(crate) fn new(block_private: bool) -> Self {
        Self { guard: Guard { block_private }, roots: Vec::new() }
    }
}

impl Mailer for Smtp {
    fn send(&self, mail: Mail, message: Message) -> BoxFuture<'static, Result<(), MailError>> {
        let (guard, roots) = (self.guard, self.roots.clone());
        Box::pin(async move {
            let letter = letter(&mail, &message)?;
            let address = resolve(guard, &mail).await?;
            line(&mail, address, roots)?.send(letter).await.map(drop).map_err(|error| refused(&error))
        })
    }
}

/// The address is judged where the name is resolved, and the connection goes to that address and no other.
async fn resolve(guard: Guard, mail: &Mail) -> Result<SocketAddr, MailError> {
    guard.host(&mail.host).map_err(|why| broken(&why))?;
    let unknown = |why: String| MailError { is_final: false, why };
    let found = tokio::net::lookup_host((mail.host.as_str(), mail.port)).await;
    let mut refusal = None;
    for address in found.map_err(|error| unknown(format!("the server is not found: {error}")))? {
        match guard.address(address.ip()) {
            Ok(()) => return Ok(address),
            Err(why) => refusal = Some(why),
        }
    }
    Err(refusal.map_or_else(|| unknown("the server has no address".into()), |why| broken(&why)))
}

fn line(
    mail: &Mail,
    address: SocketAddr,
    roots: Vec<Certificate>,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let trusting = |builder: TlsParametersBuilder, root| builder.add_root_certificate(root);
    let tls = || roots.into_iter().fold(TlsParameters::builder(mail.host.clone()), trusting).build_rustls();
    let tls = || tls().map_err(|error| broken(&error));
    let tls = match mail.security {
        Security::StartTls => Tls::Required(tls()?),
        Security::Tls => Tls::Wrapper(tls()?),
        Security::None => Tls::None,
    };
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string());
    let builder = builder.port(mail.port).tls(tls).timeout(Some(PATIENCE));
    let builder = match &mail.login {
        Some((name, password)) => builder.credentials(Credentials::new(name.clone(), password.expose().to_owned())),
        None => builder,
    };
    Ok(builder.build())
}

fn letter(mail: &Mail, message: &Message) -> Result<Letter, MailError> {
    let mailbox = |address: &str| {
        let wrong = |error| MailError { is_final: true, why: format!("`{address}` is no address: {error}") };
        address.parse::<Mailbox>().map_err(wrong)
    };
    let mut builder = Letter::builder()
        .from(mailbox(&mail.from)?)
        .subject(&message.title)
        .message_id(Some(format!("<{}@amp-pool>", message.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    let rule = if message.rule.is_empty() { String::new() } else { format!("\n\nRule: {}", message.rule) };
    builder.body(format!("{}{rule}\n", message.text())).map_err(|error| broken(&error))
}

fn broken(why: &dyn std::error::Error) -> MailError {
    MailError { is_final: true, why: why.to_string() }
}

/// A server's own words, or why there are none.
fn refused(error: &smtp::Error) -> MailError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    MailError { is_final: error.is_permanent() || error.is_client(), why: format!("{error}{cause}") }
}

#[cfg(test)]
mod tests;
