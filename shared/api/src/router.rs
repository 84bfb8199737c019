//! The routes by which functions answer the ERP.
//!
//! Each function exports a [`Router`]. Lambda runs one; the hub on one machine has all, and [`find`]s the one for a path.
//! A route is one row: method, path, role, query parameters, handler. The list of routes, the dispatch and the answers 404, 405
//! and 413 are made of these rows.

use std::iter;

use bytes::Bytes;
use config::Config;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hub::Role;
use hub::path::segments;
use inbound::refusal::Unread;

use crate::caller::caller;
use crate::{Caller, Language, Parameters, Problem, invocation, raw};

/// Answers a request at its route, with what the function works with.
pub type Handler<C> = for<'a> fn(&'a C, Routed<'a>) -> BoxFuture<'a, Result<Response<Bytes>, Problem>>;

/// Answers a request of anybody by its path and headers.
pub type Opened = fn(&Request<Bytes>) -> Result<Response<Bytes>, Problem>;

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
    role: Role,
    query: &'static [&'static str],
    answer: Answer<C>,
}

enum Answer<C> {
    /// JSON for everybody.
    Document(fn() -> Bytes),
    /// The answer of a handler that asks nobody for a key.
    Open(Opened),
    /// The answer of a handler, for those who have a key.
    Keyed(Handler<C>),
}

impl<C> Route<C> {
    /// A `GET` of a path, such as `/events/{connection}/{subject}`, with the query parameters that it takes, for keys of any
    /// role.
    pub const fn get(path: &'static str, query: &'static [&'static str], handler: Handler<C>) -> Self {
        Self { method: Method::GET, path, role: Role::Viewer, query, answer: Answer::Keyed(handler) }
    }

    /// A `POST` to a path, which takes no query parameters, for keys of that role and greater ones.
    pub const fn post(path: &'static str, role: Role, handler: Handler<C>) -> Self {
        Self { method: Method::POST, path, role, query: &[], answer: Answer::Keyed(handler) }
    }

    /// The route, for keys of that role and greater ones alone.
    #[must_use]
    pub const fn needs(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The methods that the route takes: what needs no key has a head, too.
    fn methods(&self) -> impl Iterator<Item = &Method> {
        let head = matches!(self.answer, Answer::Document(_) | Answer::Open(_)).then_some(&Method::HEAD);
        iter::once(&self.method).chain(head)
    }

    /// The number of the pattern's segments that stand for themselves, where the path is of that pattern.
    fn fit(&self, segments: &[String]) -> Option<usize> {
        let fits = parts(self.path).count() == segments.len()
            && parts(self.path).zip(segments).all(|(part, segment)| part == segment || name(part).is_some());
        fits.then(|| parts(self.path).filter(|part| name(part).is_none()).count())
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

/// The routes of one function. `C` is what its handlers work with.
pub struct Router<C> {
    /// The function's name: folder, crate, binary, log and metric name.
    pub name: &'static str,
    /// The largest body that is read, in bytes.
    pub max_body: usize,
    /// Remedy for a body that is larger.
    larger: Option<&'static str>,
    /// The configuration that has the keys; nothing where none is asked for.
    config: Option<fn(&C) -> &Config>,
    routes: Vec<Route<C>>,
}

impl<C> Router<C> {
    /// The router of a function that gives everybody one document of JSON.
    pub fn document(name: &'static str, path: &'static str, print: fn() -> Bytes) -> Self {
        let route =
            Route { method: Method::GET, path, role: Role::Viewer, query: &[], answer: Answer::Document(print) };
        Self { name, max_body: 0, larger: None, config: None, routes: vec![route] }
    }

    /// The router of a function that answers everybody at these paths. A query is ignored.
    pub fn open(name: &'static str, paths: &[&'static str], handler: Opened) -> Self {
        let route = |path: &&'static str| Route {
            method: Method::GET,
            path,
            role: Role::Viewer,
            query: &[],
            answer: Answer::Open(handler),
        };
        Self { name, max_body: 0, larger: None, config: None, routes: paths.iter().map(route).collect() }
    }

    /// The router of a function that asks for a key of the configuration.
    pub fn keyed(name: &'static str, max_body: usize, config: fn(&C) -> &Config, routes: Vec<Route<C>>) -> Self {
        Self { name, max_body, larger: None, config: Some(config), routes }
    }

    /// The router with a remedy for bodies that are too large.
    #[must_use]
    pub fn for_larger(self, remedy: &'static str) -> Self {
        Self { larger: Some(remedy), ..self }
    }

    /// The problem of a body that was not read.
    #[must_use]
    pub fn unread(&self, why: Unread) -> Problem {
        Problem::unread(why, self.max_body, self.larger)
    }

    /// The routes: methods and paths.
    pub fn routes(&self) -> impl Iterator<Item = (&Method, &'static str)> {
        self.routes.iter().map(|route| (&route.method, route.path))
    }

    /// The role that a key must have for each of [`Router::routes`]; nothing where no key is asked for.
    pub fn roles(&self) -> impl Iterator<Item = Option<Role>> {
        let role = |route: &Route<C>| matches!(route.answer, Answer::Keyed(_)).then_some(route.role);
        self.routes.iter().map(role)
    }

    /// The sender, by its key; nothing where none is asked for. The body need not be read before.
    pub fn caller<'c>(&self, state: &'c C, head: &Parts) -> Result<Option<Caller<'c>>, Problem> {
        self.config.map(|config| caller(config(state), head)).transpose()
    }

