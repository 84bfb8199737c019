//! The list itself, in the order of the documents.

mod alert;
mod connection;
mod partner;

use std::time::Duration;

use alert::ALERT;
use connection::CONNECTION;
use partner::PARTNER;
use partners::Partner;

use super::Absent::{Other, Required, Value};
use super::Kind::{Each, Integer, Plain, Table, Tables};
use super::{Absent, Key, Kind, Text};

const NONE: Absent = other("none", "无");
const AS_ENDPOINT: Absent = other("as for an endpoint", "同接收端");

const fn other(english: &'static str, chinese: &'static str) -> Absent {
    Other(Text { english, chinese })
}

/// A plain key, the same at all partners.
const fn key(name: &'static str, absent: Absent, english: &'static str, chinese: &'static str) -> Key {
    let text = Text { english, chinese };
    Key { name, absent, kind: Plain, partners: |_| Some(vec![]), is_secret: false, text }
}

impl Key {
    const fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The key, at connections of those partners alone for which the function gives names or an empty list.
    const fn at(self, partners: fn(Partner) -> Option<Vec<&'static str>>) -> Self {
        Self { partners, ..self }
    }
}

const fn millis(least: u64, most: u64) -> Kind {
    Kind::Duration(Duration::from_millis(least)..=Duration::from_millis(most))
}

const fn seconds(least: u64, most: u64) -> Kind {
    millis(least * 1000, most * 1000)
}

/// A function that waits for an attempt must end within the gateway's 30 seconds.
const TIMEOUT: Kind = millis(1, 25_000);
const RETENTION_DAYS: Kind = Integer(1..=3650);
const CONCURRENCY: Kind = Integer(1..=1024);
const RETRY: Kind = millis(1, 7 * DAY * 1000);

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

const ID: Key = key("id", Required, "1 to 64 of `a-z`, `0-9`, `-`", "1~64 位 `a-z`、`0-9`、`-`");

/// The names of the keys that connections of any partner have.
pub(crate) fn of_connections() -> impl Iterator<Item = &'static str> {
    CONNECTION.iter().map(|key| key.name).filter(|name| !name.is_empty())
}

