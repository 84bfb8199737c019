//! Keys of a partner that the configuration describes.

use super::super::Absent::{Required, Value};
use super::super::Key;
use super::super::Kind::{Each, Integer, Plain, Table, Tables};
use super::{DAY, NONE, key, millis, other};

pub(super) const PARTNER: &[Key] = &[
    key(
        "id",
        Required,
        "2 to 24 of `a-z`, `0-9`; the beginning of its event types, and its name in URLs",
        "2~24 位 `a-z`、`0-9`；事件类型的开头，也是网址里的名称",
    ),
    key("names", Value("[]"), "its names, for people", "供人看的名称"),
    key("about", Value("\"\""), "a sentence about it, for readers of the API", "一句话介绍，供看接口文档的人"),
    key("source", Value("\"\""), "address of its document", "它的文档地址"),
    key(
        "credentials",
        Value("[]"),
        "names of its credentials, which are keys of its connections",
        "它有哪些密钥；连接里用这些名称填写",
    ),
    key("production", NONE, "base URL of its production system", "正式环境的地址"),
    key("test", NONE, "base URL of its test system", "测试环境的地址"),
    key("push", NONE, "how it pushes", "它如何推送").of(Table(PUSH)),
    key(
        "token",
        NONE,
        "how a token for its calls is asked for: a recipe, as `token` of a connection",
        "调用它的接口前怎样取令牌：写法同连接的 `token`",
    ),
    key(
        "operations",
        Value("[]"),
        "what it can be asked, as [Partners](partners.md#add-a-partner) describes it",
        "有哪些接口可调，写法见[合作方](partners.md#接入新的合作方)",
    ),
];

const PUSH: &[Key] = &[
    key(
        "body",
        Value("\"json\""),
        "`\"json\"`, `\"xml\"`, or `{ form = \"param\" }` for a form whose field holds JSON",
        "`\"json\"`、`\"xml\"`，或 `{ form = \"param\" }`：表单，其中一个字段的值是 JSON",
    )
    .of(Table(BODY)),
    key("deadline", Value("\"10s\""), "time within which it must have the answer", "对方等应答最多等多久")
        .of(millis(300, 30_000)),
    key(
        "budget",
        other("4/5 of the deadline, at most `5s`", "`deadline` 的五分之四，最多 `5s`"),
        "time that storing may take, at least 100 ms less than the deadline",
        "存下来最多用多久，至少比 `deadline` 少 100 毫秒",
    )
    .of(millis(100, 7_000)),
    key(
        "repeats",
        Value("[]"),
        "pauses before its own repetitions, for the simulation",
        "对方自己重推的间隔，模拟时用",
    )
    .of(millis(1, 30 * DAY * 1000)),
    key("verify", NONE, "how it signs, besides the key in the URL", "除网址里的密钥外，它如何签名").of(Table(VERIFY)),
    key("answers", Required, "the answers, by verdict", "各种结果的应答").of(Table(ANSWERS)),
    key("actions", Required, "what it pushes", "它推送哪些内容").of(Tables(ACTION)),
];

const BODY: &[Key] = &[
    key("form", Required, "name of the field", "字段名"),
    key("holds", Value("\"json\""), "notation of its value, or `\"xml\"`", "字段里的格式，或 `\"xml\"`"),
];

const VERIFY: &[Key] = &[
    key(
        "parts",
        Required,
        "what is signed, in order: `\"body\"`, `\"timestamp\"`, `{ field }`, `{ header }`, `{ query }`, `{ pointer }`, \
         `{ credential }`, `{ text }`",
        "依次签哪些：`\"body\"`、`\"timestamp\"`、`{ field }`、`{ header }`、`{ query }`、`{ pointer }`、`{ credential }`、`{ text }`",
    ),
    key("separator", Value("\"\""), "text between two parts", "两部分之间的文本"),
    key(
        "hash",
        Required,
        "`\"md5\"`, `\"sha1\"`, `\"sha256\"`, `\"hmac-md5\"`, `\"hmac-sha1\"` or `\"hmac-sha256\"`",
        "`\"md5\"`、`\"sha1\"`、`\"sha256\"`、`\"hmac-md5\"`、`\"hmac-sha1\"` 或 `\"hmac-sha256\"`",
    ),
    key("key", NONE, "key of an HMAC: `{ credential = \"secret\" }`", "HMAC 的密钥：`{ credential = \"secret\" }`"),
    key("digits", Value("\"hex\""), "or `\"base64\"`", "或 `\"base64\"`"),
    key("case", Value("\"lower\""), "case of hex digits, or `\"upper\"`", "十六进制的大小写，或 `\"upper\"`"),
    key(
        "signature",
        Required,
        "where the signature is: `{ field }`, `{ header }`, `{ query }` or `{ pointer }`",
        "签名在哪里：`{ field }`、`{ header }`、`{ query }` 或 `{ pointer }`",
    )
    .of(Table(PLACE)),
    key(
        "unless_missing",
        NONE,
        "a credential without which a connection's pushes are not checked",
        "连接没填这个密钥时，不验签",
    ),
    key("timestamp", NONE, "where the time of sending is, and how old it may be", "发送时间在哪里，最多可以相差多久")
        .of(Table(TIMESTAMP)),
];

