//! 一、数据输入: files, releases, receipts, LCL tasks and fees from the ERP.

use super::{
    APP_ID, APP_ID_INFERRED, Address, BGH_ID, BGH_ID_INFERRED, COMMAND, Effect, Encoding, Field, ORDER, Operation, row,
};
use crate::operation::{FilePlace, Format, Need, Rule};

/// Chapter 一, in its order.
pub(in crate::xhq) const INPUT: &[Operation<'static>] = &[
    Operation {
        credentials: &[APP_ID, BGH_ID],
        fields: &[
            Field::text(
                "fileUrl",
                "网络下载地址 public address of the file; 海运报关业务支持 zip, rar: for sea freight one of these",
            )
            .required()
            .format(Format::Url),
            Field::text("orderOutNo", "外部订单号 the ERP's order number").required(),
            Field::text("isReload", "重传标记 \"2\" uploads again, anything else has no meaning").need(Need::Present),
            Field::json("parameter", "business parameters; their names are lost"),
        ],
        gives_serial: true,
        example: r#"{"fileUrl":"http://allseeing-rar.oss-cn-shanghai.aliyuncs.com/A19080108465575164/1564620414.zip","orderOutNo":"SO-1","isReload":""}"#,
        ..row("upload", COMMAND, "XHQ docking, 一.1 文件上传接口")
    },
    Operation {
        encoding: Encoding::Multipart,
        credentials: &[APP_ID_INFERRED, BGH_ID_INFERRED],
        file: Some(FilePlace::Part),
        gives_serial: true,
        ..row("fileUpload", COMMAND, "XHQ docking, 一.1.1 文件流上传接口")
    },
    Operation {
        credentials: &[APP_ID_INFERRED, BGH_ID_INFERRED],
        file: Some(FilePlace::Base64),
        gives_serial: true,
        ..row("fileBase64Upload", COMMAND, "XHQ docking, 一.1.2 base64上传接口")
    },
    Operation {
        credentials: &[APP_ID_INFERRED, BGH_ID_INFERRED],
        gives_serial: true,
        ..row("uploadImport", COMMAND, "XHQ docking, 一.1.3 进口文件上传接口")
    },
    Operation {
        // The table has these two fields and no more. Whether `dataJson` is required is lost.
        fields: &[ORDER, Field::json("dataJson", "申报后json declared data, 附件1《单一标准数据》")],
        example: r#"{"orderOutNo":"SO-1","dataJson":{}}"#,
        ..row("receiptsea", COMMAND, "XHQ docking, 一.2 单一放行数据接口; 七 合作方最终数据回推信号旗")
    },
    Operation {
        fields: &[ORDER, Field::object("paramJson", "回执json the receipt", RECEIPT).required()],
        keys: &[("order", "orderOutNo"), ("entry", "paramJson.entryId"), ("ciq", "paramJson.cusCiqNo")],
        example: r#"{"orderOutNo":"SO-1","paramJson":{"channel":"P","note":"海关已放行","noticeDate":"2024-04-22 10:00:00","customMaster":"2248","entryId":"223320231000000762","dDate":"2024-04-22","cusCiqNo":"E20200000410351727","ieDate":"2024-04-23","cusRetSeqNo":""}}"#,
        ..row("receiptsingle", COMMAND, "XHQ docking, 一.3 海关回执接口")
    },
    Operation {
        fields: LCL,
        keys: &[("bl", "billNo"), ("order", "clcList[].orderOutNo"), ("bl", "clcList[].billNo")],
        deprecated: Some("XHQ marks it 已废弃 (deprecated); use lcl_task"),
        example: r#"{"outNo":"LCL-1","billNo":"COSU6123456780","shipName":"SAN FELIX","voyage":"307S","iEPort":"2248","containerId":"MMAU1429062","containerMd":"40HQ","packNo":"105","grossWet":"32300","clcList":[{"orderOutNo":"SO-1","billNo":"COSU6123456780A"}]}"#,
        ..row("lcl", COMMAND, "XHQ docking, 一.4 上传拼箱关系接口 (已废弃)")
    },
    Operation {
        credentials: &[APP_ID, BGH_ID],
        fields: LCL_TASK,
        // 图片地址和订单列表必填一个,不能两者都为空.
        rules: &[Rule::Either(&["fileUrl", "orders"])],
        keys: &[("bl", "billNo"), ("order", "orders[].orderOutNo"), ("bl", "orders[].newBillNo")],
        example: r#"{"billNo":"COSU6123456780","shipName":"SAN FELIX","voyage":"307S","iEPort":"洋山港区","iEPortCode":"2248","packNo":"105","grossWet":"32300","lclFlagCode":"1","orders":[{"orderOutNo":"SO-1","newBillNo":"COSU6123456780A","hdPackNo":"5","hdGrossWet":"1500"}]}"#,
        ..row("lcl_task", COMMAND, "XHQ docking, 一.5 上传拼箱任务给报关行")
    },
    Operation {
        credentials: &[APP_ID],
        keys: &[],
        ..row("bghList", Effect::Query, "XHQ docking, 一.6 通过货代appId获取报关行列表")
    },
    Operation {
        credentials: &[APP_ID],
        fields: &[
            ORDER,
            Field::text("phone", "手机号 mobile number"),
            Field::text("hdUserName", "操作人名称 who recalls it").required(),
        ],
        example: r#"{"orderOutNo":"SO-1","hdUserName":"张三"}"#,
        ..row("recall", COMMAND, "XHQ docking, 一.7 撤回")
    },
    Operation {
        address: Address::Configured("unfreeze"),
        credentials: &[APP_ID_INFERRED],
        caution: Some(
            "it may have half succeeded: XHQ unfreezes the orders that can be unfrozen without saying so, and names the \
             others",
        ),
        ..row("unfreeze", COMMAND, "XHQ docking, 一.8 批量解冻")
    },
    Operation {
        credentials: &[APP_ID_INFERRED],
        ..row("feeConfirm", COMMAND, "XHQ docking, 一.9 订单费用确认 (报关费、联单费无需确认)")
    },
];

