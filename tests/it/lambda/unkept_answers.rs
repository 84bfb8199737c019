//! Answers whose data cannot be kept: the ERP has them all the same, and the log says so.

use courier::{Courier, DeliveryResult};
use futures::FutureExt as _;
use hub::delivery::Outcome;
use outbound::Sent;

use super::*;

const RECEIPT: &str = r#"{"action":"single_receipt","orderOutNo":"S1","paramJson":{"channel":"P"}}"#;

/// A courier whose partner answers with one receipt.
fn courier(context: Context<DynamoStore, Forgetful>) -> Courier<DynamoStore, Forgetful> {
    let text = configuration().replacen("partner = \"xhq\"", "partner = \"xhq\"\napp_id = \"a\"", 1);
    let config = Arc::new(Config::parse(&text).unwrap());
    let answer = format!(r#"{{"code":200,"data":[{RECEIPT}]}}"#);
    Courier {
        context: Context { config, ..context },
        lines: Arc::default(),
        random: Arc::new(|| 0.5),
        entropy: courier::system_entropy(),
        send: Arc::new(|_, _| {
            async { DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() } }.boxed()
        }),
        wire: Arc::new(move |_| std::future::ready(Sent::answer(200, answer.clone().into())).boxed()),
        reader: callback::ACTION,
        ends: None,
    }
}

async fn query(courier: &Courier<DynamoStore, Forgetful>) -> Value {
    let event = r#"{"connection":"xhq-sh","operation":"actionDataRow","body":{"orderOutNo":"S1"}}"#;
    let answer = lambda::invoked(&call::invoke(courier, event.as_bytes()).await);
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn answer_is_passed_on_though_it_cannot_be_kept() {
    for fault in [Fault::Throttled, Fault::AnswerLate] {
        let (context, emulator) = deployed().await;
        let courier = courier(context);
        // What the partner's circuit is asked for comes first.
        query_nothing(&courier).await;
        emulator.always(fault);
        let log = logs::Log::default();
        let logging = log.begin("error");
        let begun = Instant::now();
        let answer = query(&courier).await;
        drop(logging);
        assert_eq!((&answer["status"], &answer["body"]["code"]), (&200.into(), &200.into()), "{answer}");
        assert!(begun.elapsed() <= Duration::from_secs(4), "{:?}", begun.elapsed());
        let lines = log.lines();
        let told: Vec<_> =
            lines.iter().filter(|line| line["message"].as_str().unwrap().contains("not kept as events")).collect();
        assert_eq!(told.len(), 1, "{lines:?}");
        assert_eq!((&told[0]["connection"], &told[0]["operation"]), (&"xhq-sh".into(), &"actionDataRow".into()));

        emulator.always(Fault::None);
        for _ in 0..2 {
            query(&courier).await;
        }
        let ledger = courier.context.store.ledger(NOW).await.unwrap();
        assert_eq!(ledger[&"xhq-sh".into()].accepted, 1, "once it is kept, once");
    }
}

/// A query that brings nothing.
async fn query_nothing(courier: &Courier<DynamoStore, Forgetful>) {
    let event = br#"{"connection":"xhq-sh","operation":"bghList","body":{}}"#;
    assert_eq!(call::invoke(courier, event).await.status(), 200);
}
