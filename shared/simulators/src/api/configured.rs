//! A partner that a file describes, played by that file: it looks at method, path, credentials, fields and signature, and
//! answers each operation by the `answer` that the file has for it.
//!
//! The document is not read a second time here: a mistake in the file is a mistake of the play. The signature is made anew from
//! what came over the wire, by the file's recipe.

mod refusal;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use partners::configured::{Configured, Definition};
use partners::operation::table::{FileTable, OperationTable, Put};
use partners::recipe::{Mix, Part, Signature, TokenRequest};
use serde_json::{Map, Value};

use super::message::{Answer, Play, Refusal};
use super::tokens::Tokens;
use super::{Account, Api, Clock, Received, Running, TOKEN};

/// Life of a token where the file names none.
const LIFE: std::time::Duration = std::time::Duration::from_hours(2);

/// Starts it for one account.
pub(super) async fn start(
    partner: Configured,
    address: SocketAddr,
    clock: Clock,
    account: Account<'_>,
) -> io::Result<Running> {
    let credentials = account.credentials.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned()));
    let rules = Rules { file: partner.definition(), credentials: credentials.collect(), tokens: Tokens::new(LIFE) };
    let api = Api::start(address, clock, Arc::new(rules)).await?;
    let url = format!("http://{}", api.address());
    Ok(Running::new(Started(api), url))
}

struct Started(Api);

impl Deref for Started {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.0
    }
}

struct Rules {
    file: &'static Definition,
    credentials: std::collections::BTreeMap<String, String>,
    tokens: Tokens,
}

impl Rules {
    fn credential(&self, name: &str) -> &str {
        self.credentials.get(name).map_or("", String::as_str)
    }

