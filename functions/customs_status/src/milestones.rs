//! Milestones of a waybill, read from its receipts.

use hub::Milestone;
use hub::milestone::DatedMilestone;
use hub::milestone::listed::{self, Listed};
use partners::Json;

use crate::receipts;

/// Milestone of a whole waybill, which may have several declarations ([`listed::reached`]).
pub(crate) fn reached(waybill: &Json<'_>) -> Option<Milestone> {
    listed::reached(rows(waybill))
}

/// The milestones that every declaration of a waybill has a receipt for ([`listed::dated`]).
pub(crate) fn dated(waybill: &Json<'_>) -> Vec<DatedMilestone> {
    listed::dated(rows(waybill))
}

fn rows<'a>(waybill: &'a Json<'_>) -> impl Iterator<Item = Listed<'a>> {
    receipts(waybill).filter_map(|receipt| {
        let milestone = receipt.status_cd.and_then(milestone)?;
        Some(Listed { part: receipt.entry_id, milestone, time: receipt.notice_date })
    })
}

/// The milestone of a receipt's `statusCd`. The vendor's code table is not public. Its older customs push explains six
/// codes; 已运抵 and `EDEP` are read from the document's example, by their `channelName` (inferred).
#[must_use]
pub fn milestone(code: &str) -> Option<Milestone> {
    match code {
        // 入库, into the customs system
        "EDC" => Some(Milestone::Accepted),
        // 查验
        "CPI" => Some(Milestone::UnderInspection),
        // 审结
        "CDC" => Some(Milestone::Reviewed),
        // 放行
        "PAS" => Some(Milestone::Released),
        // 结关
        "CLR" => Some(Milestone::Cleared),
        // 关税通知
        "CTN" => Some(Milestone::TaxDue),
        // channelName 出口运抵报告
        "已运抵" => Some(Milestone::Arrived),
        // channelName 出境确报离港时间
        "EDEP" => Some(Milestone::Departed),
        _ => None,
    }
}
