//! An example of every push the partners' documents describe.
//!
//! TrackingEyes' and 1datatech's rates are their documents' own examples, byte for byte. 1datatech prints no port push:
//! its printed port answer stands in the envelope its other pushes share (4.10). XHQ prints no bodies: these are built
//! from its field tables, and where a table is lost (`fee_push`, `import_node`, `import_partner`) from the order number
//! alone.

use partners::Partner;

/// One example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// What it is called: the action as the partner spells it, else the webhook function's name.
    pub name: &'static str,
    /// Who pushes it.
    pub partner: Partner,
    /// The last segment of the path it is pushed to; empty for the URL that takes everything.
    pub suffix: &'static str,
    /// The JSON that is pushed.
    pub body: &'static [u8],
}

macro_rules! example {
    ($partner:ident, $suffix:literal, $name:literal) => {
        Example {
            name: $name,
            partner: Partner::$partner,
            suffix: $suffix,
            body: include_bytes!(concat!("../pushes/", $name, ".json")),
        }
    };
}

static EXAMPLES: [Example; 17] = [
    example!(Xhq, "syn_status", "syn_status"),
    example!(Xhq, "send_data", "send_data"),
    example!(Xhq, "send_data", "sendBgh_data"),
    example!(Xhq, "send_data", "single_data"),
    example!(Xhq, "single_receipt", "single_receipt"),
    example!(Xhq, "msg_notice", "msg_notice"),
    example!(Xhq, "electronic_ledger", "electronic_ledger"),
    example!(Xhq, "fee_push", "fee_push"),
    example!(Xhq, "ai_data", "ai_data"),
    example!(Xhq, "bonded_list", "bonded_list"),
    example!(Xhq, "import_node", "import_node"),
    example!(Xhq, "import_partner", "import_partner"),
    example!(Xhq, "", "callback"),
    example!(Xhq, "", "unknown"),
    example!(TrackingEyes, "customs_status", "customs_status"),
    example!(OneData, "rates", "rate_push"),
    example!(OneData, "ports", "port_push"),
];

/// Every example: each webhook function at least once.
#[must_use]
pub fn examples() -> &'static [Example] {
    &EXAMPLES
}

/// The example of that name.
#[must_use]
pub fn example(name: &str) -> Option<&'static Example> {
    EXAMPLES.iter().find(|example| example.name == name)
}

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
    fn every_example_is_json_and_has_its_own_name() {
        for example in examples() {
            let json = Json::parse(example.body).unwrap();
            assert_eq!(json.is_object(), example.partner != Partner::TrackingEyes, "{}", example.name);
            assert_eq!(super::example(example.name), Some(example));
        }
    }

    #[test]
    fn the_documented_examples_are_the_documents_own() {
        let documented = |file: &str| std::fs::read(format!("../../tests/fixtures/{file}")).unwrap();
        assert_eq!(example("customs_status").unwrap().body, documented("trackingeyes_push.json"));
        assert_eq!(example("rate_push").unwrap().body, documented("1datatech_rate_push.json"));
        let answer = documented("1datatech_port_query_found.json");
        let (push, answer): (serde_json::Value, serde_json::Value) = (
            serde_json::from_slice(example("port_push").unwrap().body).unwrap(),
            serde_json::from_slice(&answer).unwrap(),
        );
        assert_eq!(push["data"], answer["data"][0]);
    }

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
