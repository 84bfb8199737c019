//! The routes by which functions answer the ERP.
//!
//! Each function exports a [`Router`]. Lambda runs one; the hub on one machine has all, and [`find`]s the one for a path.
//! A route is one row: method, path, query parameters, handler. The list of routes, the dispatch and the answers 404, 405
//! and 413 are made of these rows.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hub::path::segments;
use runtime::config::Config;

use crate::caller::asking;
use crate::{Caller, Parameters, Problem, invocation, raw};

/// Answers a request at its route, with what the function works with.
pub type Handler<C> = for<'a> fn(&'a C, Routed<'a>) -> BoxFuture<'a, Result<Response<Bytes>, Problem>>;

/// A request at its route, whose sender is known.
#[derive(Debug)]
pub struct Routed<'a> {
    /// The sender.
    pub caller: Caller<'a>,
    /// The query parameters, all of them known to the route.
    pub query: Parameters,
    /// The request, as it came.
    pub request: Request<Bytes>,
    /// The segments of the path that the route's pattern names.
    named: Vec<(&'static str, String)>,
}

impl Routed<'_> {
    /// The segment of the path in the place of `{name}`; empty where the pattern has no such place.
    #[must_use]
    pub fn named(&self, name: &str) -> &str {
        self.named.iter().find(|(known, _)| *known == name).map_or("", |(_, segment)| segment)
    }
}

/// A route: one method at one path.
pub struct Route<C> {
    method: Method,
    path: &'static str,
    query: &'static [&'static str],
    handler: Handler<C>,
}

impl<C> Route<C> {
    /// A `GET` of a path, such as `/events/{connection}/{subject}`, with the query parameters that it takes.
    pub const fn get(path: &'static str, query: &'static [&'static str], handler: Handler<C>) -> Self {
        Self { method: Method::GET, path, query, handler }
    }

    /// A `POST` to a path, which takes no query parameters.
    pub const fn post(path: &'static str, handler: Handler<C>) -> Self {
        Self { method: Method::POST, path, query: &[], handler }
    }
}

/// The segments of a pattern.
fn parts(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    pattern.split('/').skip(1)
}

/// The name that a segment of a pattern stands for; nothing where it stands for itself.
fn name(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The number of a pattern's segments that stand for themselves, where the path is of that pattern.
fn fit(pattern: &'static str, segments: &[String]) -> Option<usize> {
    let is_of = parts(pattern).count() == segments.len()
        && parts(pattern).zip(segments).all(|(part, segment)| part == segment || name(part).is_some());
    is_of.then(|| parts(pattern).filter(|part| name(part).is_none()).count())
}

/// The routes of one function. `C` is what its handlers work with.
pub struct Router<C> {
    /// The function's name: folder, crate, binary, log and metric name.
    pub name: &'static str,
    kind: Kind<C>,
}

enum Kind<C> {
    Document { path: &'static str, print: fn() -> Bytes },
    Keyed(Keyed<C>),
}

/// The routes of a function that answers those who have a key.
struct Keyed<C> {
    max_body: usize,
    config: fn(&C) -> &Config,
    routes: Vec<Route<C>>,
}

/// What a request's head leads to.
pub enum Entry<'r, C> {
    /// The answer: neither key nor body is needed for it.
    Answered(Response<Bytes>),
    /// A request that needs a key, and whose body is to be read.
    Keyed(Guarded<'r, C>),
}

impl<C> Router<C> {
    /// The router of a function that gives everybody one document of JSON, by `GET` and `HEAD`.
    pub const fn document(name: &'static str, path: &'static str, print: fn() -> Bytes) -> Self {
        Self { name, kind: Kind::Document { path, print } }
    }

    /// The router of a function that asks for one of the configuration's keys and takes bodies of at most `max_body` bytes.
    pub const fn keyed(name: &'static str, max_body: usize, config: fn(&C) -> &Config, routes: Vec<Route<C>>) -> Self {
        Self { name, kind: Kind::Keyed(Keyed { max_body, config, routes }) }
    }

    /// The routes: methods and paths.
    #[must_use]
    pub fn routes(&self) -> Vec<(Method, &'static str)> {
        match &self.kind {
            Kind::Document { path, .. } => vec![(Method::GET, *path)],
            Kind::Keyed(keyed) => keyed.routes.iter().map(|route| (route.method.clone(), route.path)).collect(),
        }
    }

    /// How well a path fits: the more of a pattern's segments stand for themselves the better, and least where the first
    /// segment alone is one of the function's.
    fn fit(&self, segments: &[String]) -> Option<usize> {
        let fits = self.routes().into_iter().filter_map(|(_, path)| fit(path, segments)).max();
        let Kind::Keyed(keyed) = &self.kind else { return fits };
        let is_root = |route: &Route<C>| parts(route.path).next() == segments.first().map(String::as_str);
        fits.or_else(|| keyed.routes.iter().any(is_root).then_some(0))
    }

    /// Finds the route of a request by its head and the segments of its path.
    #[must_use]
    pub fn enter(&self, head: &Parts, segments: &[String]) -> Entry<'_, C> {
        match &self.kind {
            Kind::Document { path, print } => {
                let problem = if fit(path, segments).is_none() {
                    Some(Problem::no_path())
                } else if ![Method::GET, Method::HEAD].contains(&head.method) {
                    Some(Problem::method("GET, HEAD"))
                } else {
                    Parameters::of(&head.uri, &[]).err()
                };
                let answer = problem.map(|problem| problem.answer(self.name));
                Entry::Answered(answer.unwrap_or_else(|| raw(StatusCode::OK, print())))
            }
            Kind::Keyed(keyed) => {
                let route = keyed.route(&head.method, segments);
                let pattern = route.as_ref().map_or("", |route| route.path);
                let named = parts(pattern).zip(segments);
                let named = named.filter_map(|(part, segment)| Some((name(part)?, segment.clone()))).collect();
                Entry::Keyed(Guarded { function: self.name, keyed, route, named })
            }
        }
    }

    /// Answers one request, which is here whole.
    pub async fn handle(&self, state: &C, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        match self.enter(&head, &segments(head.uri.path())) {
            Entry::Answered(answer) => answer,
            Entry::Keyed(guarded) => match guarded.caller(state, &head) {
                Ok(caller) => guarded.answer(state, caller, Request::from_parts(head, body)).await,
                Err(problem) => problem.answer(self.name),
            },
        }
    }

    /// Answers one direct invocation, which says a request in JSON.
    pub async fn invoke(&self, state: &C, event: &[u8]) -> Response<Bytes> {
        match invocation(event) {
            Ok(request) => self.handle(state, request).await,
            Err(problem) => problem.answer(self.name),
        }
    }
}

/// The router that a path fits best, of several the last; nothing where it is no path of any.
#[must_use]
pub fn find<'r, C>(routers: &'r [Router<C>], segments: &[String]) -> Option<&'r Router<C>> {
    let fits = routers.iter().filter_map(|router| Some((router.fit(segments)?, router)));
    fits.max_by_key(|(fit, _)| *fit).map(|(_, router)| router)
}

