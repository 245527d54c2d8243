//! What operators write comes back as they wrote it.

use super::samples::{at, full_group, full_key, full_token, plain_key, provider, route, rule, token_secret};
use crate::{
    caller::{GroupSpec, TokenDigest, TokenSpec},
    classify::RuleSpec,
    id::{KeyId, RouteId, TokenId},
    keys::{Caps, Key, KeySpec},
    provider::Provider,
    secret::Secret,
    store::{Store, StoreError},
};

/// Compares every field. A key shows nothing of itself, so it can not be compared whole.
fn assert_same(found: &KeySpec, expected: &KeySpec) {
    let KeySpec { name, provider, api_key, egress, base_url, formats, enabled, priority, weight, .. } = found;
    assert_eq!((name, provider), (&expected.name, &expected.provider));
    assert!(*api_key == expected.api_key, "the credential is another");
    assert!(egress.proxy == expected.egress.proxy, "the proxy is another");
    assert_eq!(egress.user_agent, expected.egress.user_agent);
    assert_eq!(egress.headers, expected.egress.headers);
    assert_eq!((base_url, formats), (&expected.base_url, &expected.formats));
    assert_eq!((*enabled, *priority, *weight), (expected.enabled, expected.priority, expected.weight));
    let KeySpec {
        models,
        models_denied,
        account,
        total_balance,
        balance,
        price_factor,
        tags,
        memo,
        limits,
        budget,
        ..
    } = found;
    assert!(*balance == expected.balance, "what was said of the balance is another");
    assert_eq!((models, models_denied), (&expected.models, &expected.models_denied));
    assert_eq!((account, total_balance), (&expected.account, &expected.total_balance));
    assert_eq!((price_factor, tags, memo), (&expected.price_factor, &expected.tags, &expected.memo));
    assert_eq!((limits, budget), (&expected.limits, &expected.budget));
}

async fn keys(store: &dyn Store) -> Vec<Key> {
    store.load().await.unwrap().keys
}

fn assert_conflict<T>(result: Result<T, StoreError>) {
    assert!(matches!(result.err(), Some(StoreError::Conflict { .. })));
}

fn assert_not_found<T>(result: Result<T, StoreError>) {
    assert!(matches!(result.err(), Some(StoreError::NotFound)));
}

pub(super) async fn a_new_store_is_empty(store: &dyn Store) {
    let found = store.load().await.unwrap();

    assert!(found.keys.is_empty() && found.tokens.is_empty() && found.routes.is_empty() && found.settings.is_empty());
}

pub(super) async fn a_key_comes_back_as_it_was_written(store: &dyn Store) {
    for spec in [full_key("sk-full"), plain_key("sk-plain")] {
        let made = store.insert_key(spec.clone(), at(1)).await.unwrap();
        assert_same(&made.spec, &spec);

        let found = keys(store).await.pop().unwrap();
        assert_same(&found.spec, &spec);
        assert_eq!((found.id, found.create_time, found.update_time), (made.id, at(1), at(1)));
        assert_eq!(found.fingerprint, made.fingerprint);
    }
}

pub(super) async fn the_same_credential_twice_is_a_conflict(store: &dyn Store) {
    store.insert_key(plain_key("sk-1"), at(1)).await.unwrap();

    assert_conflict(store.insert_key(KeySpec { name: "again".into(), ..plain_key("sk-1") }, at(2)).await);
    assert_eq!(keys(store).await.len(), 1);
}

pub(super) async fn the_same_credential_at_another_place_is_another_key(store: &dyn Store) {
    let first = store.insert_key(plain_key("sk-1"), at(1)).await.unwrap();
    let elsewhere = KeySpec { base_url: Some("https://host".into()), ..plain_key("sk-1") };
    let second = store.insert_key(elsewhere, at(1)).await.unwrap();

    assert_ne!(first.fingerprint, second.fingerprint);
    assert!(!first.fingerprint.contains("sk-1"));
}

