//! Whether a shipment is an export or an import, as far as documents say.

use std::collections::BTreeSet;

use partners::Partner;
use serde::Serialize;

use crate::{EventType, Subject};

/// Direction of the goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Out of China.
    Export,
    /// Into China.
    Import,
}

/// The direction that keys and event types tell; nothing where they tell none, or both. TrackingEyes' `ieId` is not asked: its
/// document's own example contradicts itself.
#[must_use]
pub fn direction<'k>(keys: impl IntoIterator<Item = &'k Subject>, types: &BTreeSet<EventType>) -> Option<Direction> {
    let pushes = || Partner::ALL.into_iter().filter_map(|partner| partner.profile().pushes);
    let of_imports = |kind: &EventType| pushes().any(|pushes| pushes.imports.contains(&kind.as_str()));
    let import = types.iter().any(of_imports).then_some(Direction::Import);
    let mut told = keys.into_iter().filter_map(of_key).chain(import);
    let first = told.next()?;
    told.all(|other| other == first).then_some(first)
}

/// A subscription to port data may end in 1datatech's 进出口标识, and a 统一编号 of XHQ's begins with `E` or `I`, before 17
/// digits.
fn of_key(key: &Subject) -> Option<Direction> {
    let (kind, value) = key.as_str().split_once(':')?;
    let letter = match kind {
        "port" => value.splitn(4, ':').nth(3),
        "ciq" => {
            value.get(..1).filter(|_| value.len() == 18 && value.bytes().skip(1).all(|byte| byte.is_ascii_digit()))
        }
        _ => None,
    };
    match letter {
        Some("E") => Some(Direction::Export),
        Some("I") => Some(Direction::Import),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_types_tell_the_direction() {
        let told = |keys: &[&str], types: &[&str]| {
            let keys: Vec<Subject> = keys.iter().map(|key| Subject::from(*key)).collect();
            direction(&keys, &types.iter().map(|kind| EventType::from(*kind)).collect())
        };
        let (export, import) = (Some(Direction::Export), Some(Direction::Import));
        assert_eq!(told(&["port:CNTAO:1:B1:E"], &[]), export);
        assert_eq!(told(&["bl:E1", "ciq:I20200000410351727"], &["xhq.syn_status"]), import);
        assert_eq!(told(&["order:1"], &["xhq.bonded_list"]), import);
        assert_eq!(told(&["port:CNTAO:1:B1:E", "ciq:I20200000410351727"], &[]), None);
        assert_eq!(told(&["port:CNTAO:1:E", "ciq:E1", "order:E"], &["xhq.upload"]), None);
    }
}
