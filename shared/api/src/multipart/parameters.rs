//! The parameters of a header such as `form-data; name="a"; filename="b.zip"` (RFC 2183, RFC 7578).
//!
//! Their names are the same in small letters and capitals, and there may be blanks around each sign.

use std::borrow::Cow;

use hub::path::decoded;

/// A header's value: what stands before the first semicolon, and the parameters behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters<'h> {
    /// Text before the parameters.
    pub(super) kind: &'h [u8],
    given: Vec<(&'h [u8], Cow<'h, [u8]>)>,
}

/// A parameter that is there cannot be read as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotText;

impl<'h> Parameters<'h> {
    pub(super) fn of(header: &'h [u8]) -> Self {
        let end = |bytes: &[u8], byte| bytes.iter().position(|other| *other == byte).unwrap_or(bytes.len());
        let (kind, mut rest) = header.split_at(end(header, b';'));
        let mut given = Vec::new();
        while let [b';', behind @ ..] = rest {
            let behind = behind.trim_ascii_start();
            let name_end = end(behind, b'=').min(end(behind, b';'));
            let (name, value) = behind.split_at(name_end);
            let [b'=', value @ ..] = value else {
                rest = value;
                continue;
            };
            let value = value.trim_ascii_start();
            let text;
            (text, rest) = match value {
                [b'"', quoted @ ..] => {
                    let (text, behind) = unquoted(quoted);
                    (text, behind.split_at(end(behind, b';')).1)
                }
                plain => {
                    let (text, rest) = plain.split_at(end(plain, b';'));
                    (Cow::Borrowed(text.trim_ascii_end()), rest)
                }
            };
            given.push((name.trim_ascii_end(), text));
        }
        Self { kind: kind.trim_ascii(), given }
    }

    /// The first parameter of that name.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.given.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_ref())
    }

    /// The text of the parameter of that name, in its extended form or its plain one. The extended form counts before the
    /// plain one where it is in UTF-8: some libraries put only what is ASCII into the plain one (RFC 8187).
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, NotText> {
        let (extended, plain) = (self.get(&format!("{name}*")), self.get(name));
        if let Some(text) = extended.and_then(extended_text) {
            return Ok(Some(text));
        }
        match (plain, extended) {
            (Some(plain), _) => std::str::from_utf8(plain).map(|text| Some(text.to_owned())).map_err(|_| NotText),
            (None, Some(_)) => Err(NotText),
            (None, None) => Ok(None),
        }
    }
}

/// The inside of a quoted value and what stands behind it. A backslash escapes a quote and itself; before anything else it
/// is one, as in a Windows path that a browser sends.
fn unquoted(quoted: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let (mut text, mut rest) = (Vec::new(), quoted);
    loop {
        rest = match rest {
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] => {
                text.push(*escaped);
                behind
            }
            [b'"', behind @ ..] => return (text.into(), behind),
            [byte, behind @ ..] => {
                text.push(*byte);
                behind
            }
            [] => return (text.into(), rest),
        };
    }
}

/// `charset'language'text` with percent-encoding; nothing where the charset is not UTF-8 or the text is not of it.
fn extended_text(value: &[u8]) -> Option<String> {
    let mut parts = std::str::from_utf8(value).ok()?.splitn(3, '\'');
    let utf8 = parts.next()?.eq_ignore_ascii_case("utf-8");
    let text = parts.nth(1).filter(|_| utf8).map(decoded)?;
    (!text.contains(char::REPLACEMENT_CHARACTER)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(header: &str) -> [Result<Option<String>, NotText>; 2] {
        let parameters = Parameters::of(header.as_bytes());
        [parameters.text("name"), parameters.text("filename")]
    }

    #[test]
    fn parameters_are_read_as_clients_write_them() {
        for (header, name, file) in [
            ("form-data; name=\"a\"; filename=\"b.zip\"", Ok(Some("a")), Ok(Some("b.zip"))),
            ("Form-Data; Name=a; FileName=b.zip", Ok(Some("a")), Ok(Some("b.zip"))),
            ("form-data ;NAME = \"a\" ;  FILENAME = b.zip  ", Ok(Some("a")), Ok(Some("b.zip"))),
            ("form-data;filename=b c.zip;name=a", Ok(Some("a")), Ok(Some("b c.zip"))),
            ("form-data; name=a;; x; filename=\"b;name=c.zip\"", Ok(Some("a")), Ok(Some("b;name=c.zip"))),
            ("form-data; name=\"a\"x; filename=\"C:\\d\\b.zip\"", Ok(Some("a")), Ok(Some("C:\\d\\b.zip"))),
            ("form-data; name=\"a \\\"b\\\" \\\\\"", Ok(Some("a \"b\" \\")), Ok(None)),
            ("form-data; name=\"\"; filename=", Ok(Some("")), Ok(Some(""))),
            ("form-data; filename=old; filename=new; name=a", Ok(Some("a")), Ok(Some("old"))),
            ("form-data; name=\"open; filename=b", Ok(Some("open; filename=b")), Ok(None)),
            ("form-data; rename=x; xfilename=y", Ok(None), Ok(None)),
            ("form-data; name*=UTF-8''%E5%8D%95; filename*=utf-8'zh'%E5%8D%95.zip", Ok(Some("单")), Ok(Some("单.zip"))),
            ("form-data; name=a; filename=plain.zip; filename*=gbk''%b5%a5.zip", Ok(Some("a")), Ok(Some("plain.zip"))),
            ("form-data; name=a; filename*=gbk''%b5%a5.zip", Ok(Some("a")), Err(NotText)),
            ("form-data; name=a; filename*=utf-8''%ff.zip", Ok(Some("a")), Err(NotText)),
        ] {
            let read = texts(header);
            let read = read.each_ref().map(|text| text.as_ref().map(Option::as_deref).map_err(|error| *error));
            assert_eq!(read, [name, file], "{header}");
        }
        assert_eq!(Parameters::of(b" Form-Data ; name=a").kind, b"Form-Data");
        assert_eq!(Parameters::of(b"form-data; name=\"\xd6\xd0\"").text("name"), Err(NotText));
    }
}
