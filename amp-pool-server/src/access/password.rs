//! Passwords of people: argon2id, a few at a time.
//!
//! A hash takes 19 MiB and tens of milliseconds on purpose, so how many run and how many wait is bounded: logins can
//! make each other slow, and nothing else.

use std::{collections::BTreeSet, fmt};

use amp_pool_core::secret::Secret;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Hashes at work at the same time.
const AT_WORK: usize = 2;
/// Hashes at work or waiting for their turn.
const IN_ALL: usize = 16;
const SHORTEST: usize = 10;
const LONGEST: usize = 256;

/// Words that stand alone in passwords people copy from documentation.
const SAMPLES: [&str; 22] = [
    "admin",
    "administrator",
    "amppool",
    "changeit",
    "changeme",
    "default",
    "demo",
    "example",
    "guest",
    "iloveyou",
    "letmein",
    "password",
    "placeholder",
    "qwerty",
    "qwertyuiop",
    "replaceme",
    "root",
    "secret",
    "test",
    "user",
    "welcome",
    "yourpassword",
];

/// Makes and checks hashes.
pub(crate) struct Passwords {
    at_work: Semaphore,
    in_all: Semaphore,
    /// Of no password: checked where there is no user, so that time does not tell who is there.
    nobody: tokio::sync::OnceCell<Secret>,
}

/// Too many wait already, or the system gives no random bytes.
#[derive(Debug)]
pub(crate) struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no password can be hashed now")
    }
}

impl std::error::Error for Busy {}

impl Passwords {
    pub(crate) fn new() -> Self {
        let (at_work, in_all) = (Semaphore::new(AT_WORK), Semaphore::new(IN_ALL));
        Self { at_work, in_all, nobody: tokio::sync::OnceCell::new() }
    }

    /// The hash of `password`, with salt and parameters in it.
    pub(crate) async fn hash(&self, password: Secret) -> Result<Secret, Busy> {
        self.run(move || hash(&password)).await?.ok_or(Busy)
    }

    /// Whether `hash` is that of `password`. Without one it is not, and takes as long.
    pub(crate) async fn verify(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Busy> {
        let is_known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash,
            None => self.nobody.get_or_try_init(|| self.hash(Secret::new("nobody"))).await?.clone(),
        };
        let same = move || Argon2::default().verify_password(password.expose().as_bytes(), hash.expose()).is_ok();
        Ok(self.run(same).await? && is_known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = self.in_all.try_acquire().map_err(|_| Busy)?;
        let _turn = self.at_work.acquire().await.map_err(|_| Busy)?;
        spawn_blocking(work).await.map_err(|_| Busy)
    }
}

fn hash(password: &Secret) -> Option<Secret> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt).ok()?;
    Some(Secret::new(hash.to_string()))
}

/// Why `password` is too weak for the user `username`.
pub(crate) fn weakness(password: &str, username: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Some("a password has 10 to 256 characters");
    }
    let lower = password.to_lowercase();
    let letters: String = lower.chars().filter(|c| c.is_alphabetic()).collect();
    let distinct = lower.chars().collect::<BTreeSet<_>>().len();
    let sample = SAMPLES.iter().any(|word| letters == *word || letters == format!("{word}{word}"));
    let named = letters.chars().eq(username.chars().filter(|c| c.is_alphabetic())) && !letters.is_empty();
    let counted = "01234567890123456789".contains(&lower) || "98765432109876543210".contains(&lower);
    (sample || named || counted || distinct < 5).then_some("this password is one of the first that are tried")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_no_hash_by_none() {
        let passwords = Passwords::new();
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hash != passwords.hash(Secret::new("correct horse")).await.unwrap(), "each has its own salt");

        assert!(passwords.verify(Secret::new("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(Secret::new("correct horsf"), Some(hash)).await.unwrap());
        assert!(!passwords.verify(Secret::new("nobody"), None).await.unwrap());
        assert!(!passwords.verify(Secret::new("x"), Some(Secret::new("not a hash"))).await.unwrap());
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::new();
        let busy = passwords.at_work.acquire_many(2).await.unwrap();
        let tries = (0..200).map(|_| passwords.verify(Secret::new("x"), Some(Secret::new("not a hash"))));
        let end = async {
            tokio::task::yield_now().await;
            drop(busy);
        };
        let (results, ()) = tokio::join!(futures::future::join_all(tries), end);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), IN_ALL);
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        let weak = [
            "short",
            "password123",
            "Password!123",
            "changeme-2024",
            "admin-admin-1",
            "1234567890",
            "9876543210",
            "aaaaaaaaaaaaaa",
            "ada.lovelace1",
            "qwertyuiop",
        ];
        for password in weak {
            assert!(weakness(password, "ada.lovelace").is_some(), "{password}");
        }
        assert!(weakness(&"x1y2z3".repeat(50), "ada").is_some(), "too long");
        for password in ["correct horse battery", "a-secret-garden-17", "пароль-подлиннее", "9f1c22ab09d7"]
        {
            assert!(weakness(password, "ada.lovelace").is_none(), "{password}");
        }
    }
}
