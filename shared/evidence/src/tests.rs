//! Files that were changed in every way, and files of strangers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, DataDescriptorOutput, ZipArchiveWriter, crc32};
use serde_json::Value;

use super::*;

const TIME: i64 = 1_790_000_000;

fn file(path: &str, data: &str) -> File {
    File { path: path.to_owned(), time: TIME, data: data.as_bytes().to_vec() }
}

fn event(number: usize) -> Vec<File> {
    let folder = format!("events/{number:05}_x");
    vec![
        file(&format!("{folder}/about.json"), &format!("{{\"about\":{number}}}")),
        file(&format!("{folder}/push.json"), &format!("{{\"push\":{number},\"note\":\"{}\"}}", "海关 ".repeat(50))),
    ]
}

/// Part of an evidence with two events.
fn part(number: u32, previous: Option<Digest>, last: bool) -> (Vec<u8>, Digest) {
    let mut pack = Pack::new(3_000_000);
    for event in [event(1), event(2)] {
        assert!(pack.add_event(&event).unwrap());
    }
    let about = About { keys: vec!["order:1".to_owned()], part: number, last, ..About::default() };
    pack.finish(about, previous, TIME).unwrap()
}

/// Paths and bytes of a zip, in its order.
fn unpacked(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = rawzip::ZipArchive::from_slice(zip).unwrap();
    let (mut directory, mut found) = (archive.entries(), Vec::new());
    while let Some(entry) = directory.next_entry().unwrap() {
        let path = String::from_utf8(entry.file_path().as_bytes().to_vec()).unwrap();
        let data = archive.get_entry(entry.wayfinder()).unwrap();
        let mut bytes = Vec::new();
        if entry.compression_method() == CompressionMethod::STORE {
            bytes.extend(data.data());
        } else {
            std::io::Read::read_to_end(&mut flate2::bufread::DeflateDecoder::new(data.data()), &mut bytes).unwrap();
        }
        found.push((path, bytes));
    }
    found
}

/// The zip that another program would make of these.
fn zipped<'p>(entries: impl IntoIterator<Item = (&'p str, &'p [u8])>) -> Vec<u8> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for (path, data) in entries {
        let path = rawzip::path::EntryPath::verbatim(path.as_bytes());
        let (mut writer, _) = zip.new_file(path).compression_method(CompressionMethod::DEFLATE).start().unwrap();
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(data).unwrap();
        writer.write_all(&deflated.finish().unwrap()).unwrap();
        writer.finish(DataDescriptorOutput::new(crc32(data), data.len() as u64)).unwrap();
    }
    zip.finish().unwrap()
}

/// Findings of a whole part whose entries were changed so.
fn found(change: impl Fn(&mut Vec<(String, Vec<u8>)>)) -> Vec<String> {
    let mut entries = unpacked(&part(1, None, true).0);
    change(&mut entries);
    let zip = zipped(entries.iter().map(|(path, data)| (path.as_str(), data.as_slice())));
    Part::read(&zip).unwrap().findings.iter().map(ToString::to_string).collect()
}

/// Findings of a whole part whose manifest was edited so.
fn edited(change: impl Fn(&mut Value)) -> Vec<String> {
    found(|entries| {
        let (_, manifest) = entries.last_mut().unwrap();
        let mut value: Value = serde_json::from_slice(manifest).unwrap();
        change(&mut value);
        *manifest = serde_json::to_vec(&value).unwrap();
    })
}

fn at(entries: &[(String, Vec<u8>)], path: &str) -> usize {
    entries.iter().position(|(own, _)| own == path).unwrap()
}

fn begins(findings: &[String], expected: &[&str]) {
    let fits =
        findings.len() == expected.len() && findings.iter().zip(expected).all(|(one, with)| one.starts_with(with));
    assert!(fits, "{findings:#?}, not {expected:?}");
}

#[test]
fn whole_part_is_whole_also_when_packed_again() {
    let (zip, head) = part(1, None, true);
    let read = Part::read(&zip).unwrap();
    assert_eq!((read.findings.len(), read.head, read.entries, read.previous), (0, head, 6, None));
    let about = read.about.clone().unwrap();
    assert_eq!((about.events, about.entries, about.keys), (2, 6, vec!["order:1".to_owned()]));
    assert_eq!(together(&[read]), []);
    assert_eq!(found(|_| ()), [""; 0]);
    assert_eq!(found(|entries| entries.insert(0, ("events/".to_owned(), Vec::new()))), [""; 0], "a folder");
}

#[test]
fn same_entries_give_the_same_bytes() {
    assert_eq!(part(1, None, true), part(1, None, true));
    let paths: Vec<_> = unpacked(&part(1, None, true).0).into_iter().map(|(path, _)| path).collect();
    assert_eq!((paths[0].as_str(), paths[1].as_str(), paths[6].as_str()), (README, ABOUT, MANIFEST));
}

