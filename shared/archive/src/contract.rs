//! The promises of an archive, as tests that every engine runs: one function per promise, each on an archive of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests, compiled as a library so that the engines' crates can run them"
)]

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use hub::Utc;
use hub::files::FileHash;

use crate::{Address, Archive, Opened, Piece, Stored, Upload};

/// The time at which the tests take place, unless an engine has a clock of its own.
pub const NOW: Utc = Utc(1_790_000_000_000_000);

/// Some content.
pub const CONTENT: Bytes = Bytes::from_static(b"%PDF-1.4\n% a release notice\n\0\xff\n%%EOF\n");

/// Its hash.
#[must_use]
pub fn hash() -> FileHash {
    FileHash::of(&CONTENT)
}

/// Gives the names of all cases to a macro, behind what it is given.
#[macro_export]
macro_rules! contract_cases {
    ($then:ident $($given:tt)*) => {
        $then! { $($given)*
            content_comes_back_whole
            absent_content_is_nothing
            ranges_of_content_make_the_whole
            range_ends_where_the_content_does
            content_is_kept_once_however_often_it_is_put
            upload_is_kept_once_it_has_come
            upload_of_other_content_never_comes
            files_are_listed_by_pages
            a_listed_file_is_removed
            content_that_was_put_again_is_not_removed
            concurrent_puts_leave_the_content_whole
        }
    };
}

/// Makes one test of each promise. The argument is an async function without arguments that gives a fresh, empty archive, and
/// the client that follows its addresses; the calling crate needs `tokio`.
#[macro_export]
macro_rules! contract_tests {
    ($make:path) => {
        use $crate::contract_test_each;
        $crate::contract_cases! { contract_test_each $make; }
    };
}

/// Makes one test of each named promise.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_test_each {
    ($make:path; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (archive, client) = $make().await;
                $crate::contract::$case(&archive, &client).await;
            }
        )*
    };
}

/// Gets what an archive has at an address.
pub trait Follow {
    /// The content; nothing where there is none.
    fn follow<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<Bytes>>;

    /// Sends the content of an upload, to its address where it has one. Whether it was taken.
    fn send<'a>(&'a self, upload: &'a Upload, to: Option<Address>, content: Bytes) -> BoxFuture<'a, bool>;
}

async fn put(archive: &impl Archive, content: &Bytes) -> FileHash {
    let hash = FileHash::of(content);
    archive.put(hash, content.clone(), NOW).await.unwrap();
    hash
}

async fn content((archive, client): (&impl Archive, &impl Follow), hash: &FileHash) -> Option<Bytes> {
    match archive.open(hash, NOW).await.unwrap() {
        Some(Opened::Here(length)) => {
            let piece = archive.read(hash, 0..length).await.unwrap();
            piece.filter(|piece| piece.whole == length).map(|piece| piece.bytes)
        }
        Some(Opened::At(address)) => client.follow(&address).await,
        None => None,
    }
}

async fn all(archive: &impl Archive) -> Vec<Stored> {
    archive.list(None, 100).await.unwrap()
}

