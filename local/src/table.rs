//! The one table of functions: name, trigger, route, handler. The local hub serves it, and the deployment's template is
//! held against it.

use std::fmt;

use ::http::Method;
use hub::action::Action;

/// One function of the hub.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name: folder, crate, binary, log and metric name.
    pub name: &'static str,
    /// What starts it.
    pub trigger: Trigger,
}

/// What starts a function.
#[derive(Clone, Copy)]
pub enum Trigger {
    /// A partner's push, `POST /hooks/{partner}/{connection}/{key}[/<suffix>]`.
    Hook(Action),
    /// A request of the ERP.
    Api(&'static [(Method, &'static str)]),
    /// A hint from a queue.
    Queue(Hints),
    /// The clock, as often as the configuration's `sweep_every` says.
    Schedule,
    /// The clock, once a day, where the hub is deployed. On one machine `tongguan ledger` asks when somebody wants to.
    Daily,
}

/// What the hints of a queue are about.
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
        callback::ACTIONS.into_iter().map(|action| Function { name: action.name, trigger: Trigger::Hook(action) });
    let others = [
        Function { name: deliveries::NAME, trigger: Trigger::Api(deliveries::ROUTES) },
        Function { name: call::NAME, trigger: Trigger::Api(call::ROUTES) },
        Function { name: call_status::NAME, trigger: Trigger::Api(call_status::ROUTES) },
        Function { name: openapi::NAME, trigger: Trigger::Api(openapi::ROUTES) },
        Function { name: deliver::NAME, trigger: Trigger::Queue(Hints::Deliveries) },
        Function { name: dispatch::NAME, trigger: Trigger::Queue(Hints::Calls) },
        Function { name: sweep::NAME, trigger: Trigger::Schedule },
        Function { name: ledger::NAME, trigger: Trigger::Daily },
    ];
    hooks.chain(others).collect()
}

/// The webhook function behind a path suffix; the empty suffix is the URL that takes everything.
#[must_use]
pub fn hook(suffix: &str) -> Option<Action> {
    callback::ACTIONS.into_iter().find(|action| action.suffix == suffix)
}
