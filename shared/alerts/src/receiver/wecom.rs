//! The robot of a WeCom (企业微信) group, by "群机器人配置说明",
//! <https://developer.work.weixin.qq.com/document/path/91770>: JSON by POST to the robot's URL, which holds its key; Markdown of
//! at most 4,096 bytes; 20 messages a minute; `errcode` 0 in the answer.

use serde_json::json;
use url::Url;

use super::{LONGEST, Post};
use crate::Message;

pub(super) fn post(url: &Url, message: &Message<'_>) -> Post {
    let body = json!({"msgtype": "markdown", "markdown": {"content": message.markdown(LONGEST)}});
    Post { url: url.clone(), headers: Vec::new(), body: super::json(&body) }
}

/// Remedy of an error, by the vendor's list of codes.
pub(super) const fn remedy(code: i64) -> Option<&'static str> {
    match code {
        93000 => Some("the robot does not exist any more: give the url of another"),
        45009 => Some("too many messages: raise every"),
        _ => None,
    }
}