/// Keys of the document.
pub const KEYS: &[Key] = &[
    key("listen", Value("\"127.0.0.1:8787\""), "address and port", "监听地址和端口"),
    key(
        "data_dir",
        Value("\"data\""),
        "folder of the database. On a local disk, for one hub only; its files are readable by the hub's user alone",
        "数据库所在目录，其中的文件只有运行通关的用户可读；须在本地磁盘上，且只供一个通关进程使用",
    ),
    key(
        "retention_days",
        Value("90"),
        "days that events are kept and duplicates recognised. Pending deliveries and queued or ambiguous calls are \
         kept until they end",
        "事件保存天数，也是去重的有效期；待投递、排队中、结果不明的，了结之前一直保留",
    )
    .of(RETENTION_DAYS),
    key(
        "sweep_every",
        Value("\"30s\""),
        "interval of the sweep, which attempts overdue work",
        "多久巡检一次到期的投递",
    )
    .of(seconds(1, 15 * 60)),
    key(
        "system_roots",
        Value("false"),
        "whether certificates of the system's authorities are accepted too",
        "是否也信任操作系统自带的根证书",
    ),
    key(
        "public_url",
        NONE,
        "URL at which partners reach the hub, such as `\"https://hub.example.com\"`: `GET /connections/{id}/urls` shows whole URLs \
         with it, and paths without",
        "合作方访问通关的地址，如 `\"https://hub.example.com\"`；填了它，`GET /connections/{id}/urls` 给出完整的推送地址，不填只给路径",
    ),
    key(
        "statistics",
        Value("true"),
        "whether pushes, calls and deliveries are counted for `GET /stats`",
        "是否统计推送、调用和投递，供 `GET /stats` 查询",
    ),
    key(
        "recent_events",
        Value("true"),
        "whether events can be listed by time: `GET /events`, `GET /deliveries`, and `GET /calls` by time or end. On AWS each new \
         event and call costs a write unit more for it; see [the runbook](../infra/README.md#what-recent_events-costs)",
        "能否按时间列出事件：`GET /events`、`GET /deliveries`，以及按时间或结果查的 `GET /calls`。在 AWS 上，每个新事件、新调用\
         为此多一个写入单位，见[运维手册](../../infra/README.md#what-recent_events-costs)",
    ),
    key("inbox", NONE, "address of the hub's own ERP inbox, for trials", "自带模拟 ERP 收件箱的地址，试用时开"),
    key(
        "metrics_listen",
        NONE,
        "address and port of `/metrics` for Prometheus, such as `\"127.0.0.1:9464\"`. It asks for no key: let nobody else reach it",
        "供 Prometheus 抓取的 `/metrics` 的地址和端口，如 `\"127.0.0.1:9464\"`。不需要密钥，不要让别人访问得到",
    ),
    key(
        "log_format",
        Value("\"text\""),
        "or `\"json\"`: one JSON object a line, for programs",
        "或 `\"json\"`：每行一个 JSON 对象，供程序读取",
    ),
    key(
        "traces",
        NONE,
        "traces of pushes, deliveries and calls, as below; without it there are none",
        "推送、投递和调用的链路追踪，见下；不写就不追踪",
    )
    .of(Table(TRACES)),
    key("server", NONE, "limits of the port", "端口如何对待连接").of(Table(SERVER)),
    key("disk", NONE, "least free space of the disk with `data_dir`", "`data_dir` 所在磁盘至少要剩多少空间")
        .of(Table(DISK)),
    key(
        "hub",
        NONE,
        "hub that the operator's commands ask, as below. It may stand alone in a document; a hub itself needs none",
        "运维命令访问的通关，见下。配置里可以只有它；通关自己运行不需要",
    )
    .of(Table(HUB)),
    key("partners", NONE, "a partner that is not built in, described as below", "内置之外的合作方，如下描述")
        .of(Tables(PARTNER)),
    key(
        "partner_files",
        Value("[]"),
        "files that hold `[[partners]]`, by their paths",
        "存放 `[[partners]]` 的文件的路径",
    ),
    key("connections", NONE, "an account at a partner", "合作方的一个账号").of(Tables(CONNECTION)),
    key("endpoints", NONE, "a URL of the ERP that receives events", "ERP 的一个接收端").of(Tables(ENDPOINT)),
    key(
        "watches",
        NONE,
        "shipments of which news is expected, as below; of several that fit, the first counts",
        "盯哪些票，见下；有几条都符合时按第一条",
    )
    .of(Tables(WATCH)),
    key("alerts", NONE, "a receiver of alerts, as below", "告警发给谁，见下").of(Tables(ALERT)),
    key("api_keys", NONE, "keys of the ERP's requests", "ERP 调用本服务用").of(Tables(API_KEY)),
];

const TRACES: &[Key] = &[
    key(
        "endpoint",
        NONE,
        "URL of a collector that takes OTLP over HTTP, such as `\"http://127.0.0.1:4318\"`; `/v1/traces` is added. Without it spans are \
         not exported: deliveries still have `traceparent`, and log lines `trace_id`. On AWS nothing is exported",
        "以 HTTP 接收 OTLP 的采集器的地址，如 `\"http://127.0.0.1:4318\"`，会自动加上 `/v1/traces`。不写则不导出 span，投递仍带 \
         `traceparent`，日志仍带 `trace_id`。AWS 上不导出",
    ),
    key(
        "headers",
        other("none", "无"),
        "headers for the collector, each a secret: `{ Authorization = { file = \"collector.key\" } }`",
        "发给采集器的请求头，每个值都是密钥：`{ Authorization = { file = \"collector.key\" } }`",
    )
    .of(Each(&Plain)),
    key(
        "sample",
        Value("1.0"),
        "share of the traces that are recorded, from `0.0` to `1.0`. A call whose request has a `traceparent` is recorded where that says so",
        "记录多大比例的链路，`0.0` 到 `1.0`。请求带有 `traceparent` 的调用，按其中的标志决定是否记录",
    ),
    key("ca_file", NONE, "as for an endpoint", "同接收端"),
    key("ca_pem", NONE, "as for an endpoint", "同接收端"),
];

