//! The signature of a push, where its partner's description says that pushes are signed.

use config::Context;
use hub::Secret;
use partners::answer::{Answer, Verdict};
use partners::configured::{Signed, Unsigned};

use crate::entrance::Verified;
use crate::receive::IncomingPush;
use crate::refusal::{Refusal, Refused, refuse};

/// Checks the signature of a push whose partner signs.
pub(crate) fn signed<S, Q>(
    context: &Context<S, Q>,
    verified: &Verified<'_>,
    push: &IncomingPush,
) -> Result<(), Answer> {
    let (connection, partner) = (verified.connection, verified.partner());
    let Some((table, verify)) = partner.push_table().and_then(|table| Some((table, table.verify.as_ref()?))) else {
        return Ok(());
    };
    let header = |name: &str| push.headers.get(name).and_then(|value| value.to_str().ok());
    let credential = |name: &str| connection.credentials.get(name).map(Secret::expose);
    let now = context.now();
    let signed =
        Signed { body: &push.body, query: &push.query, header: &header, credential: &credential, now_ms: now.0 / 1000 };
    let refusal = match verify.check(&table.body, &signed) {
        Ok(()) => return Ok(()),
        Err(Unsigned::NoCredential) => {
            tracing::error!(connection = %connection.id, "a push cannot be checked: the connection lacks a credential of its partner's verify");
            return Err(refuse(Some(partner), Verdict::Unavailable));
        }
        Err(Unsigned::Missing | Unsigned::Wrong) => Refusal::Signature,
        Err(Unsigned::Late) => Refusal::Time,
    };
    let connection = Some(connection.id.clone());
    let refused = Refused { function: verified.function(), partner: Some(partner), refusal, connection, peer: None };
    Err(refused.answer(now))
}
