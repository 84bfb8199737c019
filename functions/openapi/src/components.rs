//! What several paths share: the shapes of calls, events, deliveries and problems, parameters, and the key.

use hub::call::Standing;
use hub::delivery::State;
use partners::operation::enclosure::LONGEST_NAME;
use serde_json::{Value, json};

use crate::field::{ADDRESS, SOMETHING};
use crate::parts::{self, schema};

/// Everything but the bodies of the partners' operations.
pub(crate) fn components() -> Value {
    json!({
        "securitySchemes": {"key": {
            "type": "http", "scheme": "bearer",
            "description": "One of the configuration's `api_keys`, which sees its own connections.",
        }},
        "parameters": parameters(),
        "headers": {
            "Location": {
                "description": "Where the call is read, from the place of the request: `../<id>`.", "required": true,
                "schema": {"type": "string", "format": "uri-reference"},
            },
            "WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}},
            "Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}},
            "Retry-After": {"description": "In how many seconds to try again.", "schema": {"type": "integer"}},
        },
        "responses": problems(),
        "schemas": schemas(),
    })
}

fn parameters() -> Value {
    json!({
        "connection": {
            "name": "connection", "in": "path", "required": true, "description": "The id of a configured connection.",
            "schema": {"type": "string", "pattern": "^[a-z0-9-]+$"}, "example": "xhq-sh",
        },
        "from": {
            "name": "from", "in": "query", "schema": {"type": "string"},
            "description": "The `next` of the page before; empty for the first. It is taken for an hour, with the same key and \
                            the same filters; any other is a `bad-cursor`, and the list begins again without it.",
        },
        "limit": {
            "name": "limit", "in": "query", "description": "How many items a page has at the most.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        },
        "Idempotency-Key": parts::idempotency_key(
            "The same key with the same body is the same call, for as long as calls are kept, also while it is on its way; \
             with another body it is a 409.",
        ),
        "Prefer": {
            "name": "Prefer", "in": "header", "schema": {"type": "string"}, "example": "wait=10",
            "description": "`wait=N` waits up to N seconds, 25 at the most, for the call to end. What is not that is ignored.",
        },
    })
}

/// By status, what is answered as a problem. Kinds are the ends of their `type`.
fn problems() -> Value {
    let content = json!({"application/problem+json": {"schema": schema("Problem")}});
    let problem = |description: &str| json!({"description": description, "content": content});
    let saying = |header: &str, description: &str| {
        let headers = json!({header: {"$ref": format!("#/components/headers/{header}")}});
        parts::with(problem(description), "headers", headers)
    };
    let later = |description: &str| saying("Retry-After", description);
    json!({
        "400": problem(
            "`invalid-request`: `field` says where, `errors` everything that is wrong with the body. `bad-cursor`: `from` is \
             of another key, list or change, or over an hour old; begin again without it.",
        ),
        "401": saying("WWW-Authenticate", "`unauthorized`: no key, or nobody's."),
        "404": problem(
            "`not-found`: it is not there, has expired, or the key may not see it. `unknown-operation`: the partner \
             offers no operation of this name.",
        ),
        "405": saying("Allow", "`method-not-allowed`."),
        "409": problem(
            "`idempotency-conflict`: another body came under this key; `call`, `digest` and `stored_digest` tell of \
             both. `not-ambiguous`: there is nothing to decide about the call; `state` says why. `being-sent`: the call is being \
             sent, or is about to be. `not-queued`: the call has ended, so that it has no wait to end; `state` says how.",
        ),
        "408": problem("`incomplete`: the body did not arrive whole and in time; send it again."),
        "413": problem("`too-large`: the body is over the limit."),
        "422": problem("`partner-refused`: the partner said no; `code`, `text` and its whole `answer`."),
        "429": later("`rate-limited`: the connection has as many calls as it may have."),
        "500": problem(
            "`internal`: the hub failed by a fault of its own, which its log tells; nothing is wrong with the request. \
             `damaged`: the stored bytes of the event that `event` names are not those that were received; they are not \
             served and not delivered. `connection-incomplete`: the configuration lacks what the operation needs, listed in `errors`. \
             `unavailable`: the hub failed; the same request may be repeated. `answer-too-large`: on AWS, an event whose \
             payload takes more than 6 MB.",
        ),
        "502": problem("`no-answer`, `unreadable` or `credentials-refused`: the partner gave no answer that can be used, or refuses the \
             credentials of the connection."),
        "503": later(
            "`unavailable`, `circuit-open` or `partner-busy`: the store or the partner does not answer now, or not in \
             time.",
        ),
    })
}

fn schemas() -> Value {
    json!({
        "Id": {"type": "string", "pattern": "^[0-9a-f]{48}$"},
        "Next": {"type": ["string", "null"],
                 "description": "The `from` that goes on from here, for an hour, with the same key and the same request; null at the \
                                 end. It is sealed: nothing can be read or made of it."},
        "Problem": problem(),
        "Enclosure": enclosure(),
        "EnclosureOrBase64": {
            "description": "A file; or the partner's own field `file`, which passes as it is.",
            "oneOf": [
                schema("Enclosure"),
                {"title": "OwnBase64", "type": "string", "minLength": 1, "pattern": SOMETHING, "contentEncoding": "base64"},
            ],
        },
        "CallState": {
            "type": "string",
            "enum": [Standing::Queued, Standing::Succeeded, Standing::Failed, Standing::Ambiguous],
            "description": "`ambiguous`: it was sent, and nobody knows what the partner made of it. It is not sent \
                            again unless somebody decides so.",
        },
        "CallRecord": call(),
        "Attempt": attempt(),
        "Delivery": delivery(),
        "EventKey": event_key(),
        "EventKeys": {
            "type": "array", "items": schema("EventKey"), "maxItems": 1000,
            "description": "Which events; left out, every failed delivery of the endpoint. Each is of a connection that the key \
                            sees: one that is configured, or that one of these events is stored for.",
        },
        "ListedEvent": listed(&json!({"deliveries": {"type": "array", "items": schema("Delivery")}})),
        "FailedDelivery": listed(&json!({"delivery": schema("Delivery")})),
        "Event": event(),
    })
}

fn time(description: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": description})
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "description": "`urn:tongguan:problem:<kind>`; stable."},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong, or what to do about it."},
            "field": {
                "type": ["string", "null"],
                "description": "Which field: a path from the body's top such as `orders[0].orderOutNo`, or a \
                                parameter's name.",
            },
            "errors": {
                "type": "array",
                "description": "Everything that the partner's document holds against the body.",
                "items": {
                    "type": "object",
                    "required": ["field", "remedy"],
                    "properties": {"field": {"type": "string"}, "remedy": {"type": "string"}},
                },
            },
            "code": {"description": "The partner's own code."},
            "text": {"type": "string", "description": "The partner's own words."},
            "partner_status": {"type": "integer", "description": "The HTTP status of the partner's answer."},
            "answer": {"description": "The partner's whole answer: its JSON as it came, anything else as a string."},
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
        "description": "A file: its bytes as base64, or an address from which the hub fetches it.",
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
                        "description": "Public; http or https.",
                    },
                    "name": {
                        "type": "string", "maxLength": LONGEST_NAME, "pattern": format!("^({NAME})?$"),
                        "description": "Must be given where the path of `url` does not end in a file's name.",
                    },
                    "content_type": media_type,
                },
                "additionalProperties": false,
            },
        ],
    })
}

