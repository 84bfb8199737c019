//! The documented fields of port data (1datatech 3.2.3 港区订阅查询_v2, whose answer a push repeats).
//!
//! The push's own page (港区 推送 v2) is not public. Its envelope is what the sibling push pages 3.5.2, 4.2 and 5.2 agree
//! on (inferred); one of them shows the query's envelope instead, and one puts the result directly into `data`. All of
//! these are read. Texts without a value are `""`, times are `null`; times carry no zone, UTC+8 (inferred).

use partners::Json;
pub use partners::onedata::{bill, containers, declarations, envelopes, results};

partners::view! {
    /// The envelope of a push, or of a query's answer (inferred).
    pub struct Envelope {
        /// Customer id.
        customer_id: "customerId",
        /// Data refresh time, `yyyy-MM-dd HH:mm:ss`.
        refresh_time: "refreshTime",
        /// An integer: `2` is port data.
        data_type: "dataType",
        /// Of a query's answer: whether it was answered.
        success: "success",
        /// Of a query's answer: `200` in the examples.
        code: "code",
        /// Of a query's answer: a text.
        message: "message",
    }
}

partners::view! {
    /// A result with what it answers (3.2.3, `data[]`); its `extraInfo` is our own JSON of any type.
    pub struct Subscription {
        /// 订阅单号: the subscribed number.
        sub_no: "subNo",
        /// 订阅类型: `1` bill of lading or booking number, `2` container number.
        sub_type: "subType",
        /// 港区代码: **port-area** code despite its name, e.g. CNTAO.
        carrier_cd: "carrierCd",
        /// 进出口标识: `I` import, `E` export, where it was passed.
        import_and_export_flag: "importAndExportFlag",
        /// 查询结果代码: `1` subscribed, `2` found, `3` nothing yet or no data at the source.
        result_code: "resultCode",
        /// 查询结果信息: text of `resultCode`.
        result_message: "resultMessage",
    }
}

partners::view! {
    /// A bill (3.2.3, `data[].resultData`).
    pub struct Bill {
        /// 整单进出口标识: import or export of the whole bill.
        import_and_export: "importAndExport",
        /// 整单流程是否结束: whole flow ended, `Y` or `N`.
        is_completed: "isCompleted",
        /// 提单号: B/L number.
        bl_no: "blNo",
        /// 港区名称: **port-area** name.
        carrier: "carrier",
        /// 起运港: port of loading.
        pol: "pol",
        /// 起运港简称: port of loading, short code.
        pol_cd: "polCd",
        /// 目的港: destination port.
        dtp: "dtp",
        /// 目的港简称: destination port, short code.
        dtp_cd: "dtpCd",
        /// 中转港: transhipment port.
        transshipment_port: "transshipmentPort",
        /// 卸货港: discharge port.
        discharge_port: "dischargePort",
        /// 码头代码: terminal code.
        terminal_cd: "terminalCd",
        /// 码头名称: terminal name.
        terminal: "terminal",
        /// 英文船名: vessel in English, of the import if `importAndExport` is import, else of the export.
        vsl_name_en: "vslNameEn",
        /// 中文船名: vessel in Chinese, by the same rule.
        vsl_name_zh: "vslNameZh",
        /// 航次: voyage, by the same rule.
        voy: "voy",
        /// Booking number; in the example, not in the document's table.
        bkg_no: "bkgNo",
    }
}

