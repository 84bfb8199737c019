//! Decoding of a configuration: UTF-8, and a guess at the encoding of any other text.

use std::fmt;

/// The mark that some editors put before UTF-8. It is no part of the text.
pub(super) const BOM: char = '\u{feff}';

/// Bytes that are no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8 {
    seems: Seems,
    /// The line of the first byte that is not, from 1.
    pub(super) line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seems {
    Utf16,
    Gbk,
    Unknown,
}

impl fmt::Display for NotUtf8 {
    /// The rest of a sentence that begins with what holds the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.seems {
            Seems::Utf16 => "is in UTF-16, not UTF-8: save it as UTF-8",
            Seems::Gbk => "is in GBK (GB 18030), not UTF-8: save it as UTF-8",
            Seems::Unknown => "is not UTF-8: save it as UTF-8",
        })
    }
}

/// The text that the bytes are in UTF-8, without a byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, NotUtf8> {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || is_wide(bytes);
    if utf16 {
        return Err(NotUtf8 { seems: Seems::Utf16, line: 1 });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix(BOM).unwrap_or(text)),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            Err(NotUtf8 { seems: if is_gbk(bytes) { Seems::Gbk } else { Seems::Unknown }, line })
        }
    }
}

/// Whether the bytes are UTF-16 without a mark: ASCII among them has a zero beside each byte, always on the same side.
fn is_wide(bytes: &[u8]) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    let zeros = |side: fn(&[u8; 2]) -> u8| pairs.iter().filter(|pair| side(pair) == 0).count();
    let (first, second) = (zeros(|[first, _]| *first), zeros(|[_, second]| *second));
    let most = first.max(second);
    most > pairs.len() / 4 && most > 1 && first.min(second) <= most / 8
}

/// Whether the bytes can be GB 18030: two bytes a character, or four of which the second and fourth are digits.
fn is_gbk(mut bytes: &[u8]) -> bool {
    loop {
        bytes = match bytes {
            [] => return true,
            [0..=0x7f, rest @ ..]
            | [0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe, rest @ ..]
            | [0x81..=0xfe, b'0'..=b'9', 0x81..=0xfe, b'0'..=b'9', rest @ ..] => rest,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Result<&str, (String, usize)> {
        decode(bytes).map_err(|error| (error.to_string(), error.line))
    }

    #[test]
    fn utf_8_is_read_with_and_without_a_mark() {
        assert_eq!(told("# 信号旗\r\na = 1".as_bytes()), Ok("# 信号旗\r\na = 1"));
        assert_eq!(told("\u{feff}a = 1".as_bytes()), Ok("a = 1"));
        assert_eq!(told(b""), Ok(""));
    }

    #[test]
    fn text_that_is_not_utf_8_is_reported_with_its_line() {
        let gbk = [b"a = 1\n# ".as_slice(), &[0xd0, 0xc5, 0xba, 0xc5, 0xc6, 0xec], b"\n"].concat();
        assert_eq!(told(&gbk), Err(("is in GBK (GB 18030), not UTF-8: save it as UTF-8".to_owned(), 2)));
        assert_eq!(
            told(&[b"\n\n".as_slice(), &[0x81]].concat()),
            Err(("is not UTF-8: save it as UTF-8".to_owned(), 3))
        );
        let wide = |unit: fn(u16) -> [u8; 2], text: &str| text.encode_utf16().flat_map(unit).collect::<Vec<_>>();
        for (unit, text) in [
            (u16::to_le_bytes as fn(u16) -> [u8; 2], "\u{feff}listen = \"信\""),
            (u16::to_be_bytes, "\u{feff}listen = \"信\""),
            (u16::to_le_bytes, "listen = \"127.0.0.1:1\"\n# 信号旗"),
            (u16::to_be_bytes, "listen = \"127.0.0.1:1\"\n"),
        ] {
            let expected = ("is in UTF-16, not UTF-8: save it as UTF-8".to_owned(), 1);
            assert_eq!(told(&wide(unit, text)), Err(expected), "{text}");
        }
    }
}
