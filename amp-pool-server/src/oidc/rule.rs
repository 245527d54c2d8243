//! Who of those whom the issuer knows may come in here.
//!
//! Known people are known by issuer and subject; an address only ever opens the first time. Whoever signs in by a password is never
//! taken over by an address, and nobody becomes an admin but by an admin.

use amp_pool_core::{
    store::{Store, StoreError},
    time::{Clock as _, SystemClock},
    user::{User, UserSpec},
};

use super::{Failure, Person};
use crate::{access::username, config::OidcSettings};

/// The user who a person is. Made where the settings say so.
pub(crate) async fn admit(store: &dyn Store, settings: &OidcSettings, person: &Person) -> Result<User, Failure> {
    if let Some(user) = store.user_of(person.identity.clone()).await.map_err(|error| broken(&error))? {
        return if user.spec.enabled { Ok(user) } else { refuse("the user is off") };
    }
    let Some(email) = &person.email else { return refuse("the issuer gives no verified address") };
    let Ok(name) = username("username", email) else { return refuse("the address is no name for a user") };
    let users = store.users().await.map_err(|error| broken(&error))?;
    let user = match users.into_iter().find(|user| user.spec.username == name) {
        Some(user) if !user.spec.enabled => return refuse("the user is off"),
        Some(user) if user.password.is_some() => return refuse("a user of this name signs in by a password"),
        Some(user) => user,
        None if is_of_ours(settings, &name) => {
            let spec = UserSpec { username: name, role: settings.role, enabled: true };
            store.insert_user(spec, None, SystemClock.now()).await.map_err(|error| taken(&error))?
        }
        None => return refuse("nobody has invited this address"),
    };
    // Whoever of two people is first: the other one is not this user.
    store.insert_identity(user.id, person.identity.clone(), SystemClock.now()).await.map_err(|error| taken(&error))?;
    Ok(user)
}

fn is_of_ours(settings: &OidcSettings, email: &str) -> bool {
    email
        .rsplit_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && settings.domains.iter().any(|allowed| allowed == domain))
}

fn refuse<T>(why: &str) -> Result<T, Failure> {
    Err(Failure::Refused(why.to_owned()))
}

fn taken(error: &StoreError) -> Failure {
    match error {
        StoreError::Conflict { .. } => Failure::Refused("a user of this name is somebody else".into()),
        other => broken(other),
    }
}

fn broken(error: &StoreError) -> Failure {
    Failure::Broken(format!("the store: {error}"))
}

#[cfg(test)]
mod tests {
    use amp_pool_core::{
        secret::Secret,
        store::{UserStore as _, memory::MemoryStore},
        user::{Identity, Role},
    };

    use super::*;

    fn settings(domains: &str) -> OidcSettings {
        let named = crate::config::Settings::named([
            ("amp_pool_oidc_issuer", "https://id.example.com"),
            ("amp_pool_oidc_client_id", "pool"),
            ("amp_pool_oidc_domains", domains),
            ("amp_pool_oidc_role", "operator"),
            ("amp_pool_public_url", "https://pool.example.com"),
        ]);
        named.unwrap().oidc.unwrap()
    }

    fn person(subject: &str, email: &str) -> Person {
        let identity = Identity { issuer: "https://id.example.com".into(), subject: subject.into() };
        Person { identity, email: (!email.is_empty()).then(|| email.into()) }
    }

    async fn check(store: &MemoryStore, domains: &str, person: Person, expected: Result<(&str, Role), &str>) {
        let found = admit(store, &settings(domains), &person).await.map_err(|failure| failure.to_string());
        let found = found.map(|user| (user.spec.username, user.spec.role));
        let expected = expected.map(|(name, role)| (name.to_owned(), role)).map_err(str::to_owned);
        assert_eq!(found, expected, "{person:?} of {domains}");
    }

    async fn add(store: &MemoryStore, name: &str, role: Role, password: Option<&str>) -> User {
        let spec = UserSpec { username: name.into(), role, enabled: true };
        store.insert_user(spec, password.map(Secret::new), SystemClock.now()).await.unwrap()
    }

    #[tokio::test]
    async fn a_domain_makes_users_and_never_admins() {
        let store = MemoryStore::new();
        let ours = "example.com,example.org";
        check(&store, ours, person("1", "ada@example.com"), Ok(("ada@example.com", Role::Operator))).await;
        check(&store, "", person("1", "ada@example.com"), Ok(("ada@example.com", Role::Operator))).await;
        check(&store, "", person("1", ""), Ok(("ada@example.com", Role::Operator))).await;
        let uninvited = Err("nobody has invited this address");
        for foreign in
            ["eve@evil.com", "eve@example.com.evil.com", "eve@sub.example.com", "example.com", "@example.com"]
        {
            check(&store, ours, person("2", foreign), uninvited).await;
        }
        check(&store, ours, person("2", "eve"), uninvited).await;
        check(&store, ours, person("2", ""), Err("the issuer gives no verified address")).await;
        check(&store, ours, person("2", "e v@example.com"), Err("the address is no name for a user")).await;
        check(&store, ours, person("2", "ada@example.com"), Err("a user of this name is somebody else")).await;
        assert_eq!(store.users().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn who_was_invited_comes_as_what_an_admin_made_of_them() {
        let store = MemoryStore::new();
        let root = add(&store, "root@example.com", Role::Admin, None).await;
        add(&store, "bob@example.com", Role::Admin, Some("$argon2")).await;
        check(&store, "", person("1", "root@example.com"), Ok(("root@example.com", Role::Admin))).await;
        check(&store, "", person("2", "root@example.com"), Err("a user of this name is somebody else")).await;
        let by_password = Err("a user of this name signs in by a password");
        check(&store, "example.com", person("3", "bob@example.com"), by_password).await;

        add(&store, "spare", Role::Admin, Some("$argon2")).await;
        let off = UserSpec { enabled: false, ..root.spec };
        store.update_user(root.id, off, SystemClock.now()).await.unwrap();
        check(&store, "example.com", person("1", "root@example.com"), Err("the user is off")).await;
    }
}
