//! Log lines of an invocation: they identify it, and contain nothing of its payload.

use std::sync::LazyLock;

use lambda_http::RequestExt as _;
use telemetry::logs;

use super::*;

/// A log that is read afterwards.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Logs of this thread until the guard is dropped.
    pub(crate) fn begin(&self, filter: &str) -> tracing::subscriber::DefaultGuard {
        // Where there is only one log, what another thread comes upon first is taken for something that nobody logs.
        static ANOTHER: LazyLock<tracing::Dispatch> =
            LazyLock::new(|| logs::lines(std::io::sink, "trace".parse().unwrap()).into());
        LazyLock::force(&ANOTHER);
        let log = self.clone();
        tracing::subscriber::set_default(logs::lines(move || log.clone(), filter.parse().unwrap()))
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("only in the body") && !text.contains(KEY), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Answers a push as the invocation `r-1`, and returns its log.
async fn answered(context: &Context<DynamoStore, Forgetful>, action: &Action, body: &str, filter: &str) -> Vec<Value> {
    let log = Log::default();
    let logging = log.begin(filter);
    let event = rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), body);
    let mut invocation = lambda_http::Context::default();
    "r-1".clone_into(&mut invocation.request_id);
    invocation.deadline = u64::MAX;
    let request = lambda_http::request::from_str(&event.to_string()).unwrap().with_lambda_context(invocation);
    lambda::answer(context, None, action, request).await;
    drop(logging);
    log.lines()
}

const SAID: &str = r#"{"action":"syn_status","orderOutNo":"S1","code":61,"msg":"only in the body"}"#;

#[tokio::test]
async fn push_is_logged_with_request_subject_event_and_outcome() {
    for filter in ["info", "debug"] {
        let (context, _) = deployed().await;
        for outcome in ["accepted", "duplicate"] {
            let lines = answered(&context, &syn_status::ACTION, SAID, filter).await;
            let last = lines.last().unwrap();
            assert_eq!(
                (&last["level"], &last["outcome"], &last["status"]),
                (&"INFO".into(), &outcome.into(), &200.into())
            );
            let event = stored(&context, "order:S1").await.unwrap().event.key.id.to_string();
            let about = json!({
                "name": "push", "request_id": "r-1", "function": "syn_status", "partner": "xhq",
                "connection": "xhq-sh", "subject": "order:S1", "event": event,
            });
            assert_eq!(last["span"], about);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_have_their_request_at_error_level() {
    let broken = Action { read: |_| panic!("a defect"), ..syn_status::ACTION };
    let (context, emulator) = deployed().await;
    let lines = answered(&context, &broken, SAID, "error").await;
    assert_eq!(lines.last().unwrap()["span"]["request_id"], "r-1");
    emulator.always(Fault::Lost);
    let lines = answered(&context, &syn_status::ACTION, SAID, "error").await;
    assert_eq!(lines.last().unwrap()["span"]["connection"], "xhq-sh");
    let lines = answered(&context, &syn_status::ACTION, "only in the body, and no JSON", "info").await;
    assert_eq!(lines.last().unwrap()["outcome"], "unavailable");
}

#[tokio::test]
async fn every_hint_is_found_by_its_request_message_event_and_outcome() {
    let log = Log::default();
    let logging = log.begin("info");
    let records = [message("m-0", &hint(0).encode()), message("m-1", &hint(1).encode())];
    let event: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let invocation = Invocation { request_id: "r-2".to_owned(), ..Invocation::default() };
    lambda::batch(event, &invocation, |hint| async move {
        if claim(&hint) == 0 { Ok(()) } else { Err(std::io::Error::other("refused")) }
    })
    .await;
    drop(logging);
    let lines = log.lines();
    assert_eq!(lines.iter().map(|line| &line["outcome"]).collect::<Vec<_>>(), ["done", "failed"]);
    for (line, message) in lines.iter().zip(["m-0", "m-1"]) {
        let about = json!({
            "name": "hint", "request_id": "r-2", "message_id": message, "connection": "xhq-sh",
            "subject": "order:S1", "event": hint(0).key.id.to_string(), "endpoint": "erp",
        });
        assert_eq!(line["span"], about);
    }
}

/// Functions export no spans. Their lines have the trace, and the ERP is told of it.
#[tokio::test]
async fn lines_have_the_trace_where_traces_are_on() {
    let (context, _emulator) = deployed().await;
    let secret = crate::support::secret(1);
    let endpoint =
        format!("[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"{secret}\"]\n");
    let traces = "[traces]\nendpoint = \"http://127.0.0.1:9\"\n";
    let config = Arc::new(Config::parse(&format!("{}\n{endpoint}{traces}", configuration())).unwrap());
    let context = Context { config, ..context };
    let lines = answered(&context, &syn_status::ACTION, SAID, "info").await;
    let Record { event, work } = stored(&context, "order:S1").await.unwrap();
    let (key, claim) = (event.key, work.delivery(&"erp".into()).unwrap().progress.claim);
    let trace = hub::trace::TraceId::of(&key.id).to_string();
    assert_eq!(lines.last().unwrap()["span"]["trace_id"], *trace);

    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let heads = Arc::clone(&told);
    let courier = crate::support::delivering(
        context.clone(),
        Arc::new(move |_, parcel| {
            heads.lock().unwrap().extend(parcel.span.map(|span| span.to_string()));
            let detail = String::new();
            Box::pin(async move {
                courier::DeliveryResult { outcome: hub::delivery::Outcome::Delivered, status: Some(200), detail }
            })
        }),
    );
    let log = Log::default();
    let logging = log.begin("info");
    let hint = Hint { key, job: queue::Job::Deliver { endpoint: "erp".into(), claim } };
    let event: SqsEvent = serde_json::from_value(json!({"Records": [message("m-0", &hint.encode())]})).unwrap();
    let courier = &courier;
    lambda::batch(event, &Invocation::default(), |hint| async move { deliver::handle(courier, hint).await }).await;
    drop(logging);
    let lines = log.lines();
    assert_eq!(lines.last().unwrap()["span"]["trace_id"], *trace, "{lines:#?}");
    let told = told.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].starts_with(&format!("00-{trace}-")), "{told:?}");
    assert_eq!(context.spans.waiting(), 0);
}
