//! The one table of functions: name, trigger, routes. The hub's port serves its routers and webhooks, and the deployment's
//! template is held against it.

use std::fmt;

use ::http::Method;
use api::Router;
use courier::Courier;
use hub::Role;
use hub::action::Action;
use queue::{InProcess, Queue};
use store::Store;
use store_sqlite::SqliteStore;

/// One function of the hub.
#[derive(Clone)]
pub struct Function {
    /// Its name: folder, crate, binary, log and metric name.
    pub name: &'static str,
    /// Trigger of the function.
    pub trigger: Trigger,
}

/// Trigger of a function.
#[derive(Clone)]
pub enum Trigger {
    /// A partner's push, `POST /hooks/{partner}/{connection}/{key}[/<suffix>]`.
    Hook(Action),
    /// A request of the ERP.
    Api(Vec<(Method, &'static str)>),
    /// A hint from a queue.
    Queue(Hints),
    /// The clock, as often as the configuration's `sweep_every` says.
    Schedule,
    /// A schedule, once a day, where the hub is deployed. On one machine an operator runs `tongguan ledger`.
    Daily,
}

/// Kind of the messages of a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hints {
    /// Deliveries to the ERP, and aliases.
    Deliveries,
    /// Calls to partners.
    Calls,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every function, the webhook actions first.
#[must_use]
pub fn functions() -> Vec<Function> {
    let hooks =
        callback::SERVED.into_iter().map(|action| Function { name: action.name, trigger: Trigger::Hook(action) });
    let apis = routers::<SqliteStore, InProcess>().map(|router| {
        let routes = router.routes().map(|(method, path)| (method.clone(), path));
        Function { name: router.name, trigger: Trigger::Api(routes.collect()) }
    });
    let others = [
        Function { name: deliver::NAME, trigger: Trigger::Queue(Hints::Deliveries) },
        Function { name: dispatch::NAME, trigger: Trigger::Queue(Hints::Calls) },
        Function { name: sweep::NAME, trigger: Trigger::Schedule },
        Function { name: ledger::NAME, trigger: Trigger::Daily },
    ];
    hooks.chain(apis).chain(others).collect()
}

/// Every route of the functions that answer the ERP, with the role that a key must have for it; without one where no key is
/// asked for.
#[must_use]
pub fn roles() -> Vec<(Method, &'static str, Option<Role>)> {
    let routers = routers::<SqliteStore, InProcess>();
    let roles = routers.iter().flat_map(|router| router.routes().zip(router.roles()));
    roles.map(|((method, path), role)| (method.clone(), path, role)).collect()
}

/// Routers of the functions that answer the ERP.
pub(crate) type Routers<S, Q> = [Router<Courier<S, Q>>; 10];

/// The routers of the functions that answer the ERP. The last one with a path's first segment answers for it where no route
/// does.
pub(crate) fn routers<S: Store, Q: Queue>() -> Routers<S, Q> {
    [
        deliveries::router(),
        shipments::router(),
        files::router(),
        call::router(),
        call_status::router(),
        pull::router(),
        stats::router(),
        audit::router(),
        openapi::router(),
        console::router(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_for_the_router_that_has_most_of_its_segments() {
        let routers = routers::<SqliteStore, InProcess>();
        let found = |path| api::find(&routers, &hub::path::segments(path)).map(|router| router.name);
        for (path, name) in [
            ("/deliveries/failed", deliveries::NAME),
            ("/events/c/order:1/id", deliveries::NAME),
            ("/deliveries/unknown", deliveries::NAME),
            ("/calls/c/upload", call::NAME),
            ("/calls/c/retry", call_status::NAME),
            ("/calls", call_status::NAME),
            ("/calls/c/upload/more", call_status::NAME),
            ("/shipments", shipments::NAME),
            ("/shipments/order:1", shipments::NAME),
            ("/files", files::NAME),
            ("/files/0", files::NAME),
            ("/stats", stats::NAME),
            ("/connections/c/operations", stats::NAME),
            ("/connections/c/urls", stats::NAME),
            ("/endpoints/erp/test", stats::NAME),
            ("/endpoints/erp/events", pull::NAME),
            ("/endpoints/erp/acknowledge", pull::NAME),
            ("/endpoints/erp/unknown", stats::NAME),
            ("/me", audit::NAME),
            ("/openapi.json", openapi::NAME),
            ("/console", console::NAME),
            ("/console/app.js", console::NAME),
        ] {
            assert_eq!(found(path), Some(name), "{path}");
        }
        for path in ["/", "/health", "/hooks/xhq/c/key", "/openapi.json/more", "/deliveries/../calls"] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
