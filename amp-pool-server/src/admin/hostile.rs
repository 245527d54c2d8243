//! Bodies that nobody would write, for every input of the admin API: none makes a handler panic, and each is taken or refused
//! for a reason.
//!
//! A few thousand of each kind, the same ones each time. `AMP_POOL_FUZZ_SECONDS=600 cargo test -p amp-pool-server hostile` goes
//! on with others for so long, for each kind.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{
    Problem, alerts, auth, balances, config, explain, groups, keys, models, providers, routes, rules, tokens, users,
};

const ROUNDS: usize = 3_000;

type Read = fn(&[u8]) -> Result<(), Problem>;

/// What a body of each kind looks like when it is good, and who reads it.
fn kinds() -> Vec<(&'static str, Value, Read)> {
    let budget = json!({"limit": "5.00", "window": "day", "zone": "Asia/Shanghai", "hard": true, "max_output": 9,
                        "unpriced": {"ceiling": {"input": "1", "output": "2"}}});
    let limits = json!({"rpm": 1, "tpm": 2, "concurrency": 3});
    let probe = json!({"id": "p", "kind": "balance", "steps": [{"url": "{base}/x", "headers": {"a": "b"}, "take": {}}],
                       "ok": [{"at": "/a", "in": [1]}], "amount": {"at": "/left", "scale": "0.01"}, "currency": {"at": "/c"}});
    let rule = json!({"status": [429], "code": ["a"], "text": ["^b"], "pattern": ["c+"], "body": "json", "header": "x-a",
                      "verdict": "rate_limited", "wait_seconds": 5, "fixed_wait": true, "utc_offset_hours": 8});
    let key = json!({"name": "a", "provider": "openai", "api_key": "sk-1", "ua": "x", "proxy_ip": "socks5h://u:p@h:1",
        "base_url": "https://h/v1", "formats": ["chat"], "models": ["gpt-*"], "models_denied": [], "limits": limits,
        "budget": budget, "headers": {"x-a": "b"}, "account": "org", "total_balance": "1.5", "balance_probe": probe,
        "balance_values": {"team": "x"}, "balance_minimum": "0.1", "balance_usd_rate": "0.14", "price_factor": "1.1",
        "tags": ["eu"], "memo": "m", "enabled": true, "priority": 1, "weight": 2});
    let mut named_rule = rule.clone();
    named_rule["name"] = json!("r");
    named_rule["position"] = json!(3);
    vec![
        ("key", key.clone(), keys::read_new),
        ("list of keys", json!([key, "sk-2"]), keys::read_list),
        ("table of keys", json!("name,provider,api_key\r\na,openai,sk-1\r\n"), keys::read_table),
        ("text of keys", json!("sk-1\nname sk-2 http://u:p@h:1\n"), keys::read_text),
        (
            "token",
            json!({"name": "t", "enabled": true, "expires_at": "2030-01-01T00:00:00Z", "models": ["*"],
            "ip_allow": ["10.0.0.0/8"], "limits": limits, "budget": budget, "group_id": 1, "memo": ""}),
            tokens::read_new,
        ),
        ("group", json!({"name": "g", "limits": limits, "budget": budget, "memo": ""}), groups::read_new),
        (
            "route",
            json!({"model": "fast", "candidates": [{"model": "m", "provider": "p", "tier": 0, "weight": 1}],
            "strategy": "weighted", "strict_translation": true, "translation": {"web_search": true}}),
            routes::read_new,
        ),
        (
            "question",
            json!({"model": "m", "token_id": 1, "format": "chat", "stream": true, "input_tokens": 5}),
            explain::read,
        ),
        ("rule", named_rule, rules::read_new),
        (
            "provider",
            json!({"id": "relay", "name": "R", "base_url": "https://h", "auth": "bearer", "models": ["*"],
            "formats": {"chat": {"root": "/v1", "headers": {"a": "b"}, "branches": [{"root": "/x", "models": ["y"]}]}},
            "headers": {"x": "y"}, "rules": [rule], "balance": [probe], "aliases": ["r"], "passes": ["x-r"], "betas": ["b-*"]}),
            providers::read_new,
        ),
        (
            "user",
            json!({"username": "ada", "password": "planted-horse", "role": "viewer", "enabled": true}),
            users::read,
        ),
        ("login", json!({"username": "ada", "password": "planted-horse"}), auth::read),
        (
            "alert rule",
            json!({"name": "r", "kind": "balance_low", "enabled": true, "severity": "warning", "threshold": "5.5",
            "clear_at": "6", "for_seconds": 60, "clear_seconds": 60, "repeat_seconds": 3600, "only": ["gpt-*"],
            "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Asia/Shanghai"}, "currency": "USD", "channels": [1]}),
            alerts::rules::read_new,
        ),
        (
            "alert channel",
            json!({"name": "c", "kind": "webhook", "enabled": true, "settings": {"template": "{\"text\":\"{{title}}\"}"},
            "secrets": {"url": "https://h/x?y=z", "secret": "s"}}),
            alerts::channels::read_new,
        ),
        ("ticket", json!(format!("{}.1764000000.L2tleXM_cT1h", "0a".repeat(32))), crate::oidc::read_ticket),
        ("setting", json!({"value": "1"}), config::read),
        ("balance", json!({"amount": "1.5", "currency": "USD"}), balances::read),
        ("refresh", json!({"key_ids": [1, 2]}), models::read),
    ]
}