#[test]
fn changed_entry_is_named() {
    let push = "events/00002_x/push.json";
    let changed = found(|entries| {
        let at = at(entries, push);
        entries[at].1[3] ^= 1;
    });
    begins(&changed, &[&format!("changed: {push}")]);
    for path in [README, ABOUT] {
        let findings = found(|entries| {
            let at = at(entries, path);
            entries[at].1.push(b' ');
        });
        begins(&findings, &[&format!("changed: {path}")]);
    }
}

#[test]
fn removed_added_renamed_and_moved_entries_are_named() {
    let push = "events/00001_x/push.json";
    let removed = found(|entries| drop(entries.remove(at(entries, push))));
    begins(&removed, &[&format!("removed: {push}")]);
    let added = found(|entries| entries.insert(3, ("events/x.json".to_owned(), b"{}".to_vec())));
    begins(&added, &["added: events/x.json"]);
    let renamed = found(|entries| {
        let at = at(entries, push);
        entries[at].0 = "events/other.json".to_owned();
    });
    begins(&renamed, &[&format!("renamed: {push} is called events/other.json")]);
    let moved = found(|entries| {
        let entry = entries.remove(at(entries, push));
        entries.insert(0, entry);
    });
    begins(&moved, &[&format!("moved: {push}")]);
}

/// An edit of the manifest that goes with a changed entry leaves a break of the chain.
#[test]
fn edited_manifest_breaks_the_chain_where_it_was_edited() {
    let other = serde_json::to_value(Digest::of(b"other")).unwrap();
    let about = "events/00002_x/about.json";
    begins(&edited(|manifest| manifest["head"] = other.clone()), &["chain broken at its head"]);
    begins(&edited(|manifest| manifest["previous"] = other.clone()), &["chain broken at README.txt"]);
    let chain = edited(|manifest| manifest["entries"][4]["chain"] = other.clone());
    begins(&chain, &[&format!("chain broken at {about}"), "chain broken at events/00002_x/push.json"]);
    let digest = edited(|manifest| manifest["entries"][4]["sha256"] = other.clone());
    begins(&digest, &[&format!("changed: {about}"), &format!("chain broken at {about}")]);
    let swapped = edited(|manifest| manifest["entries"].as_array_mut().unwrap().swap(2, 3));
    assert!(swapped.iter().any(|one| one.starts_with("moved: ")), "{swapped:?}");
    assert!(swapped.iter().filter(|one| one.starts_with("chain broken at events/")).count() >= 2, "{swapped:?}");
}

#[test]
fn entry_removed_from_manifest_and_zip_is_noticed() {
    let cut = |place: usize, mend: bool| {
        found(|entries| {
            let mut manifest: Value = serde_json::from_slice(&entries.last().unwrap().1).unwrap();
            let rows = manifest["entries"].as_array_mut().unwrap();
            rows.remove(place);
            if mend {
                manifest["head"] = manifest["entries"].as_array().unwrap().last().unwrap()["chain"].clone();
            }
            entries.last_mut().unwrap().1 = serde_json::to_vec(&manifest).unwrap();
            entries.remove(place);
        })
    };
    begins(&cut(3, false), &["chain broken at events/00002_x/about.json", "entries missing"]);
    begins(&cut(5, false), &["chain broken at its head", "entries missing"]);
    begins(&cut(5, true), &["entries missing: evidence.json says 6 entries, and manifest.json has 5"]);
    begins(&cut(1, false), &["chain broken at events/00001_x/about.json", "unreadable: evidence.json"]);
}

#[test]
fn missing_or_foreign_part_is_named() {
    let (one, head_1) = part(1, None, false);
    let (two, head_2) = part(2, Some(head_1), false);
    let (three, _) = part(3, Some(head_2), true);
    let (other, _) = part(2, Some(Digest::of(b"other")), false);
    let check = |parts: &[&Vec<u8>]| {
        let parts: Vec<_> = parts.iter().map(|zip| Part::read(zip).unwrap()).collect();
        assert!(parts.iter().all(|part| part.findings.is_empty()));
        together(&parts)
    };
    assert_eq!(check(&[&one, &two, &three]), []);
    assert_eq!(check(&[&three, &one, &two]), [], "in any order");
    assert_eq!(check(&[&one, &three]), [SetFinding::Missing(2)]);
    assert_eq!(check(&[&one, &two]), [SetFinding::MissingAfter(2)]);
    assert_eq!(check(&[&three]), [SetFinding::Missing(1), SetFinding::Missing(2)]);
    assert_eq!(check(&[&one, &two, &two, &three]), [SetFinding::Twice(2)]);
    assert_eq!(check(&[&one, &other, &three]), [SetFinding::Unchained(2), SetFinding::Unchained(3)]);
}

