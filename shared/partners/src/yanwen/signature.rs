//! Yanwen's signature, over the very bytes that are sent.

use crate::operation::{Attempt, Fault, Operation, Pair, Prepared, credential, digest};

/// 报文格式, the only one.
const FORMAT: &str = "json";

/// api版本号, fixed; not the `version` of a master waybill.
const VERSION: &str = "V1.0";

/// `md5(apitoken + user_id + data + format + method + timestamp + version + apitoken)` as 32 lower-case hex digits.
/// `data` is the body as it is sent, `timestamp` is in milliseconds. The page says dictionary order and prints this one,
/// which its published examples confirm.
pub(crate) fn sign(api_token: &str, user_id: &str, method: &str, timestamp: &str, data: &str) -> String {
    digest::md5(&[api_token, user_id, data, FORMAT, method, timestamp, VERSION, api_token])
}

/// Adds the common parameters. A signature is good for five minutes, so every attempt has its own. The body
/// goes without white space between its tokens.
pub(super) fn seal(
    operation: &Operation<'_>,
    mut prepared: Prepared,
    attempt: &Attempt<'_>,
) -> Result<Prepared, Fault> {
    let (user_id, api_token) = (credential(attempt, "user_id")?, credential(attempt, "api_token")?);
    let data = compact(&String::from_utf8_lossy(&prepared.body));
    let (method, timestamp) = (operation.name, attempt.now_ms.to_string());
    let sign = sign(api_token, user_id, method, &timestamp, &data);
    prepared.body = data.into_bytes();
    prepared.query.extend([
        Pair::open("method", method),
        Pair::open("format", FORMAT),
        Pair::open("timestamp", timestamp),
        Pair::secret("sign", sign),
        Pair::open("version", VERSION),
    ]);
    Ok(prepared)
}

/// JSON without the white space between its tokens; every token is copied as it is printed.
fn compact(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |&char: &char| {
        if !inside {
            inside = char == '"';
            return !matches!(char, ' ' | '\t' | '\r' | '\n');
        }
        inside = escaped || char != '"';
        escaped = !escaped && char == '\\';
        true
    };
    text.chars().filter(keep).collect()
}
