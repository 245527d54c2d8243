use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;
use crate::alert::{Answered, Item, Severity};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn message() -> Message {
    let item =
        Item { subject: "key:7".into(), name: "key <a> & \"b\"".into(), detail: "3 USD left".into(), since: NOW };
    Message {
        id: "alert_1_fired_1700000000000".into(),
        title: "[CRITICAL] low balance: key <a> & \"b\"".into(),
        event: "fired".into(),
        severity: Severity::Critical,
        kind: "balance_low".into(),
        rule: "money".into(),
        time: NOW,
        count: 1,
        items: vec![item],
    }
}

const TITLE: &str = "[CRITICAL] low balance: key <a> & \"b\"";
const TEXT: &str = "key <a> & \"b\": 3 USD left (since 2023-11-14 22:13 UTC)";

fn check(channel: &ChannelSpec, uri: &str, expected: &Value) -> Request<Vec<u8>> {
    channel.check().unwrap();
    let request = letter(channel, &message(), NOW).unwrap().request;
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", uri));
    assert_eq!(request.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, *expected, "{}", channel.kind);
    request
}

fn at(kind: &str, url: &str) -> ChannelSpec {
    ChannelSpec::new("ops", kind).with_secret("url", url)
}

// The shapes are those of each service's own documentation.

#[test]
fn slack_takes_mrkdwn_in_which_nothing_is_a_link_or_a_mention() {
    let url = "https://hooks.slack.com/services/T000/B000/XXXX";
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    check(&at("slack", url), url, &json!({"text": format!("*{}*\n{}", escaped(TITLE), escaped(TEXT))}));
}

#[test]
fn discord_mentions_nobody() {
    let url = "https://discord.com/api/webhooks/1/abc";
    check(
        &at("discord", url),
        url,
        &json!({"content": format!("**{TITLE}**\n{TEXT}"), "allowed_mentions": {"parse": []}}),
    );
}

#[test]
fn telegram_has_its_token_in_the_path() {
    let channel = ChannelSpec::new("ops", "telegram").with_secret("token", "123:AA/b").with("chat_id", "-100");
    let body =
        json!({"chat_id": "-100", "text": format!("{TITLE}\n{TEXT}"), "link_preview_options": {"is_disabled": true}});
    check(&channel, "https://api.telegram.org/bot123:AA%2Fb/sendMessage", &body);
    let elsewhere = channel.with_secret("url", "http://127.0.0.1:8081/");
    check(&elsewhere, "http://127.0.0.1:8081/bot123:AA%2Fb/sendMessage", &body);
}

#[test]
fn dingtalk_is_signed_in_the_address() {
    let url = "https://oapi.dingtalk.com/robot/send?access_token=abc";
    let markdown = json!({"title": TITLE, "text": format!("### {TITLE}\n\n- {TEXT}")});
    let body = json!({"msgtype": "markdown", "markdown": markdown});
    check(&at("dingtalk", url), url, &body);
    // By Python: base64(hmac_sha256("SEC000", "1700000000000\nSEC000")).
    let signed = format!("{url}&timestamp=1700000000000&sign=ltBBey5eZrWKh1cPzFIdz3v3xpkc4Tjx4lLsPSHqdtA%3D");
    check(&at("dingtalk", url).with_secret("secret", "SEC000"), &signed, &body);
    check(&at("dingtalk", url).with_secret("secret", ""), url, &body);
}

#[test]
fn feishu_is_signed_in_the_body() {
    let url = "https://open.feishu.cn/open-apis/bot/v2/hook/abc";
    let safe = |text: &str| text.replace('<', "‹").replace('>', "›");
    let content = json!({"text": format!("{}\n{}", safe(TITLE), safe(TEXT))});
    check(&at("feishu", url), url, &json!({"msg_type": "text", "content": content}));
    // By Python: base64(hmac_sha256("1700000000\nSEC000", "")).
    let signed = json!({"msg_type": "text", "content": content, "timestamp": "1700000000", "sign": "QKhXycVUGrhA1dUEbXA2Vo/zGkv/W88IgYgKNA7Xmk0="});
    check(&at("feishu", url).with_secret("secret", "SEC000"), url, &signed);
}

#[test]
fn wecom_takes_text() {
    let url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc";
    check(&at("wecom", url), url, &json!({"msgtype": "text", "text": {"content": format!("{TITLE}\n{TEXT}")}}));
}

#[test]
fn bark_and_ntfy_ring_louder_when_it_is_worse() {
    let bark = ChannelSpec::new("phone", "bark").with_secret("device_key", "dk");
    let body = json!({"device_key": "dk", "title": TITLE, "body": TEXT, "level": "timeSensitive", "group": "AMP Pool"});
    check(&bark, "https://api.day.app/push", &body);

    let ntfy = ChannelSpec::new("phone", "ntfy").with_secret("topic", "t").with_secret("token", "tk_1");
    let body = json!({"topic": "t", "title": TITLE, "message": TEXT, "priority": 5, "tags": ["rotating_light"]});
    let request = check(&ntfy, "https://ntfy.sh/", &body);
    assert_eq!(request.headers()["authorization"], "Bearer tk_1");

    let over = Message { event: "cleared".into(), ..message() };
    let request = letter(&ntfy, &over, NOW).unwrap().request;
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!((&body["priority"], &body["tags"]), (&json!(3), &json!(["white_check_mark"])));
}