/// Bytes and length as they were, of any content.
pub async fn content_comes_back_whole(archive: &impl Archive, client: &impl Follow) {
    let noise: Bytes = (0..300_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for wanted in [CONTENT, Bytes::from_static(b"\0"), noise] {
        let hash = put(archive, &wanted).await;
        assert_eq!(content((archive, client), &hash).await, Some(wanted));
    }
}

/// Neither before anything is kept nor beside other content.
pub async fn absent_content_is_nothing(archive: &impl Archive, client: &impl Follow) {
    let other = FileHash::of(b"other");
    assert_eq!(content((archive, client), &other).await, None);
    assert_eq!(archive.read(&other, 0..9).await.unwrap(), None);
    assert_eq!(all(archive).await, []);
    put(archive, &CONTENT).await;
    assert_eq!(content((archive, client), &other).await, None);
}

/// Whatever their length.
pub async fn ranges_of_content_make_the_whole(archive: &impl Archive, _: &impl Follow) {
    let noise: Bytes = (0..70_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let hash = put(archive, &noise).await;
    for length in [30_000, 35_000, 69_999, 70_000, 90_000] {
        let mut read = Vec::new();
        while let Some(Piece { bytes, whole }) =
            archive.read(&hash, read.len() as u64..read.len() as u64 + length).await.unwrap()
        {
            assert!(whole == 70_000 && bytes.len() as u64 <= length);
            if bytes.is_empty() {
                break;
            }
            read.extend(bytes);
        }
        assert_eq!(read, noise);
    }
}

/// And no byte comes twice or too many.
pub async fn range_ends_where_the_content_does(archive: &impl Archive, _: &impl Follow) {
    let ten = put(archive, &Bytes::from_static(b"0123456789")).await;
    let empty = put(archive, &Bytes::new()).await;
    for (range, wanted) in [(0..10, "0123456789"), (3..5, "34"), (9..12, "9"), (10..12, ""), (400..500, ""), (4..4, "")]
    {
        let piece = archive.read(&ten, range.clone()).await.unwrap();
        assert_eq!(piece, Some(Piece { bytes: wanted.into(), whole: 10 }), "{range:?}");
    }
    assert_eq!(archive.read(&empty, 0..9).await.unwrap(), Some(Piece { bytes: Bytes::new(), whole: 0 }));
}

/// Another writing, of the same file.
pub async fn content_is_kept_once_however_often_it_is_put(archive: &impl Archive, client: &impl Follow) {
    put(archive, &CONTENT).await;
    let first = all(archive).await;
    archive.put(hash(), CONTENT, Utc(NOW.0 + 5_000_000)).await.unwrap();
    let again = all(archive).await;
    assert_eq!((first.len(), again.len()), (1, 1));
    assert_eq!(again[0].hash, first[0].hash);
    assert!(again[0].writing != first[0].writing && again[0].written >= first[0].written, "{first:?} {again:?}");
    assert_eq!(content((archive, client), &hash()).await, Some(CONTENT));
}

/// And not before, nor under its id.
pub async fn upload_is_kept_once_it_has_come(archive: &impl Archive, client: &impl Follow) {
    let upload = Upload { id: "5e".repeat(16), hash: hash(), bytes: CONTENT.len() as u64 };
    let address = archive.address(&upload).await.unwrap();
    assert!(!archive.adopt(&upload, NOW).await.unwrap());
    assert!(client.send(&upload, address.clone(), CONTENT).await);
    assert_eq!((all(archive).await.len(), content((archive, client), &hash()).await), (0, None));
    assert!(archive.adopt(&upload, NOW).await.unwrap());
    let first = all(archive).await;
    assert_eq!((first[0].hash, content((archive, client), &hash()).await), (hash(), Some(CONTENT)));
    assert!(client.send(&upload, address, CONTENT).await, "its answer may have been lost");
    assert!(archive.adopt(&upload, Utc(NOW.0 + 5_000_000)).await.unwrap());
    assert_ne!(all(archive).await[0].writing, first[0].writing);
    assert_eq!(content((archive, client), &hash()).await, Some(CONTENT));
}

/// Its hash and its size are both held against it.
pub async fn upload_of_other_content_never_comes(archive: &impl Archive, client: &impl Follow) {
    let upload = Upload { id: "5f".repeat(16), hash: hash(), bytes: CONTENT.len() as u64 };
    for other in [CONTENT.slice(1..), [&CONTENT[..], b"x"].concat().into(), CONTENT.to_ascii_uppercase().into()] {
        let address = archive.address(&upload).await.unwrap();
        assert!(!client.send(&upload, address, other).await);
        assert!(!archive.adopt(&upload, NOW).await.unwrap());
    }
    assert_eq!(all(archive).await, []);
}

/// No gaps and no repetitions.
pub async fn files_are_listed_by_pages(archive: &impl Archive, _: &impl Follow) {
    let mut hashes = Vec::new();
    for n in 0..7_u8 {
        hashes.push(put(archive, &Bytes::copy_from_slice(&[n])).await);
    }
    hashes.sort_unstable();
    for limit in [1, 3, 7, 100] {
        let (mut listed, mut behind) = (Vec::new(), None);
        loop {
            let page = archive.list(behind.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            behind = Some(last.hash);
            listed.extend(page.into_iter().map(|stored| stored.hash));
        }
        assert_eq!(listed, hashes);
    }
}

/// Once.
pub async fn a_listed_file_is_removed(archive: &impl Archive, client: &impl Follow) {
    put(archive, &CONTENT).await;
    let stored = all(archive).await.remove(0);
    assert!(archive.remove(&stored).await.unwrap());
    assert_eq!(content((archive, client), &hash()).await, None);
    assert_eq!(all(archive).await, []);
    archive.remove(&stored).await.unwrap();
}

/// The race of an expiry with an event that names the same content: what was put after the list was read stays.
pub async fn content_that_was_put_again_is_not_removed(archive: &impl Archive, client: &impl Follow) {
    put(archive, &CONTENT).await;
    let stored = all(archive).await.remove(0);
    archive.put(hash(), CONTENT, Utc(NOW.0 + 1)).await.unwrap();
    archive.remove(&stored).await.unwrap();
    assert_eq!(content((archive, client), &hash()).await, Some(CONTENT));
    assert_eq!(all(archive).await.len(), 1);
}

/// As events of several connections name the same file at once.
pub async fn concurrent_puts_leave_the_content_whole(archive: &impl Archive, client: &impl Follow) {
    let large: Bytes = vec![7; 1 << 20].into();
    let hash = FileHash::of(&large);
    for done in join_all((0..8).map(|n| archive.put(hash, large.clone(), Utc(NOW.0 + n)))).await {
        done.unwrap();
    }
    assert_eq!(content((archive, client), &hash).await, Some(large));
    assert_eq!(all(archive).await.len(), 1);
}
