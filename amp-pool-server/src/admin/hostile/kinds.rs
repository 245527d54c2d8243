//! Every body that the admin API takes, good ones, and who reads each.

use serde_json::{Value, json};

use crate::{
    admin::{
        Problem, alerts, auth, balances, config, explain, groups, keys, models, prices, providers, routes, rules,
        tokens, users,
    },
    oidc,
};

pub(super) type Read = fn(&[u8]) -> Result<(), Problem>;

/// A body that somebody sends.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What the OpenAPI document calls it: the name of its type, or the type of content and where it is sent. It knows
    /// nothing of what comes back by a browser.
    pub(super) described: Option<&'static str>,
    pub(super) good: Value,
    pub(super) read: Read,
}

fn kind(name: &'static str, described: &'static str, good: Value, read: Read) -> Kind {
    Kind { name, described: Some(described), good, read }
}

/// All of them.
pub(super) fn kinds() -> Vec<Kind> {
    let ticket = json!(format!("{}.1764000000.L2tleXM_cT1h", "0a".repeat(32)));
    let mut all = vec![Kind { name: "ticket", described: None, good: ticket, read: oidc::read_ticket }];
    all.extend(of_people());
    all.extend(of_keys());
    all.extend(of_callers());
    all.extend(of_vendors());
    all.extend(of_prices());
    all.extend(of_alerts());
    all
}

fn of_people() -> Vec<Kind> {
    let user = json!({"username": "ada", "password": "planted-horse", "role": "viewer", "enabled": true});
    let setup = json!({"token": "0a".repeat(32), "username": "ada", "password": "planted-horse"});
    let password = json!({"current_password": "planted-horse", "new_password": "planted-mule-7"});
    vec![
        kind("user", "UserInput", user, users::read),
        kind("setup", "SetupInput", setup, auth::read_setup),
        kind("login", "LoginInput", json!({"username": "ada", "password": "planted-horse"}), auth::read),
        kind("password", "PasswordInput", password, auth::read_password),
        kind("setting", "SettingInput", json!({"value": "1"}), config::read),
    ]
}

fn budget() -> Value {
    json!({"limit": "5.00", "window": "day", "zone": "Asia/Shanghai", "hard": true, "max_output": 9,
        "unpriced": {"ceiling": {"input": "1", "output": "2"}}})
}

fn limits() -> Value {
    json!({"rpm": 1, "tpm": 2, "concurrency": 3})
}

fn probe() -> Value {
    json!({"id": "p", "kind": "balance", "steps": [{"url": "{base}/x", "headers": {"a": "b"}, "take": {}}],
        "ok": [{"at": "/a", "in": [1]}], "amount": {"at": "/left", "scale": "0.01"}, "currency": {"at": "/c"}})
}

fn key() -> Value {
    json!({"name": "a", "provider": "openai", "api_key": "sk-1", "ua": "x", "proxy_ip": "socks5h://u:p@h:1",
        "base_url": "https://h/v1", "formats": ["chat"], "models": ["gpt-*"], "models_denied": [], "limits": limits(),
        "budget": budget(), "headers": {"x-a": "b"}, "account": "org", "total_balance": "1.5", "balance_probe": probe(),
        "balance_values": {"team": "x"}, "balance_minimum": "0.1", "balance_usd_rate": "0.14", "price_factor": "1.1",
        "tags": ["eu"], "memo": "m", "enabled": true, "priority": 1, "weight": 2})
}

fn of_keys() -> Vec<Kind> {
    let table = json!(concat!(
        "name,provider,api_key,tags,limits,budget,headers\r\na,openai,sk-1,eu;fast,\"{\"\"rpm\"\":1}\",",
        "\"{\"\"limit\"\":\"\"5\"\",\"\"window\"\":\"\"day\"\"}\",\"{\"\"x-a\"\":\"\"b\"\"}\"\r\n"
    ));
    let text = json!("sk-1\nname sk-2 http://u:p@h:1\n");
    vec![
        kind("key", "KeyInput", key(), keys::read_new),
        kind("list of keys", "POST /api/keys/import application/json", json!([key(), "sk-2"]), keys::read_list),
        kind("table of keys", "POST /api/keys/import text/csv", table, keys::read_table),
        kind("text of keys", "POST /api/keys/import text/plain", text, keys::read_text),
        kind("bulk", "BulkInput", json!({"action": "tag", "ids": [1, 2, 2], "tags": ["eu"]}), keys::read_bulk),
        kind("export", "ExportInput", json!({"password": "planted-horse"}), keys::read_export),
        kind("trial of a key", "KeyTrialInput", json!({"model": "m"}), keys::read_trial),
        kind("balance", "BalanceInput", json!({"amount": "1.5", "currency": "USD"}), balances::read),
    ]
}

