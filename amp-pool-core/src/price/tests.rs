use proptest::prelude::*;

use super::*;
use crate::id::PriceId;

fn price(provider: &str, model: &str) -> &'static Price {
    PriceBook::builtin().find(provider, model).unwrap_or_else(|| panic!("no price for {provider} {model}"))
}

/// Fresh input, cache read, cache write for 5 minutes, for an hour, output.
fn usage([uncached_input, cache_read, cache_write_5m, cache_write_1h, output]: [u64; 5]) -> Usage {
    Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning: None }
}

fn check(provider: &str, model: &str, tokens: [u64; 5], nanos: i64) {
    assert_eq!(price(provider, model).cost(&usage(tokens), PriceFactor::ONE), Ok(NanoUsd(nanos)), "{model} {tokens:?}");
}

#[test]
fn costs_are_right_to_the_nano_dollar() {
    // 1234 × 3 + 50000 × 0.3 + 2000 × 3.75 + 1000 × 6 + 777 × 15 = 43 857 millionths of a dollar.
    check("anthropic", "claude-sonnet-4-5", [1_234, 50_000, 2_000, 1_000, 777], 43_857_000);
    check("anthropic", "claude-haiku-4-5", [1, 0, 0, 0, 1], 6_000);
    // 0.0375 dollars per million are 37.5 nano-dollars per token.
    check("groq", "openai/gpt-oss-20b", [0, 1, 0, 0, 0], 38);
    check("groq", "openai/gpt-oss-20b", [0, 2, 0, 0, 0], 75);
    check("openai", "gpt-5-nano", [0, 1, 0, 0, 0], 5);
    check("openai", "gpt-5", [0, 0, 0, 0, 0], 0);
}

#[test]
fn a_prompt_above_the_threshold_has_all_its_tokens_at_the_other_rate() {
    check("openai", "gpt-6.1-sol", [272_000, 0, 0, 0, 1_000], 554_000_000);
    check("openai", "gpt-6.1-sol", [272_001, 0, 0, 0, 1_000], 1_103_004_000);
    // The cached part counts towards the threshold: 72001 × 4 + 200000 × 0.2 + 10 × 15.
    check("openai", "gpt-6.1-sol", [72_001, 200_000, 0, 0, 10], 328_154_000);
    check("anthropic", "claude-haiku-5-5", [0, 100_001, 0, 0, 0], 5_000_050);
}

#[test]
fn xai_counts_the_threshold_itself_as_long() {
    check("xai", "grok-4.7", [199_999, 0, 0, 0, 0], 399_998_000);
    check("xai", "grok-4.7", [200_000, 0, 0, 0, 0], 800_000_000);
}

#[test]
fn the_highest_step_that_is_reached_holds() {
    let rates = |input| price("qwen", "qwen3-coder-plus").rates_for(input);
    let reached: Vec<_> = [32_000, 32_001, 128_001, 256_001].into_iter().map(|input| rates(input).input).collect();
    assert!(reached.windows(2).all(|pair| pair[0] < pair[1]), "{reached:?}");
}

#[test]
fn a_cache_price_that_is_not_listed_falls_back() {
    // qwen3.5-plus lists no cache prices: all of them at the input rate of 0.4.
    check("qwen", "qwen3.5-plus", [0, 10, 10, 10, 0], 12_000);
    // gpt-6.1-sol lists no price for an hour: that of the default, 2.5.
    check("openai", "gpt-6.1-sol", [0, 0, 0, 10, 0], 25_000);
}

#[test]
fn reasoning_that_is_priced_apart_is_not_priced_twice() {
    let thought = |output, reasoning| {
        let usage = Usage { output, reasoning: Some(reasoning), ..Usage::default() };
        price("qwen", "qwen-turbo").cost(&usage, PriceFactor::ONE).unwrap().0
    };
    // Output 0.2, reasoning 0.5.
    assert_eq!(thought(10, 4), 6 * 200 + 4 * 500);
    assert_eq!(thought(10, 11), 10 * 500);
}

fn on(terms: &str) -> Billing {
    Billing { terms: terms.parse().unwrap(), ..Billing::default() }
}