const FIELD: Key = key("field", NONE, "a field of the form", "表单的字段");
const HEADER: Key = key("header", NONE, "a header", "请求头");
const QUERY: Key = key("query", NONE, "a query parameter", "查询参数");
const POINTER: Key = key("pointer", NONE, "a place in the document", "文档里的位置");

const PLACE: &[Key] = &[
    FIELD,
    HEADER,
    QUERY,
    POINTER,
    key("prefix", Value("\"\""), "text before it, such as `\"sha256=\"`", "前面的文本，如 `\"sha256=\"`"),
];

const TIMESTAMP: &[Key] = &[
    FIELD,
    HEADER,
    QUERY,
    POINTER,
    key("unit", Value("\"s\""), "seconds or `\"ms\"` since 1970", "自 1970 年起的秒，或 `\"ms\"`"),
    key("window", Value("\"5m\""), "longest difference to the hub's clock", "与本机时钟最多相差多久")
        .of(millis(1_000, DAY * 1000)),
];

const REPLY: &[Key] = &[
    key(
        "status",
        other(
            "200 of `accepted` and `duplicate`, 400 of `malformed`, 404 of `unauthorized`, 405 of `not_post`, 413 of `too_large`, 503 \
             of `unavailable`; that of `duplicate` is that of `accepted`",
            "`accepted` 和 `duplicate` 为 200，`malformed` 400，`unauthorized` 404，`not_post` 405，`too_large` 413，`unavailable` 503；\
             `duplicate` 与 `accepted` 相同",
        ),
        "HTTP status",
        "HTTP 状态码",
    ).of(Integer(200..=599)),
    key("content_type", Value("\"application/json\""), "media type of the body", "正文的媒体类型"),
    key(
        "body",
        Value("\"\""),
        "the body; `{message}` stands for what is wrong, escaped by the media type",
        "正文；`{message}` 代表出错说明，按媒体类型转义",
    ),
    key("repeated", Value("false"), "whether it repeats a push that is answered so", "收到这个应答后它是否重推"),
];

const fn reply(name: &'static str, absent: super::Absent, english: &'static str, chinese: &'static str) -> Key {
    key(name, absent, english, chinese).of(Table(REPLY))
}

pub(super) const ANSWERS: &[Key] = &[
    reply("accepted", Required, "stored just now; usually 200", "刚存下；一般是 200"),
    reply("duplicate", other("as `accepted`", "同 `accepted`"), "stored before", "以前已存下"),
    reply(
        "malformed",
        other("as `unavailable`, with 400", "同 `unavailable`，状态码 400"),
        "stored, and not as described",
        "存下了，但与文档不符",
    ),
    reply(
        "unauthorized",
        other("as `unavailable`, with 404", "同 `unavailable`，状态码 404"),
        "wrong key, signature or address",
        "密钥、签名或地址不对",
    ),
    reply("not_post", other("as `unavailable`, with 405", "同 `unavailable`，状态码 405"), "not POST", "不是 POST"),
    reply("too_large", other("as `unavailable`, with 413", "同 `unavailable`，状态码 413"), "over 6 MB", "超过 6 MB"),
    reply("unavailable", Required, "not stored, to be repeated; usually 503", "没存下，请重推；一般是 503"),
];