fn of_callers() -> Vec<Kind> {
    let token = json!({"name": "t", "enabled": true, "expires_at": "2030-01-01T00:00:00Z", "models": ["*"],
        "ip_allow": ["10.0.0.0/8"], "limits": limits(), "budget": budget(), "group_id": 1, "memo": ""});
    let group = json!({"name": "g", "limits": limits(), "budget": budget(), "memo": ""});
    let route = json!({"model": "fast", "candidates": [{"model": "m", "provider": "p", "tier": 0, "weight": 1}],
        "strategy": "weighted", "strict_translation": true, "translation": {"web_search": true}});
    let question = json!({"model": "m", "token_id": 1, "format": "chat", "stream": true, "input_tokens": 5});
    vec![
        kind("token", "ClientTokenInput", token, tokens::read_new),
        kind("group", "TokenGroupInput", group, groups::read_new),
        kind("route", "RouteInput", route, routes::read_new),
        kind("question", "QuestionInput", question, explain::read),
    ]
}

fn rule() -> Value {
    json!({"status": [429], "code": ["a"], "text": ["^b"], "pattern": ["c+"], "body": "json", "header": "x-a",
        "verdict": "rate_limited", "wait_seconds": 5, "fixed_wait": true, "utc_offset_hours": 8})
}

fn of_vendors() -> Vec<Kind> {
    let mut named = rule();
    named["name"] = json!("r");
    named["position"] = json!(3);
    let trial = json!({"rule": named, "replaces": 1, "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z",
        "key_id": 1, "provider": "openai", "limit": 5, "cursor": "17.2"});
    let provider = json!({"id": "relay", "name": "R", "base_url": "https://h", "auth": "bearer", "models": ["*"],
        "formats": {"chat": {"root": "/v1", "headers": {"a": "b"}, "branches": [{"root": "/x", "models": ["y"]}]}},
        "headers": {"x": "y"}, "rules": [rule()], "balance": [probe()], "aliases": ["r"], "passes": ["x-r"],
        "betas": ["b-*"]});
    vec![
        kind("rule", "RuleInput", named, rules::read_new),
        kind("trial of a rule", "RuleTrialInput", trial, rules::read_trial),
        kind("provider", "ProviderInput", provider, providers::read_new),
        kind("refresh", "RefreshInput", json!({"key_ids": [1, 2]}), models::read),
    ]
}

fn of_prices() -> Vec<Kind> {
    let rates = json!({"input": "1", "output": "2.5", "cache_read": "0.1", "cache_write_5m": 1.25, "cache_write_1h": null,
        "reasoning": "3"});
    let mut sheet = rates.clone();
    sheet["long_context"] = json!([{"above_input_tokens": 200_000, "input": "2", "output": "5"}]);
    sheet["batch"] = json!({"input": "0.5", "output": "1"});
    sheet["off_peak"] = json!({"windows_utc": [{"hours": "16:30-00:30", "iso_weekdays": [1, 7]}], "input": "0.5"});
    sheet["multipliers"] = json!({"fast": "6", "us": "1.1"});
    sheet["context_window"] = json!(400_000);
    sheet["max_output"] = json!(64_000);
    let mut row = sheet.clone();
    row["id"] = json!("gpt-ours");
    row["family"] = json!("openai");
    row["aliases"] = json!(["gpt-o"]);
    let own = json!({"_meta": {"extracted_on": "2026-11-22"}, "models": [row], "recently_retired": []});
    let others = json!({"gpt-ours": {"mode": "chat", "litellm_provider": "openai", "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7, "input_cost_per_token_above_200k_tokens": 2e-6,
        "output_cost_per_token_above_200k_tokens": 4e-6, "max_input_tokens": 9, "max_output_tokens": "8"}});
    let price = json!({"provider": "openai", "price": sheet, "valid_from": "2026-01-01T00:00:00Z", "note": "n"});
    let again = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "model": "m", "dry_run": true,
        "note": "n"});
    let sent = "POST /api/prices/import application/json";
    vec![
        kind("price", "PriceInput", price, models::read_price),
        kind("price list", sent, own, prices::read_list),
        kind("price list of others", sent, others, prices::read_list),
        kind("re-rate", "ReRateInput", again, prices::read_re_rate),
    ]
}

fn of_alerts() -> Vec<Kind> {
    let rule = json!({"name": "r", "kind": "balance_low", "enabled": true, "severity": "warning", "threshold": "5.5",
        "clear_at": "6", "for_seconds": 60, "clear_seconds": 60, "repeat_seconds": 3600, "only": ["gpt-*"],
        "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Asia/Shanghai"}, "currency": "USD", "channels": [1]});
    let channel = json!({"name": "c", "kind": "webhook", "enabled": true,
        "settings": {"template": "{\"text\":\"{{title}}\"}"}, "secrets": {"url": "https://h/x?y=z", "secret": "s"}});
    vec![
        kind("alert rule", "AlertRuleInput", rule, alerts::rules::read_new),
        kind("alert channel", "AlertChannelInput", channel, alerts::channels::read_new),
    ]
}
