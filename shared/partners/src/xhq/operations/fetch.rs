//! 三、数据获取 and 四、客户系统与信号旗对接: what the ERP reads, and what it sends on to the broker.

use super::{APP_ID, APP_ID_INFERRED, COMMAND, Effect, Encoding, Field, ORDER, Operation, row};
use crate::operation::Need;
use crate::xhq::rows;

const ORDER_INFERRED: Field = Field::text("orderOutNo", "外部流水号 the ERP's order number").inferred();

/// Chapters 三 and 四, in their order.
pub(in crate::xhq) const FETCH: &[Operation<'static>] = &[
    Operation {
        credentials: &[APP_ID_INFERRED],
        // Five fields, of which an older text shows these two without saying where they belong.
        fields: &[Field::text("action", "single_receipt(海关回执) what to fetch").inferred(), ORDER_INFERRED],
        example: r#"{"action":"single_receipt","orderOutNo":"SO-1"}"#,
        brings: Some(rows::found),
        ..row(rows::ACTION_DATA_ROW, Effect::Query, "XHQ docking, 三.1 获取海关回执数据 (kept for 90 days)")
    },
    Operation {
        // 货代appId is one of two alternatives; the name of the other is lost.
        credentials: &[APP_ID],
        fields: &[ORDER],
        example: r#"{"orderOutNo":"SO-1"}"#,
        ..row("getCheckDraft", Effect::Query, "XHQ docking, 三.2 获取校验稿")
    },
    Operation {
        credentials: &[APP_ID],
        fields: &[ORDER],
        example: r#"{"orderOutNo":"SO-1"}"#,
        links: true,
        ..row("getCustomsClearance", Effect::Query, "XHQ docking, 三.3 获取报关单")
    },
    Operation {
        credentials: &[APP_ID],
        fields: &[ORDER],
        example: r#"{"orderOutNo":"SO-1"}"#,
        links: true,
        ..row("getReleaseNotice", Effect::Query, "XHQ docking, 三.4 获取放行通知书")
    },
    Operation {
        credentials: &[APP_ID_INFERRED],
        fields: &[
            ORDER_INFERRED,
            Field::text("type", "left out: structure version 1; check: structure version 2").inferred(),
        ],
        example: r#"{"orderOutNo":"SO-1","type":"check"}"#,
        links: true,
        ..row("getCheckRows", Effect::Query, "XHQ docking, 三.5 获取查验通知书")
    },
    Operation {
        credentials: &[APP_ID_INFERRED],
        fields: &[ORDER_INFERRED],
        example: r#"{"orderOutNo":"SO-1"}"#,
        links: true,
        ..row("getAuthorizationLetter", Effect::Query, "XHQ docking, 三.6 获取报关委托书")
    },
    Operation {
        encoding: Encoding::Form,
        credentials: &[APP_ID_INFERRED],
        // Two of about eighteen; an older text shows them.
        fields: &[Field::text("voyage", "航次 voyage"), Field::text("containerWt", "箱自重 tare")],
        example: r#"{"voyage":"307S","containerWt":"3800"}"#,
        ..row("package", COMMAND, "XHQ docking, 四.1 整箱做箱任务")
    },
    Operation {
        encoding: Encoding::Form,
        credentials: &[APP_ID],
        // The example's keys; the required marks are lost.
        fields: &[
            Field::json("msg", "the message; for 1706 a JSON array, sent as its text"),
            Field::text("sessionType", "默认是:20 session type").need(Need::Default("20")),
            Field::text("messageType", "message type; 1706 in the example"),
            Field::text("orderOutNo", "订单的身份 order number"),
        ],
        example: r#"{"msg":[{"containerId":"MMAU1429062","containerMd":"40HQ","containerWt":"3800","containerMdCode":"","containerSid":"M/CN1926849","lclFlag":0,"goodsNo":"1"}],"messageType":"1706","orderOutNo":"SO-1"}"#,
        ..row("sendMsg", COMMAND, "XHQ docking, 四.2 获取推送消息 (it sends)")
    },
];
