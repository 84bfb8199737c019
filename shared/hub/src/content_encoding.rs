//! `Content-Encoding`, as senders use it.

/// Whether a value names a coding that may have changed the bytes. Some senders put there that there is none, a charset,
/// or a transfer encoding of mail.
pub(crate) fn is_coded(value: &str) -> bool {
    value.split(',').any(|name| !is_no_coding(name.trim()))
}

fn is_no_coding(name: &str) -> bool {
    const NAMES: [&str; 11] =
        ["", "identity", "none", "null", "plain", "binary", "7bit", "8bit", "ascii", "us-ascii", "big5"];
    const CHARSETS: [&str; 6] = ["utf", "gb", "iso-8859", "windows-", "cp", "latin"];
    let name = name.trim_matches('"').to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || CHARSETS.iter().any(|charset| name.starts_with(charset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_and_the_absence_of_a_coding_are_none() {
        for value in [
            "",
            " ",
            ",",
            "identity",
            "IDENTITY , identity",
            "None",
            "UTF-8",
            "utf8",
            "\"utf-8\"",
            "GBK",
            "gb2312",
            "GB18030",
            "ISO-8859-1",
            "windows-1252",
            "identity, UTF-8",
        ] {
            assert!(!is_coded(value), "{value}");
        }
        for value in ["gzip", "x-gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "gzip,", "nonsense"] {
            assert!(is_coded(value), "{value}");
        }
    }
}
