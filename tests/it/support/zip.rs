//! Zips that the hub makes, read by another program's means.

use std::collections::BTreeMap;
use std::io::Read as _;

/// The entries of a zip.
pub(crate) fn entries(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let archive = rawzip::ZipArchive::from_slice(zip).unwrap();
    let (mut directory, mut found) = (archive.entries(), BTreeMap::new());
    while let Some(entry) = directory.next_entry().unwrap() {
        let path = String::from_utf8(entry.file_path().as_bytes().to_vec()).unwrap();
        let local = archive.get_entry(entry.wayfinder()).unwrap();
        let mut bytes = Vec::new();
        if entry.compression_method() == rawzip::CompressionMethod::STORE {
            bytes.extend_from_slice(local.data());
        } else {
            flate2::bufread::DeflateDecoder::new(local.data()).read_to_end(&mut bytes).unwrap();
        }
        found.insert(path, bytes);
    }
    found
}
