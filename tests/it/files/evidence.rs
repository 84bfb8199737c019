//! Files in the evidence of a shipment: kept ones as entries, large ones in slices over parts, lost ones with the reason.

use std::collections::BTreeMap;
use std::convert::Infallible;

use archive::FOLDER;
use bytes::Bytes;
use evidence::contents::{self, ContentFinding, Sink};
use evidence::{Contents, Part, together};
use http::Request;
use hub::files::{FileHash, LONGEST_WAIT};
use outbound::Sent;
use serde_json::Value;
use store::Store;

use super::engines::{OWN_KEY, PDF, Side, notice, on_both_engines, receipt};
use crate::support::API_KEY;
use crate::support::zip::entries;

on_both_engines! {
    kept_files_are_entries_and_lost_ones_are_told
    large_file_goes_in_slices_over_parts
    content_that_is_damaged_or_gone_is_told
    limited_key_gets_no_file_of_others
}

/// Most bytes of a part: what Lambda can answer, as text.
const MOST_PART: usize = 4_500_000;

/// All parts of the evidence of a shipment.
async fn parts<S: Store>(side: &Side<S>, key: &str, shipment: &str) -> Vec<Bytes> {
    let (mut parts, path) = (Vec::new(), format!("/shipments/{shipment}/evidence"));
    let mut next = Some(path.clone());
    while let Some(own) = next {
        let request = Request::get(own).header("authorization", format!("Bearer {key}"));
        let router = shipments::router();
        let response = router.handle(&side.courier.context, request.body(Bytes::new()).unwrap()).await;
        assert_eq!(response.status(), 200, "{:?}", response.body());
        assert!(response.body().len() <= MOST_PART, "{} bytes", response.body().len());
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        next = link.map(|link| format!("{path}{}", &link[1..link.find('>').unwrap()]));
        parts.push(response.into_body());
    }
    let read: Vec<_> = parts.iter().map(|zip| Part::read(zip).unwrap()).collect();
    assert!(read.iter().all(|part| part.findings.is_empty()), "{read:?}");
    assert_eq!(together(&read), []);
    parts
}

#[derive(Default)]
struct Written(BTreeMap<String, Vec<u8>>);

impl Sink for Written {
    type Error = Infallible;

    fn take(&mut self, name: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.entry(name.to_owned()).or_default().extend(bytes);
        Ok(())
    }
}

/// The contents that the parts have, and what is wrong with them.
fn checked<'z>(parts: impl IntoIterator<Item = &'z Bytes>) -> (usize, Vec<ContentFinding>, BTreeMap<String, Vec<u8>>) {
    let (mut contents, mut written) = (Contents::default(), Written::default());
    for part in parts {
        contents.add(part, &mut written).unwrap().unwrap();
    }
    let (whole, findings) = contents.finish();
    (whole.len(), findings, written.0)
}

fn list(zip: &[u8]) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&entries(zip)[contents::FILES]).unwrap();
    list["files"].as_array().unwrap().clone()
}

