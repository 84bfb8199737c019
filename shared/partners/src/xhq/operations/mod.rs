//! Operations of XHQ, all of them by POST.
//!
//! `appId` is the one credential the document has, and three operations do not even have that. No command is documented
//! as safe to repeat, so none is. Tables that the public copies of the document lost are left out here: their fields pass
//! through as the ERP gives them, and only what another table of the same document shows is marked as inferred.

mod broker;
mod fetch;
mod input;

use crate::Partner;
use crate::operation::{Address, Credential, Effect, Encoding, Field, Operation, Place};

pub(super) use broker::BROKER;
pub(super) use fetch::FETCH;
pub(super) use input::INPUT;

/// 权限令牌, who the forwarder is.
const APP_ID: Credential = Credential { field: "appId", name: "app_id", place: Place::Body, documented: true };

/// 报关行ID, who the broker is.
const BGH_ID: Credential = Credential { field: "bghId", name: "bgh_id", place: Place::Body, documented: true };

/// `appId`, by analogy with the operations whose tables are not lost.
const APP_ID_INFERRED: Credential = Credential { documented: false, ..APP_ID };

/// `bghId`, by analogy with the operations whose tables are not lost.
const BGH_ID_INFERRED: Credential = Credential { documented: false, ..BGH_ID };

const COMMAND: Effect = Effect::Command { repeatable: false };

/// 业务流水号, the order number of the ERP, where a table requires it.
const ORDER: Field = Field::text("orderOutNo", "业务流水号 the ERP's order number").required();

/// A row at the path that is its name, about an order.
const fn row(name: &'static str, effect: Effect, source: &'static str) -> Operation<'static> {
    Operation {
        keys: &[("order", "orderOutNo")],
        ..Operation::new(Partner::Xhq, name, Address::Fixed(name), effect, source)
    }
}