impl<C> Keyed<C> {
    /// The route of the method among those whose path fits best.
    fn route(&self, method: &Method, segments: &[String]) -> Result<&Route<C>, Problem> {
        let best =
            self.routes.iter().filter_map(|route| fit(route.path, segments)).max().ok_or_else(Problem::no_path)?;
        let here: Vec<_> = self.routes.iter().filter(|route| fit(route.path, segments) == Some(best)).collect();
        let route = here.iter().find(|route| route.method == *method).copied();
        let allowed = || here.iter().map(|route| route.method.as_str()).collect::<Vec<_>>().join(", ");
        route.ok_or_else(|| Problem::method(&allowed()))
    }
}

/// A request of which the head has arrived, and whose sender must have a key before its body is read.
pub struct Guarded<'r, C> {
    function: &'static str,
    keyed: &'r Keyed<C>,
    route: Result<&'r Route<C>, Problem>,
    named: Vec<(&'static str, String)>,
}

impl<C> Guarded<'_, C> {
    /// The largest body that is read, in bytes.
    #[must_use]
    pub const fn max_body(&self) -> usize {
        self.keyed.max_body
    }

    /// The sender, by its key.
    pub fn caller<'c>(&self, state: &'c C, head: &Parts) -> Result<Caller<'c>, Problem> {
        asking((self.keyed.config)(state), head)
    }

    /// Answers the request with its body.
    pub async fn answer<'c>(self, state: &'c C, caller: Caller<'c>, request: Request<Bytes>) -> Response<Bytes> {
        let Self { function, keyed, route, named } = self;
        let routed = route.and_then(|route| {
            let query = Parameters::of(request.uri(), route.query)?;
            if request.body().len() > keyed.max_body {
                return Err(Problem::too_large(keyed.max_body));
            }
            Ok((route.handler)(state, Routed { caller, query, request, named }))
        });
        let result = match routed {
            Ok(answer) => answer.await,
            Err(problem) => Err(problem),
        };
        result.unwrap_or_else(|problem| problem.answer(function))
    }
}
