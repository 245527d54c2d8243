//! Secrets at rest.
//!
//! A random data key, made once per database, seals every secret; a [`MasterKey`] that lives outside of the database
//! seals the data key. Each secret is bound to its row and column, so that sealed values can not be moved about, and
//! there is no way to read a secret that was not sealed.
//!
//! When secrets are sealed anew, the data key is another; what fingerprints and thoughts are made with stays, because both are
//! compared with what was made before. It is kept behind the data key.
//!
//! A sealed value is: version (1 byte) · number of the data key (4, big-endian) · nonce (24) · XChaCha20-Poly1305
//! ciphertext and tag.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::{
    StoreError,
    fingerprint::{fingerprint, keyed_hash},
};

pub(super) mod change;
mod master_key;
pub use change::Rekeyed;
pub use master_key::{MasterKey, VaultError};

const VERSION: u8 = 1;
const HEAD: usize = 5;
const NONCE: usize = 24;
/// The shortest thing that a vault seals: nothing.
pub(super) const SHORTEST: i32 = 45;

type KeyBytes = Zeroizing<[u8; 32]>;

/// Seals and opens the secrets of one database.
///
/// ```
/// use amp_pool_core::store::vault::{MasterKey, Vault};
///
/// let (vault, wrapped) = Vault::create(&MasterKey::from_bytes([7; 32]), 1)?;
/// let sealed = vault.seal("api_keys.api_key", 3, b"sk-example")?;
/// assert!(!sealed.windows(4).any(|part| part == b"sk-e"));
/// assert_eq!(*vault.open("api_keys.api_key", 3, &sealed)?, b"sk-example");
/// // What was sealed for one place can not be opened at another, nor under another master key.
/// assert!(vault.open("api_keys.api_key", 4, &sealed).is_err());
/// assert!(Vault::unlock(&MasterKey::from_bytes([8; 32]), 1, &wrapped).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Vault {
    number: u32,
    /// What everything but sealing is derived from.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "only databases in SQLite are sealed anew"))]
    identity: KeyBytes,
    sealing: KeyBytes,
    fingerprints: KeyBytes,
    thoughts: KeyBytes,
}

#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "as above"))]
impl Vault {
    /// Makes a new data key under `number`. Gives the vault and the data key as it is to be stored.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the machine has no random bytes.
    pub fn create(master: &MasterKey, number: u32) -> Result<(Self, Vec<u8>), StoreError> {
        let root = random_bytes::<32>().map(Zeroizing::new)?;
        let wrapped = encrypt(master.bytes(), number, b"data key", &root[..])?;
        Ok((Self::from_roots(&root, &root, number), wrapped))
    }

    /// Makes the vault that follows this one: with another data key, under another master key. Gives it and its data key as it
    /// is to be stored.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub(super) fn renewed(&self, master: &MasterKey) -> Result<(Self, Vec<u8>), StoreError> {
        let number = self.number.checked_add(1).ok_or_else(|| StoreError::Invalid("no data key is left".into()))?;
        let root = random_bytes::<32>().map(Zeroizing::new)?;
        let both = Zeroizing::new([&root[..], &self.identity[..]].concat());
        let wrapped = encrypt(master.bytes(), number, b"data key", &both)?;
        Ok((Self::from_roots(&root, &self.identity, number), wrapped))
    }

    /// The number of its data key.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// How everything begins that it has sealed.
    pub(super) fn mark(&self) -> [u8; HEAD] {
        head(self.number)
    }

    /// Opens a stored data key.
    ///
    /// # Errors
    /// [`StoreError::WrongMasterKey`] when `master` did not seal it.
    pub fn unlock(master: &MasterKey, number: u32, wrapped: &[u8]) -> Result<Self, StoreError> {
        let roots = decrypt(master.bytes(), number, b"data key", wrapped).ok_or(StoreError::WrongMasterKey)?;
        let (root, rest) = roots.split_first_chunk::<32>().ok_or(StoreError::WrongMasterKey)?;
        let identity = if rest.is_empty() { &root[..] } else { rest };
        Ok(Self::from_roots(root, identity.try_into().map_err(|_| StoreError::WrongMasterKey)?, number))
    }

    /// Seals `plain` for one column (`table.column`) of one row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the machine has no random bytes.
    pub fn seal(&self, column: &str, row: i64, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        encrypt(&self.sealing, self.number, &place(column, row), plain)
    }

    /// Opens what was sealed for this column of this row.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it was sealed for another place, by another vault, or was changed since.
    pub fn open(&self, column: &str, row: i64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        decrypt(&self.sealing, self.number, &place(column, row), sealed)
            .ok_or_else(|| StoreError::Corrupt(format!("the secret in {column} of row {row} can not be opened").into()))
    }

    /// Tells equal credentials at the same place without showing them: 32 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self, provider: &str, base_url: Option<&str>, credential: &str) -> String {
        fingerprint(&self.fingerprints, provider, base_url, credential)
    }

    /// What the pool seals reasoning with on its way through clients: `PoolBuilder::seal`.
    #[must_use]
    pub fn thought_secret(&self) -> [u8; 32] {
        *self.thoughts
    }

    fn from_roots(root: &[u8; 32], identity: &[u8; 32], number: u32) -> Self {
        let derive = |root: &[u8; 32], purpose: &[u8]| Zeroizing::new(keyed_hash(root, &[purpose]));
        Self {
            number,
            identity: Zeroizing::new(*identity),
            sealing: derive(root, b"amp-pool seal"),
            fingerprints: derive(identity, b"amp-pool fingerprint"),
            thoughts: derive(identity, b"amp-pool thoughts"),
        }
    }
}