partners::view! {
    /// A container (3.2.3, `containerInfoList[]`). Many fields are filled by some ports only. Names that the
    /// bill has too mean something else here. A `...Flag` is mapped by 1datatech and fit for logic, the name without it
    /// holds the port's own text. `containerPieces` is the bill's in each container: never sum it.
    pub struct Container {
        /// 箱号: container no.
        container_no: "containerNo",
        /// 箱子所属的提单号: B/L the container belongs to.
        bl_no: "blNo",
        /// 尺寸: size.
        size: "size",
        /// 箱型: container type.
        container_type: "containerType",
        /// 铅封号: seal no.
        seal_no: "sealNo",
        /// 场箱位: yard position.
        box_position: "boxPosition",
        /// 箱状态描述: container status text.
        status_desc: "statusDesc",
        /// 箱属(持箱人): container owner.
        container_holder: "containerHolder",
        /// 箱总件数: total pieces.
        container_pieces: "containerPieces",
        /// 箱总毛重: total gross weight; its unit is not stated.
        container_weight: "containerWeight",
        /// 箱总体积: total volume.
        container_volume: "containerVolume",
        /// 箱皮重: tare weight.
        tare_weight: "tareWeight",
        /// 进场方式: gate-in mode.
        approach_mode: "approachMode",
        /// 进场时间: gate-in time.
        approach_time: "approachTime",
        /// 出场方式: gate-out mode.
        appearance_mode: "appearanceMode",
        /// 出场时间: gate-out time.
        appearance_time: "appearanceTime",
        /// 海放(官方原始值): customs release, raw text (some ports).
        customs_clearance: "customsClearance",
        /// 海放标记(壹沓标准映射): customs release mapped to `Y`, `N`.
        customs_clearance_flag: "customsClearanceFlag",
        /// 码放(官方原始值): terminal release, raw text (some ports).
        terminal_clearance: "terminalClearance",
        /// 码放标记(壹沓标准映射): terminal release mapped to `Y`, `N`.
        terminal_clearance_flag: "terminalClearanceFlag",
        /// 海放时间: customs release time (some ports).
        customs_clearance_time: "customsClearanceTime",
        /// 码放时间: terminal release time (some ports).
        terminal_clearance_time: "terminalClearanceTime",
        /// 配载(官方原始值): stowage, raw text.
        configuration_load: "configurationLoad",
        /// 配载标记 (壹沓标准映射,Y/N): stowage mapped Y/N.
        configuration_load_flag: "configurationLoadFlag",
        /// 进口英文船名: import vessel (English).
        import_vessel: "importVessel",
        /// 进口中文船名: import vessel (Chinese).
        import_vessel_name: "importVesselName",
        /// 进口航次: import voyage.
        import_voyage: "importVoyage",
        /// 出口中文船名: export vessel (Chinese).
        vsl_name_zh: "vslNameZh",
        /// 出口船名: export vessel.
        vsl_name_en: "vslNameEn",
        /// 出口航次: export voyage.
        voy: "voy",
        /// 装货港: port of loading.
        loading_port: "loadingPort",
        /// 卸货港: discharge port.
        discharge_port: "dischargePort",
        /// 转运港: transhipment port.
        transshipment_port: "transshipmentPort",
        /// 装船时间: loading time; `loadshipTime` in the table, `loadShipTime` in the example.
        loadship_time: "loadshipTime" | "loadShipTime",
        /// 卸船时间: discharge time.
        unload_time: "unloadTime",
        /// 空重 (官方原始值): empty/full, raw.
        empty_or_full: "emptyOrFull",
        /// 空重标记 (壹沓标准映射,E/F): empty/full mapped E/F.
        empty_or_full_flag: "emptyOrFullFlag",
        /// vgm标识: VGM mark (some ports).
        vgm_flag: "vgmFlag",
        /// VGM码头称重: VGM weighed at the terminal.
        vgm_wharf_weighing: "vgmWharfWeighing",
        /// VGM称重(船公司): VGM (carrier).
        vgm_ship: "vgmShip",
        /// VGM报文接收时间: VGM message received at.
        vgm_message_receiving: "vgmMessageReceiving",
        /// 运抵状态(官方原始值): arrival (运抵) status, raw.
        ship_to: "shipTo",
        /// 运抵状态标记(壹沓标准映射,Y/N): arrival status mapped Y/N.
        ship_to_flag: "shipToFlag",
        /// 运抵报文接收时间: arrival message received at.
        arrival_message_receiving_time: "arrivalMessageReceivingTime",
        /// 运抵报文发送时间: arrival message sent at.
        arrival_message_sending_time: "arrivalMessageSendingTime",
        /// 海事: maritime affairs.
        maritime_affairs: "maritimeAffairs",
        /// 国检: state inspection.
        national_inspection: "nationalInspection",
        /// 外理: tally (外理).
        external_management: "externalManagement",
        /// 堆存天数: days in storage.
        storage_days: "storageDays",
        /// 三联单状态: triplicate form status.
        triplicate: "triplicate",
        /// 预配舱单: pre-stowage manifest (some ports).
        manifest: "manifest",
        /// 舱单发送时间: manifest sent at (some ports).
        manifest_sending_time: "manifestSendingTime",
        /// 海关查验: customs inspection.
        customs_inspection: "customsInspection",
        /// 实际到港时间 (目前只支持天津港,其他港区需调用船计划接口获取): actual arrival (Tianjin only).
        ata_pol: "ataPol",
        /// 实际离港时间 (目前只支持天津港,其他港区需调用船计划接口获取): actual departure (Tianjin only).
        atd: "atd",
        /// 箱子进出口标志: import or export mark, free text (`外贸` in the example).
        import_and_export: "importAndExport",
        /// 关区: customs district (some ports).
        customs_area: "customsArea",
        /// 报文类型: message type (some ports).
        message_type: "messageType",
        /// 回执内容: receipt content (some ports).
        receipt_content: "receiptContent",
        /// 拖车号: truck no.
        car_number: "carNumber",
        /// 冷冻箱标志: reefer mark (some ports).
        freezer_sign: "freezerSign",
        /// 冷冻温度: reefer temperature (some ports).
        freezing_temperature: "freezingTemperature",
        /// 通风: ventilation (some ports).
        ventilation: "ventilation",
        /// 超高: over-height (some ports).
        height_exceed: "heightExceed",
        /// 危险品/联合国编号: dangerous goods / UN no. (some ports).
        un_number: "unNumber",
        /// 超限代码: out-of-gauge code (some ports).
        overrun_code: "overrunCode",
        /// 前/后超长(CM): over-length front/back, cm (some ports).
        front_back_exceed: "frontBackExceed",
        /// 左/右超宽(CM): over-width left/right, cm (some ports).
        left_right_exceed: "leftRightExceed",
    }
}