/// `paramJson` of the receipt; its required column is there and empty.
const RECEIPT: &[Field] = &[
    Field::text("channel", "回执代码 receipt code, 附件3, case-sensitive"),
    Field::text("note", "回执说明 note"),
    Field::text("noticeDate", "通知时间 time of the notice, UTC+8").format(Format::Time),
    Field::text("customMaster", "申报地海关 customs of declaration"),
    Field::text("entryId", "报关单编号 declaration number"),
    Field::text("dDate", "申报日期 day of declaration").format(Format::Date),
    Field::text("cusCiqNo", "关检关联号, E or I and 17 digits in the sample"),
    Field::text("ieDate", "进出口日期 day of import or export").format(Format::Date),
    Field::text("cusRetSeqNo", "回执号 receipt number"),
];

const LCL: &[Field] = &[
    Field::text("outNo", "拼箱号 LCL number").required(),
    Field::text("billNo", "主提单号 master bill"),
    Field::text("shipName", "船名 vessel").required(),
    Field::text("voyage", "航次 voyage").required(),
    Field::text("iEPort", "出境关别 exit customs, here its code: 2248 洋山, 2225 外港").required(),
    Field::text("distinatePort", "指运港 port of destination"),
    Field::text("containerId", "集装箱号 container number").required(),
    Field::text("containerMd", "集装箱规格 container size").required(),
    Field::text("packNo", "件数 pieces").required(),
    Field::text("grossWet", "毛重 gross weight").required(),
    Field::list(
        "clcList",
        "拼箱订单列表 orders in the container",
        &[Field::text("orderOutNo", "业务订单号 order number"), Field::text("billNo", "提运单号 bill of lading")],
    )
    .required(),
];

/// The example of the newest text sends optional texts as `""`. It begins `appId`, `fileUrl`, `bghId`: `taskId`, which
/// the table has between them, is left out of a task that is created.
const LCL_TASK: &[Field] = &[
    Field::text("fileUrl", "随附文档 address of an attached picture; this or orders").blank().format(Format::Url),
    Field::text("taskId", "拼箱任务ID as creating the task returned it; must be given to change that task")
        .need(Need::Filled),
    Field::text("outNo", "拼箱号 LCL number").blank(),
    Field::text("billNo", "提单号 bill of lading").required(),
    Field::text("shipName", "船名 vessel").required(),
    Field::text("voyage", "航次 voyage").required(),
    Field::text("iEPort", "出境关别 exit customs, here its name: 外港海关, 洋山港区, 吴淞").blank(),
    Field::text("iEPortCode", "出境关别代码: 2225 外港海关, 2248 洋山港区, 2202 吴淞").blank(),
    Field::text("declarationPort", "申报地海关: 航交办, 洋山市内").blank(),
    Field::text("declarationPortCode", "申报地海关代码: 2229 航交办, 2231 洋山市内").blank(),
    Field::text("entyPort", "离境口岸: 外高桥, 洋山港").blank(),
    Field::text("entyPortCode", "离境口岸代码: 310701 外高桥, 311002 洋山港").blank(),
    Field::text("distinatePort", "指运港 port of destination").blank(),
    Field::text("distinatePortCode", "指运港代码 its code").blank(),
    Field::text("containerId", "集装箱号 container number").blank(),
    Field::text("containerMd", "集装箱规格: 20GP, 40GP, 40HQ, 45GP, 45HQ").blank(),
    Field::text("containerWt", "集装箱自重 tare").blank(),
    Field::text("containerMdCode", "集装箱规格代码; the older text's values contradict the national table: ask XHQ")
        .blank(),
    Field::text("lclFlagCode", "拼箱标识代码: 1 LCL, 0 FCL").blank().format(Format::OneOf(&["1", "0"])),
    Field::text("packNo", "件数 pieces").blank(),
    Field::text("grossWet", "毛重 gross weight, kg").blank(),
    Field::list(
        "orders",
        "订单列表 orders; these or fileUrl",
        &[
            ORDER,
            Field::text("newBillNo", "新提单号 new bill of lading"),
            Field::text("hdPackNo", "件数 pieces"),
            Field::text("hdGrossWet", "毛重 gross weight"),
        ],
    ),
];
