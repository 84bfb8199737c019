//! The text of an answer, whatever its charset.
//!
//! JSON is UTF-8 (RFC 8259 8.1). Partners and ERPs also answer in GBK, mostly without saying so.

use std::borrow::Cow;

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

/// Most bytes of a character in UTF-8, GB18030 and UTF-16.
const LONGEST_CHARACTER: usize = 4;

/// The text that bytes hold: by their byte order mark, by the charset that `Content-Type` names, as UTF-8, or as GBK
/// (GB18030). Nothing where none of these fits.
pub(crate) fn text<'b>(content_type: Option<&str>, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
    let text = if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        decoded(encoding, bytes.get(length..)?)
    } else {
        unmarked(content_type.and_then(charset), bytes)
    };
    // No text has one. UTF-16 that is read as something else has.
    text.filter(|text| !text.contains('\0'))
}

/// The text that bytes hold which were cut off at a limit: a character of which a part is left at the end is dropped.
pub(crate) fn beginning<'b>(content_type: Option<&str>, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
    // First of all in UTF-8: with a part of a character it may look like GBK.
    let utf_8 = std::str::from_utf8(bytes).err().filter(|error| error.error_len().is_none());
    let utf_8 = utf_8.and_then(|error| bytes.get(..error.valid_up_to()));
    let lengths = (0..LONGEST_CHARACTER).filter_map(|cut| bytes.len().checked_sub(cut));
    let cuts = lengths.filter_map(|length| bytes.get(..length));
    utf_8.into_iter().chain(cuts).find_map(|bytes| text(content_type, bytes))
}

fn unmarked<'b>(named: Option<&'static Encoding>, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
    if let Some(encoding) = utf_16(bytes) {
        return decoded(encoding, bytes);
    }
    let utf_8 = decoded(UTF_8, bytes);
    // The bytes of Chinese in UTF-8 do not come about in another charset.
    if utf_8.as_ref().is_some_and(|text| text.chars().any(|c| c >= '\u{800}')) {
        return utf_8;
    }
    // A charset of single bytes takes any bytes and is the default of servers that were told none: its name says least.
    let (single, several) = named
        .map_or((None, None), |named| if named.is_single_byte() { (Some(named), None) } else { (None, Some(named)) });
    let by = |named: Option<&'static Encoding>| named.and_then(|named| decoded(named, bytes));
    let guessed = || decoded(GB18030, bytes).filter(|text| !text.contains(is_odd));
    by(several).or(utf_8).or_else(guessed).or_else(|| by(single))
}

/// The charset of a media type: `application/json; charset="GBK"`.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, label) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())
}

/// Whether two characters of ASCII that begin a text are in UTF-16, as those of JSON and markup are.
const fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [1..=127, 0, 1..=127, 0, ..] => Some(UTF_16LE),
        [0, 1..=127, 0, 1..=127, ..] => Some(UTF_16BE),
        _ => None,
    }
}

fn decoded<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

/// Whether a character shows that what was read is no text after all.
fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use encoding_rs::GBK;

    use super::*;

    fn read(content_type: &str, bytes: &[u8]) -> Option<String> {
        text(Some(content_type), bytes).map(Cow::into_owned)
    }

    /// Regression: an answer in GBK was no JSON, so a refusal in it was taken for success.
    #[test]
    fn gbk_is_read_with_and_without_its_name() {
        let text = r#"{"state":false,"msg":"订单不存在"}"#;
        let (gbk, _, _) = GBK.encode(text);
        for content_type in ["application/json; charset=GBK", "text/html;charset=\"gb2312\"", "application/json", ""] {
            assert_eq!(read(content_type, &gbk).as_deref(), Some(text), "{content_type}");
        }
        // The bytes of this word are UTF-8 too.
        let (word, _, _) = GBK.encode("联通");
        assert_eq!(read("text/plain; charset=gbk", &word).as_deref(), Some("联通"));
        assert_eq!(read("text/plain; charset=big5", b"\xa4\xa4").as_deref(), Some("中"));
    }

    #[test]
    fn utf_8_is_read_whatever_charset_is_named() {
        for text in [r#"{"msg":"成功"}"#, r#"{"msg":"失败了"}"#, "é", ""] {
            for charset in ["utf-8", "ISO-8859-1", "nonsense"] {
                assert_eq!(read(&format!("text/plain; charset={charset}"), text.as_bytes()).as_deref(), Some(text));
            }
        }
        assert_eq!(
            read("text/plain; charset=gbk", r#"{"msg":"成功"}"#.as_bytes()).as_deref(),
            Some(r#"{"msg":"成功"}"#)
        );
        assert_eq!(read("text/plain; charset=latin1", b"caf\xe9").as_deref(), Some("café"));
    }

    #[test]
    fn byte_order_marks_and_utf_16_are_read() {
        let bytes = |big: bool| -> Vec<u8> {
            r#"{"code":200}"#.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        for body in [
            b"\xef\xbb\xbf{\"code\":200}".to_vec(),
            bytes(true),
            bytes(false),
            [b"\xfe\xff".to_vec(), bytes(true)].concat(),
            [b"\xff\xfe".to_vec(), bytes(false)].concat(),
        ] {
            assert_eq!(read("application/json", &body).as_deref(), Some(r#"{"code":200}"#), "{body:?}");
        }
    }

    /// Regression: a long page that was cut within a character was no text.
    #[test]
    fn text_cut_within_a_character_is_read_to_the_one_before() {
        let text = "单a𠀀";
        let utf_16 = |of: &str| of.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let (gb, _, _) = GB18030.encode(text);
        for (content_type, whole) in [
            ("text/html", format!("<p>{text}").into_bytes()),
            ("text/html", [b"<p>", &gb[..]].concat()),
            ("text/html; charset=gbk", [b"<p>", &gb[..]].concat()),
            ("text/html", utf_16(&format!("<p>{text}"))),
            ("text/html", [b"\xfe\xff".to_vec(), utf_16(&format!("<p>{text}"))].concat()),
        ] {
            for cut in whole.len() - 4..=whole.len() {
                let read = beginning(Some(content_type), &whole[..cut]).unwrap();
                let expected = if cut == whole.len() { "<p>单a𠀀" } else { "<p>单a" };
                assert_eq!(read, expected, "{content_type}: {cut} of {}", whole.len());
            }
        }
        assert_eq!(beginning(None, b"\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn body_that_is_no_text_is_not_read() {
        for bytes in [
            &b"\x89PNG\r\n\x1a\n\x00\x00"[..],
            b"\xff",
            b"{\0\0\0",
            b"\x1f\x8b\x08",
            b"\xfe\xff\0",
            b"\x8b\x07\x80\x03\x81",
        ] {
            assert_eq!(read("application/json", bytes), None, "{bytes:?}");
        }
        assert_eq!(read("text/plain; charset=hz-gb-2312", b"\xa4\x07"), None);
    }
}