partners::view! {
    /// A declaration (3.2.3, `declareInfoList[]`), repeated in every container it covers.
    pub struct Declaration {
        /// 分提单号: house bill of lading number.
        sub_order_no: "subOrderNo",
        /// 进出口标识: import or export mark; better the outermost one.
        import_and_export: "importAndExport",
        /// 件数: pieces.
        pieces: "pieces",
        /// 重量: weight.
        weight: "weight",
        /// 体积: volume.
        volume: "volume",
        /// 报关单号: customs declaration no.
        customs_declaration_no: "customsDeclarationNo",
        /// 海关放行: customs release.
        customs_clearance: "customsClearance",
        /// 海放时间: customs release time.
        customs_clearance_time: "customsClearanceTime",
        /// 船公司操作: carrier operation.
        operation: "operation",
    }
}

partners::view! {
    /// A re-stowage plan of a container (3.2.3, `detailsPlanList[]`, of which there is no example).
    pub struct Plan {
        /// 计划类型: plan type.
        plan_type: "planType",
        /// 操作过程: operation process.
        operation_process: "operationProcess",
        /// 受理时间: accepted at.
        acceptance_time: "acceptanceTime",
        /// 计划开始时间: planned start.
        scheduled_start_time: "scheduledStartTime",
        /// 计划结束时间: planned end.
        scheduled_end_time: "scheduledEndTime",
        /// 状态: status.
        status: "status",
    }
}

/// The re-stowage plans of a container.
pub fn plans<'a>(container: &'a Json<'_>) -> impl Iterator<Item = &'a Json<'a>> {
    container.list("detailsPlanList").iter().filter(|element| element.is_object())
}
