//! The request of an operation that a file describes.

use std::borrow::Cow;

use super::super::encode::{self, Members};
use super::super::{Attempt, Encoding, Fault, FilePlace, Operation, Pair, Prepared};
use super::{TextPlace, Told};
use crate::Json;

/// Credentials and further members beside the ERP's body.
pub(in crate::operation) struct Beside<'a> {
    /// Fields before the ERP's.
    pub(in crate::operation) before: Members<'a>,
    /// Members of the ERP's body.
    pub(in crate::operation) inside: Members<'a>,
    /// Query parameters.
    pub(in crate::operation) query: Vec<Pair>,
    /// Headers.
    pub(in crate::operation) headers: Vec<Pair>,
    /// Members that the ERP left out and the partner expects.
    pub(in crate::operation) behind: Members<'a>,
}

/// The request, signed where the file says so. A signature covers the very texts that are sent.
pub(in crate::operation) fn request<'a>(
    operation: &Operation<'_>,
    told: &'a Told,
    body: &'a Json<'_>,
    attempt: &Attempt<'_>,
    path: &str,
    mut put: Beside<'a>,
) -> Result<Prepared, Fault> {
    let mut texts = Members::new();
    for (place, text) in &told.texts {
        match place {
            TextPlace::Field(name) => texts.push((name, Cow::Borrowed(text))),
            TextPlace::Inside(name) => put.inside.push((name, Cow::Borrowed(text))),
            TextPlace::Query(name) => put.query.push(Pair::open(name.clone(), text.clone())),
            TextPlace::Header(name) => put.headers.push(Pair::open(name.clone(), text.clone())),
        }
    }
    texts.append(&mut put.before);
    let text: Cow<'a, str> = match (&told.template, &told.wrap) {
        (Some(template), _) => template.fill(body, &put.behind, attempt)?.into(),
        (None, Some(_)) => encode::json(operation, body, &put.inside, &put.behind).into(),
        (None, None) => Cow::Borrowed(body.text()),
    };
    let mut fields = texts.clone();
    if let Some(name) = &told.wrap {
        fields.push((name, text.clone()));
    } else {
        let is_query = operation.encoding == Encoding::Query;
        fields.extend(if is_query { encode::parameters(body) } else { encode::fields(body) });
        fields.extend(put.behind.iter().cloned());
    }

    let mut bytes = written(operation, body, attempt, &text, &fields, &texts, &put.behind);
    let signed = told.signature.as_ref().map(|recipe| recipe.signed(attempt, &bytes, &fields)).transpose()?;
    let signed = signed.unwrap_or_default();
    let (mut query, mut headers) = (put.query, put.headers);
    query.extend(signed.query);
    headers.extend(signed.headers);
    let (mut behind, mut all): (Members<'_>, Members<'_>) = (put.behind, fields);
    if !signed.fields.is_empty() {
        for (name, text) in &signed.fields {
            behind.push((name, Cow::Borrowed(text)));
            all.push((name, Cow::Borrowed(text)));
        }
        bytes = written(operation, body, attempt, &text, &all, &texts, &behind);
    }
    let usual = match operation.encoding {
        Encoding::Json => Some("application/json".to_owned()),
        Encoding::Form => Some("application/x-www-form-urlencoded; charset=UTF-8".to_owned()),
        Encoding::Multipart => Some(format!("multipart/form-data; boundary={}", attempt.boundary)),
        Encoding::Xml => Some("application/xml; charset=UTF-8".to_owned()),
        Encoding::Query => {
            query.extend(all.iter().map(|(name, text)| Pair::open((*name).to_owned(), text.clone())));
            None
        }
    };
    let content_type = usual.map(|usual| told.content_type.clone().unwrap_or(usual));
    Ok(Prepared {
        method: operation.method,
        path: path.to_owned(),
        query,
        headers,
        content_type,
        body: bytes.into_bytes(),
        file: None,
    })
}

/// The body of these fields.
fn written(
    operation: &Operation<'_>,
    body: &Json<'_>,
    attempt: &Attempt<'_>,
    text: &str,
    fields: &Members<'_>,
    before: &Members<'_>,
    behind: &Members<'_>,
) -> String {
    match operation.encoding {
        Encoding::Json => encode::json(operation, body, before, behind),
        Encoding::Form => encode::form(fields.iter().map(|(name, text)| (*name, text.as_ref()))),
        Encoding::Multipart => {
            let part = attempt.file.as_ref().filter(|_| operation.file == Some(FilePlace::Part));
            let part = operation.file_field(attempt.settings).zip(part);
            String::from_utf8_lossy(&encode::multipart(attempt.boundary, fields, part)).into_owned()
        }
        Encoding::Xml => text.to_owned(),
        Encoding::Query => String::new(),
    }
}