fn call() -> Value {
    json!({
        "type": "object",
        "required": [
            "id", "connection", "operation", "idempotency_key", "state", "accepted", "subject", "aliases", "attempts",
            "answer",
        ],
        "properties": {
            "id": schema("Id"),
            "connection": {"type": "string"},
            "operation": {"type": "string"},
            "idempotency_key": {"type": "string"},
            "state": schema("CallState"),
            "accepted": time("When it was stored."),
            "due": time("When it is sent next, while it is on its way."),
            "settled": time("When it ended."),
            "subject": {"type": "string", "description": "What it is about, such as `order:SO-1`."},
            "aliases": {
                "type": "array", "items": {"type": "string"},
                "description": "Its business keys, and those that the partner's answer added.",
            },
            "request": request(),
            "attempts": {"type": "array", "items": schema("Attempt"), "description": "The latest, oldest first."},
            "code": {"type": "string", "description": "The partner's own code in the latest attempt, where that is no success."},
            "text": {"type": "string", "description": "The partner's own words in the latest attempt, where that is no success."},
            "decisions": {
                "type": "array",
                "description": "What was decided while it was ambiguous, the latest, oldest first.",
                "items": {
                    "type": "object",
                    "required": ["decision", "at", "by"],
                    "properties": {
                        "decision": {"type": "string", "enum": ["retry", "done"]},
                        "at": time("When."),
                        "by": {"type": "string", "description": "The id of the API key."},
                    },
                },
            },
            "answer": {
                "type": ["object", "null"],
                "description": "The partner's latest answer.",
                "required": ["status", "body", "truncated"],
                "properties": {
                    "status": {"type": "integer", "description": "The HTTP status."},
                    "body": {"description": "Its JSON as it came, anything else as a string."},
                    "truncated": {"type": "boolean", "description": "Whether `body` is the beginning of a longer one."},
                },
            },
        },
    })
}

