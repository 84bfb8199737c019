//! The file that goes with a call, as a partner's file describes it.

use serde::Deserialize;

use super::OperationTable;
use crate::operation::{Encoding, Fault, FilePlace};
use crate::recipe::Part;

/// Place of the file in a request: one of both.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTable {
    /// It is this part of the multipart body.
    pub part: Option<String>,
    /// Its base64 is this field of the body.
    pub base64: Option<String>,
}

impl FileTable {
    /// The place, and the name of the part or field there.
    pub(super) fn place(&self) -> Option<(FilePlace, &str)> {
        match (&self.part, &self.base64) {
            (Some(name), None) => Some((FilePlace::Part, name)),
            (None, Some(name)) => Some((FilePlace::Base64, name)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

impl OperationTable {
    /// Mistakes of the place of its file. The content is put in while the request is sent, so that nothing signs it and
    /// nothing stands behind it.
    pub(super) fn file_faults(&self, faults: &mut Vec<Fault>) {
        let Some(file) = &self.file else { return };
        let mut wrong = |at: &str, remedy: &str| faults.push(Fault::new(at, remedy));
        let Some((place, name)) = file.place().filter(|(_, name)| !name.is_empty()) else {
            return wrong("file", "must have one place: part = \"file\" of a multipart body, or base64 = \"content\"");
        };
        let is_taken = self.wrap.as_deref() == Some(name) || self.fields.iter().any(|field| field.name == name);
        if is_taken || self.credentials.iter().any(|put| put.field.as_deref() == Some(name)) {
            wrong("file", "has the name of another field: give it its own");
        }
        let takes_it = match place {
            FilePlace::Part => self.encoding == Encoding::Multipart,
            FilePlace::Base64 => matches!(self.encoding, Encoding::Json | Encoding::Form | Encoding::Multipart),
        };
        if !takes_it {
            let remedy = match place {
                FilePlace::Part => "is a part of a multipart body: give encoding = \"multipart\", or base64",
                FilePlace::Base64 => "is a field of the body: give encoding = \"json\", \"form\" or \"multipart\"",
            };
            wrong("file", remedy);
        }
        if place == FilePlace::Base64 && self.wrap.is_some() {
            wrong("file.base64", "goes into no wrap: the file is sent beside it, as a part of a multipart body");
        }
        let Some(signature) = &self.signature else { return };
        let signs = |part: &Part| *part == Part::Body || matches!(part, Part::Field(own) if own == name);
        if signature.parts.iter().chain(&signature.key).any(signs) {
            wrong("signature.parts", "must not have the file in it, which is put in while the request is sent");
        }
        let sends_in_body = || signature.send.iter().flatten().any(|sent| sent.field.is_some());
        if place == FilePlace::Base64 && sends_in_body() {
            wrong("signature.send", "must be a header or query: the file is the last field of the body");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Around;
    use super::*;
    use crate::configured::Definition;
    use crate::operation::{Attempt, File, Prepared, Settings, Slot, Written, find, prepare};
    use crate::{Json, Partner};

    /// An operation of these lines.
    fn table(more: &str) -> OperationTable {
        let usual =
            "name = \"send\"\neffect = \"command\"\npath = \"/send\"\nexample = '{}'\nsuccess = { http = [200] }\n";
        toml::from_str(&format!("{usual}{more}")).unwrap()
    }

    fn faults(more: &str) -> Vec<String> {
        let account = ["secret".to_owned()];
        let around = Around { credentials: Some(&account), actions: None, kinds: &[], has_token: false };
        table(more).validate(around).iter().map(ToString::to_string).collect()
    }

    fn sent(more: &str) -> Prepared {
        let operations = vec![table(more)];
        let partner = Partner::configured(Definition { id: "acme".into(), operations, ..Definition::default() });
        let attempt = Attempt {
            settings: &Settings::default(),
            credentials: &|_| Some("s"),
            token: None,
            now_ms: 0,
            nonce: "n",
            boundary: "b0",
            file: Some(File { name: "a.pdf", content_type: "application/pdf" }),
        };
        prepare(&find(partner, "send").unwrap(), &Json::parse(br#"{"no":"1"}"#).unwrap(), &attempt).unwrap()
    }

    #[test]
    fn file_is_a_part_or_the_last_field() {
        let signed = "\n[signature]\nparts = [{ text = \"x\" }]\nhash = \"md5\"\nsend = [{ part = \"signature\", field = \"sign\" }]\n";
        for (more, written, before, behind) in [
            (
                "encoding = \"multipart\"\nfile = { part = \"doc\" }",
                Written::Plain,
                "name=\"doc\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n",
                "\r\n--b0--\r\n",
            ),
            (
                "encoding = \"json\"\nfile = { base64 = \"content\" }",
                Written::Base64,
                r#"{"no":"1","content":""#,
                r#""}"#,
            ),
            ("encoding = \"form\"\nfile = { base64 = \"content\" }", Written::FormBase64, "no=1&content=", ""),
            (
                "encoding = \"multipart\"\nfile = { base64 = \"content\" }",
                Written::Base64,
                "name=\"content\"\r\n\r\n",
                "\r\n--b0--\r\n",
            ),
        ] {
            let signed = if written == Written::Plain { signed } else { "" };
            let Prepared { body, file, .. } = sent(&format!("{more}{signed}"));
            let Slot { at, written: form } = file.unwrap();
            let (head, tail) = body.split_at(at);
            let [head, tail] = [head, tail].map(|text| std::str::from_utf8(text).unwrap());
            assert!(head.ends_with(before), "{more}: {head}");
            assert_eq!((tail, form), (behind, written), "{more}");
            assert!(signed.is_empty() || head.contains("name=\"sign\""), "{head}");
        }
    }

    #[test]
    fn place_that_a_file_cannot_have_is_named() {
        let signature = |parts: &str, send: &str| {
            format!("\n[signature]\nparts = [{parts}]\nhash = \"md5\"\nsend = [{{ part = \"signature\", {send} }}]\n")
        };
        for (more, told) in [
            ("file = {}".to_owned(), "file: must have one place"),
            ("file = { part = \"a\", base64 = \"b\" }".to_owned(), "file: must have one place"),
            ("file = { part = \"a\" }".to_owned(), "file: is a part of a multipart body"),
            (
                "method = \"GET\"\nencoding = \"query\"\nfile = { base64 = \"a\" }".to_owned(),
                "file: is a field of the body",
            ),
            ("fields = [{ name = \"a\" }]\nfile = { base64 = \"a\" }".to_owned(), "file: has the name of another"),
            (
                "encoding = \"form\"\nwrap = \"w\"\nfile = { base64 = \"a\" }".to_owned(),
                "file.base64: goes into no wrap",
            ),
            (
                "file = { base64 = \"a\" }".to_owned() + &signature("\"body\"", "header = \"x-sign\""),
                "signature.parts: must not have the file",
            ),
            (
                "file = { base64 = \"a\" }".to_owned() + &signature("{ credential = \"secret\" }", "field = \"sign\""),
                "signature.send: must be a header",
            ),
            (
                "encoding = \"multipart\"\ncontent_type = \"multipart/form-data\"".to_owned(),
                "content_type: must be left out",
            ),
        ] {
            let faults = faults(&more);
            assert!(faults.iter().any(|fault| fault.starts_with(told)), "{more}: {faults:?}");
        }
        assert_eq!(faults("encoding = \"multipart\"\nfile = { part = \"a\" }"), Vec::<String>::new());
        assert_eq!(faults("file = { base64 = \"a\" }"), Vec::<String>::new());
    }
}
