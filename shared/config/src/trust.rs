//! `ca_file` and `ca_pem`: authorities whose certificates a server may show, besides the public ones.

use std::path::Path;

use hub::printable::Word;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::Trust;
use super::encoding::BOM;
use super::reader::{Item, Table};
use super::secrets::unreadable;

/// Reads both keys. `system` is whether the system's own authorities are trusted too.
pub(super) fn read(table: &mut Table<'_>, system: bool) -> Option<Trust> {
    let of_file = table.or("ca_file", vec![], |item| {
        let at = item.text()?;
        match (item.reading().sources().file)(Path::new(at)) {
            Ok(bytes) => certificates(item, &bytes),
            Err(error) => item.wrong(format!("the file {} {}", Word(at), unreadable(&error))),
        }
    });
    let inline = table.or("ca_pem", vec![], |item| certificates(item, item.text()?.as_bytes()));
    Some(Trust { authorities: of_file?.into_iter().chain(inline?).collect(), system })
}

/// The certificates in a text of PEM, each in DER; at least one.
fn certificates(item: &Item<'_>, pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let pem = pem.strip_prefix(BOM.to_string().as_bytes()).unwrap_or(pem);
    let Ok(found) = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() else {
        return item.wrong("holds a certificate that is cut off or damaged: copy it again");
    };
    if found.is_empty() {
        return item.wrong("holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----: convert it");
    }
    let mut roots = RootCertStore::empty();
    for (index, certificate) in found.iter().enumerate() {
        if roots.add(certificate.clone()).is_err() {
            return item
                .wrong(format!("holds a certificate, number {}, that cannot be read: copy it again", index + 1));
        }
    }
    Some(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}
