//! The link by which the first admin is made. Its secret lives as long as the process and until it was used.

use std::sync::{Mutex, PoisonError};

use amp_pool_core::{caller::TokenDigest, secret::Secret};

use super::session::random;

pub(super) struct SetupLink(Mutex<Option<Secret>>);

impl SetupLink {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        random().map(|secret| Self(Mutex::new(Some(secret))))
    }

    /// One that opens nothing.
    pub(super) fn used() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn secret(&self) -> Option<Secret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn opens_with(&self, shown: &str) -> bool {
        self.secret().is_some_and(|secret| TokenDigest::of(secret.expose()) == TokenDigest::of(shown))
    }

    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
