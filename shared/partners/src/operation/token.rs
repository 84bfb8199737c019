//! The tokens of TrackingEyes and 1datatech: how one is asked for, and what the answer says.

use std::fmt;
use std::time::Duration;

use super::prepare::{Attempt, Pair, Prepared, credential};
use super::read::judge;
use super::recipe::{Context, LifeUnit, Part, TokenRequest, Unit};
use super::{Fault, Method, Settings, Verdict};
use crate::json::Kind;
use crate::{Json, Partner};

/// TrackingEyes, OAuth: a token is valid for two hours.
const TRACKINGEYES_LIFE: Duration = Duration::from_hours(2);

/// A token as a partner gave it. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    /// How long it is good from when it was asked for.
    pub life: Duration,
}

impl Token {
    /// The token itself, for the one place that keeps it and the one that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("text", &"[REDACTED]").field("life", &self.life).finish()
    }
}

/// Whether calls to this partner carry a token that must be asked for first.
#[must_use]
pub const fn needs_token(partner: Partner, settings: &Settings) -> bool {
    match partner {
        Partner::TrackingEyes => true,
        Partner::OneData => settings.token.is_some(),
        Partner::Xhq | Partner::Yanwen => false,
    }
}

/// The request that asks for a token; nothing where the partner has none.
pub fn token_request(partner: Partner, attempt: &Attempt<'_>) -> Result<Option<Prepared>, Vec<Fault>> {
    let request = match partner {
        Partner::TrackingEyes => Some(trackingeyes(attempt)),
        Partner::OneData => attempt.settings.token.as_ref().map(|recipe| by_recipe(recipe, attempt)),
        Partner::Xhq | Partner::Yanwen => None,
    };
    request.transpose().map_err(|fault| vec![fault])
}

/// What the answer to [`token_request`] holds: the token, or what became of the request.
pub fn read_token(partner: Partner, settings: &Settings, status: u16, body: &[u8]) -> Result<Token, Verdict> {
    let json = Json::parse(body).ok();
    let token = json.as_ref().and_then(|json| match partner {
        Partner::TrackingEyes => {
            let text = json.field("result").filter(|_| json.field("code") == Some("200"))?;
            Some(Token { text: text.to_owned(), life: TRACKINGEYES_LIFE })
        }
        Partner::OneData => found(settings.token.as_ref()?, json),
        Partner::Xhq | Partner::Yanwen => None,
    });
    token.ok_or_else(|| match judge(partner, settings, status, body) {
        Verdict::Refused { code, text } if is_for_now(status, &code) => Verdict::Busy { code, text },
        // It says yes and gives nothing: neither the credentials nor the token can be told to be wrong.
        Verdict::Success => Verdict::Unreadable { text: "the partner's answer holds no token".to_owned() },
        // There is no token yet that could have expired: it is the credentials.
        Verdict::TokenExpired { code, text } => Verdict::Refused { code, text },
        verdict @ (Verdict::Refused { .. }
        | Verdict::Busy { .. }
        | Verdict::Exception { .. }
        | Verdict::Unreadable { .. }) => verdict,
    })
}

/// Whether a refusal says nothing of the credentials: its code is that of too many requests, or that of a server's failure
/// and the server says by HTTP that it has failed. By itself the code of a failure is the partner's word for "no"
/// (TrackingEyes, OAuth: "200=success; other=fail").
fn is_for_now(status: u16, code: &str) -> bool {
    match code.parse() {
        Ok(429_u16) => true,
        Ok(500..=599) => status >= 500,
        Ok(_) | Err(_) => false,
    }
}

/// `POST /api/auth/authorization` with `companyCode` and `secret`.
fn trackingeyes(attempt: &Attempt<'_>) -> Result<Prepared, Fault> {
    let mut body = serde_json::Map::new();
    body.insert("companyCode".to_owned(), credential(attempt, "company_code")?.into());
    body.insert("secret".to_owned(), credential(attempt, "secret")?.into());
    Ok(request(Method::Post, "/api/auth/authorization", body))
}

fn request(method: Method, path: &str, body: serde_json::Map<String, serde_json::Value>) -> Prepared {
    let body = if body.is_empty() { Vec::new() } else { serde_json::Value::Object(body).to_string().into_bytes() };
    Prepared {
        method,
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        content_type: (!body.is_empty()).then(|| "application/json".to_owned()),
        body,
    }
}

fn by_recipe(recipe: &TokenRequest, attempt: &Attempt<'_>) -> Result<Prepared, Fault> {
    let unit = recipe.signature.as_ref().map_or(Unit::default(), |signature| signature.timestamp);
    // A signature that goes into the body cannot cover it; one that covers it is made afterwards.
    let covers = |part: &Part| *part == Part::Body;
    let covers_body = recipe.signature.as_ref().is_some_and(|own| own.parts.iter().chain(&own.key).any(covers));
    let sign = |body: &str| recipe.signature.as_ref().map_or(Ok(String::new()), |own| own.sign(attempt, body));
    let early = if covers_body { String::new() } else { sign("")? };
    let context = Context { attempt, body: "", unit, signature: &early };
    let members = recipe.body.iter().map(|(name, part)| Ok((name.clone(), part.text(&context)?.into_owned().into())));
    let mut prepared = request(recipe.method, &recipe.path, members.collect::<Result<_, Fault>>()?);

    let body = String::from_utf8_lossy(&prepared.body).into_owned();
    let signature = if covers_body { sign(&body)? } else { early };
    let context = Context { attempt, body: &body, unit, signature: &signature };
    for (name, part) in &recipe.query {
        let (value, secret) = (part.text(&context)?.into_owned(), part.is_secret());
        prepared.query.push(Pair { name: name.clone().into(), value, secret });
    }
    if let Some(own) = &recipe.signature {
        own.send(&mut prepared, &context, true)?;
    }
    Ok(prepared)
}

/// The token where the recipe says it is. A life that cannot be read is taken as the configured one, or as an hour.
fn found(recipe: &TokenRequest, json: &Json<'_>) -> Option<Token> {
    const HOUR: u64 = 3600;
    let text = at(json, &recipe.token)?.scalar().map(str::trim).filter(|text| !text.is_empty())?;
    let told = recipe.life.as_ref().and_then(|life| at(json, life)?.value()?.trim().parse::<u64>().ok());
    let life = told.map_or(Duration::from_secs(recipe.life_seconds.unwrap_or(HOUR)), |life| match recipe.life_unit {
        LifeUnit::Milliseconds => Duration::from_millis(life),
        LifeUnit::Seconds => Duration::from_secs(life),
        LifeUnit::Minutes => Duration::from_secs(life.saturating_mul(60)),
        LifeUnit::Hours => Duration::from_secs(life.saturating_mul(HOUR)),
    });
    Some(Token { text: text.to_owned(), life })
}

/// The value at a JSON pointer (RFC 6901).
fn at<'j>(json: &'j Json<'j>, pointer: &str) -> Option<&'j Json<'j>> {
    pointer.strip_prefix('/')?.split('/').try_fold(json, |json, part| match json.kind() {
        Kind::Array(elements) => elements.get(part.parse::<usize>().ok()?),
        Kind::Object(_) => json.get(&part.replace("~1", "/").replace("~0", "~")),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => None,
    })
}