pub(super) async fn an_update_replaces_a_key_and_keeps_its_birth(store: &dyn Store) {
    let made = store.insert_key(full_key("sk-1"), at(1)).await.unwrap();
    let changed = store.update_key(made.id, plain_key("sk-2"), at(2)).await.unwrap();

    assert_ne!(changed.fingerprint, made.fingerprint);
    let found = keys(store).await.pop().unwrap();
    assert_same(&found.spec, &plain_key("sk-2"));
    assert_eq!((found.id, found.create_time, found.update_time), (made.id, at(1), at(2)));
}

pub(super) async fn an_update_to_the_credential_of_another_key_changes_nothing(store: &dyn Store) {
    store.insert_key(plain_key("sk-1"), at(1)).await.unwrap();
    let second = store.insert_key(plain_key("sk-2"), at(1)).await.unwrap();

    assert_conflict(store.update_key(second.id, plain_key("sk-1"), at(2)).await);
    let found = keys(store).await.pop().unwrap();
    assert_same(&found.spec, &plain_key("sk-2"));
    assert_eq!(found.update_time, at(1));
}

pub(super) async fn the_credential_of_a_deleted_key_is_free(store: &dyn Store) {
    let first = store.insert_key(plain_key("sk-1"), at(1)).await.unwrap();
    store.delete_key(first.id).await.unwrap();
    assert!(keys(store).await.is_empty());

    store.insert_key(plain_key("sk-1"), at(2)).await.unwrap();
}

pub(super) async fn many_keys_are_changed_at_once_and_each_is_answered(store: &dyn Store) {
    let specs = ["sk-1", "sk-2", "sk-1"].map(plain_key).to_vec();
    let made = store.insert_keys(specs, at(1)).await.unwrap();
    let ids: Vec<_> = made.iter().flatten().map(|key| key.id).collect();
    assert_eq!(ids.len(), 2);
    assert!(matches!(made[2].as_ref().err(), Some(StoreError::Conflict { .. })));

    let changes = vec![(ids[0], plain_key("sk-3")), (KeyId(99), plain_key("sk-4")), (ids[1], plain_key("sk-3"))];
    let changed = store.update_keys(changes, at(2)).await.unwrap();
    assert!(changed[0].1.is_ok());
    assert!(matches!(changed[1].1, Err(StoreError::NotFound)));
    assert!(matches!(changed[2].1, Err(StoreError::Conflict { .. })));
    let found = keys(store).await;
    assert!(found[0].spec.api_key == Secret::new("sk-3") && found[1].spec.api_key == Secret::new("sk-2"));

    let removed = store.delete_keys(vec![KeyId(99), ids[0]]).await.unwrap();
    assert!(matches!(removed[0].1, Err(StoreError::NotFound)) && removed[1].1.is_ok());
    assert_eq!(keys(store).await.len(), 1);
}

pub(super) async fn an_id_is_never_given_twice(store: &dyn Store) {
    let first = store.insert_key(plain_key("sk-1"), at(1)).await.unwrap();
    store.delete_key(first.id).await.unwrap();
    let second = store.insert_key(plain_key("sk-2"), at(2)).await.unwrap();

    assert_ne!(first.id, second.id, "records of the first would become the second's");
}

pub(super) async fn a_client_token_comes_back_as_it_was_written(store: &dyn Store) {
    for (n, spec) in [full_token(), TokenSpec::named("plain")].into_iter().enumerate() {
        let secret = token_secret(&format!("amp-{n}"));
        let made = store.insert_token(spec.clone(), secret.clone(), at(1)).await.unwrap();

        let found = store.load().await.unwrap().tokens.pop().unwrap();
        assert_eq!(found, made);
        assert_eq!((found.spec, found.digest, found.hint), (spec, secret.digest, secret.hint));
    }
}