/// What the ERP asked for: `GET /calls/{id}` and the events that tell the end show it.
fn request() -> Value {
    json!({
        "type": "object",
        "description": "The request, where one call is asked for or its end is told. Credentials, what is called like a secret, and what may \
                        sign an address are `[REDACTED]`.",
        "required": ["body", "truncated"],
        "properties": {
            "body": {"description": "The JSON as it came; of a long one the beginning, as a string."},
            "truncated": {"type": "boolean", "description": "Whether `body` is the beginning of a longer one."},
            "file": {
                "type": "object",
                "description": "The file that came with it.",
                "required": ["name"],
                "properties": {
                    "name": {"type": ["string", "null"]},
                    "content_type": {"type": "string"},
                    "bytes": {"type": "integer", "description": "Its size, where it came with the request."},
                    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Its digest."},
                    "url": {"type": "string", "description": "Where it is fetched from, without its query."},
                },
            },
        },
    })
}

fn attempt() -> Value {
    json!({
        "type": "object",
        "required": ["at", "ms", "status", "detail"],
        "properties": {
            "at": time("When it began."),
            "ms": {"type": "integer", "description": "How long it took."},
            "status": {"type": ["integer", "null"], "description": "The HTTP status, where there was an answer."},
            "detail": {"type": "string", "description": "The beginning of the answer, or what went wrong."},
            "put_off": {
                "type": "integer",
                "description": "No attempt: it was put off so many times in a row, first `at` that time, for the reason \
                                in `detail`. No retry is used up by it.",
            },
        },
    })
}

fn delivery() -> Value {
    json!({
        "type": "object",
        "required": ["endpoint", "state", "attempts"],
        "properties": {
            "endpoint": {"type": "string"},
            "state": {"type": "string", "enum": [State::Pending, State::Delivered, State::Failed, State::Confirmed]},
            "due": time("When it is attempted next, while it is pending."),
            "at": time("When it came to its state, once it is settled."),
            "attempts": {"type": "array", "items": schema("Attempt"), "description": "The latest, oldest first."},
        },
    })
}

fn event_key() -> Value {
    json!({
        "type": "object",
        "required": ["connection", "subject", "id"],
        "properties": {"connection": {"type": "string"}, "subject": {"type": "string"}, "id": schema("Id")},
    })
}

/// An event without its payload, with these members.
fn listed(members: &Value) -> Value {
    let own = json!({
        "type": {"type": "string", "description": "`<partner>.<action>`, as the partner spells it."},
        "received": time("When it came."),
        "milestone": {"type": ["string", "null"], "description": "One vocabulary across partners; see `Event`."},
        "malformed": {"type": ["string", "null"], "description": "Why it could not be read."},
        "call": schema("CallState"),
    });
    let members = own.as_object().into_iter().chain(members.as_object()).flatten();
    parts::within(event_key(), "properties", members.map(|(name, schema)| (name.clone(), schema.clone())))
}

fn event() -> Value {
    json!({
        "type": "object",
        "description": "A CloudEvent 1.0. Of `call.succeeded`, `call.failed` and `call.ambiguous` the `data` is a \
                        `CallRecord`; of any other type it is the partner's JSON, untouched.",
        "required": ["specversion", "id", "source", "type", "subject", "time"],
        "properties": {
            "specversion": {"type": "string", "const": "1.0"},
            "id": schema("Id"),
            "source": {"type": "string", "description": "The connection."},
            "type": {"type": "string", "examples": ["xhq.single_receipt", "call.succeeded"]},
            "subject": {"type": "string", "examples": ["order:SO-1"]},
            "time": time("When it was received, or when the call ended."),
            "milestone": {
                "type": "string",
                "description": "Where the shipment stands: `declared`, `accepted`, `under_inspection`, `tax_due`, \
                                `released`, `cleared`, `rejected`, `withdrawn` and others. A code that is not known \
                                gives none.",
            },
            "malformed": {"type": "string", "description": "Why it could not be read."},
            "possiblerepeat": {"type": "boolean", "description": "It may be a late repetition of an earlier event."},
            "keysleftout": {
                "type": "integer",
                "description": "How many more of its business keys it is not found by, because there are too many.",
            },
            "datacontenttype": {"type": "string"},
            "data": {"description": "The payload, where it is JSON."},
            "data_base64": {
                "type": "string", "contentEncoding": "base64", "description": "The payload, where it is not JSON.",
            },
        },
    })
}
