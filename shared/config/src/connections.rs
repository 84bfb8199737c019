//! `[[connections]]`: accounts at partners, and where the partners are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use hub::slip::nearest;
use hub::{ConnectionId, Secret};
use ipnet::IpNet;
use partners::Partner;
use partners::answer::Replies;
use url::Url;

use super::document::Ids;
use super::patterns::warn_of_duplicate;
use super::reader::{Item, Table};
use super::secrets::Availability;
use super::shown::Hidden;
use super::values::is_url_safe;
use super::{Connection, calls, described, recover, trust};

/// Length of the shortest key, so that keys cannot be guessed.
pub(super) const SHORTEST_KEY: usize = 32;

/// Most active inbound keys: each is compared at every push.
const MOST_KEYS: usize = 4;

pub(super) fn read(
    mut table: Table<'_>,
    ids: &mut Ids,
    retention: Duration,
    sweep_every: Duration,
    system_roots: bool,
) -> Option<Connection> {
    let id = ids.take(&mut table, "\"xhq-sh\"");
    let named = table.need("partner", "\"xhq\"");
    let is_described = named.as_ref().is_some_and(is_described);
    let partner = named.and_then(|item| read_partner(&item));
    let allow_ips = table.or("allow_ips", vec![], networks);
    let retention = table.or("retention_days", retention, |item| Some(Duration::from_hours(24) * item.integer()?));
    let repeat_window = table.or("repeat_window", hub::identity::REPEAT_WINDOW, Item::duration);
    let evidence = table.or("evidence", false, Item::flag);
    let base_url = read_base_url(&mut table, partner);
    let has_files = partner.is_none_or(|partner| !partner.profile().links().is_empty());
    let files = if has_files { table.or("files", false, Item::flag) } else { Some(false) };
    let calls = calls::read(&mut table, sweep_every);
    let trust = trust::read(&mut table, system_roots);
    let settings = calls::settings(&mut table, partner);
    let push_answers = if partner.is_none_or(|partner| partner.profile().pushes.is_some() && !partner.is_configured()) {
        table.or("push_answers", Replies::new(), |item| replies(item, partner))
    } else {
        Some(Replies::new())
    };
    let recover = if recover::has_key(partner) {
        table.or("recover", None, |item| recover::read(item, partner).map(Some))
    } else {
        Some(None)
    };
    let Some(partner) = partner else {
        // Which keys belong here depends on the partner: only what no partner has is a mistake.
        read_keys(&mut table, false);
        let built_in = Partner::ALL.into_iter().flat_map(|partner| partner.profile().calls.credentials);
        let _ = credentials(&mut table, built_in.copied());
        // A partner has credentials of its own, which are not known here.
        if !is_described {
            table.close_slips();
        }
        return None;
    };
    let profile = partner.profile();
    let keys = if profile.pushes.is_some() { read_keys(&mut table, true) } else { Some(vec![]) };
    let mut credentials = credentials(&mut table, profile.calls.credentials.iter().copied());
    let mut named_freely = Vec::new();
    if profile.calls.any_credential {
        for (name, item) in table.rest() {
            let held = item.credential();
            named_freely.push(name.clone());
            credentials = credentials.zip(held).map(|(all, held)| all.with(name, held));
        }
    }
    if let Some(settings) = &settings {
        let given = profile.calls.credentials.iter().copied().chain(named_freely.iter().map(String::as_str));
        calls::check_credentials(&table, settings, given);
    }
    if let Some(credentials) = &credentials {
        check_signing(&table, partner, credentials);
    }
    if let (Some(Some(_)), Some(credentials)) = (&recover, &credentials) {
        recover::check_credentials(&table, partner, |name| credentials.has(name));
    }
    table.close(&named_freely);
    let (calls, credentials) = (calls?, credentials?);
    Some(Connection {
        id: ConnectionId::from(id?),
        partner,
        keys: keys?,
        allow_ips: allow_ips?,
        retention: retention?,
        repeat_window: repeat_window?,
        evidence: evidence?,
        base_url: base_url?,
        credentials: credentials.known,
        unread: credentials.unread,
        timeout: calls.timeout,
        concurrency: calls.concurrency,
        schedule: calls.schedule,
        rate: calls.rate,
        allow_private: calls.allow_private,
        allow_private_files: calls.allow_private_files,
        trust: trust?,
        settings: settings?,
        push_answers: push_answers?,
        recover: recover?,
        files: files?,
    })
}