const SERVER: &[Key] = &[
    key(
        "idle_timeout",
        Value("\"75s\""),
        "longest idle time of a connection between two requests; longer than the reverse proxy keeps its own",
        "连接在两次请求之间最多空闲多久，应长于前置代理保持连接的时间",
    )
    .of(seconds(1, HOUR)),
    key(
        "connections",
        Value("1024"),
        "most connections at once. A quarter is reserved for those that have shown a valid key, and idle ones are \
         closed when places run out. The limit of open files may lower it",
        "连接数上限，其中四分之一留给已出示正确密钥的连接，不够时空闲连接让位；受打开文件数限制",
    )
    .of(Integer(16..=65_536)),
    key(
        "connections_per_address",
        Value("256"),
        "most connections of one address that have shown no valid key yet. Behind a proxy all have its address",
        "同一地址尚未出示密钥的连接数上限。经代理转发时，所有连接都是代理的地址",
    )
    .of(Integer(1..=65_536)),
    key(
        "body_budget_mb",
        Value("64"),
        "memory for bodies over 128 KB in progress. Further ones wait, or are answered with the retryable negative",
        "处理中的大请求体（超过 128 KB）最多占用的内存，其余排队，或请对方稍后重推",
    )
    .of(Integer(8..=65_536)),
    key(
        "requests_per_key",
        Value("256"),
        "most requests in progress of one connection's keys, and of one API key. Further ones get the retryable negative, or 503",
        "同一连接的推送、同一个 API 密钥，最多同时处理多少个请求，超出的请对方稍后重试（API 为 503）",
    )
    .of(Integer(1..=65_536)),
    key(
        "writes_waiting",
        Value("4096"),
        "most changes that wait for the database. With more, new pushes and calls get the retryable negative at once",
        "最多有多少个写入在等数据库，超出时新的推送和调用立即请对方稍后重试",
    )
    .of(Integer(64..=1_000_000)),
];

const DISK: &[Key] = &[
    key(
        "warn_below_mb",
        Value("1024"),
        "free megabytes below which the log, `/ready` and the alert `disk_nearly_full` tell of it; 0: never",
        "剩余空间低于多少 MB 就写日志、在 `/ready` 和告警 `disk_nearly_full` 里提示；0 表示不提示",
    )
    .of(Integer(0..=1_048_576)),
    key(
        "refuse_below_mb",
        Value("128"),
        "free megabytes below which new pushes and calls get the retryable negative, so that what is stored goes on; 0: \
         only when the disk is full",
        "剩余空间低于多少 MB 就不再接收新的推送和调用（请对方稍后重试），以保证已保存的继续处理；0 表示磁盘写满才拒绝",
    )
    .of(Integer(0..=1_048_576)),
];

const HUB: &[Key] = &[
    key(
        "url",
        Required,
        "its URL, with the path before `/events` where there is one: on AWS the stage, such as \
         `\"https://abc123.execute-api.cn-north-1.amazonaws.com.cn/prod\"`",
        "地址；`/events` 前面还有路径的，一并写上，如 AWS 上的阶段名：\
         `\"https://abc123.execute-api.cn-north-1.amazonaws.com.cn/prod\"`",
    ),
    key("api_key", Required, "a key of that hub's `api_keys`", "那个通关的 `api_keys` 里的一个密钥").secret(),
    key("ca_file", NONE, "as for an endpoint", "同接收端"),
    key("ca_pem", NONE, "as for an endpoint", "同接收端"),
];

