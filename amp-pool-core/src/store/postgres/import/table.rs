//! A table on its way from one database to the other.

use std::{collections::HashMap, sync::Arc};

use rusqlite::types::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    Failure, Pool,
    source::{Source, word},
};
use crate::store::{
    Histogram,
    postgres::{
        fields::{self, collect, firsts},
        statistics,
    },
};

/// Rows of one transaction.
const PIECE: usize = 1_000;

const COLUMNS: &str = "
    SELECT table_name::text, column_name::text, udt_name::text FROM information_schema.columns
    WHERE table_schema = current_schema()";

/// How the values of a column travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Json,
    Claim,
    Uuid,
    Bytes,
    Histogram,
}

type Column = Box<dyn ToSql + Sync + Send>;

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "int8" | "int4" => Self::Number,
            "text" => Self::Text,
            "jsonb" => Self::Json,
            "bool" => Self::Claim,
            "uuid" => Self::Uuid,
            "bytea" => Self::Bytes,
            "_int8" => Self::Histogram,
            _ => return None,
        })
    }

    /// The type of the array it travels in, and what becomes of each value.
    fn casts(self) -> (&'static str, &'static str) {
        match self {
            Self::Number => ("int8[]", ""),
            Self::Text => ("text[]", ""),
            Self::Json => ("text[]", "::jsonb"),
            Self::Claim => ("bool[]", ""),
            Self::Uuid => ("uuid[]", ""),
            Self::Bytes => ("bytea[]", ""),
            Self::Histogram => ("text[]", "::int8[]"),
        }
    }

    fn column(self, values: Vec<Value>) -> Result<Column, Failure> {
        match self {
            Self::Number => all(values, |value| if let Value::Integer(number) = value { Some(number) } else { None }),
            Self::Text => all(values, |value| Some(fields::text(&word(value)?).into_owned())),
            Self::Json => all(values, |value| Some(fields::without_zero(word(value)?))),
            Self::Claim => all(values, |value| if let Value::Integer(claim) = value { Some(claim != 0) } else { None }),
            Self::Uuid => all(values, |value| Uuid::from_slice(&bytes(value)?).ok()),
            Self::Bytes => all(values, bytes),
            Self::Histogram => all(values, |value| Some(statistics::array(&Histogram::from_bytes(&bytes(value)?)?))),
        }
    }

    /// Whether both databases put it in the same order.
    fn is_ordered_alike(self) -> bool {
        matches!(self, Self::Number | Self::Uuid | Self::Bytes)
    }
}

fn all<T: ToSql + Sync + Send + 'static>(
    values: Vec<Value>,
    read: impl Fn(Value) -> Option<T>,
) -> Result<Column, Failure> {
    let read = |value: Value| match value {
        Value::Null => Ok(None),
        value => read(value).map(Some).ok_or_else(|| Failure::corrupt("a value is not of its column's type")),
    };
    Ok(Box::new(values.into_iter().map(read).collect::<Result<Vec<_>, Failure>>()?))
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    if let Value::Blob(bytes) = value { Some(bytes) } else { None }
}

/// A table of both databases.
pub(super) struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
    /// Where the columns are that tell one row from another.
    key: Vec<usize>,
}

impl Table {
    /// Ours, in the order in which they can be filled.
    pub(super) async fn all(source: &Source, pool: &Arc<Pool>) -> Result<Vec<Self>, Failure> {
        let rows = pool.lend().await?.query_once(COLUMNS, &[]).await?;
        let mut known = HashMap::<String, HashMap<String, String>>::new();
        for (table, column, kind) in collect(&rows, |row| Ok((row.take()?, row.take()?, row.take()?)))? {
            known.entry(table).or_default().insert(column, kind);
        }
        let mut tables = Vec::new();
        for name in source.tables() {
            tables.push(Self::look(source, name, known.entry(name.clone()).or_default()).await?);
        }
        Ok(tables)
    }

    async fn look(source: &Source, name: &str, kinds: &HashMap<String, String>) -> Result<Self, Failure> {
        let described = source.rows(format!("SELECT name, pk FROM pragma_table_info('{name}')"), Vec::new()).await?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for row in described {
            let [Value::Text(column), Value::Integer(place)] = &row[..] else { continue };
            let kind = kinds.get(column).and_then(|kind| Kind::of(kind));
            let kind = kind.ok_or_else(|| Failure::corrupt(format!("PostgreSQL has no column {name}.{column}")))?;
            if *place > 0 {
                key.push((*place, columns.len()));
            }
            columns.push((column.clone(), kind));
        }
        key.sort_unstable();
        let key = key.into_iter().map(|(_, at)| at).collect();
        Ok(Self { name: name.to_owned(), columns, key })
    }

    fn keys(&self) -> impl Iterator<Item = &(String, Kind)> {
        self.key.iter().filter_map(|at| self.columns.get(*at))
    }

