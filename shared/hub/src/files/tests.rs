use super::*;
use crate::files::record::{Source, begun, content, is_subject, of_event, shipment};
use crate::{EventKey, Subject, Work};

const NOW: Utc = Utc(1_790_000_000_000_000);
const HOUR: Duration = Duration::from_hours(1);

fn file() -> File {
    File::new("releaseNotice".to_owned(), "http://a/1.pdf".to_owned(), NOW)
}

fn files(entries: Vec<File>) -> Files {
    Files { by: "xhq.single_receipt".into(), event: None, entries, left_out: 0, unknown: None }
}

fn failed(why: State, repeats: bool) -> Outcome {
    Outcome::Failed { why, text: "its server answered 404".to_owned(), repeats, retry_after: None }
}

fn kept() -> Kept {
    let (media_type, name) = ("application/pdf".to_owned(), "1.pdf".to_owned());
    Kept { hash: FileHash::of(b"%PDF-"), size: 5, media_type, name }
}

#[test]
fn dead_link_is_tried_by_the_schedule_and_then_given_up() {
    let (mut file, mut now, mut tries) = (file(), NOW, 0);
    while let Some(due) = file.due {
        now = due;
        file = file.attempted(failed(State::Expired, true), now, 0.9);
        tries += 1;
        assert!(file.due.is_none_or(|due| now < due && due <= now.after(LONGEST_WAIT)));
    }
    assert_eq!((file.state, file.tries, tries), (State::Expired, 7, 7));
    assert!(now.since(NOW) >= HOUR * 32 && file.detail.contains("404"), "{file:?}");
    assert_eq!(files(vec![file]).lost_since(), Some(now));
}

#[test]
fn failure_that_stays_is_told_at_once() {
    let file = file().attempted(failed(State::TooLarge, false), NOW, 0.0);
    assert_eq!((file.state, file.due, file.tries), (State::TooLarge, None, 1));
}

#[test]
fn kept_file_has_its_hash_and_no_failure() {
    let file = file().attempted(failed(State::Expired, true), NOW, 0.0).attempted(Outcome::Kept(kept()), NOW, 0.0);
    assert_eq!((file.state, file.due, file.tries, file.detail.as_str()), (State::Kept, None, 2, ""));
    assert_eq!(file.kept, Some(kept()));
    assert_eq!(files(vec![file]).lost_since(), None);
}

#[test]
fn own_failure_uses_up_no_step_of_the_schedule() {
    let mut file = file();
    for _ in 0..100 {
        file = file.attempted(Outcome::Unsent { text: "the disk is full".to_owned() }, NOW, 0.5);
    }
    assert_eq!((file.state, file.tries), (State::Waiting, 0));
    assert!(file.due.is_some_and(|due| due > NOW && due <= NOW.after(UNSENT * 2)));
}

#[test]
fn wait_that_a_server_asks_for_is_bounded() {
    let after = |retry_after| Outcome::Failed {
        why: State::Unreachable,
        text: String::new(),
        repeats: true,
        retry_after: Some(retry_after),
    };
    let due = |wait| file().attempted(after(wait), NOW, 0.0).due;
    assert_eq!(due(Duration::from_mins(20)), Some(NOW.after(Duration::from_mins(20))));
    assert_eq!(due(HOUR * 1000), Some(NOW.after(HOUR)));
    assert_eq!(due(Duration::ZERO), Some(NOW.after(Duration::from_mins(1))));
}

#[test]
fn claim_is_of_what_is_due_alone() {
    let later = File { due: Some(NOW.after(HOUR)), ..file() };
    let settled = file().attempted(Outcome::Kept(kept()), NOW, 0.0);
    let claimed = files(vec![file(), later.clone(), settled.clone()]).claimed(NOW.after(HOUR * 2), NOW);
    assert_eq!(claimed.entries, [File { due: Some(NOW.after(HOUR * 2)), ..file() }, later, settled]);
    assert_eq!(claimed.due(), Some(NOW.after(HOUR)));
}

#[test]
fn files_that_nobody_may_fetch_are_given_up_after_a_day() {
    let kept = file().attempted(Outcome::Kept(kept()), NOW, 0.0);
    let first = files(vec![file(), kept.clone()]).unconfigured(NOW);
    assert_eq!((first.due(), first.entries[1].clone()), (Some(NOW.after(UNKNOWN)), kept));
    assert_eq!(first.claimed(NOW, NOW).unknown, None, "another process may");
    let over = first.unconfigured(NOW.after(FORGOTTEN));
    assert_eq!((over.due(), over.entries[0].state, over.entries[1].state), (None, State::Refused, State::Kept));
    assert!(over.entries[0].detail.contains("files = true"));
}

#[test]
fn due_time_of_a_false_future_is_brought_back() {
    let ahead = files(vec![File { due: Some(NOW.after(HOUR * 24 * 30)), ..file() }]);
    let back = ahead.brought_back(NOW).unwrap();
    assert!(back.due().is_some_and(|due| due <= NOW.after(HOUR)));
    assert_eq!(back.brought_back(NOW), None);
}

