//! 六、推送失败结果: what XHQ could not push, asked for and confirmed by the docking party.
//!
//! The chapter knows its callers by `bghId` and `type`, not by `appId`, and orders by XHQ's own serials.

use super::{BGH_ID, BGH_ID_INFERRED, COMMAND, Effect, Field, Operation, row};
use crate::operation::{Format, Need};

const TYPE: Field = Field::text("type", "类型(报关行:“BGH”) kind of caller").need(Need::Default("BGH"));
const CUTOFF: Field =
    Field::text("cutoffTime", "截止时间 confirms only what failed until then, UTC+8").format(Format::Time);
const SERIALS: Field = Field::texts("orderNos", "系统流水号 XHQ's serials, not the ERP's order numbers");

/// Chapter 六, in its order.
pub(in crate::xhq) const BROKER: &[Operation<'static>] = &[
    Operation {
        credentials: &[BGH_ID_INFERRED],
        fields: &[TYPE.inferred(), CUTOFF.inferred()],
        keys: &[],
        ..row("failedPushQuery", Effect::Query, "XHQ docking, 六.1 推送失败清单查询")
    },
    Operation {
        credentials: &[BGH_ID_INFERRED],
        fields: &[TYPE.inferred()],
        keys: &[],
        ..row("queryFailedPush", Effect::Query, "XHQ docking, 六.2 系统流水号查询失败记录")
    },
    Operation {
        credentials: &[BGH_ID_INFERRED],
        fields: &[TYPE.inferred(), SERIALS.inferred(), CUTOFF.inferred()],
        keys: &[("serial", "orderNos")],
        example: r#"{"orderNos":["A22060714485586949","A22051713521716668"]}"#,
        ..row("queryBatchFailedPush", Effect::Query, "XHQ docking, 六.3 批量系统流水号查询失败记录")
    },
    Operation {
        credentials: &[BGH_ID],
        fields: &[TYPE, SERIALS.required(), CUTOFF],
        keys: &[("serial", "orderNos")],
        example: r#"{"type":"BGH","orderNos":["A22060714485586949","A22051713521716668"],"cutoffTime":"2022-06-07 14:49:50"}"#,
        // Without `cutoffTime` a repetition would clear what failed in between.
        ..row("failedPushConfirm", COMMAND, "XHQ docking, 六.4 推送失败清单确认(清理)")
    },
];