pub(super) async fn a_group_comes_back_as_it_was_written(store: &dyn Store) {
    let made = store.insert_group(full_group("a"), at(1)).await.unwrap();
    assert_eq!((&made.spec, made.create_time), (&full_group("a"), at(1)));
    let plain = GroupSpec { limits: Caps::default(), budget: None, ..full_group("b") };
    let changed = store.update_group(made.id, plain.clone(), at(2)).await.unwrap();

    let found = store.load().await.unwrap().groups;
    assert_eq!(found, [changed]);
    assert_eq!((&found[0].spec, found[0].create_time, found[0].update_time), (&plain, at(1), at(2)));
}

pub(super) async fn two_groups_are_not_called_the_same(store: &dyn Store) {
    store.insert_group(full_group("a"), at(1)).await.unwrap();
    let other = store.insert_group(full_group("b"), at(1)).await.unwrap();

    assert_conflict(store.insert_group(full_group("a"), at(2)).await);
    assert_conflict(store.update_group(other.id, full_group("a"), at(2)).await);
    assert_eq!(store.load().await.unwrap().groups.len(), 2);
}

pub(super) async fn a_group_goes_when_no_token_belongs_to_it(store: &dyn Store) {
    let group = store.insert_group(full_group("a"), at(1)).await.unwrap().id;
    let member = TokenSpec { group: Some(group), ..TokenSpec::named("member") };
    let token = store.insert_token(member, token_secret("amp-1"), at(1)).await.unwrap().id;
    assert_conflict(store.delete_group(group).await);

    store.delete_token(token).await.unwrap();
    store.delete_group(group).await.unwrap();
    assert!(store.load().await.unwrap().groups.is_empty());
    assert_not_found(store.delete_group(group).await);
    assert_not_found(store.update_group(group, full_group("a"), at(2)).await);
}

pub(super) async fn the_same_client_token_twice_is_a_conflict(store: &dyn Store) {
    store.insert_token(TokenSpec::named("a"), token_secret("amp-1"), at(1)).await.unwrap();
    let other = store.insert_token(TokenSpec::named("b"), token_secret("amp-2"), at(1)).await.unwrap();

    assert_conflict(store.insert_token(TokenSpec::named("c"), token_secret("amp-1"), at(2)).await);
    assert_conflict(store.rotate_token(other.id, token_secret("amp-1"), at(2)).await);
}

pub(super) async fn an_update_of_a_client_token_keeps_its_secret(store: &dyn Store) {
    let made = store.insert_token(TokenSpec::named("a"), token_secret("amp-1"), at(1)).await.unwrap();
    let changed = store.update_token(made.id, full_token(), at(2)).await.unwrap();

    assert_eq!(changed.spec, full_token());
    assert_eq!((changed.id, changed.digest, changed.hint), (made.id, made.digest, made.hint));
    assert_eq!((changed.create_time, changed.update_time), (at(1), at(2)));
}

pub(super) async fn a_rotated_client_token_keeps_all_but_its_secret(store: &dyn Store) {
    let made = store.insert_token(full_token(), token_secret("amp-1"), at(1)).await.unwrap();
    let rotated = store.rotate_token(made.id, token_secret("amp-2"), at(2)).await.unwrap();

    assert_eq!((rotated.id, &rotated.spec, rotated.create_time), (made.id, &made.spec, at(1)));
    assert_eq!((rotated.digest, rotated.update_time), (TokenDigest::of("amp-2"), at(2)));
    assert_eq!(store.load().await.unwrap().tokens, [rotated]);
}

pub(super) async fn a_route_comes_back_as_it_was_written(store: &dyn Store) {
    let made = store.insert_route(route("fast"), at(1)).await.unwrap();
    assert_eq!(made.spec, route("fast"));
    assert_eq!(store.load().await.unwrap().routes, vec![made.clone()]);

    let changed = store.update_route(made.id, route("quick"), at(2)).await.unwrap();
    assert_eq!((changed.id, changed.create_time, changed.update_time), (made.id, at(1), at(2)));
    assert_eq!(store.load().await.unwrap().routes, [changed]);

    store.delete_route(made.id).await.unwrap();
    assert!(store.load().await.unwrap().routes.is_empty());
}

