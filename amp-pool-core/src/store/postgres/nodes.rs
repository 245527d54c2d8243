//! Which processes share the database, and which of them are gone.
//!
//! A node is a row that has to be renewed. What a node leaves open bears the number of its row, and is closed by others
//! only when that row is gone. The row goes in two ways: a process that starts under the same name removes those of its
//! predecessors, and a node that stays silent past its lease is removed by whoever has watched it be silent.
//!
//! Times are those of the database: the clocks of nodes need not agree.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use tokio::time::Instant;
use tokio_postgres::{Client, Row};

use super::{Failure, fields::firsts, pool::Lent};
use crate::{keys::Slice, time::Timestamp};

/// How often a node says that it is there.
pub(super) const BEAT: Duration = Duration::from_secs(3);
/// So long one is believed to be there without saying so. Kept in `nodes.expires_at`.
const LEASE_MS: i64 = 15_000;
/// So long a node has to be seen silent by one that is not: after an outage of the database all leases are over, and
/// everybody needs a moment to renew theirs.
const WATCH: Duration = Duration::from_secs(10);

macro_rules! clock {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

const ENTER: &str = concat!(
    "INSERT INTO nodes (create_time, update_time, name, expires_at) ",
    "SELECT now, now, $1, now + $2 FROM (SELECT ",
    clock!(),
    " AS now) AS clock RETURNING id"
);
const RENEW: &str =
    concat!("UPDATE nodes SET update_time = ", clock!(), ", expires_at = ", clock!(), " + $2 WHERE id = $1");
const ALL: &str = "SELECT id FROM nodes ORDER BY id";
const SILENT: &str = concat!("SELECT id FROM nodes WHERE expires_at < ", clock!());

/// While a transaction has asked this, nobody can remove the node. No row: it was removed.
pub(super) const IS_THERE: &str = "SELECT id FROM nodes WHERE id = $1 FOR KEY SHARE";

const REPLACE: &str = "DELETE FROM nodes WHERE name = $1 AND id <> $2 RETURNING id";
const REMOVE: &str = concat!("DELETE FROM nodes WHERE id = $1 AND expires_at < ", clock!(), " RETURNING id");
const LEAVE: &str = "DELETE FROM nodes WHERE id = $1";

/// This process among the others.
pub(super) struct Node {
    name: String,
    id: AtomicI64,
}

impl Node {
    /// Enters the process. `name` is the same after a restart, and no other process has it.
    pub(super) async fn enter(lent: &Lent, name: String) -> Result<Self, Failure> {
        let id = AtomicI64::new(enter(lent, &name).await?);
        Ok(Self { name, id })
    }

    /// What this process is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What this process leaves open is marked with this.
    pub(super) fn id(&self) -> i64 {
        self.id.load(Ordering::Acquire)
    }

    /// Enters again after others have removed this one. `lost` is the number it had: of two who notice, one acts.
    pub(super) async fn enter_again(&self, lent: &Lent, lost: i64) -> Result<(), Failure> {
        if self.id() != lost {
            return Ok(());
        }
        let id = enter(lent, &self.name).await?;
        if self.id.compare_exchange(lost, id, Ordering::AcqRel, Ordering::Acquire).is_err() {
            lent.execute(LEAVE, &[&id]).await?;
        }
        tracing::warn!(node = id, "this node was silent for too long, and others have closed the calls it had open");
        Ok(())
    }

    /// Says that it is there. `false`: it was removed.
    pub(super) async fn renew(&self, client: &Client) -> Result<bool, Failure> {
        Ok(client.execute(RENEW, &[&self.id(), &LEASE_MS]).await? == 1)
    }

    /// Which part of every limit is this node's: all that have a row have a part.
    pub(super) async fn slice(&self, lent: &Lent) -> Result<Slice, Failure> {
        self.slice_of(&lent.query(ALL, &[]).await?)
    }

    /// As [`slice`](Self::slice), by the connection that is always there.
    pub(super) async fn look_around(&self, client: &Client) -> Result<Slice, Failure> {
        self.slice_of(&client.query(ALL, &[]).await?)
    }

    fn slice_of(&self, nodes: &[Row]) -> Result<Slice, Failure> {
        let nodes = firsts::<i64>(nodes)?;
        // One that was removed is behind all others until it has entered again.
        let place = nodes.iter().position(|id| *id == self.id()).unwrap_or(nodes.len());
        let whole = |count: usize| u32::try_from(count).map_err(Failure::corrupt);
        Ok(Slice { place: whole(place)?, of: whole(nodes.len().max(place + 1))? })
    }

    /// Removes the predecessors of this process, and gives their numbers.
    pub(super) async fn replace(&self, tx: &Lent) -> Result<Vec<i64>, Failure> {
        firsts(&tx.query(REPLACE, &[&self.name, &self.id()]).await?)
    }

    /// Leaves in order: nothing of it is open.
    pub(super) async fn leave(&self, lent: &Lent) -> Result<(), Failure> {
        lent.execute(LEAVE, &[&self.id()]).await.map(drop)
    }
}

async fn enter(lent: &Lent, name: &str) -> Result<i64, Failure> {
    Ok(lent.one(ENTER, &[&name, &LEASE_MS]).await?.try_get(0)?)
}

/// What time it is for the database.
pub(super) async fn now(tx: &Lent) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_millis(tx.one(concat!("SELECT ", clock!()), &[]).await?.try_get(0)?))
}

/// How many nodes are there, as far as one knows.
pub(super) async fn serving(tx: &Lent) -> Result<i64, Failure> {
    Ok(tx.one(concat!("SELECT count(*) FROM nodes WHERE expires_at >= ", clock!()), &[]).await?.try_get(0)?)
}

/// Removes a node whose lease is over. `false`: it has renewed it, or somebody else was faster.
pub(super) async fn remove(tx: &Lent, node: i64) -> Result<bool, Failure> {
    Ok(!tx.query(REMOVE, &[&node]).await?.is_empty())
}

/// What one node has seen of the silence of others.
#[derive(Default)]
pub(super) struct Watch(HashMap<i64, Instant>);

impl Watch {
    /// Looks who is silent. Gives those that were so at every look of a long enough time.
    pub(super) async fn look(&mut self, client: &Client) -> Result<Vec<i64>, Failure> {
        let silent = firsts(&client.query(SILENT, &[]).await?)?;
        Ok(self.note(&silent, Instant::now()))
    }

    /// Forgets everything: who has not been watched was perhaps not silent.
    pub(super) fn restart(&mut self) {
        self.0.clear();
    }

    fn note(&mut self, silent: &[i64], now: Instant) -> Vec<i64> {
        self.0.retain(|node, _| silent.contains(node));
        for node in silent {
            self.0.entry(*node).or_insert(now);
        }
        let gone = self.0.iter().filter(|(_, since)| now.duration_since(**since) >= WATCH);
        gone.map(|(node, _)| *node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_is_gone_when_it_was_silent_at_every_look() {
        let mut watch = Watch::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);

        assert!(watch.note(&[1, 2], start).is_empty());
        assert!(watch.note(&[1], after(6)).is_empty(), "2 has spoken");
        assert!(watch.note(&[1, 2], after(9)).is_empty());
        assert_eq!(watch.note(&[1, 2], after(10)), [1]);

        watch.restart();
        assert!(watch.note(&[1, 2], after(30)).is_empty());
    }
}
