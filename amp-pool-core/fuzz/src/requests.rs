//! The way there.

use amp_pool_core::format::{Format, Reject, Sent, Translation, count_tokens};

use super::setup;

/// A request becomes one for each other format, or is refused with words.
pub(crate) fn translated(client: Format, data: &[u8]) {
    let (pick, body) = setup::split(data);
    let is_read = count_tokens(client, body).is_ok();
    for upstream in Format::ALL.into_iter().filter(|upstream| *upstream != client) {
        let translation = setup::translation(client, upstream, pick);
        let sent = translation.request(body);
        match &sent {
            Ok(sent) => sane(sent, upstream),
            Err(reject) => assert!(!reject.message.is_empty()),
        }
        assert!(is_read || sent.is_err(), "what can not be counted can not be sent");
        assert_eq!(essence(&sent), essence(&translation.request(body)), "the same twice");
        strictly(&translation, body, &sent);
        again(&translation, &sent, pick);
    }
}

fn essence(sent: &Result<Sent, Reject>) -> Result<&[u8], &Reject> {
    sent.as_ref().map(|sent| sent.body.as_slice())
}

/// A body of one object, and headers that can be sent.
fn sane(sent: &Sent, upstream: Format) {
    assert_eq!(sent.back.upstream(), upstream);
    let body = serde_json::from_slice::<serde_json::Value>(&sent.body);
    // What a client nests deeper than any parser goes is passed on.
    assert!(body.is_ok_and(|body| body.is_object()) || nests(&sent.body), "{}", String::from_utf8_lossy(&sent.body));
    for header in [sent.losses.dropped_header(), sent.losses.adjusted_header()].into_iter().flatten() {
        assert!(header.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{header}");
    }
}

fn nests(body: &[u8]) -> bool {
    body.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > 100
}

/// A strict route sends the same or nothing, and nothing when anything is lost.
fn strictly(translation: &Translation, body: &[u8], sent: &Result<Sent, Reject>) {
    let mut route = translation.clone();
    route.policy.strict = true;
    match (sent, route.request(body)) {
        (Ok(sent), Ok(strict)) => {
            assert!(sent.losses.all().is_empty(), "lost on a strict route: {:?}", sent.losses.all());
            assert_eq!(sent.body, strict.body);
        }
        (Ok(sent), Err(_)) => assert!(!sent.losses.all().is_empty(), "refused without a loss"),
        (Err(_), Ok(_)) => panic!("a strict route is more lenient"),
        (Err(_), Err(_)) => {}
    }
}

/// What we write we can read: the body is a request of the format it was written for.
fn again(there: &Translation, sent: &Result<Sent, Reject>, pick: usize) {
    let Ok(sent) = sent else { return };
    let back = setup::translation(there.upstream, there.client, pick);
    if let Err(reject) = back.request(&sent.body) {
        // The other upstream may not take what this one does; a fault of the body itself would be ours.
        let is_ours = reject.message.contains("missing") || reject.message.contains("is not right");
        assert!(!is_ours, "{reject} ({:?}) in {}", reject.field, String::from_utf8_lossy(&sent.body));
    }
}
