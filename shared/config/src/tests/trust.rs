//! Authorities of a configuration.

use super::*;

/// The certificate of a private authority, in PEM.
pub(super) const CA: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBnjCCAUWgAwIBAgIUB1Bl0zwQCMg0GxaNXnuH7KKdrr0wCgYIKoZIzj0EAwIw\n\
JDEiMCAGA1UEAwwZRXhhbXBsZSBwcml2YXRlIGF1dGhvcml0eTAgFw0yNjExMjgy\n\
MjAyMDZaGA8yMTI2MTEwNDIyMDIwNlowJDEiMCAGA1UEAwwZRXhhbXBsZSBwcml2\n\
YXRlIGF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKdmiKsqfTZT\n\
wHWx9XsLmgSUqHJgQuWgaxMZS8vcNAb9rmo4nL/5+QEyylHVcXH8tMtwQDY7Hrfr\n\
VuifA/vINC6jUzBRMB0GA1UdDgQWBBTXuxnE/Gi892TfetodH8WGTJnxZTAfBgNV\n\
HSMEGDAWgBTXuxnE/Gi892TfetodH8WGTJnxZTAPBgNVHRMBAf8EBTADAQH/MAoG\n\
CCqGSM49BAMCA0cAMEQCIAFh8ED15nIpKVc97MvouCRB3O114278AB/Q64QJfqD6\n\
AiBPQPeU9mHM1g6la0a4cKLYCmrf5JNQLnVk8aA65XZCOA==\n\
-----END CERTIFICATE-----\n\n";

const ENDPOINT: &str = "[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"@WHSEC\"]\n";

const CONNECTION: &str = "[[connections]]\nid = \"y\"\npartner = \"yanwen\"\n";

#[test]
fn authorities_are_read_from_file_and_text() {
    let both = CA.repeat(2);
    for (key, count) in [
        ("ca_file = \"ca\"".to_owned(), 1),
        ("ca_file = \"ca with a mark\"".to_owned(), 1),
        (format!("ca_pem = \"\"\"{both}\"\"\""), 2),
        (format!("ca_file = \"ca\"\nca_pem = \"\"\"{CA}\"\"\""), 2),
        (String::new(), 0),
    ] {
        let config = read(&format!("{CONNECTION}{key}\n{ENDPOINT}{key}\n")).unwrap();
        let (connection, endpoint) = (&config.connections[&"y".into()].trust, &config.endpoints[&"erp".into()].trust);
        assert_eq!((connection.authorities.len(), endpoint.authorities.len()), (count, count), "{key}");
        assert!(!connection.system && !endpoint.system);
    }
    let config = read(&format!("system_roots = true\n{CONNECTION}{ENDPOINT}")).unwrap();
    assert!(config.connections[&"y".into()].trust.system && config.endpoints[&"erp".into()].trust.system);
}

#[test]
fn unusable_authority_is_reported_by_its_key() {
    for (key, mistake) in [
        ("ca_file = \"nowhere\"", "ca_file: the file nowhere cannot be read: no such file"),
        ("ca_file = \"der\"", "ca_file: holds no certificate in PEM"),
        ("ca_file = \"good\"", "ca_file: holds no certificate in PEM"),
        ("ca_file = \"cut\"", "ca_file: holds a certificate that is cut off or damaged"),
        ("ca_file = \"no certificate\"", "ca_file: holds a certificate, number 1, that cannot be read"),
        ("ca_file = 1", "ca_file: must be a text in quotes"),
        ("ca_pem = \"\"", "ca_pem: holds no certificate in PEM"),
        ("ca_pem = \"ca.pem\"", "ca_pem: holds no certificate in PEM"),
    ] {
        for (table, name) in [(CONNECTION, "connections"), (ENDPOINT, "endpoints")] {
            let found = mistakes(&format!("{table}{key}\n"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("{name}[0].{mistake}")), "{found:?}");
        }
    }
    assert_eq!(mistakes("system_roots = 1"), ["system_roots: must be true or false, not an integer (line 1)"]);
}