#[test]
fn part_is_no_larger_than_it_may_be() {
    const MOST: usize = 200_000;
    let mut pack = Pack::new(MOST);
    let mut count = 0_usize;
    // Bytes that do not compress.
    let noise = |seed: usize| (0..1_500_u32).map(|n| Digest::of(format!("{seed} {n}").as_bytes()).0[0]).collect();
    while pack.add_event(&[File { data: noise(count), ..file(&format!("events/{count:05}/push.bin"), "") }]).unwrap() {
        count += 1;
    }
    let (zip, _) = pack.finish(About::default(), None, TIME).unwrap();
    assert!(zip.len() <= MOST && zip.len() > MOST / 2, "{} with {count} events", zip.len());
    let mut pack = Pack::new(MOST);
    assert!(
        pack.add_event(&[File { data: vec![7; 2 * MOST], ..file("events/1/push.bin", "") }]).unwrap(),
        "the first fits"
    );
}

#[test]
fn hostile_zip_is_refused() {
    let refused = |zip: &[u8]| Part::read(zip).unwrap_err().to_string();
    let whole = part(1, None, true).0;
    for (zip, says) in [
        (Vec::new(), "no whole zip"),
        (b"no zip at all".to_vec(), "no whole zip"),
        (whole[..whole.len() - 30].to_vec(), "no whole zip"),
        (zipped([("a", &b"x"[..])]), "no manifest.json"),
        (zipped([("a", &b"x"[..]), ("A", b"y")]), "two entries"),
        (zipped([("../a", &b"x"[..])]), "out of the folder"),
        (zipped([("/a", &b"x"[..])]), "out of the folder"),
        (zipped([("c:a", &b"x"[..])]), "out of the folder"),
        (zipped([("a\\..\\b", &b"x"[..])]), "out of the folder"),
        (zipped([(MANIFEST, &b"{"[..])]), "cannot be read"),
        (zipped([(MANIFEST, &br#"{"format":9}"#[..])]), "later version"),
        (vec![0; MOST_FILE + 1], "larger than"),
    ] {
        let said = refused(&zip);
        assert!(said.contains(says), "{said}, not {says}");
    }
    let mut bomb = whole.clone();
    let directory = bomb.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    bomb[directory + 24..directory + 28].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    assert!(refused(&bomb).contains("unpacks to more"), "{}", refused(&bomb));
}

/// A zip whose directory has the entry `b`, whose header and data are within the data of the entry `a`, as bombs have it.
fn overlapping() -> Vec<u8> {
    let at = |zip: &[u8], mark: &[u8]| zip.windows(4).rposition(|four| four == mark).unwrap();
    let inner = zipped([("b", &b"xxxx"[..])]);
    let (listed, end) = (at(&inner, b"PK\x01\x02"), at(&inner, b"PK\x05\x06"));
    let (data, mut row) = (&inner[..listed], inner[listed..end].to_vec());
    let mut zip = ZipArchiveWriter::new(Vec::new());
    let (mut writer, _) = zip.new_file("a").compression_method(CompressionMethod::STORE).start().unwrap();
    writer.write_all(data).unwrap();
    writer.finish(DataDescriptorOutput::new(crc32(data), data.len() as u64)).unwrap();
    let mut zip = zip.finish().unwrap();
    let begin = u32::try_from(zip.windows(data.len()).position(|part| part == data).unwrap()).unwrap();
    row[42..46].copy_from_slice(&begin.to_le_bytes());
    let end = at(&zip, b"PK\x05\x06");
    let size = u32::try_from(end - at(&zip, b"PK\x01\x02") + row.len()).unwrap();
    zip[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    (zip[end + 8], zip[end + 10]) = (2, 2);
    zip.splice(end..end, row);
    zip
}

#[test]
fn entries_that_share_data_are_refused() {
    let said = Part::read(&overlapping()).unwrap_err().to_string();
    assert!(said.contains("b lies over another"), "{said}");
}

#[test]
fn entry_with_two_names_is_refused() {
    let mut zip = zipped([("a", &b"xxxx"[..])]);
    zip[30] = b'b';
    let said = Part::read(&zip).unwrap_err().to_string();
    assert!(said.contains("another name"), "{said}");
}

/// Each third byte: its change is found, or it is none of an entry's bytes.
#[test]
fn no_changed_byte_changes_an_entry_unseen() {
    let whole = part(1, None, true).0;
    let entries = unpacked(&whole);
    for place in (0..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[place] ^= 0x20;
        if let Ok(read) = Part::read(&changed)
            && read.findings.is_empty()
        {
            assert_eq!(unpacked(&changed), entries, "byte {place}");
        }
    }
}
