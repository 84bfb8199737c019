//! A token by its recipe.

use std::time::Duration;

use super::{Context, LifeUnit, Part, TokenRequest, Unit};
use crate::Json;
use crate::operation::{Attempt, Fault, Pair, Prepared, Settings, Token};

/// The request that asks for a token, where the connection has a recipe for it.
pub(crate) fn token_request(attempt: &Attempt<'_>) -> Result<Option<Prepared>, Fault> {
    attempt.settings.token.as_ref().map(|recipe| recipe.prepared(attempt)).transpose()
}

/// The request that asks for a token by a recipe.
fn prepared(recipe: &TokenRequest, attempt: &Attempt<'_>) -> Result<Prepared, Fault> {
    let unit = recipe.signature.as_ref().map_or(Unit::default(), |signature| signature.timestamp);
    // A signature that goes into the body cannot cover it; one that covers it is made afterwards.
    let covers = |part: &Part| *part == Part::Body;
    let covers_body = recipe.signature.as_ref().is_some_and(|own| own.parts.iter().chain(&own.key).any(covers));
    let sign = |body: &str| recipe.signature.as_ref().map_or(Ok(String::new()), |own| own.sign(attempt, body));
    let early = if covers_body { String::new() } else { sign("")? };
    let context = Context { attempt, body: "", fields: &[], unit, signature: &early };
    let members = recipe.body.iter().map(|(name, part)| Ok((name.clone(), part.text(&context)?.into_owned().into())));
    let mut prepared = Prepared::json(recipe.method, &recipe.path, members.collect::<Result<_, Fault>>()?);

    let body = String::from_utf8_lossy(&prepared.body).into_owned();
    let signature = if covers_body { sign(&body)? } else { early };
    let context = Context { attempt, body: &body, fields: &[], unit, signature: &signature };
    for (name, part) in &recipe.query {
        let (value, secret) = (part.text(&context)?.into_owned(), part.is_secret());
        prepared.query.push(Pair { name: name.clone().into(), value, secret });
    }
    if let Some(own) = &recipe.signature {
        own.send(&mut prepared, &context, true)?;
    }
    Ok(prepared)
}

/// Whether the connection's recipe lists the code as that of a token that is no longer good.
pub(crate) fn is_expired(settings: &Settings, code: &str) -> bool {
    settings.token.as_ref().is_some_and(|recipe| recipe.is_expired(code))
}

/// The token where the connection's recipe says it is.
pub(crate) fn token(json: &Json<'_>, settings: &Settings) -> Option<Token> {
    settings.token.as_ref()?.read(json)
}

impl TokenRequest {
    /// The request that asks for a token.
    pub(crate) fn prepared(&self, attempt: &Attempt<'_>) -> Result<Prepared, Fault> {
        prepared(self, attempt)
    }

    /// Whether the code is that of a token that is no longer good.
    pub(crate) fn is_expired(&self, code: &str) -> bool {
        self.expired.iter().any(|expired| expired == code)
    }

    /// The token in an answer.
    pub(crate) fn read(&self, answer: &Json<'_>) -> Option<Token> {
        read(self, answer)
    }
}

/// The token where the recipe says it is. A life that cannot be read is taken as the configured one, or as an hour.
fn read(recipe: &TokenRequest, json: &Json<'_>) -> Option<Token> {
    const HOUR: u64 = 3600;
    let text = json.pointer(&recipe.token)?.scalar().map(str::trim).filter(|text| !text.is_empty())?;
    let told = recipe.life.as_ref().and_then(|life| json.pointer(life)?.value()?.trim().parse::<u64>().ok());
    let life = told.map_or(Duration::from_secs(recipe.life_seconds.unwrap_or(HOUR)), |life| match recipe.life_unit {
        LifeUnit::Milliseconds => Duration::from_millis(life),
        LifeUnit::Seconds => Duration::from_secs(life),
        LifeUnit::Minutes => Duration::from_secs(life.saturating_mul(60)),
        LifeUnit::Hours => Duration::from_secs(life.saturating_mul(HOUR)),
    });
    Some(Token::new(text, life))
}
