//! Content codings (RFC 9110 8.4.1). None is asked for, and servers apply them all the same.

use std::io::{self, Read};

use bytes::Bytes;
use encoding_rs::Encoding;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// First bytes of a gzip stream.
pub(crate) const GZIP: &[u8] = &[0x1f, 0x8b];

/// Codings undone at the most: more is an attack.
const MOST: usize = 3;

/// Whether `Content-Encoding` names a coding.
pub(crate) fn is_coded(named: &[String]) -> bool {
    named.iter().flat_map(|list| list.split(',')).any(|coding| !is_none(coding.trim()))
}

/// The bytes behind the codings that `Content-Encoding` names, at most `limit` of them; else why they cannot be had.
pub(crate) fn undone(named: &[String], body: &Bytes, limit: usize) -> Result<Bytes, String> {
    let codings: Vec<_> =
        named.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|c| !is_none(c)).collect();
    if codings.len() > MOST {
        return Err("it is compressed more than three times".to_owned());
    }
    // The last one named was applied last.
    codings.iter().rev().try_fold(body.clone(), |body, coding| match coding.to_ascii_lowercase().as_str() {
        // Some say so of what they have not compressed.
        _ if is_plain(&body) => Ok(body),
        "gzip" | "x-gzip" => gunzipped(&body, limit),
        "deflate" | "x-deflate" => {
            let zlib = read(ZlibDecoder::new(&*body), limit);
            // Named so by the standard; many send it without zlib's frame.
            zlib.or_else(|_| read(DeflateDecoder::new(&*body), limit)).map_err(|error| broken(coding, &error))
        }
        _ => Err(format!("its Content-Encoding is {}, which was not asked for", shortened(coding))),
    })
}

/// Decompressed gzip stream, `limit` bytes at most.
pub(crate) fn gunzipped(body: &[u8], limit: usize) -> Result<Bytes, String> {
    let (mut rest, mut whole) = (body, Vec::new());
    loop {
        let mut decoder = GzDecoder::new(rest);
        let left = limit.saturating_sub(whole.len());
        let part = read(decoder.by_ref(), left).map_err(|error| broken("gzip", &error))?;
        whole.extend_from_slice(&part);
        rest = decoder.into_inner();
        // A stream may have several members. What else is behind one is padding.
        if whole.len() >= limit || !rest.starts_with(GZIP) {
            return Ok(whole.into());
        }
    }
}

/// Whether a name in `Content-Encoding` names no coding: an empty one, `identity`, or, by mistake, a charset.
fn is_none(name: &str) -> bool {
    let none = ["", "identity", "none", "binary", "7bit", "8bit"];
    none.iter().any(|none| name.eq_ignore_ascii_case(none)) || Encoding::for_label(name.as_bytes()).is_some()
}

/// Whether a body is text as it is, which nothing compressed is.
fn is_plain(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()))
}

fn read(decoder: impl Read, limit: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    decoder.take(limit.try_into().unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

fn broken(coding: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        format!("it is compressed by {coding} and its end is missing")
    } else {
        format!("it is said to be compressed by {coding} and is not")
    }
}

fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const JSON: &[u8] = br#"{"state":false}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(named: &str, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, String> {
        undone(&[named.to_owned()], &body.into(), limit).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn codings_are_undone_in_any_spelling() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(JSON).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(JSON).unwrap();
        let padded = [gzip(JSON), vec![0; 8]].concat();
        let members = [gzip(&JSON[..5]), gzip(&JSON[5..])].concat();
        for (named, body) in [
            ("gzip", gzip(JSON)),
            ("X-GZIP", gzip(JSON)),
            ("gzip, identity", gzip(JSON)),
            ("gzip, gzip", gzip(&gzip(JSON))),
            ("gzip", padded),
            ("gzip", members),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", deflate.finish().unwrap()),
            ("UTF-8", JSON.to_vec()),
            ("none", JSON.to_vec()),
            ("br", JSON.to_vec()),
            ("gzip", JSON.to_vec()),
        ] {
            assert_eq!(read(named, body, 100).as_deref(), Ok(JSON), "{named}");
        }
    }

    #[test]
    fn unreadable_coding_says_why() {
        let whole = gzip(JSON);
        let cut = whole[..whole.len() - 6].to_vec();
        let mut damaged = whole;
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        for (named, body, why) in [
            ("gzip", cut, "its end is missing"),
            ("gzip", damaged, "and is not"),
            ("gzip", vec![0; 32], "and is not"),
            ("deflate", b"\xff\xff".to_vec(), "deflate"),
            ("br", b"\x8b\x07\x80{\"state\":false}\x03".to_vec(), "Content-Encoding is br"),
            ("gzip,gzip,gzip,gzip", gzip(JSON), "three times"),
        ] {
            let error = read(named, body, 100).unwrap_err();
            assert!(error.contains(why), "{named}: {error}");
        }
    }

    #[test]
    fn inflated_size_is_bounded() {
        assert_eq!(read("gzip", gzip(&vec![b'x'; 10_000_000]), 100).map(|bytes| bytes.len()), Ok(100));
    }
}
