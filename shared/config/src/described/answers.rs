//! Answers to pushes, one for each verdict.

use partners::Verdict;
use partners::configured::{Answers, Notation, Reply};

use super::super::reader::{Item, Table};

/// A text that no notation takes as it is.
const HOSTILE: &str = "\"'<&>\\\n{}";

/// Reads the answers for all verdicts. What is left out is derived: the answer to a duplicate from that to an accepted push, the
/// others from the negative one, with the verdict's own status.
pub(super) fn read(item: &Item<'_>) -> Option<Answers> {
    const EXAMPLE: &str = "{ status = 200, body = '{\"ok\":true}' }";
    const NEGATIVE: &str = "{ status = 500, body = '{\"ok\":false,\"message\":\"{message}\"}' }";
    let mut table = item.table("a table: write [partners.push.answers]")?;
    let accepted = table.need("accepted", EXAMPLE).and_then(|item| reply(&item, Verdict::Accepted, None));
    let unavailable = table.need("unavailable", NEGATIVE).and_then(|item| reply(&item, Verdict::Unavailable, None));
    let mut other = |verdict: Verdict, of: &Option<Reply>| match table.get(verdict.name()) {
        Some(item) => reply(&item, verdict, of.as_ref()),
        None => of.clone().map(|of| Reply { status: usual(verdict, Some(&of)), repeated: false, ..of }),
    };
    let duplicate = other(Verdict::Duplicate, &accepted);
    let [malformed, unauthorized, not_post, too_large] =
        [Verdict::Malformed, Verdict::Unauthorized, Verdict::NotPost, Verdict::TooLarge]
            .map(|verdict| other(verdict, &unavailable));
    let answers = (|| {
        Some(Answers {
            accepted: accepted?,
            duplicate: duplicate?,
            malformed: malformed?,
            unauthorized: unauthorized?,
            not_post: not_post?,
            too_large: too_large?,
            unavailable: unavailable?,
        })
    })();
    if let Some(answers) = &answers {
        check(&table, answers);
    }
    table.close(&[]);
    answers
}

/// The status of an answer that names none: that of a duplicate is that of an accepted push.
fn usual(verdict: Verdict, of: Option<&Reply>) -> u16 {
    match (verdict, of) {
        (Verdict::Duplicate, Some(accepted)) => accepted.status,
        (verdict, _) => verdict.status(),
    }
}

/// Reads answers of some verdicts.
pub(in super::super) fn replies(item: &Item<'_>) -> Option<Vec<(Verdict, Reply)>> {
    let mut table = item.table("a table such as { accepted = { status = 200, body = '{}' } }")?;
    let mut read = Vec::new();
    for verdict in [Verdict::Accepted, Verdict::Duplicate, Verdict::Malformed, Verdict::TooLarge, Verdict::Unavailable]
    {
        read.extend(table.get(verdict.name()).map(|item| Some((verdict, reply(&item, verdict, None)?))));
    }
    table.close(&[]);
    let read: Vec<(Verdict, Reply)> = read.into_iter().collect::<Option<_>>()?;
    let of = |wanted| read.iter().find(|(verdict, _)| *verdict == wanted).map(|(_, reply)| reply);
    match of(Verdict::Unavailable) {
        Some(no) if of(Verdict::Accepted).is_some_and(|yes| (yes.status, &yes.body) == (no.status, &no.body)) => {
            item.wrong("has the same answer to what is kept and to what is not: the partner would not repeat it")
        }
        _ => Some(read),
    }
}

/// Notes answers by which a partner could not tell a push that is kept from one that is not.
fn check(table: &Table<'_>, answers: &Answers) {
    let same = |one: &Reply, other: &Reply| one.status == other.status && one.body == other.body;
    if same(&answers.unavailable, &answers.accepted) || same(&answers.unavailable, &answers.duplicate) {
        table
            .mistake("unavailable", "is the answer to a push that is kept: the partner would not repeat it".to_owned());
    }
    for verdict in [Verdict::Unauthorized, Verdict::NotPost, Verdict::TooLarge] {
        if same(answers.of(verdict), &answers.accepted) {
            table
                .mistake(verdict.name(), "is the answer to a push that is kept, and nothing of this one is".to_owned());
        }
    }
}

/// Reads the answer for a verdict; what is left out but the status is that of `of`.
fn reply(item: &Item<'_>, verdict: Verdict, of: Option<&Reply>) -> Option<Reply> {
    let mut table = item.table("a table such as { status = 200, body = 'success' }")?;
    let status =
        table.or("status", usual(verdict, of), |item| item.integer().and_then(|status| u16::try_from(status).ok()));
    let content_type = of.map_or_else(|| "application/json".to_owned(), |of| of.content_type.clone());
    let content_type = table.or("content_type", content_type, content_type_of);
    let text = of.map_or_else(String::new, |of| of.body.clone());
    let text = table.or("body", text, |item| item.text().map(str::to_owned));
    let repeated = table.or("repeated", false, Item::flag);
    let reply = Reply { status: status?, content_type: content_type?, body: text?, repeated: repeated? };
    let fault = fault(&reply);
    if let Some(what) = &fault {
        table.mistake("body", what.clone());
    }
    table.close(&[]);
    fault.is_none().then_some(reply)
}

fn content_type_of(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    let plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let kind = text.split(';').next().unwrap_or_default().trim();
    if plain && kind.split_once('/').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty()) {
        return Some(text.to_owned());
    }
    item.wrong("must be a media type such as \"application/json\" or \"text/xml; charset=utf-8\"")
}

/// Mistake of a body, also once a text is filled in.
fn fault(reply: &Reply) -> Option<String> {
    if let Some(word) = reply.unknown_placeholder() {
        return Some(format!("has {{{word}}}, which is no placeholder: {{message}} is the only one"));
    }
    let filled = reply.filled(HOSTILE);
    match reply.notation() {
        Notation::Json if !filled.is_empty() => match partners::Json::parse(filled.as_bytes()) {
            Ok(_) => None,
            Err(_) if reply.body.contains("{message}") => {
                Some("is no JSON once the text is filled in: put \"{message}\" between quotes".to_owned())
            }
            Err(error) => Some(format!("is no JSON, which content_type says: {error}")),
        },
        Notation::Xml if reply.content_type.contains("xml") && !filled.is_empty() => {
            let read = partners::configured::json(&partners::configured::Body::Xml, filled.as_bytes());
            read.err().map(|error| format!("is no XML, which content_type says: {error}"))
        }
        Notation::Json | Notation::Xml | Notation::Plain => None,
    }
}
