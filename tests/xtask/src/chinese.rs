//! Chinese wording of the partners' tables, for `docs/zh-CN/partners.md`.

use anyhow::ensure;

/// The tables with every phrase of [`PHRASES`] in Chinese. Fails where a phrase is in none of them, because its English has
/// changed, and where an action's content has no Chinese.
pub(crate) fn tables<const N: usize>(
    mut english: [(&'static str, String); N],
) -> anyhow::Result<[(&'static str, String); N]> {
    for action in callback::ACTIONS {
        let about = action.about;
        ensure!(
            PHRASES.iter().any(|(from, _)| *from == about),
            "{about:?} has no Chinese in tests/xtask/src/chinese.rs"
        );
    }
    for (from, to) in PHRASES {
        let found = english.iter().any(|(_, table)| table.contains(from));
        ensure!(found, "no partner table has {from:?}: follow the table's wording in tests/xtask/src/chinese.rs");
        for (_, table) in &mut english {
            *table = table.replace(from, to);
        }
    }
    Ok(english)
}

/// A phrase and its Chinese, in the order of their replacement.
const PHRASES: &[(&str, &str)] = &[
    (
        "| partner | `<action>` | content | event type | subject: the first key present |",
        "| 合作方 | `<action>` | 内容 | 事件类型 | 主题：取第一个有的单号 |",
    ),
    ("| outcome | stored |", "| 情况 | 是否保存 |"),
    ("| partner | answered within | time of the store |", "| 合作方 | 应答时限 | 其中留给存储 |"),
    (
        "| partner | operation | effect | brings events | path | source |",
        "| 合作方 | 接口 | 作用 | 应答产生事件 | 路径 | 出处 |",
    ),
    ("| query | yes |", "| 查询 | 是 |"),
    ("| command, safe to repeat | yes |", "| 命令，可重复 | 是 |"),
    ("(none)", "（无）"),
    ("every push of a partner, told apart by `action` or by shape", "该家的全部推送，按 `action` 或报文形状识别"),
    ("by its action", "依各自的 action"),
    ("订单状态 order status", "订单状态"),
    ("单一窗口 declaration data", "单一窗口报关数据"),
    ("海关回执 customs receipt", "海关回执"),
    ("订单消息 order message", "订单消息"),
    ("电子底账 validity of an e-ledger", "电子底账有效期"),
    ("订单费用 fees", "订单费用"),
    ("AI 数据 AI extraction", "AI 数据"),
    ("核注清单 bonded list (`BussinessData`)", "核注清单（`BussinessData`）"),
    ("进口流程节点 import node", "进口流程节点"),
    ("进口合作方 import partner", "进口合作方"),
    (
        "报关状态 customs status, an array: one event per waybill, or one for all of more than 500",
        "报关状态，数组：每个运单一个事件，超过 500 个运单的合成一个",
    ),
    ("运价 rates", "运价"),
    (
        "港区 port data; `onedata.unknown` where `dataType` names other data",
        "港区数据；`dataType` 是别的数据时为 `onedata.unknown`",
    ),
    ("| accepted, duplicate | yes |", "| 已接收、重复 | 是 |"),
    ("| malformed | yes |", "| 报文与文档不符 | 是 |"),
    ("| wrong key, connection, path or address | no |", "| 密钥、连接、路径或来源地址不对 | 否 |"),
    ("| not POST | no |", "| 不是 POST | 否 |"),
    ("| over 6 MB | no |", "| 超过 6 MB | 否 |"),
    ("| could not be stored: please repeat | no, or in part |", "| 没能保存，请对方重推 | 否，或只存了一部分 |"),
    ("| command |", "| 命令 |"),
    ("| query |", "| 查询 |"),
    (" (deprecated)", "（已废弃）"),
    (" (已废弃)", ""),
    ("| the base URL |", "| `base_url` 本身 |"),
    (" of the connection |", "（连接配置） |"),
    ("XHQ docking, ", "信号旗对接文档，"),
    ("| TrackingEyes, ", "| 云当，"),
    ("| 1datatech, ", "| 壹沓，"),
    ("| Yanwen, ", "| 燕文，"),
    (" (kept for 90 days)", "（保留 90 天）"),
    (" (it sends)", "（会发出消息）"),
    ("; its page is not public, the body passes through as it is", "；文档未公开，请求体原样转发"),
    ("; its body passes through as it is", "；请求体原样转发"),
];