    fn table(&self, name: &str) -> Option<&'static OperationTable> {
        self.file.operations.iter().find(|table| table.name == name)
    }

    fn judge(&self, table: &OperationTable, request: &Received) -> Result<(), String> {
        if request.method.as_str() != table.method.as_str() {
            return Err(format!("{} only", table.method.as_str()));
        }
        let fields = fields(table, request);
        for put in &table.credentials {
            self.has(put, &fields, request)?;
        }
        if table.file.as_ref().is_some_and(|file| !holds_file(file, &fields, request)) {
            return Err("the file is missing".to_owned());
        }
        let Some(recipe) = &table.signature else { return Ok(()) };
        let expected = self.sign(recipe, table, &fields, request)?;
        for sent in recipe.send.iter().flatten().filter(|sent| sent.part == Part::Signature) {
            let name = sent.header.as_ref().or(sent.query.as_ref()).or(sent.field.as_ref());
            let given = match (&sent.header, &sent.query) {
                (Some(name), _) => Some(request.header(name).to_owned()),
                (None, Some(name)) => request.param(name).map(str::to_owned),
                (None, None) => sent.field.as_ref().and_then(|name| value(&fields, name)),
            };
            if given.as_ref() != Some(&expected) {
                return Err(format!("the signature in {} is another", name.map_or("", String::as_str)));
            }
        }
        Ok(())
    }

    /// Check of the credentials and the signature that the hub puts in.
    fn has(&self, put: &Put, fields: &[(String, String)], request: &Received) -> Result<(), String> {
        let told = match (&put.credential, &put.text) {
            (Some(name), _) => self.credential(name).to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => return self.has_token(put, request),
        };
        let (name, given) = if let Some(name) = &put.header {
            let told = if put.basic {
                format!("Basic {}", BASE64_STANDARD.encode(format!("{told}:")))
            } else {
                format!("{}{told}", put.prefix)
            };
            (name, (request.header(name) == told).then_some(()))
        } else if let Some(name) = &put.query {
            (name, request.param(name).filter(|given| *given == told).map(drop))
        } else if let Some(name) = &put.inside {
            let held =
                fields.iter().find_map(|(_, text)| serde_json::from_str::<Map<String, Value>>(text).ok()?.remove(name));
            (name, held.filter(|held| held.as_str() == Some(&told)).map(drop))
        } else {
            let Some(name) = &put.field else { return Ok(()) };
            (name, value(fields, name).filter(|given| *given == told).map(drop))
        };
        given.ok_or_else(|| format!("{name} is missing or another"))
    }

    fn has_token(&self, put: &Put, request: &Received) -> Result<(), String> {
        let given = match (&put.header, &put.query) {
            (Some(name), _) => request.header(name).strip_prefix(&put.prefix).unwrap_or_default().to_owned(),
            (None, Some(name)) => request.param(name).unwrap_or_default().to_owned(),
            (None, None) => String::new(),
        };
        if self.tokens.good(&given, request.at) {
            Ok(())
        } else {
            Err("the token is none, or no longer good".to_owned())
        }
    }

    fn sign(
        &self,
        recipe: &Signature,
        table: &OperationTable,
        fields: &[(String, String)],
        request: &Received,
    ) -> Result<String, String> {
        let text = |part: &Part| -> Result<Vec<u8>, String> {
            let sent = || recipe.send.iter().flatten().find(|sent| sent.part == *part);
            let shown = |what: &str| {
                let sent = sent().ok_or_else(|| format!("the {what} is signed and not sent"))?;
                let found = match (&sent.header, &sent.query, &sent.field) {
                    (Some(name), _, _) => Some(request.header(name).to_owned()),
                    (None, Some(name), _) => request.param(name).map(str::to_owned),
                    (None, None, Some(name)) => value(fields, name),
                    (None, None, None) => None,
                };
                found.ok_or_else(|| format!("the {what} is missing"))
            };
            Ok(match part {
                Part::Nonce => shown("nonce")?.into_bytes(),
                Part::Timestamp => shown("timestamp")?.into_bytes(),
                Part::Token => {
                    let of = |put: &&Put| put.token;
                    let put = table.credentials.iter().find(of).ok_or("the token is signed and not sent")?;
                    let name = put.header.as_ref().map(|name| request.header(name).to_owned());
                    let given =
                        name.or_else(|| request.param(put.query.as_deref()?).map(str::to_owned)).unwrap_or_default();
                    given.strip_prefix(&put.prefix).unwrap_or_default().as_bytes().to_vec()
                }
                Part::Body => request.body.to_vec(),
                Part::Credential(name) => self.credential(name).as_bytes().to_vec(),
                Part::Text(text) => text.as_bytes().to_vec(),
                Part::Field(name) => {
                    value(fields, name).ok_or_else(|| format!("{name} is signed and missing"))?.into_bytes()
                }
                Part::Signature => Vec::new(),
            })
        };
        let parts: Vec<_> = recipe.parts.iter().map(&text).collect::<Result<_, _>>()?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let key = recipe.key.as_ref().map(&text).transpose()?.unwrap_or_default();
        let mix = Mix { separator: &recipe.separator, hash: recipe.hash, digits: recipe.digits, case: recipe.case };
        Ok(mix.of(&parts, &key))
    }

    /// A refusal in the form that the operation's file reads, and whether the file has one.
    fn refuse(&self, operation: &str, code: &str, text: &str) -> (Answer, bool) {
        // An address that is no operation's is refused as the first operation is.
        let table = self.table(operation).or(self.file.operations.first());
        match table.and_then(|table| refusal::told(table, code, text)) {
            Some(answer) => (answer, true),
            None => (refusal::made_up(code, text), false),
        }
    }

    /// A refusal of a request for a reason.
    fn refused(&self, operation: &str, (code, why): (String, String)) -> Refusal {
        let (answer, is_told) = self.refuse(operation, &code, &why);
        let why = if is_told { why } else { format!("{why} ({})", refusal::MADE_UP) };
        Refusal { why, answer }
    }

    /// Check of a request for a token: its credentials and texts.
    fn judge_token(&self, recipe: &TokenRequest, request: &Received) -> Result<(), String> {
        if request.method.as_str() != recipe.method.as_str() {
            return Err(format!("{} only", recipe.method.as_str()));
        }
        let body = request.json();
        let in_query = recipe.query.iter().map(|(name, part)| (name, part, request.param(name)));
        let in_body = recipe.body.iter().map(|(name, part)| (name, part, body.get(name).and_then(Value::as_str)));
        for (name, part, given) in in_query.chain(in_body) {
            let told = match part {
                Part::Credential(own) => self.credential(own),
                Part::Text(text) => text,
                Part::Nonce | Part::Timestamp | Part::Token | Part::Body | Part::Signature | Part::Field(_) => continue,
            };
            if given != Some(told) {
                return Err(format!("{name} is missing or another"));
            }
        }
        Ok(())
    }

    /// The code of a refusal: of a token that is no longer good it is one that the file has for that.
    fn code(&self, table: &OperationTable, request: &Received) -> String {
        let mut tokens = table.credentials.iter().filter(|put| put.token);
        let is_of_token = tokens.any(|put| self.has_token(put, request).is_err());
        let expired = self.file.token.as_ref().filter(|_| is_of_token).and_then(|token| token.expired.first());
        expired.map_or("400", String::as_str).to_owned()
    }
}

