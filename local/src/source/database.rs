//! The database of a hub on this machine, which may be down. The functions that answer the hub's requests answer here, in this
//! process.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::hub::path::segments;
use ::hub::{ConnectionId, EventId, EventKey};
use config::{Config, Context};
use courier::Courier;
use http::Request;
use http::header::ACCEPT_LANGUAGE;
use outbound::KeepAlive;
use queue::{InProcess, Lane, in_process};
use store_sqlite::SqliteStore;

use super::remote::url;
use super::{Asked, Reply};
use crate::{language, table};

/// The use of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Change,
}

pub(crate) struct Database {
    courier: Courier<SqliteStore, InProcess>,
    routers: table::Routers<SqliteStore, InProcess>,
    /// Connections that have events and are not configured any more.
    removed: &'static BTreeSet<ConnectionId>,
    /// Receivers of the functions' hints, which nobody reads: the running hub's sweep finds the work.
    _lanes: Vec<Lane>,
}

impl Database {
    pub(crate) async fn open(config: Config, access: Access) -> anyhow::Result<Self> {
        let store = match access {
            Access::Read => SqliteStore::reading(&config.data_dir)?,
            Access::Change => SqliteStore::existing(&config.data_dir)?,
        };
        let stored = store.connections().await?;
        let removed: BTreeSet<_> =
            stored.into_iter().filter(|stored| !config.connections.contains_key(stored)).collect();
        // SQLite lists events by time without being told to.
        let config = Arc::new(Config { recent_events: true, ..config });
        let (queue, lanes) = in_process([], 1);
        let context = Context::new(config, store, queue, telemetry::system_clock());
        let courier = Courier::new(context, KeepAlive::Never, callback::ACTION)?;
        // A request borrows nothing. There is one such set in a process.
        let removed = Box::leak(Box::new(removed));
        Ok(Self { courier, routers: table::routers(), removed, _lanes: lanes })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.courier.context.config
    }

    pub(super) async fn ask(&self, asked: &Asked) -> anyhow::Result<Reply> {
        let url = url(&"http://database".parse()?, asked);
        let mut request = Request::builder().method(asked.method.clone()).uri(url.as_str());
        request = request.header(ACCEPT_LANGUAGE, language::of_user());
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        let request = api::at_the_store(request.body(asked.body.clone())?, self.removed);
        let router = api::find(&self.routers, &segments(url.path()));
        let router = router.ok_or_else(|| anyhow::anyhow!("no function answers {}", url.path()))?;
        let answer = router.handle(&self.courier, request).await;
        Ok(Reply { status: answer.status().as_u16(), body: answer.into_body() })
    }

    /// The key of an event, by its id alone.
    pub(crate) async fn find(&self, id: EventId) -> anyhow::Result<Option<EventKey>> {
        let context = &self.courier.context;
        Ok(context.store.find(id, context.now()).await?.map(|record| record.event.key))
    }
}
