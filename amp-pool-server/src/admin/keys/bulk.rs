//! `POST /api/keys/bulk`: one thing done to many keys.

use amp_pool_core::{
    handle::{ChangeError, Handle},
    id::KeyId,
    keys::KeySpec,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{super::input::Input, Problem};

const MOST: usize = 100_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkInput {
    action: String,
    ids: Vec<i64>,
    /// For `tag` and `untag`.
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Bulk")]
pub(crate) struct BulkOut {
    /// How many keys were changed.
    done: usize,
    /// Those that were not, and why.
    failed: Vec<FailedOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BulkFailure")]
struct FailedOut {
    id: KeyId,
    field: Option<String>,
    message: String,
}

enum Action {
    Enable(bool),
    Delete,
    Reset,
    Tag(Vec<String>),
    Untag(Vec<String>),
}

pub(crate) async fn bulk(
    State(handle): State<Handle>,
    Input(input): Input<BulkInput>,
) -> Result<Json<BulkOut>, Problem> {
    let (action, ids) = input.read()?;
    // Goes on when the client hangs up: half of it would be in the store and not in force.
    let results = tokio::spawn(async move { action.apply(&handle, ids).await }).await;
    let results = results.map_err(|error| Problem::broken(&error))??;
    let failed = results.into_iter().map(|(id, result)| result.map_err(|error| FailedOut::new(id, error)).err());
    let (done, failed) = failed.fold((0, Vec::new()), |(done, mut all), failure| match failure {
        Some(failure) => {
            all.push(failure);
            (done, all)
        }
        None => (done + 1, all),
    });
    Ok(Json(BulkOut { done, failed }))
}

impl BulkInput {
    fn read(self) -> Result<(Action, Vec<KeyId>), Problem> {
        let action = Action::read(&self.action, self.tags)?;
        if self.ids.is_empty() || self.ids.len() > MOST {
            return Err(Problem::field("ids", format!("name 1 to {MOST} keys")));
        }
        let mut ids: Vec<KeyId> = self.ids.into_iter().map(KeyId).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok((action, ids))
    }
}

type Outcome = (KeyId, Result<(), ChangeError>);

impl Action {
    fn read(name: &str, tags: Vec<String>) -> Result<Self, Problem> {
        let wanted = matches!(name, "tag" | "untag");
        if wanted == tags.is_empty() {
            return Err(Problem::field(
                "tags",
                "`tag` and `untag` take at least one of `tags`, nothing else takes them",
            ));
        }
        match name {
            "enable" => Ok(Self::Enable(true)),
            "disable" => Ok(Self::Enable(false)),
            "delete" => Ok(Self::Delete),
            "reset" => Ok(Self::Reset),
            "tag" => Ok(Self::Tag(tags)),
            "untag" => Ok(Self::Untag(tags)),
            _ => Err(Problem::field(
                "action",
                "`action` is one of `enable`, `disable`, `delete`, `reset`, `tag`, `untag`",
            )),
        }
    }

    async fn apply(self, handle: &Handle, ids: Vec<KeyId>) -> Result<Vec<Outcome>, ChangeError> {
        match self {
            Self::Delete => handle.remove_keys(ids).await,
            Self::Reset => Ok(ids.into_iter().map(|id| (id, handle.reset_key(id).map(drop))).collect()),
            edit => {
                let (mut changes, mut missing) = (Vec::new(), Vec::new());
                for id in ids {
                    match handle.key(id) {
                        Some(view) => changes.push((id, edit.onto(view.key.spec.clone()))),
                        None => missing.push((id, Err(ChangeError::NotFound))),
                    }
                }
                missing.extend(handle.change_keys(changes).await?);
                Ok(missing)
            }
        }
    }

    fn onto(&self, mut spec: KeySpec) -> KeySpec {
        match self {
            Self::Enable(enabled) => spec.enabled = *enabled,
            Self::Tag(tags) => {
                let new: Vec<_> = tags.iter().filter(|tag| !spec.tags.contains(tag)).cloned().collect();
                spec.tags.extend(new);
            }
            Self::Untag(tags) => spec.tags.retain(|tag| !tags.contains(tag)),
            Self::Delete | Self::Reset => {}
        }
        spec
    }
}

impl FailedOut {
    fn new(id: KeyId, error: ChangeError) -> Self {
        let (field, message) = Problem::from(error).into_parts();
        Self { id, field, message }
    }
}

#[cfg(test)]
pub(in crate::admin) fn read_bulk(body: &[u8]) -> Result<(), Problem> {
    crate::admin::input::parse::<BulkInput>(body)?.read().map(drop)
}
