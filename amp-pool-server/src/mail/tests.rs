//! A mail server by script that speaks TLS, from the start or when it is asked to.

use std::sync::{Arc, Mutex};

use amp_pool_core::{
    alert::{Item, Severity},
    secret::Secret,
    time::Timestamp,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use super::*;

const CERTIFICATES: [&[u8]; 2] =
    [include_bytes!("../../tests/tls/cert-1.pem"), include_bytes!("../../tests/tls/cert-2.pem")];
const KEYS: [&[u8]; 2] = [include_bytes!("../../tests/tls/key-1.pem"), include_bytes!("../../tests/tls/key-2.pem")];

type Heard = Arc<Mutex<Vec<String>>>;

/// How a server speaks: which certificate it shows, and when.
#[derive(Clone, Copy)]
struct Ways {
    certificate: usize,
    from_the_start: bool,
    offers_tls: bool,
}

struct MailServer {
    port: u16,
    heard: Heard,
}

impl MailServer {
    async fn start(ways: Ways) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, heard) = (listener.local_addr().unwrap().port(), Heard::default());
        let ears = heard.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let ears = ears.clone();
                // A client that does not trust us goes away.
                tokio::spawn(async move { drop(receive(stream, ways, ears).await) });
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

async fn receive(stream: TcpStream, ways: Ways, heard: Heard) -> std::io::Result<()> {
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATES[ways.certificate]).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEYS[ways.certificate]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    if ways.from_the_start {
        return converse(&mut BufReader::new(acceptor.accept(stream).await?), true, false, &heard).await.map(drop);
    }
    let mut plain = BufReader::new(stream);
    if converse(&mut plain, true, ways.offers_tls, &heard).await? {
        let sealed = acceptor.accept(plain.into_inner()).await?;
        converse(&mut BufReader::new(sealed), false, false, &heard).await?;
    }
    Ok(())
}

/// Until the end, or until TLS is to begin: then it is true.
async fn converse<S>(io: &mut BufReader<S>, greets: bool, offers_tls: bool, heard: &Heard) -> std::io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if greets {
        io.write_all(b"220 mail.example.com ESMTP\r\n").await?;
    }
    let (mut line, mut in_letter) = (String::new(), false);
    while io.read_line(&mut line).await? > 0 {
        let said = std::mem::take(&mut line).trim_end().to_owned();
        heard.lock().unwrap().push(said.clone());
        let answer: &[u8] = match said.split([' ', ':']).next().unwrap() {
            _ if in_letter && said != "." => continue,
            "." => b"250 taken\r\n",
            "EHLO" if offers_tls => b"250-mail.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
            "EHLO" => b"250-mail.example.com\r\n250 AUTH PLAIN\r\n",
            "STARTTLS" => b"220 go on\r\n",
            "AUTH" => b"235 welcome\r\n",
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        in_letter = said == "DATA";
        io.write_all(answer).await?;
        io.flush().await?;
        if said == "STARTTLS" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn message() -> Message {
    let since = Timestamp::from_millis(0);
    let item = Item { subject: "key:7".into(), name: "team A".into(), detail: "is out".into(), since };
    Message {
        id: "01a".into(),
        title: "key is out".into(),
        event: "fired".into(),
        severity: Severity::Critical,
        kind: "key_down".into(),
        rule: "keys".into(),
        time: Timestamp::from_millis(0),
        count: 1,
        items: vec![item],
    }
}

/// Sends by a server that speaks so, trusting the first certificate: whether that worked, and all that the server heard.
async fn send(security: Security, ways: Ways) -> (Result<(), String>, String) {
    let server = MailServer::start(ways).await;
    let roots = vec![Certificate::from_pem(CERTIFICATES[0]).unwrap()];
    let smtp = Smtp { guard: Guard { block_private: false }, roots };
    let mail = Mail {
        host: "localhost".into(),
        port: server.port,
        security,
        login: Some(("pool".into(), Secret::new("planted-password"))),
        from: "pool@example.com".into(),
        to: vec!["ada@example.com".into()],
    };
    let sent = smtp.send(mail, message()).await.map_err(|error| error.why);
    (sent, server.heard())
}

#[tokio::test]
async fn a_mail_goes_through_tls_to_who_shows_a_good_certificate() {
    for (security, from_the_start) in [(Security::StartTls, false), (Security::Tls, true)] {
        let (sent, heard) = send(security, Ways { certificate: 0, from_the_start, offers_tls: true }).await;
        assert_eq!(sent, Ok(()), "{heard}");
        assert_eq!(heard.contains("STARTTLS"), !from_the_start);
        for line in ["AUTH PLAIN", "RCPT TO:<ada@example.com>", "Subject: key is out", "Rule: keys"] {
            assert!(heard.contains(line), "{line} in {heard}");
        }
    }
}

#[tokio::test]
async fn nothing_is_said_to_who_shows_a_wrong_certificate_or_none() {
    let wrong = |from_the_start| Ways { certificate: 1, from_the_start, offers_tls: true };
    for (security, ways, why) in [
        (Security::StartTls, wrong(false), "certificate"),
        (Security::Tls, wrong(true), "certificate"),
        (Security::StartTls, Ways { offers_tls: false, ..wrong(false) }, "STARTTLS"),
    ] {
        let (sent, heard) = send(security, ways).await;
        let said = sent.unwrap_err();
        assert!(said.contains(why), "{said}");
        for line in ["AUTH", "MAIL FROM", "Subject"] {
            assert!(!heard.contains(line), "{line} in {heard}");
        }
    }
}