#[test]
fn record_of_files_is_no_event() {
    let event = EventKey { connection: "xhq".into(), subject: "order:S1".into(), id: EventId([7; 24]) };
    let kind = EventType::from("xhq.single_receipt");
    let named = Files { event: Some(event.id), ..files(vec![file()]) };
    let record = begun(Source::Event(&event, &kind), named, NOW, HOUR);
    assert_eq!(record.event.key, of_event(&event));
    assert_eq!(record.event.key.subject, record::subject(&event.connection, &event.subject));
    assert!(is_subject(&record.event.key.subject) && !is_subject(&event.subject));
    assert_eq!(shipment(&record.event.meta), Some(event.subject.clone()));
    let work = &record.work;
    assert_eq!((work.due(), work.is_open(), work.is_aside(), work.overdue(NOW).count()), (Some(NOW), true, true, 0));
    assert!(work.tally().balanced() && work.tally().files == 1);
    assert_eq!(work.replayed(&"erp".into(), NOW), None);
    assert!(!work.may_go_to(&"erp".into(), &"xhq".into(), &"files".into(), &[]));
    let settled = Work { files: Some(Box::new(files(vec![]))), ..work.clone() };
    assert!(!settled.is_open() && settled.tally().balanced() && !settled.has_failed());
}

#[test]
fn same_links_of_an_answer_are_one_record() {
    let (connection, shipment, by) = ("xhq".into(), Subject::new("order", "S1"), "xhq.getReleaseNotice".into());
    let key = |url: &str| {
        let source = Source::Answer { connection: &connection, shipment: &shipment, by: &by };
        let file = File { url: url.to_owned(), ..file() };
        begun(source, files(vec![file]), NOW, HOUR).event.key
    };
    assert_eq!(key("http://a/1"), key("http://a/1"));
    assert_ne!(key("http://a/1"), key("http://a/2"));
}

/// Bytes as the version that first stored files wrote them: they are read as long as files are kept.
#[test]
fn stored_files_are_read_as_they_were_written() {
    let text = r#"{"by":"xhq.single_receipt","event":"070707070707070707070707070707070707070707070707","entries":[{"field":"releaseNotice","url":"http://a/1.pdf","state":"waiting","due":1790000000000000,"tries":0,"at":1790000000000000}]}"#;
    let stored: Files = serde_json::from_str(text).unwrap();
    assert_eq!(stored, Files { event: Some(EventId([7; 24])), ..files(vec![file()]) });
    assert_eq!(serde_json::to_string(&stored).unwrap(), text);
}

#[test]
fn hash_is_printed_and_read_back() {
    let hash = FileHash::of(b"abc");
    assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(content(&hash).as_str(), format!("file:{hash}"));
    for no in ["", "ba78", &"g".repeat(64), &"BA".repeat(32), &"é".repeat(32)] {
        assert!(no.parse::<FileHash>().is_err(), "{no}");
    }
}

/// Whatever its server says of it: only the bytes count.
#[test]
fn page_or_message_is_no_file() {
    for page in ["<!DOCTYPE html><html>", "  <html>", "\u{feff}<?xml version=\"1.0\"?><Error/>", "<a>"] {
        assert_eq!(sniffed(page.as_bytes()), Err(NotAFile::Page), "{page}");
    }
    assert_eq!(sniffed(b"{\"code\":500}"), Err(NotAFile::Message));
    assert_eq!([sniffed(b""), sniffed(b" \n")], [Err(NotAFile::Empty); 2]);
}

#[test]
fn kind_is_told_by_the_first_bytes() {
    let kinds = [
        (&b"%PDF-1.7"[..], "application/pdf"),
        (b"\n%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"plain text", "application/octet-stream"),
        (b"\x00\x01", "application/octet-stream"),
    ];
    for (bytes, media_type) in kinds {
        assert_eq!(sniffed(bytes).unwrap().media_type, media_type);
    }
    assert_eq!(kind(b"<script>").media_type, "application/octet-stream", "never one that a browser runs");
}

#[test]
fn name_has_the_extension_of_the_content() {
    let pdf = kind(b"%PDF-");
    for (segment, name) in [
        ("放行通知书.pdf", "放行通知书.pdf"),
        ("a.PDF", "a.PDF"),
        ("page.html", "page.html.pdf"),
        ("", "releaseNotice.pdf"),
        ("..", "releaseNotice.pdf"),
        ("a\"b\r\n/c.pdf", "a_b___c.pdf"),
    ] {
        assert_eq!(saved_as(segment, "releaseNotice", pdf), name);
    }
    assert_eq!(saved_as("a.docx", "f", kind(b"PK\x03\x04")), "a.docx");
    assert_eq!(saved_as("a.exe", "f", kind(b"MZ")), "a.exe.bin");
    assert!(saved_as(&"x".repeat(500), "f", pdf).len() < 110);
}
