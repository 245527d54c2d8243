//! What calls said.

use super::{
    budgets::commit,
    samples::{at, opened, record, settle_entry},
};
use crate::store::{CallBodies, KeptBody, Store};

fn bodies(n: u16) -> CallBodies {
    let part = |text: Option<&str>, bytes| KeptBody { text: text.map(Into::into), bytes };
    let (request, answer) = (part(Some("{\"a\":\n\"é\"}"), 70_000 + u64::from(n)), part(None, 9));
    CallBodies { call: opened(n).call, create_time: at(n.into()), request, answer }
}

pub(super) async fn bodies_come_back_as_they_were_kept(store: &dyn Store) {
    assert!(store.bodies(opened(1).call).await.unwrap().is_none());
    store.put_bodies(Vec::new()).await.unwrap();
    store.put_bodies(vec![bodies(1), bodies(2)]).await.unwrap();
    let again = CallBodies { answer: KeptBody { text: Some("other".into()), bytes: 5 }, ..bodies(1) };
    store.put_bodies(vec![again, bodies(3)]).await.unwrap();

    for n in 1..4 {
        assert_eq!(store.bodies(opened(n).call).await.unwrap(), Some(bodies(n)));
    }
}

pub(super) async fn bodies_go_by_their_age_or_with_their_call(store: &dyn Store) {
    commit(store, [settle_entry(&record(1)), settle_entry(&record(5))]).await;
    store.put_bodies((1..=5).map(bodies).collect()).await.unwrap();

    assert_eq!(store.forget_bodies(at(4), 2).await.unwrap(), 2);
    assert_eq!(store.forget_bodies(at(4), 2).await.unwrap(), 1);
    assert_eq!(store.forget_bodies(at(4), 2).await.unwrap(), 0);
    assert!(store.bodies(opened(4).call).await.unwrap().is_some());

    store.forget(at(60), 10, at(60)).await.unwrap();
    assert!(store.bodies(opened(5).call).await.unwrap().is_none(), "they go with their call");
    assert!(store.bodies(opened(4).call).await.unwrap().is_some(), "that of no call yet");
}