#[track_caller]
fn check_on(provider: &str, model: &str, terms: &str, tokens: [u64; 5], nanos: i64) {
    assert_eq!(
        price(provider, model).cost(&usage(tokens), on(terms)),
        Ok(NanoUsd(nanos)),
        "{model} {terms} {tokens:?}"
    );
}

#[test]
fn a_tier_has_its_own_rates() {
    // gpt-5: 1.25 / 10, batch and flex half, priority twice; nothing is listed for caches, so 0.125 holds.
    check_on("openai", "gpt-5", "", [10, 0, 0, 0, 10], 112_500);
    check_on("openai", "gpt-5", "batch", [10, 0, 0, 0, 10], 56_250);
    check_on("openai", "gpt-5", "flex", [10, 10, 0, 0, 10], 57_500);
    check_on("openai", "gpt-5", "priority", [10, 0, 0, 0, 10], 225_000);
    // Nobody lists a priority price: the usual one.
    check_on("anthropic", "claude-fable-5-1", "priority", [10, 0, 0, 0, 0], 100_000);
    check_on("anthropic", "claude-fable-5-1", "batch+us", [10, 0, 0, 0, 0], 55_000);
    check_on("anthropic", "claude-opus-5-5", "us+fast", [0; 5], 0);
}

#[test]
fn a_long_prompt_makes_every_tier_as_many_times_dearer() {
    // gpt-6.1-sol: 2 / 10, above 272k 4 / 15; batch 1 / 5, so 2 / 7.5 there.
    check_on("openai", "gpt-6.1-sol", "batch", [272_000, 0, 0, 0, 1_000], 277_000_000);
    check_on("openai", "gpt-6.1-sol", "batch", [272_001, 0, 0, 0, 1_000], 551_502_000);
}

#[test]
fn factors_are_multiplied_and_rounded_once() {
    let opus = price("anthropic", "claude-opus-5-5");
    let billing = Billing { factor: "0.5".parse().unwrap(), ..on("us+fast") };
    let one = usage([1, 0, 0, 0, 0]);
    let expected = i128::from(opus.rates.input.0) * 11 / 10;
    assert_eq!(i128::from(opus.cost(&one, billing).unwrap().0), (expected + 999_999) / 1_000_000);
}

#[test]
fn hours_off_the_peak_have_their_own_rates() {
    let at = |at: &str| Billing { at: Some(at.parse().unwrap()), ..Billing::default() };
    let flash = price("deepseek", "deepseek-v4-flash");
    let one = usage([1_000_000, 0, 0, 0, 0]);
    // The 27th of November 2026 is a Friday.
    let cost = |billing| flash.cost(&one, billing).unwrap();
    let (off, peak) = (NanoUsd(150_000_000), cost(Billing::default()));
    assert!(off < peak);
    assert_eq!(cost(at("2026-11-27T05:00:00Z")), off);
    assert_eq!(cost(at("2026-11-28T08:00:00Z")), off);
    assert_eq!(cost(at("2026-11-27T08:00:00Z")), peak);
}

