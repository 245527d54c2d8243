//! Who carries messages to the channels that tell people.
//!
//! What is to be sent stands in the store, so that it outlives the process. A try is claimed before it is made: of several
//! processes one makes it, and one that dies in the middle of it leaves it to be made again. So a message arrives once,
//! and in rare cases twice; its id tells that.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::{BoxFuture, join_all};
use http_body_util::BodyExt as _;
use tokio::sync::Notify;

use crate::{
    alert::{Answered, Channel, ChannelSpec, Mail, Message, Preset, judge, letter, next_try},
    classify::scrub,
    format::Chain,
    id::ChannelId,
    store::{DeliveryEnd, DeliveryState, NewDelivery, Store, StoreError, StoredDelivery},
    time::{Clock, Timestamp},
    transport::{Outgoing, Stage, Transport, TransportError, UpstreamBody},
};

/// How long a service may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of an answer is read.
const LONGEST_ANSWER: usize = 16 * 1024;
/// Deliveries of one round.
const ROUND: u32 = 200;
/// Tries of a message that nobody could write down.
const TRIES_UNWRITTEN: u32 = 4;

/// Sends e-mail for the pool: a host's business, since not all want a mail client inside of them.
///
/// ```
/// # #[cfg(feature = "reqwest")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     alert::{Mail, Message},
///     courier::{MailError, Mailer},
/// };
/// use futures::{FutureExt as _, future::BoxFuture};
///
/// struct Printer;
///
/// impl Mailer for Printer {
///     fn send(&self, mail: Mail, message: Message) -> BoxFuture<'static, Result<(), MailError>> {
///         async move {
///             let to = mail.to.first().ok_or_else(|| MailError { why: "nobody to send it to".into(), is_final: true })?;
///             println!("to {to}: {}", message.text());
///             Ok(())
///         }
///         .boxed()
///     }
/// }
///
/// let pool = Pool::builder().mailer(Printer).build().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Mailer: Send + Sync + 'static {
    /// Sends `message` by `mail`.
    ///
    /// # Cancel safety
    /// Dropping the future may or may not have sent it.
    fn send(&self, mail: Mail, message: Message) -> BoxFuture<'static, Result<(), MailError>>;
}

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailError {
    /// Whether it would be refused again.
    pub is_final: bool,
    /// Why. Secrets of the channel are taken out of it.
    pub why: String,
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for MailError {}

/// Carries messages.
pub(crate) struct Courier {
    store: Arc<dyn Store>,
    transport: Arc<dyn Transport>,
    mailer: Option<Arc<dyn Mailer>>,
    clock: Arc<dyn Clock>,
    pub(crate) wake: Arc<Notify>,
}

impl Courier {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        transport: Arc<dyn Transport>,
        mailer: Option<Arc<dyn Mailer>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, transport, mailer, clock, wake: Arc::default() }
    }

    /// Whether this pool can send by channels of that kind.
    pub(crate) fn can(&self, kind: &str) -> bool {
        self.mailer.is_some() || !Preset::of(kind).is_some_and(|preset| preset.mail)
    }

    /// One try.
    pub(crate) async fn send(&self, channel: &ChannelSpec, message: &Message) -> Answered {
        let is_mail = Preset::of(&channel.kind).is_some_and(|preset| preset.mail);
        let attempt =
            async { if is_mail { self.mail(channel, message).await } else { self.post(channel, message).await } };
        let silent = || Answered::Again { wait: None, why: format!("no answer within {} s", PATIENCE.as_secs()) };
        tokio::time::timeout(PATIENCE, attempt).await.unwrap_or_else(|_| silent())
    }

    async fn post(&self, channel: &ChannelSpec, message: &Message) -> Answered {
        let request = match letter(channel, message, self.clock.now()) {
            Ok(letter) => letter.request.map(|body| Chain::from(Bytes::from(body))),
            Err(error) => return Answered::Refused { why: error.to_string() },
        };
        let egress = match channel.egress() {
            Ok(egress) => Arc::new(egress),
            Err(error) => return Answered::Refused { why: error.to_string() },
        };
        let answer = match self.transport.send(Outgoing { request, egress }).await {
            Ok(answer) => answer,
            Err(error) => return unreachable(channel, &error),
        };
        let (head, body) = answer.into_parts();
        judge(channel, head.status, &head.headers, &beginning(body).await)
    }

    async fn mail(&self, channel: &ChannelSpec, message: &Message) -> Answered {
        let refused = |why: &str| Answered::Refused { why: why.to_owned() };
        let Some(mailer) = &self.mailer else { return refused("this host sends no e-mail") };
        let mail = match channel.mail() {
            Ok(mail) => mail,
            Err(error) => return refused(&error.to_string()),
        };
        match mailer.send(mail, message.clone()).await {
            Ok(()) => Answered::Sent,
            Err(MailError { is_final, why }) => {
                let why = scrub(&channel.hide(&why));
                if is_final { Answered::Refused { why } } else { Answered::Again { wait: None, why } }
            }
        }
    }

    /// Sends everything that is due. Channels do not wait for each other.
    pub(crate) async fn round(&self) -> Result<(), StoreError> {
        let due = self.store.due_deliveries(self.clock.now(), ROUND).await?;
        if due.is_empty() {
            return Ok(());
        }
        let channels = self.store.alert_channels().await?;
        let mut bags = BTreeMap::<ChannelId, Vec<StoredDelivery>>::new();
        for delivery in due {
            bags.entry(delivery.channel).or_default().push(delivery);
        }
        let carry = |(id, bag)| {
            let channel = channels.iter().find(move |channel| channel.id == id);
            self.carry(channel, bag)
        };
        join_all(bags.into_iter().map(carry)).await.into_iter().collect()
    }

    /// What one channel is told, in order. A service that can not take one now is not asked to take the next.
    async fn carry(&self, channel: Option<&Channel>, bag: Vec<StoredDelivery>) -> Result<(), StoreError> {
        for delivery in bag {
            if !self.deliver(channel, delivery).await? {
                break;
            }
        }
        Ok(())
    }

    /// Gives whether the channel may be given more.
    async fn deliver(&self, channel: Option<&Channel>, delivery: StoredDelivery) -> Result<bool, StoreError> {
        let StoredDelivery { id, tries, message, channel_name, .. } = delivery;
        let tried = tries + 1;
        let later = self.later(next_try(tried, None).unwrap_or(PATIENCE * 2));
        if !self.store.claim_delivery(id, tries, later, self.clock.now()).await? {
            return Ok(true);
        }
        let answered = match channel.map(|channel| &channel.spec).filter(|spec| spec.enabled) {
            Some(spec) => self.send(spec, &message).await,
            None => Answered::Refused { why: "the channel is gone or switched off".into() },
        };
        if let Answered::Again { why, .. } | Answered::Refused { why } = &answered {
            tracing::warn!(channel = %channel_name, tries = tried, %why, "an alert was not delivered");
        }
        let goes_on = !matches!(answered, Answered::Again { .. });
        self.store.settle_delivery(id, self.end(answered, tried), self.clock.now()).await?;
        Ok(goes_on)
    }

    fn end(&self, answered: Answered, tries: u32) -> DeliveryEnd {
        let failed = |why| DeliveryEnd { state: DeliveryState::Failed, next_at: None, detail: Some(why) };
        match answered {
            Answered::Sent => DeliveryEnd { state: DeliveryState::Sent, next_at: None, detail: None },
            Answered::Refused { why } => failed(why),
            Answered::Again { wait, why } => match next_try(tries, wait) {
                Some(pause) => {
                    let next_at = Some(self.later(pause));
                    DeliveryEnd { state: DeliveryState::Pending, next_at, detail: Some(why) }
                }
                None => failed(why),
            },
        }
    }

    fn later(&self, pause: Duration) -> Timestamp {
        self.clock.now().plus_millis(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
    }

    /// Sends what could not be written down: when the books are in trouble, that is what has to be told.
    pub(crate) fn send_unwritten(self: &Arc<Self>, channels: &[Channel], deliveries: Vec<NewDelivery>) {
        for NewDelivery { channel, message, .. } in deliveries {
            let Some(channel) = channels.iter().find(|known| known.id == channel).cloned() else { continue };
            let courier = Arc::clone(self);
            tokio::spawn(async move { courier.insist(&channel.spec, &message).await });
        }
    }

    async fn insist(&self, channel: &ChannelSpec, message: &Message) {
        for tries in 1..=TRIES_UNWRITTEN {
            let (wait, why) = match self.send(channel, message).await {
                Answered::Sent => return,
                Answered::Refused { why } => {
                    return tracing::warn!(channel = %channel.name, %why, "an alert was refused");
                }
                Answered::Again { wait, why } => (wait, why),
            };
            tracing::warn!(channel = %channel.name, tries, %why, "an alert was not delivered");
            tokio::time::sleep(next_try(tries, wait).unwrap_or(PATIENCE)).await;
        }
    }
}

fn unreachable(channel: &ChannelSpec, error: &TransportError) -> Answered {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let why = scrub(&channel.hide(&format!("{error}{cause}")));
    match error.stage() {
        Stage::Build => Answered::Refused { why },
        Stage::Connect | Stage::Head | Stage::Body => Answered::Again { wait: None, why },
    }
}

/// As much of an answer as is worth reading.
async fn beginning(mut body: UpstreamBody) -> BytesMut {
    let mut read = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        read.extend_from_slice(frame.data_ref().map(|data| &**data).unwrap_or_default());
        if read.len() > LONGEST_ANSWER {
            read.truncate(LONGEST_ANSWER);
            break;
        }
    }
    read
}
