//! Watches: no news of a shipment is asked about, and told where nobody knows anything, over both engines and against the
//! simulated partners.

mod batches;
mod engines;
mod partners;
mod regressions;
mod versions;