pub(super) async fn a_model_has_one_route(store: &dyn Store) {
    store.insert_route(route("fast"), at(1)).await.unwrap();
    let other = store.insert_route(route("slow"), at(1)).await.unwrap();

    assert_conflict(store.insert_route(route("fast"), at(2)).await);
    assert_conflict(store.update_route(other.id, route("fast"), at(2)).await);
    assert_eq!(store.load().await.unwrap().routes.len(), 2);
}

pub(super) async fn a_rule_comes_back_as_it_was_written(store: &dyn Store) {
    let made = store.insert_rule(rule("a"), at(1)).await.unwrap();
    let other = store.insert_rule(rule("a"), at(1)).await.unwrap();
    assert_eq!((&made.spec, made.create_time), (&rule("a"), at(1)));
    let plain = RuleSpec { provider: None, enabled: true, ..rule("b") };
    let changed = store.update_rule(made.id, plain.clone(), at(2)).await.unwrap();

    assert_eq!(store.load().await.unwrap().rules, [changed.clone(), other.clone()]);
    assert_eq!((changed.spec, changed.create_time, changed.update_time), (plain, at(1), at(2)));
    store.delete_rule(made.id).await.unwrap();
    assert_eq!(store.load().await.unwrap().rules, [other]);
}

pub(super) async fn a_provider_comes_back_and_stays_while_keys_belong_to_it(store: &dyn Store) {
    let made = store.insert_provider(provider("relay"), at(1)).await.unwrap();
    let other = store.insert_provider(provider("another"), at(1)).await.unwrap();
    assert_eq!((&made.provider, made.create_time), (&provider("relay"), at(1)));
    assert_conflict(store.insert_provider(provider("relay"), at(2)).await);
    let moved = Provider { base_url: Some("https://other.example".into()), ..provider("relay") };
    let changed = store.update_provider(moved.clone(), at(2)).await.unwrap();
    assert_eq!((&changed.provider, changed.create_time, changed.update_time), (&moved, at(1), at(2)));
    assert_eq!(store.load().await.unwrap().providers, [changed, other.clone()]);

    let key = store.insert_key(KeySpec { provider: "relay".into(), ..plain_key("sk-1") }, at(3)).await.unwrap();
    assert_conflict(store.delete_provider("relay".into()).await);
    store.delete_key(key.id).await.unwrap();
    store.delete_provider("relay".into()).await.unwrap();
    assert_eq!(store.load().await.unwrap().providers, [other]);
}

pub(super) async fn a_setting_is_written_replaced_and_removed(store: &dyn Store) {
    for value in [Some("one"), Some("two"), None, None] {
        store.put_setting("name".into(), value.map(Into::into), at(1)).await.unwrap();
        let found = store.load().await.unwrap().settings;
        assert_eq!(found.get("name").map(String::as_str), value);
    }
}

pub(super) async fn what_is_not_there_is_not_found(store: &dyn Store) {
    assert_not_found(store.update_key(KeyId(9), plain_key("sk-1"), at(1)).await);
    assert_not_found(store.delete_key(KeyId(9)).await);
    assert_not_found(store.update_token(TokenId(9), full_token(), at(1)).await);
    assert_not_found(store.rotate_token(TokenId(9), token_secret("amp-1"), at(1)).await);
    assert_not_found(store.delete_token(TokenId(9)).await);
    assert_not_found(store.update_route(RouteId(9), route("fast"), at(1)).await);
    assert_not_found(store.delete_route(RouteId(9)).await);
    assert_not_found(store.update_provider(provider("relay"), at(1)).await);
    assert_not_found(store.delete_provider("relay".into()).await);
}
