//! Keys of a receiver of alerts.

use super::super::Absent::{Required, Value};
use super::{DAY, ID, Key, NONE, key, other, seconds};

pub(super) const ALERT: &[Key] = &[
    ID,
    key(
        "kind",
        Required,
        "`\"wecom\"`, `\"dingtalk\"`, `\"feishu\"`: a robot of a group; `\"webhook\"`: JSON, signed like a delivery",
        "`\"wecom\"` 企业微信、`\"dingtalk\"` 钉钉、`\"feishu\"` 飞书的群机器人；`\"webhook\"`：JSON，签名同投递",
    ),
    key(
        "url",
        Required,
        "the robot's whole URL, a secret; `https`, or `http` with `allow_private`",
        "机器人的完整 webhook 地址，属于密钥；须为 `https`，设了 `allow_private` 也可为 `http`",
    )
    .secret(),
    key(
        "secret",
        other("none; required for `\"webhook\"`", "无；`\"webhook\"` 必填"),
        "`\"dingtalk\"`: the secret of 加签 (`SEC…`); `\"feishu\"`: that of 签名校验; `\"webhook\"`: `\"whsec_\"` and base64; \
         `\"wecom\"` has none",
        "`\"dingtalk\"`：加签密钥（`SEC…`）；`\"feishu\"`：签名校验密钥；`\"webhook\"`：`\"whsec_\"` 加 base64；`\"wecom\"` 没有",
    )
    .secret(),
    key(
        "causes",
        other("all", "全部"),
        "`\"circuit_opened\"`, `\"circuit_closed\"`, `\"delivery_failed\"`, `\"call_ambiguous\"`, `\"push_late\"`, \
         `\"push_not_kept\"`, `\"silence\"`, `\"file_lost\"`, `\"ledger_unbalanced\"`, `\"disk_nearly_full\"`",
        "`\"circuit_opened\"` 熔断、`\"circuit_closed\"` 恢复、`\"delivery_failed\"` 投递失败、`\"call_ambiguous\"` 调用结果不明、\
         `\"push_late\"` 应答超时、`\"push_not_kept\"` 未能保存、`\"silence\"` 久无新消息、`\"file_lost\"` 文件未能取得、`\"ledger_unbalanced\"` 账本不平、`\"disk_nearly_full\"` 磁盘将满",
    ),
    key("connections", Value("[\"*\"]"), "ids, or a prefix and `*`", "连接 id，或前缀加 `*`"),
    key("language", Value("\"zh\""), "or `\"en\"`", "或 `\"en\"`"),
    key("every", Value("\"5m\""), "least time between two messages", "两条消息至少间隔多久").of(seconds(60, DAY)),
    key(
        "console_url",
        NONE,
        "the hub's address as the operators' browsers know it, for links into the console",
        "运维人员浏览器访问本服务的地址，用于消息中的控制台链接",
    ),
    key(
        "allow_private",
        Value("false"),
        "whether private, loopback and reserved addresses may be called, and `http`",
        "是否允许发往内网、本机等保留地址，以及 `http`",
    ),
    key(
        "ca_file",
        NONE,
        "PEM file of additional certificate authorities; public ones are built in",
        "另外信任的私有 CA 证书的 PEM 文件；公共 CA 已内置",
    ),
    key("ca_pem", NONE, "its text in place of the file", "不用文件，直接写 PEM 文本"),
];