#[test]
fn a_webhook_gets_the_whole_message_and_can_check_it() {
    let channel = at("webhook", "https://example.com/hook")
        .with_secret("secret", "whsec_c2VjcmV0")
        .with_secret("authorization", "Basic dTpw");
    let mut expected = json!(message());
    expected["text"] = TEXT.into();
    let request = check(&channel, "https://example.com/hook", &expected);
    let header = |name| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("webhook-id"), header("webhook-timestamp")), (message().id, "1700000000".into()));
    assert_eq!(header("webhook-signature"), sign::standard("secret", &message().id, 1_700_000_000, request.body()));
    assert_eq!(header("authorization"), "Basic dTpw");
    let unsigned = letter(&at("webhook", "https://example.com/hook"), &message(), NOW).unwrap().request;
    assert!(!unsigned.headers().contains_key("webhook-signature"));
}

#[test]
fn a_template_is_filled_without_breaking_its_json() {
    let template = |text: &str| at("webhook", "https://example.com/").with("template", text);
    let good = template(
        r#"{"a": "{{title}} by {{ rule }}", "n": "{{count}}", "list": ["{{severity}}", 1, null], "open": "{{"}"#,
    );
    let body = json!({"a": format!("{TITLE} by money"), "n": 1, "list": ["critical", 1, null], "open": "{{"});
    check(&good, "https://example.com/", &body);
    for wrong in ["{", r#"{"a": "{{nonsense}}"}"#, r#"{"a": "{{template}}"}"#] {
        assert_eq!(template(wrong).check().unwrap_err().field, "settings.template", "{wrong}");
    }
}

#[test]
fn a_long_text_is_cut_to_what_the_service_takes() {
    let item = Item { detail: "é".repeat(3_000), ..message().items[0].clone() };
    let long = Message { items: vec![item], ..message() };
    let request = letter(&at("wecom", "https://example.com/"), &long, NOW).unwrap().request;
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let text = body["text"]["content"].as_str().unwrap();
    assert!(text.len() < 2_048 && text.ends_with('…'), "{}", text.len());
}

#[test]
fn services_that_say_200_and_mean_no_are_understood() {
    let check = |kind: &str, status: u16, body: Value, expected: &str, wait: Option<u64>| {
        let channel = at(kind, "https://example.com/0123456789abcdef").with_secret("token", "0123456789abcdef");
        let found =
            judge(&channel, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.to_string().as_bytes());
        let (name, waits) = match &found {
            Answered::Sent => ("sent", None),
            Answered::Again { wait, .. } => ("again", wait.map(|wait| wait.as_secs())),
            Answered::Refused { .. } => ("refused", None),
        };
        assert_eq!((name, waits), (expected, wait), "{kind}: {found:?}");
    };
    check("slack", 200, json!("ok"), "sent", None);
    check("slack", 404, json!("no_service"), "refused", None);
    check("discord", 204, Value::Null, "sent", None);
    check("discord", 429, json!({"message": "You are being rate limited.", "retry_after": 0.5}), "again", None);
    check("telegram", 200, json!({"ok": true}), "sent", None);
    check("telegram", 403, json!({"ok": false, "error_code": 403, "description": "bot was kicked"}), "refused", None);
    check("telegram", 429, json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 7}}), "again", Some(7));
    check("dingtalk", 200, json!({"errcode": 0, "errmsg": "ok"}), "sent", None);
    check("dingtalk", 200, json!({"errcode": 310000, "errmsg": "sign not match"}), "refused", None);
    check("dingtalk", 200, json!({"errcode": 130101, "errmsg": "send too fast"}), "again", None);
    check("feishu", 200, json!({"code": 0, "msg": "success"}), "sent", None);
    check(
        "feishu",
        200,
        json!({"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}),
        "refused",
        None,
    );
    check("feishu", 200, json!({"code": 9499, "msg": "too many request"}), "again", None);
    check("wecom", 200, json!({"errcode": 93000, "errmsg": "invalid webhook url"}), "refused", None);
    check("wecom", 200, json!({"errcode": 45009, "errmsg": "api freq out of limit"}), "again", None);
    check("bark", 200, json!({"code": 200, "message": "success"}), "sent", None);
    check("bark", 400, json!({"code": 400, "message": "failed to get device token"}), "refused", None);
    check("ntfy", 507, json!({"code": 50701, "error": "full"}), "again", None);
    check("webhook", 302, Value::Null, "refused", None);
    check("webhook", 503, Value::Null, "again", None);
    check("wecom", 200, json!("<html>"), "refused", None);
}

#[test]
fn an_answer_is_told_without_what_it_repeats_of_our_secrets() {
    let channel = ChannelSpec::new("ops", "telegram").with_secret("token", "123456:secret-part");
    let body = json!({"ok": false, "error_code": 401, "description": "bad token 123456:secret-part"});
    let answered = judge(&channel, StatusCode::UNAUTHORIZED, &HeaderMap::new(), body.to_string().as_bytes());
    let Answered::Refused { why } = answered else { panic!("{answered:?}") };
    assert!(why.starts_with("HTTP 401, code 401: bad token ") && !why.contains("secret-part"), "{why}");
}

#[test]
fn a_service_says_how_long_to_wait() {
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "30".parse().unwrap())]);
    let answered = judge(&at("slack", "https://example.com"), StatusCode::TOO_MANY_REQUESTS, &headers, b"");
    assert_eq!(answered, Answered::Again { wait: Some(std::time::Duration::from_secs(30)), why: "HTTP 429".into() });
}