const ENDPOINT: &[Key] = &[
    ID,
    key(
        "pull",
        Value("false"),
        "`true` for an ERP that asks for its events itself ([the ERP's guide](erp.md#pull-endpoints)): such an endpoint has `id`, \
         `lease`, `connections`, `types` and `order` alone",
        "`true` 表示由 ERP 自己来取事件（见 [ERP 对接指南](erp.md#拉取接收端)）：这样的接收端只能写 `id`、`lease`、`connections`、\
         `types`、`order`",
    ),
    key(
        "lease",
        other("`\"60s\"`", "`\"60s\"`"),
        "with `pull`: time for an acknowledgement; what is not acknowledged by then comes again",
        "配合 `pull`：多久之内要确认，没确认的会再次给出",
    )
    .of(seconds(1, HOUR)),
    key(
        "url",
        Required,
        "`http` or `https`, without user name and password; not with `pull`",
        "`http` 或 `https`，不含用户名密码；有 `pull` 时不写",
    ),
    key(
        "secrets",
        Required,
        "1 or 2 of `\"whsec_\"` and the base64 of 24 to 64 bytes; not with `pull`",
        "1~2 个；`\"whsec_\"` 加 24~64 字节的 base64；有 `pull` 时不写",
    )
    .secret(),
    key("format", Value("\"cloudevents\""), "or `\"raw\"`", "或 `\"raw\"`"),
    key("connections", Value("[\"*\"]"), "ids, or a prefix and `*`", "连接 id，或前缀加 `*`"),
    key(
        "types",
        Value("[\"*\"]"),
        "`\"xhq.single_receipt\"`, `\"xhq.*\"`, `\"call.*\"`, …; with `format = \"raw\"`, `\"*\"` means pushes only, \
         not `call.*`",
        "`\"xhq.single_receipt\"`、`\"xhq.*\"`、`\"call.*\"` 等；`format = \"raw\"` 时 `\"*\"` 只指合作方推送的事件，\
         不含 `call.*`",
    ),
    key(
        "retry",
        Value(r#"["5s", "30s", "2m", "10m", "30m", "1h", "2h", "4h", "8h", "12h", "12h", "12h", "12h"]"#),
        "delays between attempts, at most 100; `[]` means one attempt",
        "各次重试的间隔，最多 100 个；`[]` 表示只投一次",
    )
    .of(RETRY),
    key(
        "allow_private",
        Value("false"),
        "whether private, loopback and reserved addresses may be called",
        "是否允许投递到内网、本机等保留地址",
    ),
    key(
        "ca_file",
        NONE,
        "PEM file of additional certificate authorities; public ones are built in",
        "另外信任的私有 CA 证书的 PEM 文件；公共 CA 已内置",
    ),
    key("ca_pem", NONE, "its text in place of the file", "不用文件，直接写 PEM 文本"),
    key(
        "timeout",
        Value("\"10s\""),
        "time for one attempt, at most half of `sweep_every`, which shortens the default too",
        "单次投递的时限，不超过 `sweep_every` 的一半，默认值也随之缩短",
    )
    .of(TIMEOUT),
    key("concurrency", Value("32"), "most attempts in progress", "同时投递的上限").of(CONCURRENCY),
    key(
        "order",
        Value("\"none\""),
        "or `\"subject\"`: the events of one subject one after another; see [the ERP's guide](erp.md#order-and-duplicates)",
        "或 `\"subject\"`：同一主题的事件逐个投递，见 [ERP 对接指南](erp.md#先后和重复)",
    ),
];

/// Times of a watch.
const TIMES: Kind = seconds(60, 90 * DAY);

const WATCH: &[Key] = &[
    key("connection", Required, "id of a connection", "连接的 id"),
    key(
        "types",
        Value("[\"*\"]"),
        "events, and commands such as `\"xhq.upload\"`, that begin a watch and count as news",
        "哪些事件、命令（如 `\"xhq.upload\"`）开始盯，也算新消息",
    ),
    key("silence", Required, "longest time without news that is no silence", "多久没有新消息算沉默").of(TIMES),
    key(
        "ask",
        NONE,
        "operation that the partner is asked by: `\"actionDataRow\"`, `\"customs_status_download\"`, `\"port_query_v2\"` or \
         `\"result_query\"`",
        "用哪个操作去问：`\"actionDataRow\"`、`\"customs_status_download\"`、`\"port_query_v2\"`、`\"result_query\"`",
    ),
    key(
        "every",
        other("`silence`", "同 `silence`"),
        "interval of the questions during a silence",
        "沉默期间多久问一次",
    )
    .of(TIMES),
    key("until", other("the documented ones", "按文档"), "milestones that end a watch", "到哪些节点就不再盯"),
    key("for", Value("\"90d\""), "longest time of a watch", "最多盯多久").of(TIMES),
];

const API_KEY: &[Key] = &[
    ID,
    key("key", Required, "32 or more visible ASCII characters", "至少 32 位可见 ASCII 字符").secret(),
    key("connections", Value("[\"*\"]"), "connections it may use", "可以看到的连接"),
    key(
        "role",
        Value("\"erp\""),
        "or `\"viewer\"`, which only reads, or `\"operator\"`, which calls no partner; see [Roles](roles.md)",
        "或 `\"viewer\"`（只读）、`\"operator\"`（不能调用合作方），见[密钥与角色](roles.md)",
    ),
];
