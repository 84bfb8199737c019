//! The contract of an archive, and what is S3's own, on a simulated bucket that checks each signature.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which clippy does not tell from other code")]

use std::sync::Arc;

use archive::contract::{CONTENT, Follow, NOW, hash};
use archive::{Address, Archive as _, ArchiveError, Opened, Upload};
use archive_s3::Bucket;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use futures::future::BoxFuture;
use hub::Utc;
use simulators::s3::{ACCESS_KEY, BUCKET, S3, SECRET_KEY};

struct Kept(S3);

impl Follow for Kept {
    fn follow<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<Bytes>> {
        Box::pin(async move { self.0.get(address).await.map(|(_, content)| content) })
    }

    fn send<'a>(&'a self, _: &'a Upload, to: Option<Address>, content: Bytes) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Address { url, headers } = to.unwrap();
            self.0.put(&url, &headers, content).await.is_ok()
        })
    }
}

fn now() -> Utc {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Utc(i64::try_from(since.as_micros()).unwrap())
}

fn bucket(s3: &S3, secret: &str) -> Bucket {
    let credentials = Credentials::for_tests_with_session_token();
    let credentials = Credentials::new(ACCESS_KEY, secret, credentials.session_token().map(Into::into), None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("cn-north-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(s3.url())
        .build();
    Bucket::new(&config, BUCKET, Arc::new(now)).unwrap()
}

async fn fresh() -> (Bucket, Kept) {
    let s3 = S3::start().await.unwrap();
    (bucket(&s3, SECRET_KEY), Kept(s3))
}

archive::contract_tests!(fresh);

#[tokio::test]
async fn content_is_an_attachment_of_its_own_type() {
    let (bucket, Kept(s3)) = fresh().await;
    bucket.put(hash(), CONTENT, NOW).await.unwrap();
    let Some(Opened::At(address)) = bucket.open(&hash(), NOW).await.unwrap() else { panic!("an address") };
    let (head, content) = s3.get(&address).await.unwrap();
    assert_eq!(content, CONTENT);
    assert!(head["content-disposition"].to_str().unwrap().starts_with("attachment; filename="), "{head:?}");
    assert_eq!(head["content-type"], "application/pdf");
}

#[tokio::test]
async fn address_ends_and_cannot_be_changed() {
    let (bucket, Kept(s3)) = fresh().await;
    bucket.put(hash(), CONTENT, NOW).await.unwrap();
    let Some(Opened::At(address)) = bucket.open(&hash(), NOW).await.unwrap() else { panic!("an address") };
    assert!(address.contains("X-Amz-Expires=300"), "{address}");
    for changed in [address.replace("Expires=300", "Expires=9000"), address.replace("attachment", "inline")] {
        assert_eq!(s3.get(&changed).await, None, "{changed}");
    }
    s3.pass(301);
    assert_eq!(s3.get(&address).await, None);
}

#[tokio::test]
async fn refusal_of_s3_is_an_error() {
    let s3 = S3::start().await.unwrap();
    let wrong = bucket(&s3, "another secret");
    let error = wrong.put(hash(), CONTENT, NOW).await.unwrap_err();
    let ArchiveError::Unavailable { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("403") && source.to_string().contains("SignatureDoesNotMatch"), "{source}");
    assert!(wrong.list(None, 1).await.is_err());
}

/// Versions that were replaced count in S3's pages.
#[tokio::test]
async fn pages_of_old_versions_hide_no_file() {
    let (bucket, _s3) = fresh().await;
    for _ in 0..5 {
        bucket.put(hash(), CONTENT, NOW).await.unwrap();
    }
    let other = Bytes::from_static(b"other");
    bucket.put(hub::files::FileHash::of(&other), other, NOW).await.unwrap();
    assert_eq!(bucket.list(None, 2).await.unwrap().len(), 2);
    assert_eq!(bucket.list(None, 1).await.unwrap().len(), 1);
}

/// Length, checksum and time are part of the signature.
#[tokio::test]
async fn address_of_an_upload_takes_that_upload_in_time() {
    let (bucket, Kept(s3)) = fresh().await;
    let upload = Upload { id: "7a".repeat(16), hash: hash(), bytes: CONTENT.len() as u64 };
    let Address { url, headers } = bucket.address(&upload).await.unwrap().unwrap();
    assert!(url.contains("X-Amz-Expires=900") && url.contains("x-amz-checksum-sha256"), "{url}");
    assert!(s3.put(&url, &[], CONTENT).await.is_err(), "without its headers");
    let other = url.replace(&upload.id, &"7b".repeat(16));
    assert_eq!(s3.put(&other, &headers, CONTENT).await.unwrap_err(), "SignatureDoesNotMatch");
    s3.put(&url, &headers, CONTENT).await.unwrap();
    s3.pass(901);
    assert_eq!(s3.put(&url, &headers, CONTENT).await.unwrap_err(), "AccessDenied");
    assert!(bucket.adopt(&upload, NOW).await.unwrap());
}
