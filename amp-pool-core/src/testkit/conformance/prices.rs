//! Prices that were written down.

use crate::{
    id::PriceId,
    money::PerMillion,
    price::{Origin, PriceSpec, Sheet},
    store::Store,
    time::Timestamp,
};

fn spec(model: &str, input: Option<i64>) -> PriceSpec {
    let sheet = input.map(|input| Sheet {
        input: Some(PerMillion(input)),
        output: Some(PerMillion(2)),
        ..serde_json::from_str(r#"{"batch":{"input":1},"long_context":[{"above_input_tokens":9,"output":"0.5"}]}"#)
            .unwrap()
    });
    PriceSpec {
        origin: if model == "listed" { Origin::List } else { Origin::Own },
        provider: (model != "everywhere").then(|| "openai".into()),
        model: model.into(),
        aliases: vec!["other".into(), "names".into()],
        valid_from: Timestamp::from_millis(7),
        sheet,
        source: "admin".into(),
        who: "somebody".into(),
        note: "because".into(),
    }
}

pub(super) async fn a_price_comes_back_as_it_was_written(store: &dyn Store) {
    let now = Timestamp::from_millis(5);
    assert_eq!(store.prices(None).await.unwrap(), []);
    let specs = vec![spec("listed", Some(1)), spec("everywhere", Some(3)), spec("own", None)];

    let made = store.add_prices(specs.clone(), now).await.unwrap();
    assert_eq!(made.iter().map(|row| row.spec.clone()).collect::<Vec<_>>(), specs);
    assert_eq!(store.prices(None).await.unwrap(), made);
    assert!(made.iter().all(|row| row.create_time == now));
}

pub(super) async fn prices_are_told_in_their_order_and_from_a_row_on(store: &dyn Store) {
    let now = Timestamp::from_millis(5);
    let first = store.add_prices((0..40).map(|n| spec("own", Some(n))).collect(), now).await.unwrap();
    let second = store.add_prices(vec![spec("own", None)], now).await.unwrap();
    assert_eq!(store.add_prices(Vec::new(), now).await.unwrap(), []);

    let all = store.prices(None).await.unwrap();
    assert_eq!(all, [&first[..], &second[..]].concat());
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
    let last: PriceId = first.last().unwrap().id;
    assert_eq!(store.prices(Some(last)).await.unwrap(), second);
    assert_eq!(store.prices(Some(second[0].id)).await.unwrap(), []);
}
