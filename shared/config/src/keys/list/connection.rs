//! Keys of a connection.

use partners::Partner;
use partners::operation::{self, Address, FilePlace};
use partners::profile::Setting;

use super::super::Absent::{Required, Value};
use super::super::Key;
use super::super::Kind::{Credentials, Each, Integer, Plain, Table};
use super::partner::KEPT_ANSWERS;
use super::{AS_ENDPOINT, CONCURRENCY, DAY, ID, NONE, RETENTION_DAYS, RETRY, TIMEOUT, key, millis, other, seconds};

fn has(partner: Partner, setting: Setting) -> Option<Vec<&'static str>> {
    partner.profile().has(setting).then(Vec::new)
}

fn sends_file(partner: Partner, place: FilePlace) -> Option<Vec<&'static str>> {
    operation::of(partner).any(|row| row.file == Some(place) && row.told.is_none()).then(Vec::new)
}

fn lost_paths(partner: Partner) -> Option<Vec<&'static str>> {
    let names = operation::of(partner).filter_map(|row| match row.address {
        Address::Configured(name) => Some(name),
        Address::Fixed(_) => None,
    });
    Some(names.collect()).filter(|names: &Vec<_>| !names.is_empty())
}

pub(super) const CONNECTION: &[Key] = &[
    ID,
    key("partner", Required, "{partners}", "{partners}"),
    key("keys", Required, "1 to 4, each 32 or more of `A-Z a-z 0-9 - _`", "1~4 个，每个至少 32 位，`A-Z a-z 0-9 - _`")
        .secret()
        .at(|partner| partner.profile().pushes.map(|_| vec![])),
    key("allow_ips", other("any", "不限"), "addresses and networks that may push", "允许推送的 IP 或网段"),
    key(
        "retention_days",
        other("the global one", "取全局值"),
        "days that its events are kept",
        "这个账号的事件保存天数",
    )
    .of(RETENTION_DAYS),
    key(
        "repeat_window",
        Value("\"10m\""),
        "how long an order status or message (`syn_status`, `msg_notice`) equal to the order's latest counts as a \
         retry. Later it is a new event with `possiblerepeat`: a reminder, or a second draft",
        "订单状态、消息（`syn_status`、`msg_notice`）与该订单最近一条完全相同时，在此时间内算重推，过后算新事件并带 \
         `possiblerepeat`：可能是再次提醒，也可能是第二稿",
    )
    .of(seconds(1, 90 * DAY)),
    key(
        "evidence",
        Value("false"),
        "whether each event keeps the headers of its push, without secrets, and the answer to it, for \
         `GET /shipments/<key>/evidence`",
        "是否随事件保存推送的请求头（不含密钥）和给出的应答，供 `GET /shipments/<key>/evidence` 使用",
    )
    .at(|partner| partner.profile().pushes.map(|_| vec![])),
    key("fee_actions", Value("[]"), "values of `action` that mean the fee push", "哪些 `action` 值是费用推送")
        .at(|partner| has(partner, Setting::FeeActions)),
    key(
        "environment",
        Value("\"production\""),
        "`\"production\"` or `\"test\"`; not beside `base_url`",
        "`\"production\"` 或 `\"test\"`；不能与 `base_url` 同时写",
    )
    .at(|partner| partner.profile().calls.test.map(|_| vec![])),
    key(
        "base_url",
        other("the partner's", "合作方自己的地址"),
        "`http` or `https`, without `?` and `#`",
        "`http` 或 `https`，不含 `?`、`#`",
    ),
    key(
        "",
        NONE,
        "secrets of the account; an operation that needs a missing one cannot be called; `*` is any other key",
        "账号的密钥；缺少时，需要它的操作无法调用；`*` 指其余任意键",
    )
    .of(Credentials)
    .at(|partner| {
        let calls = &partner.profile().calls;
        Some(if calls.any_credential { vec!["*"] } else { calls.credentials.to_vec() })
    }),
    key(
        "timeout",
        Value("\"15s\""),
        "time for one attempt at a call, at most half of `sweep_every`, which shortens the default too",
        "单次调用的时限，不超过 `sweep_every` 的一半，默认值也随之缩短",
    )
    .of(TIMEOUT),
    key("concurrency", Value("8"), "most calls in progress", "同时调用的上限").of(CONCURRENCY),
    key(
        "retry",
        AS_ENDPOINT,
        "as for an endpoint, for calls that the partner did not process",
        "同接收端；对方没有处理的调用按此重试",
    )
    .of(RETRY),
    key("rate", NONE, "`{ calls = 10, per = \"1s\" }`: limit of calls", "`{ calls = 10, per = \"1s\" }`：调用频率上限")
        .of(Table(RATE)),
    key(
        "allow_private",
        Value("false"),
        "whether `base_url` may be a private, loopback or reserved address",
        "是否允许 `base_url` 指向内网、本机等保留地址",
    ),
    key(
        "allow_private_files",
        Value("false"),
        "whether a file that the ERP gives by URL, or a partner by a link, may be fetched from one",
        "ERP 以 URL、合作方以链接给出的文件，是否允许从这类地址下载",
    ),
    key(
        "files",
        Value("false"),
        "whether the files that its events and answers name by links are fetched and kept as long as the events",
        "事件和应答里以链接给出的文件，是否下载并与事件一样保存",
    )
    .at(|partner| (!partner.profile().links().is_empty()).then(Vec::new)),
    key("ca_file", NONE, "as for an endpoint, for `base_url` and for files", "同接收端，用于 `base_url` 和文件下载"),
    key("ca_pem", NONE, "its text in place of the file", "不用文件，直接写 PEM 文本"),
    key("paths", NONE, "paths missing in the documents: `{ name = \"…\" }`", "公开文档缺失的路径：`{ 名称 = \"…\" }`")
        .at(lost_paths),
    key(
        "encodings",
        other("as documented", "按文档"),
        "body encoding, `\"json\"`, `\"form\"` or `\"multipart\"` by operation",
        "按操作指定 `\"json\"`、`\"form\"` 或 `\"multipart\"`",
    )
    .at(|partner| has(partner, Setting::Encodings)),
    key(
        "file_part",
        Value("\"file\""),
        "name of the multipart part that holds the file of `fileUpload`",
        "`fileUpload` 里文件那一段的名称",
    )
    .at(|partner| sends_file(partner, FilePlace::Part)),
    key(
        "base64_field",
        NONE,
        "member that holds the file of `fileBase64Upload`",
        "`fileBase64Upload` 里存放文件的字段名",
    )
    .at(|partner| sends_file(partner, FilePlace::Base64)),
    key(
        "required",
        NONE,
        "required fields that the partner's document does not show, by operation: \
         `{ feeConfirm = [\"…\"] }`; a dot enters an object",
        "文档里丢失、但对方必填的字段，按操作填写：`{ feeConfirm = [\"…\"] }`；用点进入下一层对象",
    ),
    key(
        "push_answers",
        NONE,
        "answers to pushes in place of the partner's, for those whose answer its document lost, by the end of the event's type: \
         `{ bonded_list = { accepted = { body = '…' }, unavailable = { status = 500, body = '…' } } }`",
        "用自己的应答代替内置的，用于文档里丢失了应答的推送，按事件类型的后半段填写：\
         `{ bonded_list = { accepted = { body = '…' }, unavailable = { status = 500, body = '…' } } }`",
    )
    .of(Each(&Table(KEPT_ANSWERS)))
    .at(|partner| partner.profile().pushes.map(|_| vec![])),
    key("recover", NONE, "work on XHQ's list of failed pushes (六), as below", "自动补回推送失败清单（六），见下")
        .of(Table(RECOVER))
        .at(|partner| partner.profile().calls.recovery.is_some().then(Vec::new)),
    key(
        "answers",
        other("`rows = \"/data\"`, no `action`", "`rows = \"/data\"`，无 `action`"),
        "place of the rows of an answer (JSON pointer), and the action of rows that name none, by operation: \
         `{ actionDataRow = { rows = \"/data/list\", action = \"single_receipt\" } }`",
        "应答里的数据行在哪里（JSON pointer），没写 `action` 的行算哪种推送，按操作填写：\
         `{ actionDataRow = { rows = \"/data/list\", action = \"single_receipt\" } }`",
    )
    .of(Each(&Table(ANSWERS)))
    .at(|partner| has(partner, Setting::Answers)),
    key(
        "token",
        NONE,
        "recipe for its token, because the rules are not public; the example file has one",
        "取令牌的规则未公开，由配置描述；示例文件里有一例",
    )
    .at(|partner| has(partner, Setting::Recipes)),
    key("signature", NONE, "recipe for its signature, likewise", "签名的规则，同样由配置描述")
        .at(|partner| has(partner, Setting::Recipes)),
];