#[test]
fn a_price_is_written_and_read_again() {
    let rows = read_list(include_str!("prices.json")).unwrap().rows;
    for row in rows.into_iter().map(Result::unwrap) {
        let written = serde_json::to_string(&row.sheet).unwrap();
        let read: Sheet = serde_json::from_str(&written).unwrap();
        assert_eq!(read.price("x"), row.sheet.price("x"), "{written}");
    }
    for (wrong, field) in [
        (r#"{"output":1}"#, "input"),
        (r#"{"input":1}"#, "output"),
        (r#"{"input":1,"output":1,"off_peak":{"windows_utc":[{"hours":"25:00-26:00"}]}}"#, "off_peak"),
        (
            r#"{"input":1,"output":1,"off_peak":{"windows_utc":[{"hours":["00:00-01:00"],"iso_weekdays":[8]}]}}"#,
            "off_peak",
        ),
    ] {
        assert_eq!(serde_json::from_str::<Sheet>(wrong).unwrap().price("x").unwrap_err().field(), field, "{wrong}");
    }
    assert!(serde_json::from_str::<Sheet>(r#"{"input":1,"output":1,"batch":{"inputs":1}}"#).is_err());
}

fn written(id: i64, origin: Origin, provider: Option<&str>, from: i64, input: Option<i64>) -> PriceRow {
    let sheet =
        input.map(|input| Sheet { input: Some(PerMillion(input)), output: Some(PerMillion(1)), ..Sheet::default() });
    let spec = PriceSpec {
        origin,
        provider: provider.map(str::to_owned),
        model: "GPT-5".into(),
        aliases: vec!["five".into()],
        valid_from: Timestamp::from_millis(from),
        sheet,
        source: "test".into(),
        who: "me".into(),
        note: String::new(),
    };
    PriceRow { id: PriceId(id), create_time: Timestamp::from_millis(0), spec }
}

#[test]
fn the_last_word_that_holds_at_a_time_is_the_price() {
    let mut book = PriceBook::builtin().clone();
    let seed = "seed:2026-11-22";
    for row in [
        written(1, Origin::List, Some("openai"), 100, Some(7)),
        written(2, Origin::Own, None, 200, Some(8)),
        written(3, Origin::Own, None, 400, Some(9)),
        written(4, Origin::Own, None, 300, None),
        written(5, Origin::Own, Some("azure"), 0, Some(1)),
    ] {
        book.add(&row).unwrap();
    }
    let check = |provider, model, at, expected: &str| {
        let found = book.find_at(provider, model, Timestamp::from_millis(at));
        assert_eq!(found.map(|price| price.version.as_str()), Some(expected), "{provider} {model} {at}");
    };
    check("openai", "gpt-5", 99, seed);
    check("openai", "gpt-5-2025-08-07", 100, seed);
    check("openai", "gpt-5", 100, "row:1");
    check("openai", "five", 100, "row:1");
    check("openai", "gpt-5", 200, "row:2");
    // Since then the operator has no price: that of the list. The fourth was written after the third.
    check("openai", "gpt-5", 300, "row:1");
    check("openai", "gpt-5", 500, "row:1");
    check("azure", "gpt-5", 500, "row:5");
    assert!(
        book.add(&PriceRow {
            spec: PriceSpec { sheet: Some(Sheet::default()), ..written(6, Origin::Own, None, 0, None).spec },
            ..written(6, Origin::Own, None, 0, None)
        })
        .is_err()
    );
}

#[test]
fn all_prices_that_hold_are_listed_and_no_others() {
    let mut book = PriceBook::default();
    for row in [
        written(1, Origin::List, Some("openai"), 100, Some(7)),
        written(2, Origin::Own, None, 200, Some(8)),
        written(3, Origin::Own, None, 300, None),
    ] {
        book.add(&row).unwrap();
    }
    let check = |at, expected: &[(&str, Option<&str>, &str)]| {
        let listed = book.in_force(Timestamp::from_millis(at));
        let found: Vec<_> = listed.iter().map(|row| (row.model, row.provider, &*row.price.version)).collect();
        assert_eq!(found, expected, "{at}");
    };
    check(99, &[]);
    check(200, &[("gpt-5", None, "row:2"), ("five", Some("openai"), "row:1"), ("gpt-5", Some("openai"), "row:1")]);
    check(300, &[("five", Some("openai"), "row:1"), ("gpt-5", Some("openai"), "row:1")]);
}

#[test]
fn a_free_model_costs_nothing_and_an_embedding_has_no_output() {
    let rates = |input: &str, output: &str| Rates::plain(input.parse().unwrap(), output.parse().unwrap());
    let free = Price::flat("own", rates("0", "0"));
    assert_eq!(free.cost(&usage([1, 2, 3, 4, 5]), PriceFactor::ONE), Ok(NanoUsd::ZERO));
    let embedding = Price::flat("own", rates("0.02", "0"));
    assert_eq!(embedding.cost(&usage([8_191, 0, 0, 0, 0]), PriceFactor::ONE), Ok(NanoUsd(163_820)));
}

#[test]
fn a_factor_is_applied_before_the_one_rounding_and_that_goes_up() {
    let at = |factor: &str, tokens| {
        price("openai", "gpt-5-nano").cost(&usage([0, tokens, 0, 0, 0]), factor.parse::<PriceFactor>().unwrap())
    };
    // 0.005 per million is 5 nano-dollars per token.
    assert_eq!(at("0.5", 1), Ok(NanoUsd(3)));
    assert_eq!(at("0.5", 2), Ok(NanoUsd(5)));
    assert_eq!(at("0.000001", 1), Ok(NanoUsd(1)));
    assert_eq!(at("0", 1), Ok(NanoUsd(0)));
    assert_eq!(at("1.5", 3), Ok(NanoUsd(23)));
}

#[test]
fn a_sum_that_does_not_fit_is_an_error() {
    let expensive = Price::flat("own", Rates::plain(PerMillion(i64::MAX), PerMillion(i64::MAX)));
    for tokens in [[u64::MAX, 0, 0, 0, 0], [u64::MAX; 5], [1_000_001, 0, 0, 0, 0]] {
        let overflow = PriceError::Overflow { tokens: usage(tokens).total() };
        assert_eq!(expensive.cost(&usage(tokens), PriceFactor::ONE), Err(overflow));
    }
    assert_eq!(expensive.cost(&usage([1_000_000, 0, 0, 0, 0]), PriceFactor::ONE), Ok(NanoUsd(i64::MAX)));
}

fn check_found(provider: &str, model: &str, expected: Option<(&str, &str)>) {
    let expected = expected.map(|(provider, model)| price(provider, model));
    assert_eq!(PriceBook::builtin().find(provider, model), expected, "{provider} {model}");
}

#[test]
fn a_model_is_found_by_every_name_it_goes_by() {
    let sonnet = Some(("anthropic", "claude-sonnet-4-5"));
    check_found("anthropic", "claude-sonnet-4-5-20250929", sonnet);
    check_found("amp", "claude-sonnet-4-5", sonnet);
    check_found("openrouter", "anthropic/claude-sonnet-4.5", sonnet);
    check_found("custom", "vendors/anthropic/claude-sonnet-4-5-20991231", sonnet);
    check_found("openai", "gpt-5-mini-2099-01-31", Some(("openai", "gpt-5-mini")));
    check_found("minimax", "minimax-m2", Some(("minimax", "MiniMax-M2")));
    check_found("zhipu", "glm-5.3", Some(("zai", "glm-5.3")));
    check_found("openai", "o1-2024-12-17", Some(("openai", "o1")));
}

#[test]
fn a_host_s_price_is_its_own() {
    assert_ne!(price("groq", "openai/gpt-oss-120b"), price("cerebras", "gpt-oss-120b"));
    check_found("openrouter", "openai/gpt-oss-120b", None);
    check_found("together", "meta-llama/Llama-3.3-70B-Instruct", None);
    check_found(
        "together",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        Some(("together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo")),
    );
    check_found("vllm", "deepseek-v3.2", None);
}

#[test]
fn an_unknown_price_is_none() {
    for model in
        ["", "/", "gpt", "gpt-5-", "gpt-5-99999999", "gpt-5-2025-8-07", "gpt-5-20é50807", "deepseek/deepseek-v3.2:free"]
    {
        check_found("openrouter", model, None);
    }
}

#[test]
fn a_cache_saves_what_its_tokens_would_have_cost_more_when_fresh() {
    let rates = Rates { cache_read: PerMillion(100), ..Rates::plain(PerMillion(1_000), PerMillion(9_000)) };
    let mut tested = Price::flat("own", rates);
    tested.long_context.push(Step { from_input: 2_000_000, rates: Rates::plain(PerMillion(5_000), PerMillion(9_000)) });
    let check = |cache_read, uncached_input, factor: &str, expected| {
        let usage = Usage { uncached_input, cache_read, cache_write_5m: 7, output: 9, ..Usage::default() };
        assert_eq!(
            tested.saved(&usage, factor.parse::<PriceFactor>().unwrap()),
            Ok(NanoUsd(expected)),
            "{cache_read} x {factor}"
        );
    };
    check(0, 1_000, "1", 0);
    check(1_000_000, 0, "1", 900);
    check(1_000_000, 0, "0.5", 450);
    // 899.99… and never more than that.
    check(999_999, 0, "1", 899);
    // The rates of a long prompt, where this price knows no discount.
    check(1_000_000, 1_000_000, "1", 0);
    let absurd = Usage { cache_read: u64::MAX, ..Usage::default() };
    let saved = Price::flat("own", rates).saved(&absurd, PriceFactor::from_millionths(u32::MAX));
    assert_eq!(saved, Err(PriceError::Overflow { tokens: u64::MAX }));
}

#[test]
fn an_operator_s_price_goes_before_the_list() {
    let own = |version: &str| Price::flat(version, Rates::plain(PerMillion(1), PerMillion(2)));
    let set = |provider: Option<&str>, model: &str, version| Override {
        provider: provider.map(str::to_owned),
        model: model.to_owned(),
        price: own(version),
    };
    let book = PriceBook::builtin().clone().with_overrides([
        set(None, "gpt-5", "all"),
        set(Some("zhipu"), "gpt-5", "one"),
        set(Some("zhipu"), "gpt-5", "two"),
    ]);
    let version = |provider, model| book.find(provider, model).map(|price| price.version.as_str());

    assert_eq!(version("openai", "gpt-5-2025-08-07"), Some("all"));
    assert_eq!(version("vllm", "gpt-5"), Some("all"));
    assert_eq!(version("zhipu", "openai/gpt-5"), Some("two"));
    assert_eq!(version("openai", "gpt-5-mini"), Some("seed:2026-11-22"));
}

#[test]
fn the_list_that_comes_with_the_library_is_readable_and_whole() {
    let book = PriceBook::read(include_str!("prices.json"), "seed").unwrap();
    assert!(book.find("openai", "gpt-6.1-sol").is_some());
    let rows: serde_json::Value = serde_json::from_str(include_str!("prices.json")).unwrap();
    for row in ["models", "recently_retired"].iter().flat_map(|part| rows[*part].as_array().unwrap()) {
        let (family, id) = (row["family"].as_str().unwrap(), row["id"].as_str().unwrap());
        assert!(book.find(family, id).is_some(), "{family} {id}");
    }
}

#[test]
fn a_row_that_cannot_be_read_is_named() {
    let check = |row: &str, expected: &str| {
        let json = format!(r#"{{"_meta":{{"extracted_on":"x"}},"models":[{row}]}}"#);
        let err = PriceBook::read(&json, "own").unwrap_err();
        let cause = std::error::Error::source(&err).unwrap().to_string();
        assert!(err.to_string().contains(row.get(..20).unwrap()) && cause.contains(expected), "{err}: {cause}");
    };
    check(r#"{"id":"a","family":"b","input":1e-9,"output":1}"#, "`1e-9` is not an amount");
    check(r#"{"id":"a","family":"b","input":-1,"output":1}"#, "not negative");
    check(r#"{"id":"a","family":"b","input":1}"#, "has an `input` and an `output`");
    check(r#"{"id":"a","input":1,"output":1}"#, "missing field `family`");
}

proptest! {
    #[test]
    fn more_tokens_never_cost_less(tokens in prop::array::uniform5(0_u64..600_000), class in 0_usize..5, more in 1_u64..600_000) {
        for (provider, model) in [("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-6.1-sol"), ("xai", "grok-4.7")] {
            let mut larger = tokens;
            larger[class] += more;
            let cost = |tokens| price(provider, model).cost(&usage(tokens), PriceFactor::ONE).unwrap();
            prop_assert!(cost(tokens) <= cost(larger), "{} {:?} {:?}", model, tokens, larger);
        }
    }
}

proptest::proptest! {
    #[test]
    fn nothing_costs_more_than_the_worst(
        model in proptest::sample::select(vec!["claude-sonnet-4-5", "gpt-5.5", "gpt-6-astra", "claude-haiku-4-5"]),
        parts in proptest::array::uniform4(0..400_000_u64),
        output in 0..200_000_u64,
        reasoning in 0..200_000_u64,
        more in 0..1_000_u64,
        factor in 0..3_000_000_u32,
    ) {
        let provider = if model.starts_with("claude") { "anthropic" } else { "openai" };
        let (price, factor) = (price(provider, model), PriceFactor::from_millionths(factor));
        let [uncached_input, cache_read, cache_write_5m, cache_write_1h] = parts;
        let reasoning = Some(reasoning);
        let usage = Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning };

        let worst = price.worst(usage.input() + more, output + more, factor).unwrap();
        proptest::prop_assert!(price.cost(&usage, factor).unwrap() <= worst);
    }
}