/// The fields of a request by name: of a form, of the query, or the members of a JSON object.
fn fields(table: &OperationTable, request: &Received) -> Vec<(String, String)> {
    use partners::operation::Encoding;
    match table.encoding {
        Encoding::Form => request.form(),
        Encoding::Query => request.query.clone(),
        Encoding::Multipart => {
            let text = |content: &Bytes| String::from_utf8_lossy(content).into_owned();
            request.parts().into_iter().map(|part| (part.name, text(&part.content))).collect()
        }
        Encoding::Json => match request.json() {
            Value::Object(members) => members.into_iter().map(|(name, value)| (name, as_text(&value))).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Vec::new(),
        },
        Encoding::Xml => Vec::new(),
    }
}

/// Whether the file is where it should be, with something in it.
fn holds_file(file: &FileTable, fields: &[(String, String)], request: &Received) -> bool {
    if let Some(name) = &file.part {
        let mut parts = request.parts().into_iter().filter(|part| part.name == *name);
        return parts.any(|part| part.filename.is_some() && !part.content.is_empty());
    }
    let given = file.base64.as_deref().and_then(|name| value(fields, name));
    given.is_some_and(|text| BASE64_STANDARD.decode(text).is_ok_and(|bytes| !bytes.is_empty()))
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn value(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

impl Play for Rules {
    fn operation(&self, request: &Received) -> String {
        let path = request.path.trim_matches('/');
        let is = |own: &str| own.trim_matches('/') == path;
        if self.file.token.as_ref().is_some_and(|token| is(&token.path)) {
            return TOKEN.to_owned();
        }
        let fits = |table: &&OperationTable| is(&table.path) && table.method.as_str() == request.method.as_str();
        let found = self
            .file
            .operations
            .iter()
            .find(fits)
            .or_else(|| self.file.operations.iter().find(|table| is(&table.path)));
        found.map_or_else(|| request.path.clone(), |table| table.name.clone())
    }

    fn check(&self, request: &Received) -> Result<(), Refusal> {
        if let (TOKEN, Some(recipe)) = (request.operation.as_str(), &self.file.token) {
            let refused = |why: String| {
                let answer = refusal::made_up("400", &why);
                Refusal { answer, why: format!("{why} ({})", refusal::OF_TOKEN) }
            };
            return self.judge_token(recipe, request).map_err(refused);
        }
        let judged = match self.table(&request.operation) {
            Some(table) => self.judge(table, request).map_err(|why| (self.code(table, request), why)),
            None => Err(("404".to_owned(), "no such operation".to_owned())),
        };
        judged.map_err(|why| self.refused(&request.operation, why))
    }

    fn process(&self, request: &Received) -> Answer {
        if let (TOKEN, Some(recipe)) = (request.operation.as_str(), &self.file.token) {
            let mut tree = Value::Null;
            refusal::put(&mut tree, &recipe.token, self.tokens.issue(request.at).0.into());
            if let Some(life) = &recipe.life {
                refusal::put(&mut tree, life, "7200".into());
            }
            return Answer::json(&tree);
        }
        let answer = self.table(&request.operation).and_then(|table| table.answer.as_ref());
        let (status, body) = answer.map_or((200, "{}"), partners::operation::table::AnswerTable::parts);
        if body.starts_with('<') { Answer::xml(status, body.to_owned()) } else { Answer::json_text(status, body) }
    }

    fn failure(&self, code: i64, message: &str) -> Answer {
        self.refuse("", &code.to_string(), message).0
    }

    fn refusal(&self) -> Answer {
        self.refuse("", "400", "参数错误").0
    }
}
