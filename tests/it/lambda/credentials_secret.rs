//! Credentials in a secret of their own: functions that read it, and functions that do not.

use config::{Credentials, Sources};
use courier::{Courier, DeliveryResult, Parcel};
use futures::FutureExt as _;
use hub::delivery::Outcome;
use hub::signature::{SigningKey, signatures};
use partners::operation::Effect;

use super::*;
use crate::support::{RecordedQueue, delivering};

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The configuration as a process has it that knows so much of the credentials.
fn known(credentials: Credentials) -> Arc<Config> {
    let apart = "\n[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [{ secret = \"erp\" }]\n";
    let text = configuration().replacen("partner = \"xhq\"", "partner = \"xhq\"\napp_id = { secret = \"app\" }", 1);
    Arc::new(Config::parse_with(&(text + apart), &Sources::system_with(credentials)).unwrap())
}

fn values() -> Credentials {
    Credentials::parse(&json!({"erp": WHSEC, "app": "4711"}).to_string()).unwrap()
}

/// A courier with that configuration, and what it has sent.
fn courier(
    context: &Context<DynamoStore, RecordedQueue>,
    config: Arc<Config>,
) -> (Courier<DynamoStore, RecordedQueue>, Arc<Mutex<Vec<Parcel>>>) {
    let parcels: Arc<Mutex<Vec<Parcel>>> = Arc::default();
    let send: courier::Send = Arc::new({
        let parcels = Arc::clone(&parcels);
        move |_, parcel| {
            parcels.lock().unwrap().push(parcel);
            async { DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() } }.boxed()
        }
    });
    let courier = delivering(Context { config, ..context.clone() }, send);
    (Courier { wire: Arc::new(|_| panic!("no partner is called")), ..courier }, parcels)
}

#[tokio::test]
async fn a_push_is_kept_without_credentials_and_signed_with_them() {
    let (store, _) = emulated().await;
    let config = known(Credentials::Unread);
    let context = Context::new(config, store, RecordedQueue::default(), Arc::new(|| NOW));
    for order in ["S1", "S2"] {
        let body = json!({"action": "syn_status", "orderOutNo": order, "code": 61}).to_string();
        let event = rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), &body);
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        assert_eq!(said(&lambda::answer(&context, None, &syn_status::ACTION, request).await).0, 200);
    }
    let hints = context.queue.0.lock().unwrap().clone();
    assert_eq!(hints.len(), 2, "each is hinted at");

    // A worker without the keys signs nothing and sends nothing: it leaves the delivery to one that has them.
    let (without, parcels) = courier(&context, known(Credentials::Unread));
    deliver::handle(&without, hints[0].clone()).await.unwrap();
    assert!(parcels.lock().unwrap().is_empty());
    let tally = context.store.ledger(NOW).await.unwrap()[&"xhq-sh".into()];
    assert_eq!((tally.pending, tally.delivered), (2, 0));

    let (with, parcels) = courier(&context, known(values()));
    deliver::handle(&with, hints[1].clone()).await.unwrap();
    let parcels = parcels.lock().unwrap().clone();
    let [parcel] = &parcels[..] else { panic!("{parcels:?}") };
    let key = SigningKey::new(WHSEC).unwrap();
    assert_eq!(parcel.signature, signatures(&[key], &parcel.id, Utc(parcel.timestamp * 1_000_000), &parcel.body));
    let tally = context.store.ledger(NOW).await.unwrap()[&"xhq-sh".into()];
    assert_eq!((tally.pending, tally.delivered), (1, 1));
}

#[tokio::test]
async fn a_call_without_its_credentials_is_never_sent() {
    let (store, _) = emulated().await;
    let config = known(Credentials::Unread);
    let context = Context::new(Arc::clone(&config), store, RecordedQueue::default(), Arc::new(|| NOW));
    let (courier, _) = courier(&context, Arc::clone(&config));
    let connection = &config.connections[&"xhq-sh".into()];
    let mut rows = partners::operation::all();
    let operation = rows.find(|row| row.partner == Partner::Xhq && row.effect == Effect::Query);
    let body = partners::Json::parse(b"{}").unwrap();
    let asked = courier::call::ask(&courier, connection, operation.unwrap(), &body, None).await;
    let Err(courier::call::Unanswered::Faulty(faults)) = asked else { panic!("{asked:?}") };
    assert_eq!(faults[0].field, "app_id");
    assert!(faults[0].remedy.contains("does not read"), "{faults:?}");
}
