//! The fewest things that were moved, where some are in another order.

/// The places of those that are out of order: all but a longest run that rises.
pub(crate) fn moved(order: &[usize]) -> Vec<usize> {
    // For each length the place of the run's end that is least, and for each place the one before it in its run.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(order.len());
    for (place, value) in order.iter().enumerate() {
        let length = ends.partition_point(|end| order.get(*end).is_some_and(|other| other < value));
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    let mut stays = vec![false; order.len()];
    let mut at = ends.last().copied();
    while let Some(place) = at {
        if let Some(stays) = stays.get_mut(place) {
            *stays = true;
        }
        at = before.get(place).copied().flatten();
    }
    stays.iter().enumerate().filter(|(_, stays)| !**stays).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_moved_is_out_of_order() {
        for (order, out) in [
            (&[][..], &[][..]),
            (&[0, 1, 2, 3], &[]),
            (&[1, 2, 3, 0], &[3]),
            (&[3, 0, 1, 2], &[0]),
            (&[0, 2, 1, 3], &[1]),
            (&[0, 5, 1, 2, 3], &[1]),
        ] {
            assert_eq!(moved(order), out, "{order:?}");
        }
        assert_eq!(moved(&[2, 1, 0]).len(), 2);
    }
}
