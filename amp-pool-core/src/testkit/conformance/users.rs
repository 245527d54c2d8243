//! Users, their sessions and what they did.

use super::samples::at;
use crate::{
    id::UserId,
    secret::Secret,
    store::{Store, StoreError},
    user::{Deed, DeedEnd, Identity, Role, Session, SessionDigest, User, UserSpec},
};

fn spec(username: &str, role: Role) -> UserSpec {
    UserSpec { username: username.into(), role, enabled: true }
}

async fn add(store: &dyn Store, username: &str, role: Role) -> User {
    store.insert_user(spec(username, role), Some(Secret::new("$argon2id$…")), at(0)).await.unwrap()
}

fn session(user: UserId, id: &str) -> Session {
    let digest = SessionDigest::of(id);
    Session { digest, user, create_time: at(0), update_time: at(0), expires_at: at(60) }
}

async fn is_signed_in(store: &dyn Store, id: &str) -> bool {
    store.session(SessionDigest::of(id), at(1)).await.unwrap().is_some()
}

pub(super) async fn a_user_comes_back_as_it_was_written(store: &dyn Store) {
    let made = add(store, "ada", Role::Operator).await;
    let other = store.insert_user(spec("grace", Role::Viewer), None, at(1)).await.unwrap();

    let found = store.users().await.unwrap();

    assert_eq!(found.len(), 2);
    assert_eq!((found[0].id, found[0].spec.clone()), (made.id, spec("ada", Role::Operator)));
    assert_eq!((found[0].create_time, found[0].last_login), (at(0), None));
    assert!(found[0].password == Some(Secret::new("$argon2id$…")));
    assert!(found[1].id == other.id && found[1].password.is_none());

    let changed = UserSpec { enabled: false, ..spec("ada.l", Role::Viewer) };
    let after = store.update_user(made.id, changed.clone(), at(2)).await.unwrap();
    assert_eq!((after.spec, after.create_time, after.update_time), (changed, at(0), at(2)));
    assert!(after.password.is_some());
    store.delete_user(made.id).await.unwrap();
    assert_eq!(store.users().await.unwrap().len(), 1);
    assert!(matches!(store.delete_user(made.id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.set_password(made.id, Secret::new("x"), at(3)).await, Err(StoreError::NotFound)));
}

pub(super) async fn two_users_never_have_one_name(store: &dyn Store) {
    add(store, "ada", Role::Admin).await;
    let grace = add(store, "grace", Role::Admin).await;

    let again = store.insert_user(spec("ada", Role::Viewer), None, at(1)).await;
    let renamed = store.update_user(grace.id, spec("ada", Role::Admin), at(1)).await;

    assert!(matches!(again.err(), Some(StoreError::Conflict { .. })));
    assert!(matches!(renamed.err(), Some(StoreError::Conflict { .. })));
    assert_eq!(store.users().await.unwrap()[1].spec.username, "grace");
}

pub(super) async fn one_of_many_first_admins_wins(store: &dyn Store) {
    add(store, "viewer", Role::Viewer).await;
    let names = ["a", "b", "c", "d"];
    let tries = names.map(|name| store.insert_first_admin(name.into(), Secret::new("$"), at(0)));

    let made = futures::future::join_all(tries).await;

    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    let users = store.users().await.unwrap();
    assert_eq!((users.len(), users[1].is_active_admin()), (2, true));
}

pub(super) async fn the_last_admin_cannot_vanish(store: &dyn Store) {
    let ada = add(store, "ada", Role::Admin).await;
    let grace = add(store, "grace", Role::Operator).await;
    let off = UserSpec { enabled: false, ..spec("ada", Role::Admin) };

    assert!(matches!(store.delete_user(ada.id).await, Err(StoreError::LastAdmin)));
    for changed in [spec("ada", Role::Operator), off.clone()] {
        let refused = store.update_user(ada.id, changed, at(1)).await;
        assert!(matches!(refused.err(), Some(StoreError::LastAdmin)));
    }
    assert_eq!(store.users().await.unwrap()[0].spec, spec("ada", Role::Admin));

    store.update_user(grace.id, spec("grace", Role::Admin), at(1)).await.unwrap();
    store.update_user(ada.id, off, at(1)).await.unwrap();
    assert!(matches!(store.delete_user(grace.id).await, Err(StoreError::LastAdmin)), "one who is off does not count");
    store.delete_user(ada.id).await.unwrap();
}

pub(super) async fn a_session_is_found_until_it_is_ended(store: &dyn Store) {
    let ada = add(store, "ada", Role::Admin).await;
    store.insert_session(session(ada.id, "s1")).await.unwrap();
    store.touch_session(SessionDigest::of("s1"), at(5)).await.unwrap();

    let (found, user) = store.session(SessionDigest::of("s1"), at(6)).await.unwrap().unwrap();

    assert_eq!(found, Session { update_time: at(5), ..session(ada.id, "s1") });
    assert_eq!((user.id, user.last_login), (ada.id, Some(at(0))));
    assert!(!is_signed_in(store, "s2").await);
    store.end_session(SessionDigest::of("s1")).await.unwrap();
    store.end_session(SessionDigest::of("s1")).await.unwrap();
    assert!(!is_signed_in(store, "s1").await);
    assert!(store.insert_session(session(UserId(99), "s3")).await.is_err());
}

pub(super) async fn a_session_ends_by_itself(store: &dyn Store) {
    let ada = add(store, "ada", Role::Admin).await;
    store.insert_session(session(ada.id, "s1")).await.unwrap();

    assert!(store.session(SessionDigest::of("s1"), at(59)).await.unwrap().is_some());
    assert!(store.session(SessionDigest::of("s1"), at(60)).await.unwrap().is_none());
}

pub(super) async fn what_ends_the_sessions_of_a_user(store: &dyn Store) {
    add(store, "root", Role::Admin).await;
    let ada = add(store, "ada", Role::Operator).await;
    let grace = add(store, "grace", Role::Operator).await;
    store.insert_session(session(grace.id, "grace")).await.unwrap();
    let less = spec("ada", Role::Viewer);
    let off = UserSpec { enabled: false, ..spec("ada", Role::Operator) };
    for (changed, ends) in [(spec("lady", Role::Admin), false), (less, true), (off, true)] {
        store.update_user(ada.id, spec("ada", Role::Operator), at(0)).await.unwrap();
        store.insert_session(session(ada.id, &changed.username)).await.unwrap();
        store.update_user(ada.id, changed.clone(), at(0)).await.unwrap();
        assert_eq!(is_signed_in(store, &changed.username).await, !ends, "{changed:?}");
        store.end_session(SessionDigest::of(&changed.username)).await.unwrap();
    }
    store.update_user(ada.id, spec("ada", Role::Operator), at(0)).await.unwrap();
    store.insert_session(session(ada.id, "p")).await.unwrap();
    store.set_password(ada.id, Secret::new("$another"), at(0)).await.unwrap();
    assert!(!is_signed_in(store, "p").await, "another password");
    store.insert_session(session(ada.id, "d")).await.unwrap();
    store.delete_user(ada.id).await.unwrap();
    assert!(!is_signed_in(store, "d").await, "removed");
    assert!(is_signed_in(store, "grace").await, "somebody else");
}

pub(super) async fn an_identity_signs_in_one_user(store: &dyn Store) {
    let identity = |issuer: &str, subject: &str| Identity { issuer: issuer.into(), subject: subject.into() };
    let (ada, grace) = (add(store, "ada", Role::Viewer).await, add(store, "grace", Role::Viewer).await);
    store.insert_identity(ada.id, identity("i", "1"), at(1)).await.unwrap();
    store.insert_identity(ada.id, identity("j", "1"), at(1)).await.unwrap();
    store.insert_identity(grace.id, identity("i", "2"), at(1)).await.unwrap();
    let of = async |issuer, subject| store.user_of(identity(issuer, subject)).await.unwrap().map(|user| user.id);

    assert_eq!(
        (of("i", "1").await, of("j", "1").await, of("i", "2").await),
        (Some(ada.id), Some(ada.id), Some(grace.id))
    );
    assert_eq!((of("j", "2").await, of("I", "1").await, of("", "").await), (None, None, None));
    for (user, issuer, subject) in [(grace.id, "i", "1"), (ada.id, "i", "1"), (ada.id, "i", "3")] {
        let refused = store.insert_identity(user, identity(issuer, subject), at(2)).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    let nobody = store.insert_identity(UserId(99), identity("i", "9"), at(2)).await;
    assert!(matches!(nobody, Err(StoreError::NotFound)), "{nobody:?}");

    store.delete_user(ada.id).await.unwrap();
    assert_eq!((of("i", "1").await, of("j", "1").await), (None, None));
    store.insert_identity(grace.id, identity("j", "1"), at(3)).await.unwrap();
}

pub(super) async fn a_deed_is_kept_before_it_is_done(store: &dyn Store) {
    let deed = Deed {
        user: Some(UserId(7)),
        actor: "ada".into(),
        address: "127.0.0.1".into(),
        action: "POST /api/keys".into(),
        object: None,
        detail: Some(r#"{"fields":["name"]}"#.into()),
    };
    let id = store.note(deed.clone(), at(1)).await.unwrap();

    let before = store.notes(None, None, 10).await.unwrap();
    assert_eq!((before[0].id, before[0].create_time, before[0].status), (id, at(1), None));
    assert_eq!(before[0].deed, deed);

    let end = DeedEnd { object: Some("3".into()), detail: None, status: 201 };
    store.settle_note(id, end, at(2)).await.unwrap();
    let again = DeedEnd { object: Some("4".into()), detail: Some("{}".into()), status: 500 };
    store.settle_note(id, again, at(3)).await.unwrap();
    let after = store.notes(None, None, 10).await.unwrap();
    assert_eq!((after[0].deed.object.as_deref(), after[0].status, after[0].create_time), (Some("3"), Some(201), at(1)));
    assert_eq!(after[0].deed.detail, deed.detail);
}

pub(super) async fn deeds_are_read_from_the_newest(store: &dyn Store) {
    for n in 0..5 {
        let deed = Deed { user: Some(UserId(n % 2)), action: n.to_string(), ..Deed::default() };
        store.note(deed, at(n)).await.unwrap();
    }
    let actions = async |user, before, limit| {
        let found = store.notes(user, before, limit).await.unwrap();
        (found.iter().map(|entry| entry.deed.action.clone()).collect::<Vec<_>>(), found.last().map(|entry| entry.id))
    };

    let (first, last) = actions(None, None, 2).await;
    assert_eq!(first, ["4", "3"]);
    assert_eq!(actions(None, last, 10).await.0, ["2", "1", "0"]);
    assert_eq!(actions(Some(UserId(1)), None, 10).await.0, ["3", "1"]);
}
