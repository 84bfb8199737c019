//! Bytes as they are stored: a byte that names the codec, then the bytes, deflated where that makes them smaller.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// The bytes follow as they are.
const PLAIN: u8 = 0;
/// The bytes follow deflated.
const DEFLATED: u8 = 1;

/// Size from which speed counts more than size: the answer waits for the codec, on a fraction of a processor.
const LARGE: usize = 64 * 1024;

/// Packs bytes. The same bytes always make the same pack.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    let level = if bytes.len() < LARGE { Compression::default() } else { Compression::fast() };
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], level);
    // Writing into memory does not fail.
    let deflated = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
    if deflated.is_empty() || deflated.len() > bytes.len() {
        let mut plain = Vec::with_capacity(bytes.len() + 1);
        plain.push(PLAIN);
        plain.extend_from_slice(bytes);
        return plain;
    }
    deflated
}

/// Whether bytes are packed by a codec of this version.
pub(crate) fn is_known(packed: &[u8]) -> bool {
    matches!(packed.first(), Some(&(PLAIN | DEFLATED)))
}

/// Unpacks what [`pack`] made.
pub(crate) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    match packed.split_first() {
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&DEFLATED, bytes)) => {
            let mut out = Vec::with_capacity(bytes.len().saturating_mul(3));
            DeflateDecoder::new(bytes).read_to_end(&mut out)?;
            Ok(out)
        }
        Some(_) | None => Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown codec")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_and_never_grow_by_more_than_the_mark() {
        let json = br#"{"orderOutNo":"S1","code":61,"orderOutNo2":"S1","code2":61}"#.repeat(4);
        for bytes in [&b""[..], b"x", b"\x00\xff\x01", &json, &vec![b' '; 100_000]] {
            let packed = pack(bytes);
            assert!(packed.len() <= bytes.len() + 1);
            assert_eq!(unpack(&packed).unwrap(), bytes);
        }
        assert!(pack(&json).len() < json.len() / 2);
    }

    #[test]
    fn data_that_is_no_pack_is_an_error() {
        for bytes in [&b""[..], b"\x07abc", b"\x01\xff\xff\xff\xff"] {
            assert!(unpack(bytes).is_err());
        }
    }
}