/// The place a secret is bound to. The row comes first: it has a fixed length, so no two places read the same.
fn place(column: &str, row: i64) -> Vec<u8> {
    [&row.to_be_bytes()[..], column.as_bytes()].concat()
}

fn head(number: u32) -> [u8; HEAD] {
    let [a, b, c, d] = number.to_be_bytes();
    [VERSION, a, b, c, d]
}

fn encrypt(key: &[u8; 32], number: u32, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce = random_bytes::<NONCE>()?;
    let head = head(number);
    let aad = [&head[..], place].concat();
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
        .map_err(|_| StoreError::Invalid("a secret of this length can not be sealed".into()))?;
    Ok([&head[..], &nonce, &sealed].concat())
}

fn decrypt(key: &[u8; 32], number: u32, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (start, rest) = sealed.split_first_chunk::<HEAD>()?;
    let (nonce, msg) = rest.split_first_chunk::<NONCE>()?;
    let head = head(number);
    if *start != head {
        return None;
    }
    let aad = [&head[..], place].concat();
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg, aad: &aad })
        .ok()
        .map(Zeroizing::new)
}

fn random_bytes<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| StoreError::Unavailable(cause.into()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::create(&MasterKey::from_bytes([1; 32]), 1).unwrap().0
    }

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let vault = vault();
        let sealed = vault.seal("api_keys.api_key", 7, b"sk-1").unwrap();

        assert_eq!(*vault.open("api_keys.api_key", 7, &sealed).unwrap(), b"sk-1");
        assert!(matches!(vault.open("api_keys.api_key", 8, &sealed), Err(StoreError::Corrupt(_))));
        assert!(matches!(vault.open("api_keys.proxy_ip", 7, &sealed), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn a_secret_does_not_open_when_any_bit_of_it_was_changed() {
        let vault = vault();
        let sealed = vault.seal("t.c", 1, b"sk-1").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("t.c", 1, &changed).is_err(), "byte {at}");
            assert!(vault.open("t.c", 1, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_to_the_same_bytes() {
        let vault = vault();
        assert_ne!(vault.seal("t.c", 1, b"sk-1").unwrap(), vault.seal("t.c", 1, b"sk-1").unwrap());
    }

    #[test]
    fn an_unlocked_vault_is_the_one_that_was_made() {
        let master = MasterKey::from_bytes([1; 32]);
        let (made, wrapped) = Vault::create(&master, 1).unwrap();
        let unlocked = Vault::unlock(&master, 1, &wrapped).unwrap();

        let sealed = made.seal("t.c", 1, b"sk-1").unwrap();
        assert_eq!(*unlocked.open("t.c", 1, &sealed).unwrap(), b"sk-1");
        assert_eq!(made.fingerprint("openai", None, "sk-1"), unlocked.fingerprint("openai", None, "sk-1"));
    }

    #[test]
    fn a_renewed_vault_seals_with_another_key_and_tells_credentials_as_before() {
        let master = MasterKey::from_bytes([2; 32]);
        let old = vault();
        let (new, wrapped) = old.renewed(&master).unwrap();
        let unlocked = Vault::unlock(&master, 2, &wrapped).unwrap();
        let sealed = new.seal("t.c", 1, b"sk-1").unwrap();

        assert_eq!(*unlocked.open("t.c", 1, &sealed).unwrap(), b"sk-1");
        assert!(old.open("t.c", 1, &sealed).is_err());
        assert!(new.open("t.c", 1, &old.seal("t.c", 1, b"sk-1").unwrap()).is_err());
        assert_eq!(unlocked.fingerprint("openai", None, "sk-1"), old.fingerprint("openai", None, "sk-1"));
        assert_eq!(unlocked.thought_secret(), old.thought_secret());
        assert!(matches!(Vault::unlock(&MasterKey::from_bytes([1; 32]), 2, &wrapped), Err(StoreError::WrongMasterKey)));
        let (third, _) = unlocked.renewed(&master).unwrap();
        assert_eq!((third.number(), third.thought_secret()), (3, old.thought_secret()));
    }

    #[test]
    fn another_master_key_or_number_unlocks_nothing() {
        let (_, wrapped) = Vault::create(&MasterKey::from_bytes([1; 32]), 1).unwrap();
        let check = |master, number| {
            let unlocked = Vault::unlock(&MasterKey::from_bytes(master), number, &wrapped);
            assert!(matches!(unlocked, Err(StoreError::WrongMasterKey)));
        };

        check([2; 32], 1);
        check([1; 32], 2);
    }
}