    /// Answers a request whose path has these segments.
    pub async fn answer<'c>(
        &self,
        state: &'c C,
        caller: Option<Caller<'c>>,
        segments: &[String],
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let language = Language::of(request.headers());
        let answer = async {
            let route = self.route(request.method(), segments)?;
            if let (Answer::Keyed(_), Some(caller)) = (&route.answer, caller) {
                caller.may(route.role)?;
            }
            // A link to the console that passed through a chat may have a query.
            let is_open = matches!(route.answer, Answer::Open(_));
            let query = if is_open { Parameters::default() } else { Parameters::of(request.uri(), route.query)? };
            match (&route.answer, caller) {
                (Answer::Document(print), _) => Ok(raw(StatusCode::OK, print())),
                (Answer::Open(handler), _) => handler(&request),
                (Answer::Keyed(_), None) => Err(Problem::unauthorized()),
                (Answer::Keyed(_), Some(_)) if request.body().len() > self.max_body => {
                    Err(self.unread(Unread::TooLarge))
                }
                (Answer::Keyed(handler), Some(caller)) => {
                    let named = parts(route.path).zip(segments);
                    let named = named.filter_map(|(part, segment)| Some((name(part)?, segment.clone()))).collect();
                    handler(state, Routed { caller, query, request, named }).await
                }
            }
        };
        answer.await.unwrap_or_else(|problem: Problem| problem.told_in(language).answer(self.name))
    }

    /// The route of a method among those whose path fits best.
    fn route(&self, method: &Method, segments: &[String]) -> Result<&Route<C>, Problem> {
        let best = self.routes.iter().filter_map(|route| route.fit(segments)).max();
        let best = best.ok_or_else(|| Problem::missing("there is no such path"))?;
        let here = || self.routes.iter().filter(|route| route.fit(segments) == Some(best));
        let allowed = || here().flat_map(Route::methods).map(Method::as_str).collect::<Vec<_>>().join(", ");
        let route = here().find(|route| route.methods().any(|own| own == method));
        route.ok_or_else(|| Problem::method(&allowed()))
    }

    /// Answers a request.
    pub async fn handle(&self, state: &C, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        match self.caller(state, &head) {
            Ok(caller) => {
                let segments = segments(head.uri.path());
                self.answer(state, caller, &segments, Request::from_parts(head, body)).await
            }
            Err(problem) => problem.told_in(Language::of(&head.headers)).answer(self.name),
        }
    }

    /// Answers a direct invocation, which says a request in JSON.
    pub async fn invoke(&self, state: &C, event: &[u8]) -> Response<Bytes> {
        match invocation(event) {
            Ok(request) => self.handle(state, request).await,
            Err(problem) => problem.answer(self.name),
        }
    }
}

/// The router for a path: the one that has most of its segments, of several the last. One that asks for a key is also for
/// unknown paths below the first segment of a route.
#[must_use]
pub fn find<'r, C>(routers: &'r [Router<C>], segments: &[String]) -> Option<&'r Router<C>> {
    let fit = |router: &Router<C>| {
        let is_below = |route: &Route<C>| parts(route.path).next() == segments.first().map(String::as_str);
        let below = router.config.is_some() && router.routes.iter().any(is_below);
        router.routes.iter().filter_map(|route| route.fit(segments)).max().or(below.then_some(0))
    };
    routers
        .iter()
        .filter_map(|router| Some((fit(router)?, router)))
        .max_by_key(|(fit, _)| *fit)
        .map(|(_, router)| router)
}
