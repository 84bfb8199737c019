//! The documented fields of a rate push (1datatech 3.3 运价结果实时推送).
//!
//! Every field is optional and has no length limit. What is not documented stays in the raw bytes.

use partners::Json;

partners::view! {
    /// A push (1datatech 3.3, top level); its `data` holds the rows.
    pub struct RatePush {
        /// 批次号即壹沓查询key: the batch number, 1datatech's query key.
        batch_no: "batchNo",
        /// Our tenant number at 1datatech; in the example, not in the document's table.
        tenant_id: "tenantId",
    }
}

partners::view! {
    /// A row: one sailing offer (1datatech 3.3, `data[]`). Several rows may share a `taskId`. Prices are decimal
    /// text of mixed scale; times are `yyyy-MM-dd HH:mm:ss`, UTC+8 (inferred).
    pub struct Row {
        /// 任务ID: task id, not unique per row.
        task_id: "taskId",
        /// 船司: carrier (`CMA`).
        ship_company: "shipCompany",
        /// 订阅传入起运港: origin port as passed when subscribing; the rate query (3.2) spells it `orginPolPortCd`.
        original_pol_port_cd: "originalPolPortCd" | "orginPolPortCd",
        /// 起运港(船公司): origin port (carrier wording).
        pol_port: "polPort",
        /// 起运港五字码 (壹沓标准五字码): origin port 5-letter code (1datatech standard).
        pol_port_cd: "polPortCd",
        /// 起运港名称 (壹沓标准五字码对应港口名称): origin port name (for the standard code).
        pol_port_name: "polPortName",
        /// 订阅传入目的港: destination port as passed when subscribing; the rate query (3.2) spells it `orginPodPortCd`.
        original_pod_port_cd: "originalPodPortCd" | "orginPodPortCd",
        /// 目的港(船公司): destination port (carrier wording).
        pod_port: "podPort",
        /// 目的港五字码 (壹沓标准五字码): destination 5-letter code.
        pod_port_cd: "podPortCd",
        /// 目的港名称 (壹沓标准五字码对应港口名称): destination port name.
        pod_port_name: "podPortName",
        /// 船名: vessel.
        ship_name: "shipName",
        /// 航线代码: service code (comma-joined per leg).
        line_code: "lineCode",
        /// 航次: voyage (comma-joined per leg).
        voyage: "voyage",
        /// 航程(天): transit days.
        trip_time: "tripTime",
        /// 箱型: container type.
        box_type: "boxType",
        /// 起运港预计开航时间: ETD at origin.
        departure_time: "departureTime",
        /// 起运港预计开航时间是星期几: weekday of ETD (Chinese text).
        departure_week: "departureWeek",
        /// 目的港到达时间: arrival at destination.
        arrival_time: "arrivalTime",
        /// 目的港到达时间是星期几: weekday of arrival.
        arrival_week: "arrivalWeek",
        /// 直达/中转: direct / transhipment: `直达` or `中转`.
        travel_way: "travelWay",
        /// 中转次数: number of transhipments; text in the table, an integer in the example.
        transit_number: "transitNumber",
        /// 中转港名称: transhipment port names, comma-joined (legacy, better `transitPortList`).
        transit_port: "transitPort",
        /// 总价: total price of the items in `currency` alone, as the example computes.
        total_cost: "totalCost",
        /// 总价币种: currency of the total.
        currency: "currency",
        /// 生效日期: valid from.
        run_date: "runDate",
        /// 失效日期: end of the validity of the offer; the departure may be later.
        expire_date: "expireDate",
        /// 是否有舱位: space available, `0` no, `1` yes; text in the table, an integer in the example.
        have_position: "havePosition",
        /// 数据更新时间: data refresh time.
        refresh_time: "refreshTime",
        /// 备注: remark.
        remark: "remark",
    }
}

partners::view! {
    /// A transhipment (1datatech 3.3, `data[].transitPortList[]`).
    pub struct Transit {
        /// 中转港名称: port name.
        transit_port: "transitPort",
        /// 中转港港口代码: port code.
        transit_port_code: "transitPortCode",
        /// 中转港对应壹沓港口名称: 1datatech port name.
        data1_port_name: "data1PortName",
        /// 船名: vessel.
        ship_name: "shipName",
        /// 航次: voyage.
        voyage: "voyage",
        /// 航线代码: service code.
        line_code: "lineCode",
    }
}

partners::view! {
    /// A charge (1datatech 3.3, `data[].costList[]`).
    pub struct Cost {
        /// 费用类别: 海运费, 出口附加费, 进口附加费, 运费附加费, 超重费, 其他.
        cost_category: "costCategory",
        /// 费用描述: description; absent in some charges of the example.
        cost_detail: "costDetail",
        /// 单位: `箱` (per box) or `票` (per bill); absent in the example.
        unit: "unit",
        /// 价格: decimal text of mixed scale.
        price: "price",
        /// 币种: currency.
        currency: "currency",
    }
}

partners::view! {
    /// A demurrage or detention charge (1datatech 3.3, `data[].demurrageList[]`, of which there is no example).
    pub struct Demurrage {
        /// 费用类别: category.
        cost_category: "costCategory",
        /// 费用明细: description.
        cost_detail: "costDetail",
        /// 价格: decimal text of mixed scale.
        price: "price",
        /// 单位: `箱` (per box) or `票` (per bill).
        unit: "unit",
        /// 币种: currency.
        currency: "currency",
        /// 天数: number of days.
        day_num: "dayNum",
    }
}

/// The rows of a push; none where `data` is no array.
pub fn rows<'a>(push: &'a Json<'_>) -> impl Iterator<Item = &'a Json<'a>> {
    objects(push, "data")
}

/// The transhipments of a row; none where `transitPortList` is `null`, as it may be though there is a `transitPort`.
pub fn transits<'a>(row: &'a Json<'_>) -> impl Iterator<Item = Transit<'a>> {
    objects(row, "transitPortList").map(Transit::of)
}

/// The charges of a row.
pub fn costs<'a>(row: &'a Json<'_>) -> impl Iterator<Item = Cost<'a>> {
    objects(row, "costList").map(Cost::of)
}

/// The demurrage and detention charges of a row.
pub fn demurrages<'a>(row: &'a Json<'_>) -> impl Iterator<Item = Demurrage<'a>> {
    objects(row, "demurrageList").map(Demurrage::of)
}

fn objects<'a>(json: &'a Json<'_>, name: &str) -> impl Iterator<Item = &'a Json<'a>> {
    json.list(name).iter().filter(|element| element.is_object())
}
