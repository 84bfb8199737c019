//! The operators' console: static files for the browser.
//!
//! `GET /console` and what lies below it need no key, because the files are the same for everybody and hold nothing of the hub.
//! The page asks for an API key, keeps it in its tab, and sends it with each request of the public API, by which alone it reads
//! and changes. The files may not call another host, nor be framed: see [`POLICY`].
//!
//! The folder `static` has the sources: modules that a browser takes as they are. The build script puts them into one
//! `app.js`, and the style sheets into one `style.css`, so that the first paint needs three requests, however many modules there
//! are. Nothing but `cargo` is needed for that. The library for plots is a fourth file, which only the pages with plots load.

use api::{Problem, Router};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    IF_NONE_MATCH, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "console";

/// The path of the page.
pub const PATH: &str = "/console";

/// The content security policy of every file: scripts, styles and requests of this origin alone, no frame, no form.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page itself, which has no name in a path.
const PAGE: &str = "index.html";

/// A file, packed by the build script.
struct File {
    name: &'static str,
    /// Its content type.
    kind: &'static str,
    /// The beginning of its digest.
    tag: &'static str,
    plain: &'static [u8],
    /// The same, in gzip.
    packed: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The routes of the function.
#[must_use]
pub fn router<C>() -> Router<C> {
    Router::open(NAME, &[PATH, "/console/{file}"], answer)
}

/// Names and sizes of the files, as they are and compressed, in bytes.
pub fn sizes() -> impl Iterator<Item = (&'static str, usize, usize)> {
    FILES.iter().map(|file| (file.name, file.plain.len(), file.packed.len()))
}

/// The file that the path names.
fn answer(request: &Request<Bytes>) -> Result<Response<Bytes>, Problem> {
    let segments = hub::path::segments(request.uri().path());
    if segments.len() == 1 && request.uri().path().ends_with('/') {
        // The page names its files relative to its own address, because a stage or a proxy's path may stand before it.
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("../console"));
        return Ok(response);
    }
    let name = segments.get(1).map_or(PAGE, String::as_str);
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| Problem::missing("the console has no such file"))?;
    Ok(file.answer(request.headers()))
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Response<Bytes> {
        let tag = format!("\"{}\"", self.tag);
        let known = texts(asked, &IF_NONE_MATCH).any(|text| text.trim_start_matches("W/") == tag || text == "*");
        let packs = accepts_gzip(asked);
        let body = match (known, packs) {
            (true, _) => &[],
            (false, true) => self.packed,
            (false, false) => self.plain,
        };
        let mut response = Response::new(Bytes::from_static(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // Kept by the browser, and asked about each time: a hub that was replaced has other files under the same names.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.extend(HeaderValue::from_str(&tag).map(|tag| (ETAG, tag)));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else if packs {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// The elements of a header that is a list.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether gzip is named, and not with a weight of zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    texts(headers, &ACCEPT_ENCODING).any(|text| {
        let mut parts = text.split(';').map(str::trim);
        let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests;