async fn kept_files_are_entries_and_lost_ones_are_told<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", PDF);
    side.has("http://a.example/again.pdf", PDF);
    side.serves("http://a.example/2.pdf", Sent::answer(404, Bytes::new()));
    let links = r#""releaseNotice":"http://a.example/1.pdf","customsDeclaration":"http://a.example/2.pdf","examinePdf":"http://a.example/again.pdf""#;
    side.push("b", &receipt("S1", links)).await;
    for _ in 0..7 {
        side.fetch().await;
        side.pass(LONGEST_WAIT);
    }
    let zips = parts(&side, API_KEY, "order:S1").await;
    let [zip] = &zips[..] else { panic!("{} parts", zips.len()) };
    let (hash, found) = (FileHash::of(PDF), entries(zip));
    let own: Vec<_> = found.keys().filter(|path| path.starts_with("files/")).collect();
    assert_eq!(own, [&format!("files/{hash}.pdf")], "content that several name is there once");
    assert_eq!(found[own[0]], PDF);
    let files = list(zip);
    let told = |member: &str| files.iter().map(|file| file[member].clone()).collect::<Vec<_>>();
    assert_eq!(told("state"), ["kept", "expired", "kept"]);
    assert_eq!((&files[0]["hash"], &files[2]["hash"]), (&hash.to_string().into(), &hash.to_string().into()));
    assert!(files[1]["detail"].as_str().unwrap().contains("404") && files[1]["hash"].is_null(), "{files:?}");
    let (whole, findings, _) = checked(&zips);
    assert_eq!((whole, findings), (1, vec![]));

    side.push("b", &receipt("S2", r#""releaseNotice":"""#)).await;
    let zips = parts(&side, API_KEY, "order:S2").await;
    assert!(!entries(&zips[0]).contains_key(contents::FILES), "a shipment without files has no list of them");
}

/// Content of that length that no program compresses.
fn noise(length: u32) -> Bytes {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let noise: Vec<u8> = (0..length).map(|_| next()).collect();
    [PDF.to_vec(), noise].concat().into()
}

async fn large_file_goes_in_slices_over_parts<S: Store>(side: Side<S>) {
    let large = noise(7_000_000);
    side.serves("http://a.example/1.pdf", Sent::answer(200, large.clone()));
    side.has("http://a.example/2.pdf", PDF);
    side.push("a", &receipt("S1", r#""examinePdf":"http://a.example/1.pdf,http://a.example/2.pdf""#)).await;
    assert_eq!(side.fetch().await.kept, 2);
    let zips = parts(&side, API_KEY, "order:S1").await;
    assert!((3..=4).contains(&zips.len()), "{} parts", zips.len());
    let (whole, findings, written) = checked(&zips);
    assert_eq!((whole, findings), (2, vec![]));
    let name = format!("{}.pdf", FileHash::of(&large));
    assert!(written[&name] == large && written[&format!("{}.pdf", FileHash::of(PDF))] == PDF);
    let lists = zips.iter().filter(|zip| entries(zip).contains_key(contents::FILES)).count();
    assert_eq!(lists, 1);
    // Neither a part in the middle nor one at the end may be left out.
    for out in 0..zips.len() {
        let rest = zips.iter().enumerate().filter(|(at, _)| *at != out).map(|(_, zip)| zip);
        let (_, findings, _) = checked(rest);
        assert!(!findings.is_empty(), "without part {}", out + 1);
    }
    // Nor changed, whatever its own manifest says.
    let at = zips[1].len() / 2;
    let changed: Bytes = zips[1].iter().enumerate().map(|(n, byte)| if n == at { byte ^ 1 } else { *byte }).collect();
    assert_ne!(Part::read(&changed).unwrap().findings, []);
    let (_, findings, _) = checked([&zips[0], &changed, &zips[2]]);
    assert!(!findings.is_empty());
}

async fn content_that_is_damaged_or_gone_is_told<S: Store>(side: Side<S>) {
    let large = noise(4_000_000);
    side.serves("http://a.example/1.pdf", Sent::answer(200, large.clone()));
    side.has("http://a.example/2.pdf", PDF);
    side.has("http://a.example/3.zip", b"PK\x03\x04zip");
    let links = r#""examinePdf":"http://a.example/1.pdf,http://a.example/2.pdf,http://a.example/3.zip""#;
    side.push("a", &receipt("S1", links)).await;
    assert_eq!(side.fetch().await.kept, 3);
    let place = |content: &[u8]| side.data.path().join(FOLDER).join(FileHash::of(content).to_string());
    let mut damaged = large.to_vec();
    damaged[3_900_000] ^= 1;
    std::fs::write(place(&large), damaged).unwrap();
    std::fs::write(place(PDF), PDF.to_ascii_uppercase()).unwrap();
    std::fs::remove_file(place(b"PK\x03\x04zip")).unwrap();
    let zips = parts(&side, API_KEY, "order:S1").await;
    let found: BTreeMap<_, _> = zips.iter().flat_map(|zip| entries(zip)).collect();
    let why = |content: &[u8]| {
        let reason: Value = serde_json::from_slice(&found[&contents::unreadable(&FileHash::of(content))]).unwrap();
        reason["unreadable"].as_str().unwrap().to_owned()
    };
    assert!(why(&large).contains("not those that were fetched") && why(PDF).contains("not those that were fetched"));
    assert!(why(b"PK\x03\x04zip").contains("not in the archive"));
    let (whole, findings, written) = checked(&zips);
    assert_eq!(
        (whole, findings, written),
        (0, vec![], BTreeMap::new()),
        "damaged bytes are not passed off as the file"
    );
}

/// Neither its content nor that there is one; content that both name is its own.
async fn limited_key_gets_no_file_of_others<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", PDF);
    side.has("http://b.example/1.pdf", PDF);
    side.has("http://b.example/2.zip", b"PK\x03\x04zip");
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    let links = r#""releaseNotice":"http://b.example/1.pdf","examinePdf":"http://b.example/2.zip""#;
    side.push("b", &receipt("S1", links)).await;
    assert_eq!(side.fetch().await.kept, 3);
    let all = parts(&side, API_KEY, "order:S1").await;
    assert_eq!((list(&all[0]).len(), checked(&all).0), (3, 2));
    let own = parts(&side, OWN_KEY, "order:S1").await;
    assert_eq!((list(&own[0]).len(), checked(&own).0), (1, 1));
    let hidden = FileHash::of(b"PK\x03\x04zip").to_string();
    for (path, bytes) in entries(&own[0]) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!path.contains(&hidden) && !text.contains(&hidden) && !text.contains("b.example"), "{path}");
    }
}