const RECOVER: &[Key] = &[
    key("every", Value("\"5m\""), "interval of the cycle, rounded up to sweeps", "多久一次，以巡检为准")
        .of(seconds(10, DAY)),
    key("rows", Required, "JSON pointer to the rows in the answer", "应答中各行的 JSON pointer"),
    key(
        "serial",
        Required,
        "JSON pointer to XHQ's serial in a row; `\"\"` where the row is the serial",
        "行里系统流水号的 JSON pointer；行本身就是流水号时写 `\"\"`",
    ),
    key(
        "order",
        NONE,
        "JSON pointer to your own order number in a row, where rows have one: the row is news of that order",
        "行里业务流水号的 JSON pointer，有才写：这一行就算该订单的新消息",
    ),
    key(
        "cutoff",
        Required,
        "JSON pointer to the time in the answer that is repeated as `cutoffTime`",
        "应答中时间的 JSON pointer，原样作为 `cutoffTime` 传回",
    ),
    key(
        "query",
        NONE,
        "further fields of the query, such as `{ type = \"BGH\" }`, which the document prints",
        "查询另外要带的字段，如文档里的 `{ type = \"BGH\" }`",
    )
    .of(Each(&Plain)),
    key("confirm", NONE, "further fields of the confirmation", "确认另外要带的字段").of(Each(&Plain)),
];

const ANSWERS: &[Key] = &[
    key("rows", Value("\"/data\""), "JSON pointer to the rows of the answer", "应答中数据行的 JSON pointer"),
    key("action", NONE, "action of the rows that name none", "没写 `action` 的行算哪种推送"),
];

const RATE: &[Key] = &[
    key("calls", Required, "most calls in any period of the length `per`", "任意一段 `per` 这么长的时间内最多调用几次")
        .of(Integer(1..=10_000)),
    key("per", Required, "length of the period", "这段时间的长度").of(millis(100, DAY * 1000)),
];