/// Answers in place of the partner's, by the ends of its event types. Where the partner is not known, only their form is checked.
fn replies(item: &Item<'_>, partner: Option<Partner>) -> Option<Replies> {
    let types = partner.and_then(|partner| partner.profile().pushes).map(|pushes| pushes.types);
    let ends: Option<Vec<&str>> =
        types.map(|types| types.iter().filter_map(|kind| Some(kind.split_once('.')?.1)).collect());
    let named: Vec<_> = item.table("a table such as { bonded_list = { accepted = { body = '{}' } } }")?.rest();
    let read = |(name, item): (String, Item<'_>)| {
        if let Some(ends) = ends.as_ref().filter(|ends| !ends.contains(&name.as_str())) {
            return match nearest(&name, ends.iter().copied()) {
                Some(meant) => item.wrong(format!("is no push of the partner: did you mean {meant}?")),
                None => item.wrong(format!("must be one of {}", ends.join(", "))),
            };
        }
        Some((name, described::replies(&item)?))
    };
    let read: Vec<_> = named.into_iter().map(read).collect();
    read.into_iter().collect()
}

/// Notes each credential that the partner's pushes are checked by and that the connection lacks, or that webhooks do not read.
fn check_signing(table: &Table<'_>, partner: Partner, credentials: &Given) {
    let Some(verify) = partner.push_table().and_then(|pushes| pushes.verify.as_ref()) else { return };
    if verify.unless_missing.as_ref().is_some_and(|name| !credentials.has(name)) {
        return;
    }
    let mut names: Vec<&str> = verify.credentials().collect();
    names.dedup();
    for name in names {
        if !credentials.has(name) {
            table.mistake(name, format!("is missing: the pushes of {partner} are checked by it"));
        } else if credentials.kept_apart.contains(name) {
            let what = "cannot be in the credentials secret: pushes are checked by it, and webhooks do not read that. Write it \
                        here, as { env = \"NAME\" } or as { file = \"path\" }";
            table.mistake(name, what.to_owned());
        }
    }
}

/// Whether the document may describe the partner, with mistakes.
fn is_described(item: &Item<'_>) -> bool {
    matches!(item.value, toml::de::DeValue::String(id) if item.reading().described().may_be_mistaken(id))
}

fn read_partner(item: &Item<'_>) -> Option<Partner> {
    let text = item.text()?;
    if let Some(partner) = item.reading().partner(text) {
        return Some(partner);
    }
    let described = item.reading().described();
    if described.may_be_mistaken(text) {
        return None;
    }
    let built_in = Partner::ALL.into_iter().map(|partner| partner.id().to_owned());
    let known: Vec<String> = built_in.chain(described.ids.iter().cloned()).collect();
    let meant = nearest(text, known.iter().map(String::as_str));
    let named = || described.sound.iter().copied().find(|partner| partner.is_called(text));
    let named = || Partner::meant_by(text).or_else(named).map(|partner| partner.id().to_owned());
    let meant = meant.map(str::to_owned).or_else(named);
    match meant {
        Some(meant) => item.wrong(format!("is not a known partner: did you mean {meant}?")),
        None => item.wrong(format!("must be one of {}, or be described in [[partners]]", known.join(", "))),
    }
}

/// The inbound keys. Where the partner is not known they are looked at but may be missing.
fn read_keys(table: &mut Table<'_>, needed: bool) -> Option<Vec<Secret>> {
    let none = "must hold at least one key of 32 or more characters";
    let Some(item) = table.get("keys") else {
        if needed {
            table.mistake("keys", none.to_owned());
        }
        return None;
    };
    let mut seen: Vec<Secret> = Vec::new();
    let keys = item.each(|item| {
        let key = item.secret()?;
        let again = seen.iter().position(|other| other.matches(key.expose()));
        seen.push(key.clone());
        if let Some(first) = again {
            return item.wrong(format!("is the same as keys[{first}]: every key must be its own"));
        }
        if key.expose().chars().count() < SHORTEST_KEY {
            return item.wrong("must have 32 or more characters");
        }
        if !is_url_safe(key.expose()) {
            return item.wrong("must be of the characters A-Z, a-z, 0-9, - and _ only: it stands in a URL");
        }
        Some(key)
    })?;
    match keys.len() {
        0 => item.wrong(none),
        1..=MOST_KEYS => Some(keys),
        _ => item.wrong(format!("must hold at most {MOST_KEYS} keys: remove the retired ones")),
    }
}

fn networks(item: &Item<'_>) -> Option<Vec<IpNet>> {
    let mut seen = Vec::new();
    item.each(|item| network(item).inspect(|net| warn_of_duplicate(item, &mut seen, *net)))
}