    /// Copies what is not there yet.
    pub(super) async fn copy(&self, source: &Source, pool: &Arc<Pool>) -> Result<(), Failure> {
        let mut after = self.reached(pool).await?;
        let (insert, mut copied) = (self.insert(), 0);
        loop {
            let read = self.read(after.is_some());
            let piece = source.rows(read, after.take().unwrap_or_default()).await?;
            let Some(last) = piece.last() else { break };
            after = Some(self.key.iter().filter_map(|at| last.get(*at).cloned()).collect());
            copied += piece.len();
            let values = self.turned(piece)?;
            let values: Vec<_> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            pool.lend().await?.query_once(&insert, &values).await?;
        }
        tracing::info!(table = self.name, rows = copied, "copied");
        Ok(())
    }

    /// Rows turned to columns.
    fn turned(&self, rows: Vec<Vec<Value>>) -> Result<Vec<Column>, Failure> {
        let mut columns: Vec<Vec<Value>> = self.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        columns.into_iter().zip(&self.columns).map(|(values, (_, kind))| kind.column(values)).collect()
    }

    /// The last row that an earlier copy has written: all before it are there. Where rows are told apart by texts there are
    /// few, and all are sent again.
    async fn reached(&self, pool: &Arc<Pool>) -> Result<Option<Vec<Value>>, Failure> {
        if !self.keys().all(|(_, kind)| kind.is_ordered_alike()) {
            return Ok(None);
        }
        let wide = |kind: &Kind| if *kind == Kind::Number { "::int8" } else { "" };
        let taken: Vec<_> = self.keys().map(|(name, kind)| format!(r#""{name}"{}"#, wide(kind))).collect();
        let order: Vec<_> = self.keys().map(|(name, _)| format!(r#""{name}" DESC"#)).collect();
        let last = format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", taken.join(", "), self.name, order.join(", "));
        let rows = pool.lend().await?.query_once(&last, &[]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let value = |(at, (_, kind)): (usize, &(String, Kind))| {
            Ok(match kind {
                Kind::Number => Value::Integer(row.try_get(at)?),
                Kind::Uuid => Value::Blob(row.try_get::<_, Uuid>(at)?.as_bytes().to_vec()),
                _ => Value::Blob(row.try_get(at)?),
            })
        };
        Ok(Some(self.keys().enumerate().map(value).collect::<Result<_, Failure>>()?))
    }

    /// Reads the next piece, or the first one.
    fn read(&self, goes_on: bool) -> String {
        let quoted = |(name, _): &(String, Kind)| format!(r#""{name}""#);
        let (names, keys) =
            (self.columns.iter().map(quoted).collect::<Vec<_>>(), self.keys().map(quoted).collect::<Vec<_>>());
        let (names, order) = (names.join(", "), keys.join(", "));
        let after = match goes_on {
            true => format!("WHERE ({order}) > ({})", vec!["?"; keys.len()].join(", ")),
            false => String::new(),
        };
        format!("SELECT {names} FROM {} {after} ORDER BY {order} LIMIT {PIECE}", self.name)
    }

    fn insert(&self) -> String {
        let list = |each: &dyn Fn(usize, &(String, Kind)) -> String| {
            self.columns.iter().enumerate().map(|(at, column)| each(at, column)).collect::<Vec<_>>().join(", ")
        };
        let names = list(&|_, (name, _)| format!(r#""{name}""#));
        let taken = list(&|_, (name, kind)| format!(r#""{name}"{}"#, kind.casts().1));
        let arrays = list(&|at, (_, kind)| format!("${}::{}", at + 1, kind.casts().0));
        format!(
            "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE
             SELECT {taken} FROM unnest({arrays}) AS new ({names}) ON CONFLICT DO NOTHING",
            self.name
        )
    }

    /// New ids come after every id that was ever given.
    pub(super) async fn go_on_after(&self, source: &Source, pool: &Arc<Pool>) -> Result<(), Failure> {
        let lent = pool.lend().await?;
        let sequence = format!("SELECT pg_get_serial_sequence('{}', 'id')", self.name);
        if !self.columns.iter().any(|(name, _)| name == "id")
            || firsts::<Option<String>>(&lent.query_once(&sequence, &[]).await?)?.pop().flatten().is_none()
        {
            return Ok(());
        }
        let given = format!(
            "SELECT max(coalesce((SELECT max(id) FROM {0}), 0),
                        coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{0}'), 0))",
            self.name
        );
        let given = source.rows(given, Vec::new()).await?.into_iter().flatten().next();
        let Some(Value::Integer(last @ 1..)) = given else { return Ok(()) };
        let set = format!("SELECT setval(pg_get_serial_sequence('{}', 'id'), $1::int8)", self.name);
        lent.query_once(&set, &[&last]).await.map(drop)
    }
}
