//! A recipe at work.

use std::borrow::Cow;

use super::{Mix, Part, Sent, Signature, Unit};
use crate::operation::{Attempt, Fault, Operation, Pair, Prepared, credential, token};

/// Fields of a request as they are sent: names and texts.
pub(crate) type Fields<'f> = [(&'f str, Cow<'f, str>)];

/// Values of the parts of one request.
pub(super) struct Context<'s, 'a> {
    /// The attempt.
    pub(super) attempt: &'s Attempt<'a>,
    /// The body as it is sent.
    pub(super) body: &'s str,
    /// The fields that it is made of, where a file says what they are.
    pub(super) fields: &'s Fields<'s>,
    /// The unit of the timestamp.
    pub(super) unit: Unit,
    /// The signature, once it is made.
    pub(super) signature: &'s str,
}

impl Part {
    /// Value of the part.
    pub(super) fn text<'s>(&'s self, context: &Context<'s, '_>) -> Result<Cow<'s, str>, Fault> {
        let attempt = context.attempt;
        Ok(match self {
            Self::Nonce => attempt.nonce.into(),
            Self::Timestamp => match context.unit {
                Unit::Ms => attempt.now_ms.to_string().into(),
                Unit::S => (attempt.now_ms / 1000).to_string().into(),
            },
            Self::Token => token(attempt)?.into(),
            Self::Body => context.body.into(),
            Self::Signature => context.signature.into(),
            Self::Credential(name) => credential(attempt, name)?.into(),
            Self::Field(name) => {
                let found = context.fields.iter().find(|(own, _)| own == name);
                let missing = || Fault::new(name, "must be given: the signature covers it");
                found.map(|(_, text)| text.as_ref().into()).ok_or_else(missing)?
            }
            Self::Text(text) => text.into(),
        })
    }
}

impl Signature {
    /// The signature of a request with this body.
    pub(crate) fn sign(&self, attempt: &Attempt<'_>, body: &str) -> Result<String, Fault> {
        self.sign_fields(attempt, body, &[])
    }

    fn sign_fields(&self, attempt: &Attempt<'_>, body: &str, fields: &Fields<'_>) -> Result<String, Fault> {
        let context = Context { attempt, body, fields, unit: self.timestamp, signature: "" };
        let parts: Vec<_> = self.parts.iter().map(|part| part.text(&context)).collect::<Result<_, _>>()?;
        let key = self.key.as_ref().map(|key| key.text(&context)).transpose()?.unwrap_or_default();
        let mix = Mix { separator: &self.separator, hash: self.hash, digits: self.digits, case: self.case };
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        Ok(mix.of(&parts, key.as_bytes()))
    }

    /// Puts what is sent on a request: headers and query parameters.
    pub(super) fn send(&self, prepared: &mut Prepared, context: &Context<'_, '_>, of_token: bool) -> Result<(), Fault> {
        let Signed { headers, query, fields: _ } = placed(&self.sent(of_token), context)?;
        prepared.headers.extend(headers);
        prepared.query.extend(query);
        Ok(())
    }
}

/// Signs an operation's request that is otherwise complete.
pub(crate) fn seal(_: &Operation<'_>, mut prepared: Prepared, attempt: &Attempt<'_>) -> Result<Prepared, Fault> {
    let Some(recipe) = &attempt.settings.signature else {
        let remedy = "the partner does not publish its signature: give its recipe in the connection";
        return Err(Fault::new("signature", remedy));
    };
    let body = String::from_utf8_lossy(&prepared.body).into_owned();
    let signature = recipe.sign(attempt, &body)?;
    let context = Context { attempt, body: &body, fields: &[], unit: recipe.timestamp, signature: &signature };
    recipe.send(&mut prepared, &context, false)?;
    Ok(prepared)
}

/// Values that a signature sends, by their places.
#[derive(Default)]
pub(crate) struct Signed {
    /// Headers.
    pub(crate) headers: Vec<Pair>,
    /// Query parameters.
    pub(crate) query: Vec<Pair>,
    /// Fields beside the others.
    pub(crate) fields: Vec<(String, String)>,
}

impl Signature {
    /// Signs a request of these fields, or of this body.
    pub(crate) fn signed(&self, attempt: &Attempt<'_>, body: &str, fields: &Fields<'_>) -> Result<Signed, Fault> {
        let signature = self.sign_fields(attempt, body, fields)?;
        let context = Context { attempt, body, fields, unit: self.timestamp, signature: &signature };
        placed(self.send.as_deref().unwrap_or_default(), &context)
    }
}

fn placed(sent: &[Sent], context: &Context<'_, '_>) -> Result<Signed, Fault> {
    let mut signed = Signed::default();
    for Sent { part, header, query, field } in sent {
        let value = part.text(context)?.into_owned();
        let pair = |name: &String| Pair { name: name.clone().into(), value: value.clone(), secret: part.is_secret() };
        signed.headers.extend(header.iter().map(pair));
        signed.query.extend(query.iter().map(pair));
        signed.fields.extend(field.iter().map(|name| (name.clone(), value.clone())));
    }
    Ok(signed)
}
