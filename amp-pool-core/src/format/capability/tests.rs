use super::*;

#[test]
fn every_row_of_the_tables_is_read() {
    let models: Vec<Model> = serde_json::from_str(include_str!("models.json")).unwrap();
    let dialects: Vec<Dialect> = serde_json::from_str(include_str!("dialects.json")).unwrap();

    assert_eq!((models.len(), dialects.len()), (MODELS.len(), DIALECTS.len()));
    assert!(models.iter().all(|row| row.efforts.is_sorted()), "efforts rise");
    assert!(!models.is_empty() && !dialects.is_empty());
}

#[test]
fn the_longest_prefix_wins() {
    let check = |model: &str, thinks: Thinks, max_output: u64| {
        let found = Model::find(model).unwrap();
        assert_eq!((found.thinks, found.max_output), (thinks, Some(max_output)), "{model}");
    };
    check("claude-opus-5-20260901", Thinks::Asked, 128_000);
    check("claude-opus-4-5", Thinks::Asked, 64_000);
    check("anthropic/claude-sonnet-5", Thinks::ByDefault, 128_000);
    check("gpt-5", Thinks::Always, 128_000);
    check("gpt-5-mini", Thinks::Always, 128_000);
    check("gpt-5-chat-latest", Thinks::Never, 16_384);
    check("gpt-5.5-pro-2026", Thinks::Always, 128_000);
    check("gpt-5.5", Thinks::ByDefault, 128_000);
    check("o1-mini", Thinks::Always, 65_536);
    assert_eq!(Model::find("deepseek-chat"), None);
}

#[test]
fn an_effort_is_clipped_to_one_that_is_taken() {
    let check = |model: &str, asked, expected| {
        assert_eq!(Model::find(model).unwrap().nearest(asked), expected, "{model}");
    };
    check("claude-opus-4-6", Effort::Xhigh, Some(Effort::Max));
    check("claude-opus-4-6", Effort::Minimal, Some(Effort::Low));
    check("claude-opus-5", Effort::Xhigh, Some(Effort::Xhigh));
    check("claude-haiku-4-5", Effort::High, None);
    check("gpt-5", Effort::None, Some(Effort::Minimal));
    check("gpt-5.1", Effort::None, Some(Effort::None));
    check("gpt-5.1", Effort::Minimal, Some(Effort::Low));
    check("gpt-5.1", Effort::Max, Some(Effort::High));
}

#[test]
fn a_provider_nobody_told_us_of_gets_what_is_safest() {
    let unknown = Dialect::find("someone");

    assert_eq!(unknown, &Dialect::default());
    assert_eq!(Dialect::find("openai").max_tokens_field, MaxTokensField::MaxCompletionTokens);
    assert_eq!(unknown.nearest(Effort::Xhigh), Some(Effort::Xhigh));
    assert_eq!(Dialect::find("moonshot").nearest(Effort::Medium), Some(Effort::Low));
}
