//! The custom robot of a DingTalk (钉钉) group, by "自定义机器人接入",
//! <https://open.dingtalk.com/document/robots/custom-robot-access>: JSON by POST to the robot's URL, which holds its token;
//! with 加签 also `timestamp`, in milliseconds, and `sign`, the HMAC-SHA256 of `timestamp\nsecret` by the secret, in base64; 20
//! messages a minute; `errcode` 0 in the answer.

use hub::Secret;
use serde_json::json;
use url::Url;

use super::{LONGEST, Post, signed};
use crate::Message;

pub(super) fn post(url: &Url, secret: Option<&Secret>, message: &Message<'_>) -> Post {
    let mut url = url.clone();
    if let Some(secret) = secret {
        let timestamp = message.at.milliseconds();
        let sign = signed(secret.expose(), &format!("{timestamp}\n{}", secret.expose()));
        url.query_pairs_mut().append_pair("timestamp", &timestamp.to_string()).append_pair("sign", &sign);
    }
    let body =
        json!({"msgtype": "markdown", "markdown": {"title": message.title(), "text": message.markdown(LONGEST)}});
    Post { url, headers: Vec::new(), body: super::json(&body) }
}

/// Remedy of an error, by the vendor's document.
pub(super) const fn remedy(code: i64) -> Option<&'static str> {
    match code {
        310_000 => Some(
            "the robot's security settings refuse it: give its 加签 secret as secret, allow the keyword 通关 or Tongguan, or the \
             hub's address; and check the hub's clock",
        ),
        300_001 => Some("the robot does not exist any more: give the url of another"),
        130_101 => Some("too many messages: raise every"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hub::Utc;
    use hub::alert::{Groups, Language};

    use super::*;

    /// Computed with Python's `hmac` by the example in the document; the signature has both characters that a query escapes.
    #[test]
    fn signature_is_that_of_the_documents_example() {
        let url = Url::parse("https://oapi.dingtalk.com/robot/send?access_token=t").unwrap();
        let (groups, at) = (Groups::new(), Utc(1_790_000_000_129_000));
        let message = Message { alert: "ops", groups: &groups, language: Language::Chinese, console: None, at };
        let signed = post(&url, Some(&Secret::new("SEC0123456789abcdef".to_owned())), &message);
        assert_eq!(
            signed.url.query(),
            Some("access_token=t&timestamp=1790000000129&sign=g3CxU5znWBBnqWTlBEF7nd%2FORWg%2B708NES1PvbpHNac%3D")
        );
        assert_eq!(post(&url, None, &message).url, url);
    }
}