/// Answers that a connection may have in place of its partner's: to pushes with a right key.
pub(super) const KEPT_ANSWERS: &[Key] = &[
    reply("accepted", BUILT_IN, "stored just now", "刚存下"),
    reply("duplicate", BUILT_IN, "stored before", "以前已存下"),
    reply("malformed", BUILT_IN, "stored, and not as described", "存下了，但与文档不符"),
    reply("too_large", BUILT_IN, "over 6 MB", "超过 6 MB"),
    reply("unavailable", BUILT_IN, "not stored, to be repeated", "没存下，请重推"),
];

const BUILT_IN: super::Absent = other("the built-in one", "内置的应答");

const ACTION: &[Key] = &[
    key(
        "name",
        Required,
        "end of the event's type: `kuaidi100.subscription`",
        "事件类型的后半段：`kuaidi100.subscription`",
    ),
    key("about", Value("\"\""), "its name for people", "供人看的名称"),
    key(
        "suffix",
        NONE,
        "end of its own URL; without one its pushes come to `…/push` alone",
        "它自己的推送地址的结尾；不写就只用 `…/push`",
    ),
    key(
        "when",
        other("always", "总是"),
        "condition by which it is told at `…/push`: the first action that fits",
        "在 `…/push` 收到时怎样认出它：第一个符合的",
    )
    .of(Table(WHEN)),
    key(
        "each",
        NONE,
        "array each of whose elements is an event; `\"\"` where the body is that array. Other pointers begin at the element, \
         with `$` at the push",
        "数组，每个元素是一个事件；正文本身是数组时写 `\"\"`。其他指针从元素开始，以 `$` 开头的从整个推送开始",
    ),
    key("keys", Required, "business keys: the first with a value is the subject", "业务编号：第一个有值的是主题")
        .of(Tables(KEY_AT)),
    key("occurred", Value("[]"), "places of its time, the latest counts", "时间在哪里，取最晚的"),
    key(
        "identity",
        Value("\"content\""),
        "`{ without = [\"/sentAt\"] }` for values that do not count, or `\"message\"`: equal to the latest within `repeat_window`",
        "`{ without = [\"/sentAt\"] }` 表示哪些值不算，或 `\"message\"`：与最近一条相同且在 `repeat_window` 内",
    )
    .of(Table(IDENTITY)),
    key("milestones", NONE, "milestones by codes", "代码对应的节点").of(Table(MILESTONES)),
    key("example", other("`examples`", "`examples`"), "a push of it; of a form, the value of its field", "一条推送；表单则是该字段的值"),
    key("examples", NONE, "further ones, each with a name", "更多例子，各有名称").of(Tables(EXAMPLE)),
];

const WHEN: &[Key] = &[
    key("at", Required, "place of the value", "值在哪里"),
    key(
        "is",
        Value("[]"),
        "values that fit; whatever stands there where the list is empty",
        "哪些值符合；空表示那里有内容即可",
    ),
];

const KEY_AT: &[Key] = &[
    key(
        "kind",
        Required,
        "`\"order\"`, `\"bl\"`, `\"waybill\"`, `\"container\"`, …",
        "`\"order\"`、`\"bl\"`、`\"waybill\"`、`\"container\"` 等",
    ),
    key("at", Required, "place of its values; `*` is each element", "值在哪里；`*` 指每个元素"),
    key(
        "unless_has",
        NONE,
        "a value with this text is no key: `\"*\"` of a masked number",
        "含有这个文本的值不算，如打了 `*` 的号码",
    ),
];

const IDENTITY: &[Key] = &[key("without", Required, "places of the values that do not count", "哪些位置的值不算")];

const MILESTONES: &[Key] = &[
    key("each", NONE, "array of rows with a code each", "数组，每行一个代码"),
    key("at", Required, "place of the code", "代码在哪里"),
    key(
        "time",
        NONE,
        "with `each`: place of a row's time; the latest row counts",
        "配合 `each`：每行的时间，取最晚的一行",
    ),
    key(
        "per",
        NONE,
        "with `each`: what a row is about, such as a declaration; the milestone is one that all are at",
        "配合 `each`：每行说的是什么，如报关单；都到了才算到",
    ),
    key(
        "of",
        Required,
        "milestones by codes: `{ \"3\" = \"released\" }`",
        "代码对应的节点：`{ \"3\" = \"released\" }`",
    )
    .of(Each(&Plain)),
];

const EXAMPLE: &[Key] = &[key("name", Required, "its name", "名称"), key("body", Required, "the push", "推送内容")];
