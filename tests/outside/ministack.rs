//! The store, the queue and the archive of files on ministack, over the wire: the contract suites and the queue's promises on
//! another reading of DynamoDB, SQS and S3 than the emulators' in process.
//!
//! They run where `TONGGUAN_MINISTACK` says where it is; `infra/local-stack up` starts one.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use store_dynamodb::{DynamoStore, schema};

use libtest_mimic::Trial;

use crate::sqs;
use crate::switch::{Switch, trials};

/// Says where ministack is: `http://127.0.0.1:24566`.
pub(crate) const MINISTACK: Switch = Switch { variable: "TONGGUAN_MINISTACK", names: "ministack's address" };

/// Promises of the store, the queue and the archive.
pub(crate) fn trials() -> Vec<Trial> {
    let switches = &[&MINISTACK];
    let queue = trials!(switches, queue:
        hints_arrive
        calls_and_deliveries_are_hinted_at_apart
        a_hint_can_wait
        a_hint_can_wait_for_long
        warming_is_harmless
        missing_queue_is_reported
    );
    let mut store = Vec::new();
    macro_rules! contract {
        ($($case:ident)*) => {
            $(store.push(Switch::trial(switches, concat!("ministack::contract::", stringify!($case)), || async {
                store::contract::$case(make_store().await).await;
            }));)*
        };
    }
    store::contract_cases!(contract);
    let mut files = Vec::new();
    macro_rules! archive {
        // ministack takes an upload whose hash is not the signed one, and waits for what is too short.
        (@ upload_of_other_content_never_comes) => {};
        (@ $case:ident) => {
            files.push(Switch::trial(switches, concat!("ministack::files::", stringify!($case)), || async {
                let (bucket, client) = files::fresh().await;
                archive::contract::$case(&bucket, &client).await;
            }));
        };
        ($($case:ident)*) => { $(archive!(@ $case);)* };
    }
    archive::contract_cases!(archive);
    queue.into_iter().chain(store).chain(files).collect()
}

fn config() -> SdkConfig {
    host::sdk_config(lambda::http_client()).into_builder().endpoint_url(MINISTACK.needed()).build()
}

/// A table of its own. The contract's tests live in a time of their own, so nothing may expire by the machine's clock.
async fn make_store() -> DynamoStore {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let client = store_dynamodb::client(&config());
    let table = format!("contract-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    store_dynamodb::create_table(&client, &table).await.unwrap();
    let off = TimeToLiveSpecification::builder().attribute_name(schema::EXPIRES).enabled(false).build().unwrap();
    client.update_time_to_live().table_name(&table).time_to_live_specification(off).send().await.unwrap();
    DynamoStore::new(client, table)
}

mod queue {
    use super::{config, sqs};

    pub(super) async fn hints_arrive() {
        sqs::hints_arrive_however_many_there_are(queue_sqs::client(&config())).await;
    }

    pub(super) async fn calls_and_deliveries_are_hinted_at_apart() {
        sqs::calls_have_a_queue_of_their_own(queue_sqs::client(&config())).await;
    }

    pub(super) async fn a_hint_can_wait() {
        sqs::a_hint_for_later_arrives_no_earlier(queue_sqs::client(&config())).await;
    }

    pub(super) async fn a_hint_can_wait_for_long() {
        sqs::the_longest_delay_is_taken(queue_sqs::client(&config())).await;
    }

    pub(super) async fn warming_is_harmless() {
        sqs::warming_sends_nothing(queue_sqs::client(&config())).await;
    }

    pub(super) async fn missing_queue_is_reported() {
        sqs::a_queue_that_is_missing_is_unavailable(queue_sqs::client(&config())).await;
    }
}

/// The archive in a bucket of its own, as the stack has it.
mod files {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicU32, Ordering};

    use archive::contract::Follow;
    use archive::{Address, Upload};
    use archive_s3::Bucket;
    use bytes::Bytes;
    use futures::future::BoxFuture;

    use super::{MINISTACK, config};
    use crate::support::http::{Reply, exchange};

    /// Client that follows the archive's addresses.
    pub(super) struct Client(SocketAddr);

    impl Client {
        async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
            // An address is signed for the host that it names.
            let (length, address) = (body.len(), self.0);
            let length = if headers.contains("content-length") {
                String::new()
            } else {
                format!("content-length: {length}\r\n")
            };
            let head =
                format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{length}{headers}\r\n");
            exchange(address, [head.as_bytes(), body].concat()).await.expect("an answer of ministack")
        }
    }

    /// Path and query of an address.
    fn path(address: &str) -> &str {
        address.splitn(4, '/').nth(3).map_or("/", |rest| &address[address.len() - rest.len() - 1..])
    }

    impl Follow for Client {
        fn follow<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<Bytes>> {
            Box::pin(async move {
                let reply = self.ask("GET", path(address), "", b"").await;
                let said = String::from_utf8_lossy(&reply.body).chars().take(300).collect::<String>();
                assert!(matches!(reply.status, 200 | 404), "{}: {said}", reply.status);
                (reply.status == 200).then(|| reply.body.into())
            })
        }

        fn send<'a>(&'a self, _: &'a Upload, to: Option<Address>, content: Bytes) -> BoxFuture<'a, bool> {
            Box::pin(async move {
                let Address { url, headers } = to.expect("an address");
                let headers =
                    headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
                self.ask("PUT", path(&url), &headers, &content).await.status == 200
            })
        }
    }

    pub(super) async fn fresh() -> (Bucket, Client) {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("files-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let client =
            Client(MINISTACK.needed().trim_start_matches("http://").parse().expect("an address of this machine"));
        let versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        for (path, body) in [(format!("/{name}"), &b""[..]), (format!("/{name}?versioning"), versioning)] {
            assert_eq!(client.ask("PUT", &path, "", body).await.status, 200, "{path}");
        }
        (Bucket::new(&config(), &name, telemetry::system_clock()).expect("a bucket"), client)
    }
}
