//! Milestones of a waybill, read from its receipts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hub::milestone::DatedMilestone;
use hub::{Milestone, Utc};
use partners::Json;

use crate::{Receipt, receipts};

/// Milestone of a whole waybill. It may have several declarations. The milestone of each is that of the latest receipt under
/// its `entryId` that has one; of equal times, the one listed first. Receipts of the shipment itself (arrival, departure)
/// name no declaration and count for each. Where declarations are at different milestones the waybill has none.
pub(crate) fn reached(waybill: &Json<'_>) -> Option<Milestone> {
    let mut shipment = None;
    let mut declarations = BTreeMap::<_, Option<_>>::new();
    for (place, receipt) in receipts(waybill).enumerate() {
        let Some(milestone) = receipt.status_cd.and_then(milestone) else { continue };
        let latest = if is_whole(&receipt, milestone) {
            &mut shipment
        } else {
            declarations.entry(receipt.entry_id).or_default()
        };
        *latest = later(*latest, Some((receipt.notice_date, Reverse(place), milestone)));
    }
    let mut each = declarations.into_values().map(|own| later(own, shipment));
    let (_, _, milestone) = each.next().unwrap_or(shipment)?;
    each.all(|other| other.is_some_and(|(_, _, other)| other == milestone)).then_some(milestone)
}

/// A receipt's time, its place in the list, and its milestone.
type Known<'a> = (Option<&'a str>, Reverse<usize>, Milestone);

fn later<'a>(one: Option<Known<'a>>, other: Option<Known<'a>>) -> Option<Known<'a>> {
    one.into_iter().chain(other).max_by_key(|(date, place, _)| (*date, *place))
}

/// The milestones that every declaration of a waybill has a receipt for, each with the time at which the last one had it. The
/// receipts of the shipment itself are each declaration's, as in [`reached`].
pub(crate) fn dated(waybill: &Json<'_>) -> Vec<DatedMilestone> {
    let (mut shipment, mut declarations) = (Vec::new(), BTreeMap::<_, Vec<DatedMilestone>>::new());
    let mut listed: Vec<Milestone> = Vec::new();
    for receipt in receipts(waybill) {
        let Some(milestone) = receipt.status_cd.and_then(milestone) else { continue };
        let own = if is_whole(&receipt, milestone) {
            &mut shipment
        } else {
            declarations.entry(receipt.entry_id).or_default()
        };
        let Some(at) = receipt.notice_date.and_then(Utc::parse) else { continue };
        own.push(DatedMilestone { milestone, at });
        if !listed.contains(&milestone) {
            listed.push(milestone);
        }
    }
    if declarations.is_empty() {
        declarations.insert(None, Vec::new());
    }
    let last = |milestone: Milestone| {
        let of = |own: &Vec<DatedMilestone>| {
            let all = own.iter().chain(&shipment).filter(|own| own.milestone == milestone);
            all.map(|own| own.at).max()
        };
        let times: Option<Vec<_>> = declarations.values().map(of).collect();
        times?.into_iter().max().map(|at| DatedMilestone { milestone, at })
    };
    listed.into_iter().filter_map(last).collect()
}

/// Whether a receipt is of the shipment itself, which arrives and leaves as a whole, and of no declaration.
fn is_whole(receipt: &Receipt<'_>, milestone: Milestone) -> bool {
    receipt.entry_id.is_none() && matches!(milestone, Milestone::Arrived | Milestone::Departed)
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
