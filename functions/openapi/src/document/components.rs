//! Components that several paths share: parameters, headers, problems, files, and the key.

use api::contract::ProblemBody;
use partners::operation::document::{ADDRESS, SOMETHING};
use partners::operation::enclosure::LONGEST_NAME;
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, schema};

/// Everything but the bodies of the partners' operations.
pub(crate) fn components(mut derived: Schemas) -> Value {
    let components = json!({
        "securitySchemes": {"key": {
            "type": "http", "scheme": "bearer",
            "description": "One of the configuration's `api_keys`, each limited to its own connections and by its role.",
        }},
        "parameters": parameters(),
        "headers": {
            "Location": {
                "description": "The URL of the call, relative to the request: `../<id>`.", "required": true,
                "schema": {"type": "string", "format": "uri-reference"},
            },
            "WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}},
            "Allow": {"description": "The methods that the path supports.", "schema": {"type": "string"}},
            "Retry-After": {"description": "The wait before a retry, in seconds.", "schema": {"type": "integer"}},
        },
        "responses": problems(&derived.answer::<ProblemBody<'_>>()),
        "schemas": files(),
    });
    parts::within(components, "schemas", derived.components())
}

fn parameters() -> Value {
    json!({
        "connection": {
            "name": "connection", "in": "path", "required": true, "description": "The id of a configured connection.",
            "schema": {"type": "string", "pattern": "^[a-z0-9-]+$"}, "example": "xhq-sh",
        },
        "from": {
            "name": "from", "in": "query", "schema": {"type": "string"},
            "description": "The `next` of the previous page; empty for the first. It is valid for an hour, with the same key and \
                            the same filters. Any other value is a `bad-cursor`: begin again without it.",
        },
        "limit": {
            "name": "limit", "in": "query", "description": "The largest number of items in a page.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        },
        "Idempotency-Key": parts::idempotency_key(
            "The same key with the same body is the same call, as long as that is stored. The same key with another body is \
             a 409.",
        ),
        "Prefer": {
            "name": "Prefer", "in": "header", "schema": {"type": "string"}, "example": "wait=10",
            "description": "`wait=N` waits up to N seconds, 25 at the most, for the call to end. Any other value is ignored.",
        },
    })
}

/// The problem responses by status. A kind is the last part of the problem's `type`.
fn problems(schema: &Value) -> Value {
    let content = json!({"application/problem+json": {"schema": schema}});
    let problem = |description: &str| json!({"description": description, "content": content});
    let saying = |header: &str, description: &str| {
        let headers = json!({header: {"$ref": format!("#/components/headers/{header}")}});
        parts::with(problem(description), "headers", headers)
    };
    let later = |description: &str| saying("Retry-After", description);
    json!({
        "400": problem(
            "`invalid-request`: `field` names the invalid field, `errors` lists every violation in the body. `bad-cursor`: `from` \
             is of another key, list or change, or over an hour old; begin again without it.",
        ),
        "401": saying("WWW-Authenticate", "`unauthorized`: the key is missing or unknown."),
        "403": problem("`forbidden`: the key's role does not include the `role` that the request needs."),
        "404": problem(
            "`not-found`: the item does not exist, has expired, or is hidden from the key. `unknown-operation`: the partner \
             offers no operation of this name.",
        ),
        "405": saying("Allow", "`method-not-allowed`."),
        "409": problem(
            "`idempotency-conflict`: the key was used with another body; `call`, `digest` and `stored_digest` identify \
             both. `not-ambiguous`: the call needs no decision; `state` is its state. `being-sent`: the call is being \
             sent, or is about to be. `not-queued`: the call has ended, so that it cannot be sent now or cancelled; `state` is its state. \
             `waiting`: the call waits for an earlier one about the same order, `waits_for`, and cannot be sent before it. \
             `recent-off`: the configuration has `recent_events = false`, so that nothing can be listed by time. `not-pulled`: events are \
             sent to the endpoint. `pulled`: nothing is sent to it.",
        ),
        "408": problem("`incomplete`: the body did not arrive whole and in time; send it again."),
        "413": problem("`too-large`: the body exceeds the limit."),
        "422": problem("`partner-refused`: the partner refused the request; `code`, `text` and `answer` are its own."),
        "429": later("`rate-limited`: the connection has reached its limit of calls."),
        "500": problem(
            "`internal`: a fault of the hub, described in its log; the request is valid. \
             `damaged`: the stored bytes of the event in `event` differ from the received ones; they are neither \
             served nor delivered. `connection-incomplete`: the configuration lacks keys that the operation needs, listed in `errors`. \
             `unavailable`: the hub failed; the same request may be repeated. `answer-too-large`: on AWS, an event that takes more \
             than 6 MB, for a client that does not send `Accept: */*` and `Accept-Encoding: gzip`.",
        ),
        "502": problem("`no-answer`, `unreadable` or `credentials-refused`: the partner gave no usable answer, or refused the \
             credentials of the connection."),
        "503": later(
            "`unavailable`, `circuit-open` or `partner-busy`: the store or the partner does not answer now, or not in \
             time.",
        ),
    })
}

/// Schemas that the partners' operations share.
fn files() -> Value {
    json!({
        "Enclosure": enclosure(),
        "EnclosureOrBase64": {
            "description": "A file; or the partner's own field `file`, which passes through unchanged.",
            "oneOf": [
                schema("Enclosure"),
                {"title": "OwnBase64", "type": "string", "minLength": 1, "pattern": SOMETHING, "contentEncoding": "base64"},
            ],
        },
    })
}

/// The name of a file: of characters that print, not a path, and more than dots and blanks.
const NAME: &str = r"[^\x00-\x1f\x7f-\x9f/\\]*[^\x00-\x1f\x7f-\x9f/\\.\s][^\x00-\x1f\x7f-\x9f/\\]*";

/// A media type, with or without parameters; or nothing.
const MEDIA_TYPE: &str = "^( *[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+ *(;[ -~]*)?)?$";

fn enclosure() -> Value {
    let media_type = json!({"type": "string", "pattern": MEDIA_TYPE});
    json!({
        "description": "A file: its bytes as base64, a URL from which the hub fetches it, or the id of its upload.",
        "oneOf": [
            {
                "title": "FileContent",
                "type": "object",
                "required": ["name", "base64"],
                "properties": {
                    "name": {"type": "string", "maxLength": LONGEST_NAME, "pattern": format!("^{NAME}$")},
                    "content_type": media_type,
                    "base64": {
                        "type": "string", "minLength": 2, "contentEncoding": "base64",
                        "pattern": "^[A-Za-z0-9+/ \\t\\n\\f\\r]*[A-Za-z0-9+/][= \\t\\n\\f\\r]*$",
                    },
                },
                "additionalProperties": false,
            },
            {
                "title": "FileAddress",
                "type": "object",
                "required": ["url"],
                "properties": {
                    "url": {
                        "type": "string", "format": "uri", "pattern": format!("^{ADDRESS}$"),
                        "description": "A public URL, http or https.",
                    },
                    "name": {
                        "type": "string", "maxLength": LONGEST_NAME, "pattern": format!("^({NAME})?$"),
                        "description": "Required where the path of `url` does not end in a file name.",
                    },
                    "content_type": media_type.clone(),
                },
                "additionalProperties": false,
            },
            {
                "title": "FileUpload",
                "type": "object",
                "required": ["upload"],
                "properties": {
                    "upload": {
                        "type": "string", "minLength": 1,
                        "description": "The `id` of `POST /uploads` with the same API key.",
                    },
                    "name": {
                        "type": "string", "maxLength": LONGEST_NAME, "pattern": format!("^({NAME})?$"),
                        "description": "A name in place of the one that the upload was given.",
                    },
                    "content_type": media_type,
                },
                "additionalProperties": false,
            },
        ],
    })
}
