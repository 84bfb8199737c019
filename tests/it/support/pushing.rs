//! The partners that push, as the tests know them: one row each, by the partners' documents and not by their profiles.

use std::sync::LazyLock;

use partners::Partner;
use serde_json::{Value, json};

/// A partner that pushes.
pub(crate) struct Pushing {
    pub(crate) partner: Partner,
    /// The connection of it that every plan has.
    pub(crate) connection: &'static str,
    /// The path suffix of one of its actions.
    pub(crate) suffix: &'static str,
    /// A push of that action; `@` stands for further members.
    push: &'static str,
    /// The member of such a push that names what it is about.
    pub(crate) subject: &'static str,
    /// The answer to a push that is taken.
    pub(crate) taken: &'static str,
    /// The answer to one that is not, by its HTTP status if the partner had no envelope of its own.
    envelope: fn(u16) -> Envelope,
}

/// An answer, as far as it tells whether the push is taken.
pub(crate) struct Envelope {
    pub(crate) status: u16,
    /// The member that tells, and its value.
    pub(crate) told: (&'static str, Value),
    /// The member with the reason.
    pub(crate) reason: &'static str,
}

/// Each partner that pushes.
const ROWS: &[Pushing; 3] = &[
    Pushing {
        partner: Partner::Xhq,
        connection: "xhq-sh",
        suffix: "single_receipt",
        push: r#"{"action":"single_receipt",@}"#,
        subject: "orderOutNo",
        taken: r#"{"state":true,"msg":""}"#,
        envelope: |status| Envelope { status, told: ("state", json!(status == 200)), reason: "msg" },
    },
    Pushing {
        partner: Partner::TrackingEyes,
        connection: "eyes",
        suffix: "customs_status",
        push: r#"[{"customsStatus":"放行",@}]"#,
        subject: "blNo",
        taken: include_str!("../../fixtures/trackingeyes_push_response.json"),
        // It pushes again only what has a `code` in a good answer.
        envelope: |status| Envelope {
            status: if matches!(status, 400 | 503) { 200 } else { status },
            told: ("code", json!(if status == 503 { 500 } else { status })),
            reason: "message",
        },
    },
    Pushing {
        partner: Partner::OneData,
        connection: "rates",
        suffix: "rates",
        push: r#"{@,"data":[]}"#,
        subject: "batchNo",
        // It reads the status alone.
        taken: r#"{"success":true,"code":200,"message":"success"}"#,
        // Nothing would be gained by three more copies of what cannot be read.
        envelope: |status| {
            let status = if status == 400 { 200 } else { status };
            Envelope { status, told: ("success", json!(status == 200)), reason: "message" }
        },
    },
];

/// The partners that push.
pub(crate) const PUSHING: [Partner; 3] = [ROWS[0].partner, ROWS[1].partner, ROWS[2].partner];

/// A partner that a configuration describes, with a connection of it.
pub(crate) const DESCRIBED: &str = r#"
[[partners]]
id = "acme"
[partners.push]
deadline = "1s"
[partners.push.answers]
accepted = { status = 200, body = '{"ok":true,"why":""}' }
unavailable = { status = 503, body = '{"ok":false,"why":"{message}"}', repeated = true }
[[partners.push.actions]]
name = "status"
suffix = "status"
keys = [{ kind = "waybill", at = "/no" }]
example = '{"no":"A1","code":3}'

[[connections]]
id = "acme"
partner = "acme"
keys = ["inbound-key-that-nobody-may-see-acme"]
"#;

static ACME: LazyLock<Pushing> = LazyLock::new(|| Pushing {
    partner: config::Config::parse(DESCRIBED).expect("it is sound").partners[0],
    connection: "acme",
    suffix: "status",
    push: r#"{"code":3,@}"#,
    subject: "no",
    taken: r#"{"ok":true,"why":""}"#,
    envelope: |status| Envelope { status, told: ("ok", json!(status == 200)), reason: "why" },
});

/// The partner that a plan describes with [`DESCRIBED`].
pub(crate) fn described() -> Partner {
    ACME.partner
}

/// The partners that push, and one that a configuration describes.
pub(crate) fn every() -> [Partner; 4] {
    let [one, two, three] = PUSHING;
    [one, two, three, described()]
}

/// The row of a partner.
pub(crate) fn row(partner: Partner) -> &'static Pushing {
    let described = || (partner == described()).then_some(&*ACME);
    ROWS.iter().find(|row| row.partner == partner).or_else(described).expect("it pushes")
}

/// The path suffix of the action that [`push`] is of.
pub(crate) fn suffix(partner: Partner) -> &'static str {
    row(partner).suffix
}

/// A good push about that subject.
pub(crate) fn push(partner: Partner, subject: &str) -> String {
    push_with(partner, subject, "")
}

/// A good push about that subject with further members, each with a comma before it.
pub(crate) fn push_with(partner: Partner, subject: &str, more: &str) -> String {
    let row = row(partner);
    row.push.replace('@', &format!("\"{}\":\"{subject}\"{more}", row.subject))
}

/// The answer to a push that is not taken for that reason, or is.
pub(crate) fn envelope(partner: Partner, status: u16) -> Envelope {
    (row(partner).envelope)(status)
}

/// Whether it is the answer, its reason aside.
pub(crate) fn is_answer(partner: Partner, expected: u16, (status, body): (u16, &[u8])) -> bool {
    let Envelope { status: own, told: (member, value), .. } = envelope(partner, expected);
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    status == own && said[member] == value
}
