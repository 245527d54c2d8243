//! How a request shows that it is ours.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{format::base64, time::Timestamp};

/// What the secrets of Standard Webhooks begin with; the rest is base64.
const STANDARD: &str = "whsec_";

/// The text that DingTalk wants in the address beside the time: a MAC of time and secret under the secret.
pub(super) fn dingtalk(secret: &str, now: Timestamp) -> String {
    mac(secret.as_bytes(), format!("{}\n{secret}", now.as_millis()).as_bytes())
}

/// The text that Feishu wants in the body beside the time in seconds: a MAC of nothing under time and secret.
pub(super) fn feishu(secret: &str, seconds: i64) -> String {
    mac(format!("{seconds}\n{secret}").as_bytes(), b"")
}

/// The value of `webhook-signature`, as the Standard Webhooks say: a MAC of id, time and body. A secret that does not begin
/// with `whsec_` is taken as it is.
pub(super) fn standard(secret: &str, id: &str, seconds: i64, body: &[u8]) -> String {
    let key = secret.strip_prefix(STANDARD).and_then(base64::decode_padded);
    let key = key.unwrap_or_else(|| secret.as_bytes().to_vec());
    let text = [format!("{id}.{seconds}.").as_bytes(), body].concat();
    format!("v1,{}", mac(&key, &text))
}

fn mac(key: &[u8], text: &[u8]) -> String {
    // HMAC takes keys of any length; there is no other way for this to fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(text);
    base64::encode_padded(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_services_own_examples() {
        // Standard Webhooks' reference libraries share this one.
        let body = br#"{"test": 2432232314}"#;
        let found =
            standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(found, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_empty_secret_is_still_a_key_of_its_own() {
        assert_ne!(dingtalk("a", Timestamp::from_millis(1)), dingtalk("b", Timestamp::from_millis(1)));
        assert_ne!(feishu("a", 1), feishu("a", 2));
    }
}
