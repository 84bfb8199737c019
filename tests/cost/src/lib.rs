//! Cost of the hub on AWS, by counted requests: the functions' own code runs over a table and a queue in this process, which
//! count the units of each request.
//!
//! Units are DynamoDB's: a write takes one for each KB of the item before or after it, whichever is larger, and twice
//! that in a transaction; an index takes as much for an entry that comes, goes or changes and twice for one that moves;
//! a consistent read takes one for each 4 KB, any other half of that.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>

#![allow(clippy::indexing_slicing, reason = "only JSON is indexed, which is null where a member is missing")]

mod aws;
pub mod cases;
mod configuration;
mod deployment;
mod log;
mod options;
mod prices;
mod table;
mod usage;
mod watched;

pub use options::Options;
pub use usage::{Invocation, Outside, Usage};

/// Over how many events it is counted what the hub takes by being there.
const SAMPLE: usize = 200;

/// Tables in Markdown: the usage of each case, an idle month, a busy month, instances that are kept
/// started, and the price of the same elsewhere.
pub async fn tables(options: &Options) -> anyhow::Result<[String; 5]> {
    let (cases, standing) = (cases::all().await?, cases::standing(SAMPLE).await?);
    let watched = watched::Watched::of_the_template()?;
    Ok([
        table::each(options, &cases),
        table::idle(options, &standing, &watched),
        table::month(options, &cases, &standing, &watched)?,
        table::started(options),
        table::beside(options, &cases)?,
    ])
}
