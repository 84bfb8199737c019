//! The archive of files in a bucket of S3. The only crate that names `aws-sigv4`.
//!
//! Few requests are all that it takes: `PutObject`, `CopyObject`, `ListObjectVersions`, `DeleteObject` of a version, `GetObject` of a
//! range, and signed addresses of the whole, to get it and to put it, which cost no request. So it signs them itself, by the signer that
//! the SDK's clients have, and sends them by their HTTP client, in place of another SDK crate of several megabytes.
//!
//! The bucket has versions: a removal names the version that was listed, so that one that was put meanwhile stays.

mod request;
mod versions;

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use archive::{
    Address, Archive, ArchiveError, BEGINS_WITHIN, Draft, Drafted, Opened, Piece, Result, Stored, Upload, unwritten,
};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use hub::files::{FileHash, kind};
use hub::{Clock, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use crate::request::Content;

/// Beginning of the keys of files.
const PREFIX: &str = "files/";

/// Beginning of the keys of uploads, which a rule of the bucket removes.
const UPLOADS: &str = "uploads/";

/// Longest duration of a request, without the transfer of a file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Slowest transfer of a file, in bytes a second.
const SLOWEST: u64 = 1024 * 1024;

/// Time for which a signed address is good. What follows it begins at once.
const GOOD_FOR: Duration = Duration::from_mins(5);

/// Most objects of one answer, by the API.
const MOST_KEYS: usize = 1_000;

/// Failure of a request.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There are no credentials, or no region.
    #[error("the process has no {0}")]
    Lacking(&'static str),
    /// The request could not be signed.
    #[error("the request cannot be signed")]
    Unsigned(#[source] Box<dyn Error + Send + Sync>),
    /// There was no answer.
    #[error("S3 did not answer")]
    NoAnswer(#[source] Box<dyn Error + Send + Sync>),
    /// It refused.
    #[error("S3 answered {status}: {text}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of its answer.
        text: String,
    },
}

/// A bucket.
#[derive(Clone)]
pub struct Bucket {
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    region: String,
    /// The bucket's name.
    name: String,
    /// URL of the bucket, without a slash at the end.
    url: String,
    clock: Clock,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Bucket {
    /// The bucket of that name, at the region of the process; at its endpoint, where it has one that stands in for AWS.
    pub fn new(config: &SdkConfig, bucket: &str, clock: Clock) -> std::result::Result<Self, Failure> {
        let region = config.region().ok_or(Failure::Lacking("region"))?.to_string();
        let credentials = config.credentials_provider().ok_or(Failure::Lacking("credentials"))?;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let own = || format!("https://{bucket}.s3.{region}.{suffix}");
        let instead = config.endpoint_url().map(|endpoint| format!("{}/{bucket}", endpoint.trim_end_matches('/')));
        let url = instead.unwrap_or_else(own);
        let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
        Ok(Self {
            connector: SharedHttpConnector::new(connector),
            credentials,
            region,
            name: bucket.to_owned(),
            url,
            clock,
        })
    }

    fn object(&self, hash: &FileHash) -> String {
        format!("{}/{PREFIX}{hash}", self.url)
    }

    fn uploaded(&self, upload: &Upload) -> String {
        format!("{}/{UPLOADS}{}", self.url, upload.id)
    }

    /// Signs a request, as headers or as a query.
    async fn signed(
        &self,
        mut request: http::Request<()>,
        body: &Content,
        expires: Option<Duration>,
    ) -> std::result::Result<http::Request<()>, Failure> {
        let unsigned = |error: Box<dyn Error + Send + Sync>| Failure::Unsigned(error);
        let credentials = self.credentials.provide_credentials().await.map_err(|error| unsigned(error.into()))?;
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if expires.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            settings.expires_in = expires;
        }
        let now = UNIX_EPOCH + Duration::from_micros(u64::try_from((self.clock)().0).unwrap_or_default());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| unsigned(error.into()))?
            .into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let body = match expires {
            Some(_) => SignableBody::UnsignedPayload,
            None => body.signable(),
        };
        let signable = SignableRequest::new(request.method().as_str(), request.uri().to_string(), headers, body);
        let signed = signable.and_then(|signable| sign(signable, &params)).map_err(|error| unsigned(error.into()))?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    /// Sends a request; the body of its answer, where that is a success.
    async fn send(&self, request: http::request::Builder, body: Content) -> std::result::Result<Bytes, Failure> {
        let (status, _, body) = self.exchange(request, body).await?;
        if (200..300).contains(&status) { Ok(body) } else { Err(refused(status, &body)) }
    }

    /// Sends a request; the status of its answer, the range of the content that it has, and its body.
    async fn exchange(
        &self,
        request: http::request::Builder,
        body: Content,
    ) -> std::result::Result<(u16, Option<String>, Bytes), Failure> {
        let patience = PATIENCE + Duration::from_secs(body.length() / SLOWEST);
        let request = request.body(()).map_err(|error| Failure::Unsigned(error.into()))?;
        let request = self.signed(request, &body, None).await?.map(|()| body.body());
        let request = HttpRequest::try_from(request).map_err(|error| Failure::Unsigned(error.into()))?;
        let answered = async {
            let answer = self.connector.call(request).await.map_err(|error| Failure::NoAnswer(error.into()))?;
            let status = answer.status().as_u16();
            let range = answer.headers().get("content-range").map(str::to_owned);
            let body = ByteStream::new(answer.into_body()).collect().await;
            Ok((status, range, body.map_err(|error| Failure::NoAnswer(error.into()))?.into_bytes()))
        };
        timeout(patience, answered).await.map_err(|error| Failure::NoAnswer(error.into()))?
    }

    /// A part of an object; nothing where there is no such object.
    async fn piece(&self, hash: &FileHash, range: Range<u64>) -> std::result::Result<Option<Piece>, Failure> {
        let Range { start, end } = range;
        let wanted = end.saturating_sub(start);
        // A range of HTTP has one byte at the least, and names its last.
        let last = start.saturating_add(wanted.max(1)) - 1;
        let request = http::Request::get(self.object(hash)).header("range", format!("bytes={start}-{last}"));
        let (status, range, body) = self.exchange(request, Content::none()).await?;
        let whole = range.and_then(|range| range.rsplit_once('/').and_then(|(_, whole)| whole.parse().ok()));
        match (status, whole) {
            (206, Some(whole)) => {
                let bytes =
                    usize::try_from(wanted).map_or_else(|_| body.clone(), |most| body.slice(..body.len().min(most)));
                Ok(Some(Piece { bytes, whole }))
            }
            // Nothing is there. An answer without the length is that of a service that tells it in no other way.
            (416, whole) => Ok(Some(Piece { bytes: Bytes::new(), whole: whole.unwrap_or(start) })),
            (404, _) => Ok(None),
            _ => Err(refused(status, &body)),
        }
    }

    /// An address of an object that needs no credentials for a while.
    async fn address(&self, hash: &FileHash) -> std::result::Result<String, Failure> {
        let short: String = hash.to_string().chars().take(16).collect();
        let attached = format!("attachment; filename=\"{short}\"");
        let attached = utf8_percent_encode(&attached, NON_ALPHANUMERIC);
        let url = format!("{}?response-content-disposition={attached}", self.object(hash));
        let request = http::Request::get(url).body(()).map_err(|error| Failure::Unsigned(error.into()))?;
        Ok(self.signed(request, &Content::none(), Some(GOOD_FOR)).await?.uri().to_string())
    }

    /// An address that takes the content of an upload, and no other: length and checksum are signed.
    async fn place(&self, upload: &Upload) -> std::result::Result<Address, Failure> {
        let checksum = BASE64_STANDARD.encode(upload.hash.bytes());
        let headers = vec![("content-length", upload.bytes.to_string()), ("x-amz-checksum-sha256", checksum)];
        let request = headers
            .iter()
            .fold(http::Request::put(self.uploaded(upload)), |request, (name, value)| request.header(*name, value));
        let request = request.body(()).map_err(|error| Failure::Unsigned(error.into()))?;
        let url = self.signed(request, &Content::none(), Some(BEGINS_WITHIN)).await?.uri().to_string();
        Ok(Address { url, headers })
    }

    /// Copies an upload to its place as a file, within the bucket. Whether it was there.
    async fn copy(&self, upload: &Upload) -> std::result::Result<bool, Failure> {
        let source = format!("/{}/{UPLOADS}{}", self.name, upload.id);
        let request = http::Request::put(self.object(&upload.hash))
            .header("x-amz-copy-source", source)
            // The sender's headers are not those that it is served with.
            .header("x-amz-metadata-directive", "REPLACE")
            .header("content-type", "application/octet-stream")
            .header("content-disposition", "attachment");
        let (status, _, body) = self.exchange(request, Content::none()).await?;
        let text = String::from_utf8_lossy(&body);
        match status {
            // A copy that failed on its way has this status, too.
            200 if text.contains("CopyObjectResult") => Ok(true),
            404 if text.contains("NoSuchKey") => Ok(false),
            _ => Err(refused(status, &body)),
        }
    }

    async fn all(&self, behind: Option<&FileHash>, limit: usize) -> std::result::Result<Vec<Stored>, Failure> {
        let mut marker = behind.map(|behind| (format!("{PREFIX}{behind}"), String::new()));
        let mut stored = Vec::new();
        loop {
            let wanted = (limit - stored.len()).min(MOST_KEYS);
            let (key, version) = marker.clone().unwrap_or_default();
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let version =
                if version.is_empty() { version } else { format!("&version-id-marker={}", encoded(&version)) };
            let (url, key, prefix) = (&self.url, encoded(&key), encoded(PREFIX));
            let url = format!("{url}?key-marker={key}&max-keys={wanted}&prefix={prefix}{version}&versions=");
            let page = self.send(http::Request::get(url), Content::none()).await?;
            let page = versions::read(&String::from_utf8_lossy(&page));
            stored.extend(page.latest.into_iter().filter_map(|version| {
                let hash = version.key.strip_prefix(PREFIX)?.parse().ok()?;
                Some(Stored { hash, written: Utc::parse(&version.modified)?, writing: version.id })
            }));
            marker = page.next;
            if marker.is_none() || stored.len() >= limit {
                return Ok(stored);
            }
        }
    }
}

fn refused(status: u16, body: &Bytes) -> Failure {
    Failure::Refused { status, text: String::from_utf8_lossy(body).chars().take(300).collect() }
}

fn unavailable(verb: &'static str) -> impl Fn(Failure) -> ArchiveError {
    move |failure| ArchiveError::Unavailable { verb, source: failure.into() }
}

impl Archive for Bucket {
    fn draft(&self) -> BoxFuture<'_, Result<Draft>> {
        Box::pin(async { Draft::begin(&std::env::temp_dir()).map_err(unwritten) })
    }

    fn keep(&self, drafted: Drafted, _: Utc) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let request = http::Request::put(self.object(&drafted.hash))
                .header("content-type", kind(&drafted.beginning).media_type)
                .header("content-disposition", "attachment")
                .header("content-length", drafted.bytes);
            let content = Content::File(Arc::new(drafted));
            self.send(request, content).await.map(|_| ()).map_err(unavailable("keep a file"))
        })
    }

    fn open<'a>(&'a self, hash: &'a FileHash, _: Utc) -> BoxFuture<'a, Result<Option<Opened>>> {
        Box::pin(async move {
            let address = self.address(hash).await.map_err(unavailable("read a file"))?;
            Ok(Some(Opened::At(address)))
        })
    }

    fn read<'a>(&'a self, hash: &'a FileHash, range: Range<u64>) -> BoxFuture<'a, Result<Option<Piece>>> {
        Box::pin(async move { self.piece(hash, range).await.map_err(unavailable("read a part of a file")) })
    }

    /// Each is a request.
    fn step(&self) -> usize {
        1 << 20
    }

    fn address<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<Option<Address>>> {
        Box::pin(
            async move { self.place(upload).await.map(Some).map_err(unavailable("sign the address of an upload")) },
        )
    }

    fn adopt<'a>(&'a self, upload: &'a Upload, _: Utc) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { self.copy(upload).await.map_err(unavailable("keep an upload")) })
    }

    fn list<'a>(&'a self, behind: Option<&'a FileHash>, limit: usize) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(async move { self.all(behind, limit.max(1)).await.map_err(unavailable("list files")) })
    }

    fn remove<'a>(&'a self, stored: &'a Stored) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let version = utf8_percent_encode(&stored.writing, NON_ALPHANUMERIC);
            let request = http::Request::delete(format!("{}?versionId={version}", self.object(&stored.hash)));
            self.send(request, Content::none()).await.map(|_| true).map_err(unavailable("remove a file"))
        })
    }
}
