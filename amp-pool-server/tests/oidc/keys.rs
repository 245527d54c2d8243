//! Key pairs, made anew for each test but for those of RSA, which take long to make.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};

pub(crate) struct Key {
    pub(crate) id: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Key {
    pub(crate) fn rsa(id: &'static str) -> Self {
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("rsa.pem")).unwrap();
        Self { id, pair: Pair::Rsa(RsaKeyPair::from_pkcs8(key.secret_der()).unwrap()) }
    }

    pub(crate) fn ec(id: &'static str) -> Self {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self { id, pair: Pair::Ec(EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).unwrap()) }
    }

    pub(crate) fn ed(id: &'static str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id, pair: Pair::Ed(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": text(&parts.n), "e": text(&parts.e), "alg": "RS256"})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())}),
        };
        (key["kid"], key["use"]) = (self.id.into(), "sig".into());
        key
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        let (text, random) = (text.as_bytes(), SystemRandom::new());
        URL_SAFE_NO_PAD.encode(match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(text).as_ref().to_vec(),
        })
    }

    /// What who knows the public key can do as well.
    pub(crate) fn sign_with_what_is_public(&self, text: &str) -> String {
        let public = match &self.pair {
            Pair::Rsa(pair) => RsaPublicKeyComponents::<Vec<u8>>::from(pair.public()).n,
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        };
        URL_SAFE_NO_PAD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), text.as_bytes()))
    }
}
