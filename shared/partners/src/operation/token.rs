//! The tokens that calls to some partners carry: how one is asked for, and what the answer says.

use std::fmt;
use std::time::Duration;

use super::read::judge;
use super::{Attempt, Fault, Judgement, Prepared, Settings};
use crate::recipe::TokenRequest;
use crate::{Json, Partner};

/// A token as a partner gave it. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    /// Life of the token from the time of its request.
    pub life: Duration,
}

impl Token {
    pub(crate) fn new(text: &str, life: Duration) -> Self {
        Self { text: text.to_owned(), life }
    }

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

/// The recipe of a configured partner's tokens.
pub(super) fn recipe(partner: Partner) -> Option<&'static TokenRequest> {
    partner.described()?.definition().token.as_ref()
}

/// Whether calls to this partner carry a token that must be asked for first.
#[must_use]
pub fn needs_token(partner: Partner, settings: &Settings) -> bool {
    recipe(partner).is_some() || partner.profile().calls.tokens.is_some_and(|tokens| (tokens.needed)(settings))
}

/// The request that asks for a token; nothing where the partner has none.
pub fn token_request(partner: Partner, attempt: &Attempt<'_>) -> Result<Option<Prepared>, Vec<Fault>> {
    if let Some(recipe) = recipe(partner) {
        return recipe.prepared(attempt).map(Some).map_err(|fault| vec![fault]);
    }
    let Some(tokens) = partner.profile().calls.tokens else { return Ok(None) };
    (tokens.request)(attempt).map_err(|fault| vec![fault])
}

/// The token in the answer to [`token_request`], or the judgement of that answer.
pub fn read_token(partner: Partner, settings: &Settings, status: u16, body: &[u8]) -> Result<Token, Judgement> {
    let tokens = partner.profile().calls.tokens;
    let token = Json::parse(body).ok().and_then(|json| match recipe(partner) {
        Some(recipe) => recipe.read(&json),
        None => (tokens?.read)(&json, settings),
    });
    token.ok_or_else(|| match judge(partner, settings, status, body) {
        Judgement::Refused { code, text } if is_for_now(status, &code) => Judgement::Busy { code, text },
        // It says yes and gives nothing: neither the credentials nor the token can be told to be wrong.
        Judgement::Success => Judgement::Unreadable { text: "the partner's answer holds no token".to_owned() },
        // There is no token yet that could have expired: it is the credentials.
        Judgement::TokenExpired { code, text } => Judgement::Refused { code, text },
        verdict @ (Judgement::Refused { .. }
        | Judgement::Busy { .. }
        | Judgement::Exception { .. }
        | Judgement::Unreadable { .. }) => verdict,
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