fn network(item: &Item<'_>) -> Option<IpNet> {
    let text = item.text()?;
    let net = text.parse::<IpNet>().map(|net| net.trunc()).or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.ok()
        .or_else(|| item.wrong("must be an address such as \"203.0.113.7\" or a network such as \"203.0.113.0/24\""))
}

/// A connection's credentials: values by name, and the names of those that this process does not read.
#[derive(Default)]
struct Given {
    known: BTreeMap<String, Secret>,
    unread: BTreeSet<String>,
    /// The names of those whose values are in the credentials secret.
    kept_apart: BTreeSet<String>,
}

impl Given {
    fn has(&self, name: &str) -> bool {
        self.known.contains_key(name) || self.unread.contains(name)
    }

    fn with(mut self, name: String, held: Availability<Secret>) -> Self {
        match held {
            Availability::Known(secret) => drop(self.known.insert(name, secret)),
            Availability::Unread => drop(self.unread.insert(name)),
        }
        self
    }
}

fn credentials(table: &mut Table<'_>, names: impl Iterator<Item = &'static str>) -> Option<Given> {
    let read = |name| table.credential(name).map(|item| Some((name, item.is_kept_apart(), item.credential()?)));
    let given: Vec<_> = names.filter_map(read).collect();
    let given = given.into_iter().collect::<Option<Vec<_>>>()?;
    Some(given.into_iter().fold(Given::default(), |mut all, (name, is_kept_apart, held)| {
        if is_kept_apart {
            all.kept_apart.insert(name.to_owned());
        }
        all.with(name.to_owned(), held)
    }))
}

/// Base URL of calls to the partner: `base_url`, or the one that the partner documents for the `environment`. A described partner
/// may have none.
#[expect(clippy::option_option, reason = "nothing where there is a mistake, and no address where none is known")]
fn read_base_url(table: &mut Table<'_>, partner: Option<Partner>) -> Option<Option<Url>> {
    let environment = table.get("environment");
    if let Some(item) = table.get("base_url") {
        let url = http_url(&item);
        if environment.is_some() {
            table.mistake("environment", "stands beside base_url: remove one of them".to_owned());
        }
        return url.and_then(|url| match (url.query(), url.fragment()) {
            (None, None) => Some(Some(url)),
            (Some(_), _) | (_, Some(_)) => item.wrong("must be a URL without ? and #: paths are put behind it"),
        });
    }
    let is_test = match &environment {
        None => false,
        Some(item) => match item.text()? {
            "test" => true,
            "production" => false,
            _ => return item.wrong("must be \"test\" or \"production\""),
        },
    };
    let partner = partner?;
    let calls = &partner.profile().calls;
    let known = if is_test { calls.test } else { calls.production };
    match (known.map(Url::parse), environment) {
        (Some(Ok(url)), _) => Some(Some(url)),
        (_, Some(item)) => {
            let system = if is_test { "test" } else { "production" };
            item.wrong(format!("{partner} has no {system} system that is known: give its base_url"))
        }
        (_, None) => Some(None),
    }
}

/// An `http` or `https` URL without credentials in it. No message quotes it: a path may hold a token.
pub(super) fn http_url(item: &Item<'_>) -> Option<Url> {
    let text = item.text()?;
    let head: String = text.trim_start().chars().take("https://".len()).flat_map(char::to_lowercase).collect();
    let url = match Url::parse(text) {
        // Without the slashes, or with one of them, a URL is understood by some and not by others.
        Ok(url) if head.starts_with("http://") || head == "https://" => url,
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            return item.wrong("must begin with http:// or https://, both slashes included");
        }
        // `localhost:8901` is a URL whose scheme is "localhost".
        Ok(url) if url.cannot_be_a_base() => {
            return item.wrong("must begin with http:// or https://: a host and port alone are no URL");
        }
        Ok(_) => return item.wrong("must begin with http:// or https://"),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return item.wrong("must be a URL such as \"https://erp.example.com/events\": it begins with no https://");
        }
        Err(error) => {
            return item.wrong(format!("must be a URL such as \"https://erp.example.com/events\": {error}"));
        }
    };
    item.hide(Hidden::Address(url.clone()));
    if !url.username().is_empty() || url.password().is_some() {
        return item.wrong("must hold no user name or password: URLs are logged");
    }
    if url.port() == Some(0) {
        return item.wrong("has the port 0, at which nothing can be called");
    }
    match (url.scheme(), url.port()) {
        ("https", Some(80)) => {
            item.warn("is https at port 80, which speaks plain http as a rule: no call gets through");
        }
        ("http", Some(443)) => item.warn("is http at port 443, which speaks https as a rule: no call gets through"),
        _ => {}
    }
    Some(url)
}
