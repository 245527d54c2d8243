//! The one connection that is always there: it hears of changes, says that this node is there, and looks after others.
//!
//! Changes are announced by NOTIFY, which may be lost with a connection or not exist at all; so the count of changes is
//! also read, often enough.

use std::{
    sync::{Arc, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior},
};
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};

use super::{Failure, Inner, nodes, tls::Stream};
use crate::keys::Slices;

/// What changes are announced on.
pub(super) const CHANNEL: &str = "amp_pool_config";

/// How often the count of changes is read.
const POLL: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

/// What is another whenever a report was kept: it replaces rows, and ids are never given twice.
const HEALTH: &str = "SELECT count(*)::text || ' ' || coalesce(sum(id), 0)::text FROM api_key_health";

const REVISION: &str = "SELECT revision FROM config_revision";

/// Who is told of what other nodes did.
pub(super) struct Told {
    /// That the configuration may be another.
    pub(super) revisions: watch::Sender<i64>,
    /// That the fitness of keys may be.
    pub(super) health: watch::Sender<i64>,
}

/// Works until the store is gone.
pub(super) fn start(inner: &Arc<Inner>, told: Told) {
    tokio::spawn(keep(Arc::downgrade(inner), told));
}

/// What is remembered of the other nodes.
#[derive(Default)]
struct Sight {
    silent: nodes::Watch,
    slices: Slices,
    health: String,
}

async fn keep(store: Weak<Inner>, told: Told) {
    let mut wait = FIRST_RETRY;
    let mut sight = Sight::default();
    loop {
        let Some(inner) = store.upgrade() else { return };
        let opened = open(&inner).await;
        drop(inner);
        let failure = match opened {
            Ok((client, heard)) => {
                wait = FIRST_RETRY;
                match serve(&store, &client, heard, &told, &mut sight).await {
                    Ok(()) => return,
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        sight.silent.restart();
        tracing::warn!(%failure, "the database does not answer; changes of other nodes are not heard");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_RETRY);
    }
}

/// A connection that hears announcements, where there are any.
async fn open(inner: &Inner) -> Result<(Client, mpsc::UnboundedReceiver<()>), Failure> {
    let access = inner.pool.access();
    let (client, connection) = access.connect().await?;
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(hear(connection, tell));
    client.batch_execute(&access.session()).await?;
    if let Err(error) = client.batch_execute(&format!("LISTEN {CHANNEL}")).await {
        if client.is_closed() {
            return Err(error.into());
        }
        tracing::info!(%error, "this database announces nothing; changes are looked for every second");
    }
    Ok((client, heard))
}

async fn hear(mut connection: Connection<Socket, Stream<Socket>>, tell: mpsc::UnboundedSender<()>) {
    while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        if matches!(message, AsyncMessage::Notification(_)) {
            let _ = tell.send(());
        }
    }
}

/// `Ok`: the store is gone.
async fn serve(
    store: &Weak<Inner>,
    client: &Client,
    mut heard: mpsc::UnboundedReceiver<()>,
    told: &Told,
    sight: &mut Sight,
) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(POLL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = Instant::now();
    let mut hears = true;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            some = heard.recv(), if hears => hears = some.is_some(),
        }
        let Some(inner) = store.upgrade() else { return Ok(()) };
        // One that hangs must not keep this node from noticing.
        let patience = POLL * 5;
        let look = async {
            read_revision(client, &told.revisions).await?;
            look_at_health(client, &mut sight.health, &told.health).await?;
            share_limits(&inner, client, &mut sight.slices, &told.revisions).await?;
            if Instant::now() >= beat {
                beat = Instant::now() + nodes::BEAT;
                look_after(&inner, client, &mut sight.silent).await?;
            }
            Ok::<(), Failure>(())
        };
        match tokio::time::timeout(patience, look).await {
            Ok(looked) => looked?,
            Err(_) => return Err(crate::store::StoreError::Unavailable("no answer in time".into()).into()),
        }
    }
}

async fn read_revision(client: &Client, revisions: &watch::Sender<i64>) -> Result<(), Failure> {
    let now: i64 = client.query_one(REVISION, &[]).await?.try_get(0)?;
    revisions.send_if_modified(|last| std::mem::replace(last, now) != now);
    Ok(())
}

async fn look_at_health(client: &Client, last: &mut String, told: &watch::Sender<i64>) -> Result<(), Failure> {
    let now: String = client.query_one(HEALTH, &[]).await?.try_get(0)?;
    if std::mem::replace(last, now.clone()) != now {
        told.send_modify(|times| *times += 1);
    }
    Ok(())
}

/// Takes the part of every limit that is this node's now, and has the configuration read again when it is another.
async fn share_limits(
    inner: &Inner,
    client: &Client,
    slices: &mut Slices,
    revisions: &watch::Sender<i64>,
) -> Result<(), Failure> {
    let slice = slices.note(inner.node.look_around(client).await?, Instant::now().into_std());
    let before = std::mem::replace(&mut *inner.slice.lock().unwrap_or_else(PoisonError::into_inner), slice);
    if before != slice {
        tracing::info!(part = slice.place + 1, of = slice.of, "limits are shared with other nodes");
        revisions.send_modify(|_| {});
    }
    Ok(())
}

/// Says that this node is there, and closes what nodes have left that are not.
async fn look_after(inner: &Arc<Inner>, client: &Client, watch: &mut nodes::Watch) -> Result<(), Failure> {
    let id = inner.node.id();
    if inner.closed.load(Ordering::Acquire) {
        return Ok(());
    }
    if !inner.node.renew(client).await? {
        inner.node.enter_again(&inner.pool.lend().await?, id).await?;
    }
    for node in watch.look(client).await? {
        let closed = super::records::take_over(inner, node).await?;
        if let Some(calls) = closed {
            tracing::warn!(node, calls, "a node is gone; the calls it had open were closed");
        }
    }
    Ok(())
}
