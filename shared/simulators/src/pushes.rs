//! The paths of pushes, and receipts in any number.

use partners::Partner;

/// The path of a push: `/hooks/<partner>/<connection>/<key>[/<suffix>]`.
#[must_use]
pub fn path(partner: Partner, connection: &str, key: &str, suffix: &str) -> String {
    let slash = if suffix.is_empty() { "" } else { "/" };
    format!("/hooks/{partner}/{connection}/{key}{slash}{suffix}")
}

/// A `single_receipt` of about 1.2 KB about the `n`th order: no two numbers have an order in common.
#[must_use]
pub fn receipt(n: u64) -> Vec<u8> {
    noted_receipt(n, "海关已放行")
}

/// [`receipt`] with another `paramJson.note`, which must not need escapes in JSON.
#[must_use]
pub fn noted_receipt(n: u64, note: &str) -> Vec<u8> {
    // The links of a customs receipt are signed for a while, which makes them long, and hard to compress.
    let mut seed = n;
    let mut seal = || {
        seed = (seed ^ (seed >> 29)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        format!("{seed:016x}")
    };
    let link = |name: &str| {
        let (file, expiry) = (seal(), "expires=1713775676");
        let token = [seal(), seal(), seal(), seal(), seal(), seal()].concat();
        format!("https://files.example.com/A{n:017}/{name}-{file}.pdf?{expiry}&token={token}")
    };
    let [release, declaration, letter, examine] =
        ["releaseNotice", "customsDeclaration", "authorizationLetter", "examine"].map(link);
    [
        format!(r#"{{"action":"single_receipt","orderOutNo":"SO{n:014}","billNo":"CULV{n:014}","paramJson":{{"#),
        format!(r#""channel":"P","note":"{note}","noticeDate":"2024-04-22 16:47:56","customMaster":"2248","#),
        format!(r#""entryId":"{n:018}","cusCiqNo":"E{n:017}","releaseNotice":"{release}","#),
        format!(
            r#""customsDeclaration":"{declaration}","authorizationLetter":"{letter}","examinePdf":"{examine}"}}}}"#
        ),
    ]
    .concat()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use partners::Json;

    use super::*;

    #[test]
    fn receipts_are_of_one_size_and_differ_in_their_order() {
        let (a, b) = (receipt(1), receipt(2_000_000));
        assert_eq!(a.len(), b.len());
        assert!((1_150..=1_250).contains(&a.len()), "{}", a.len());
        let order = |body: &[u8]| Json::parse(body).unwrap().field("orderOutNo").unwrap().to_owned();
        assert_eq!((order(&a).as_str(), order(&b).as_str()), ("SO00000000000001", "SO00000002000000"));
    }

    #[test]
    fn paths_end_with_the_key_for_the_url_that_takes_everything() {
        assert_eq!(path(Partner::Xhq, "sh", "k", ""), "/hooks/xhq/sh/k");
        assert_eq!(path(Partner::OneData, "d", "k", "ports"), "/hooks/onedata/d/k/ports");
    }
}