/// Numbers that look as if they were thrown, and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }

    fn odd_value(&mut self) -> Value {
        match self.roll(20) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(0),
            4 => json!(u64::MAX),
            5 => json!(i64::MIN),
            6 => json!(1.5e308),
            7 => json!(0.1),
            8 => json!(""),
            9 => json!("x".repeat(1 + self.roll(70_000))),
            10 => json!("\0\u{feff}\u{202e}é\u{1f600}"),
            11 => json!("-0.000000001"),
            12 => json!("99999999999999999999.9999999999"),
            13 => json!("9999-12-31T23:59:60Z"),
            14 => json!("((((((((((a*)*)*)*)*)*)*)*)*)*"),
            15 => json!("http://[::ffff:169.254.169.254]:99999/\\..?#@"),
            16 => json!([[[[[[[[[[]]]]]]]]]]),
            17 => json!({"a": {"b": {"c": {}}}}),
            18 => json!(vec![json!("a"); self.roll(3_000)]),
            _ => json!("*".repeat(self.roll(300))),
        }
    }

    /// Changes something, somewhere.
    fn spoil(&mut self, value: &mut Value) {
        let here = self.roll(3) == 0;
        match value {
            Value::Object(fields) if !here && !fields.is_empty() => self.spoil_field(fields),
            Value::Array(items) if !here && !items.is_empty() => {
                let at = self.roll(items.len());
                match self.roll(4) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => self.spoil(&mut items[at]),
                }
            }
            Value::String(text) if self.roll(2) == 0 => {
                let at = self.roll(text.chars().count() + 1);
                let odd = ["\0", "\"", "é", "\r\n", " ", ",", "=", "://", "9", "^", "{base}", "*"][self.roll(12)];
                *text = text.chars().take(at).chain(odd.chars()).chain(text.chars().skip(at + self.roll(2))).collect();
            }
            other => *other = self.odd_value(),
        }
    }

    fn spoil_field(&mut self, fields: &mut Map<String, Value>) {
        let name = fields.keys().nth(self.roll(fields.len())).unwrap().clone();
        match self.roll(6) {
            0 => drop(fields.remove(&name)),
            1 => drop(fields.insert(format!("{name}{}", ["x", " ", "\0", "_id"][self.roll(4)]), self.odd_value())),
            _ => self.spoil(fields.get_mut(&name).unwrap()),
        }
    }

    fn body(&mut self, good: &Value) -> Vec<u8> {
        let mut value = good.clone();
        for _ in 0..=self.roll(4) {
            self.spoil(&mut value);
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut bytes = text.into_bytes();
        if self.roll(4) == 0 && !bytes.is_empty() {
            let (at, byte) = (self.roll(bytes.len()), self.roll(256));
            bytes[at] = u8::try_from(byte).unwrap();
        }
        if self.roll(10) == 0 {
            bytes.truncate(self.roll(bytes.len() + 1));
        }
        bytes
    }
}

#[test]
fn no_body_makes_a_handler_panic_and_each_refusal_says_why() {
    let longer =
        std::env::var("AMP_POOL_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    for (name, good, read) in kinds() {
        let whole = good.as_str().map_or_else(|| good.to_string(), str::to_owned);
        assert!(read(whole.as_bytes()).is_ok(), "{name}: {:?}", read(whole.as_bytes()));
        let (mut dice, start, mut refused, mut rounds) = (Dice(0x9e37_79b9_7f4a_7c15), Instant::now(), 0, 0);
        while rounds < ROUNDS || longer.is_some_and(|longer| start.elapsed() < longer) {
            let body = dice.body(&good);
            let began = Instant::now();
            if let Err(problem) = read(&body) {
                refused += 1;
                let status = problem.status().as_u16();
                assert!((400..500).contains(&status) && !problem.into_parts().1.is_empty(), "{name}: {status}");
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{name} takes too long: {} bytes", body.len());
            rounds += 1;
        }
        assert!(refused > rounds / 10 && refused < rounds, "{name}: {refused} of {rounds} were refused");
    }
}
