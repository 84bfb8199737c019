//! Yanwen 燕文, the clearance carrier: one address, an operation is its `method`. It pushes nothing that is documented.
//!
//! Source: 清关业务-主单创建 and its siblings on opendocs.yw56.com.cn.

mod answers;
mod operations;
mod signature;

use std::time::Duration;

#[cfg(test)]
pub(crate) use signature::sign;

use crate::Profile;
use crate::profile::Calls;

pub(crate) const PROFILE: Profile = Profile {
    id: "yanwen",
    names: &["燕文", "yanwen", "yw56"],
    about: "Operations of Yanwen 燕文. Its other methods are called by their names in the same way.",
    deadline: Duration::from_secs(10),
    budget: Duration::from_secs(5),
    pushes: None,
    calls: Calls {
        production: Some("https://open.yw56.com.cn/api/order"),
        test: Some("https://ejf-fat.yw56.com.cn/api/order"),
        credentials: &["user_id", "api_token"],
        operations: &[operations::OPERATIONS],
        family: Some(operations::family),
        seal: Some(signature::seal),
        judge: answers::judge,
        // A signature is refused in Chinese text.
        refuses_in_text: true,
        credentials_word: Some("签名"),
        ..Calls::PLAIN
    },
    settings: &[],
};
