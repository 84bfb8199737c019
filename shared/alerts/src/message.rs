//! A message: the parts of an alert's news, in words.

use std::fmt::Write as _;

use hub::Utc;
use hub::alert::{Cause, Group, Groups, Language};
use hub::printable::Line;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::texts::{Frame, frame, text};

/// Amounts of detail, the most first: the places and subjects that are named. A message too long for its receiver is made with
/// less.
const DETAILS: [(usize, usize); 4] = [(10, 5), (5, 3), (2, 1), (0, 0)];

/// A message about the news of one alert.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Id of the alert.
    pub alert: &'a str,
    /// Its news.
    pub groups: &'a Groups,
    /// Its language.
    pub language: Language,
    /// The hub's own URL, where there is a link into the console.
    pub console: Option<&'a Url>,
    /// Time at which it is sent.
    pub at: Utc,
}

/// The part of a message about one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The cause.
    pub cause: Cause,
    /// Its name and count.
    pub head: String,
    /// Facts: a line of places, a line of subjects.
    pub lines: Vec<String>,
    /// Advice for the operator.
    pub advice: String,
    /// Address in the console.
    pub link: Option<String>,
}

impl Message<'_> {
    /// The title: the product and the names of the causes, with their counts.
    #[must_use]
    pub fn title(&self) -> String {
        let Frame { product, colon, comma, .. } = frame(self.language);
        let heads: Vec<_> = self.groups.iter().map(|(cause, group)| self.head(*cause, group)).collect();
        format!("{product}{colon}{}", heads.join(comma))
    }

    /// The parts, with so many places and subjects.
    pub(crate) fn parts(&self, (places, subjects): (usize, usize)) -> Vec<Part> {
        let Frame { such_as, comma, .. } = frame(self.language);
        let part = |(cause, group): (&Cause, &Group)| {
            let about: Vec<_> = group.about.iter().take(subjects).map(|about| plain(about)).collect();
            let about = (!about.is_empty()).then(|| format!("{such_as}{}", about.join(comma)));
            Part {
                cause: *cause,
                head: self.head(*cause, group),
                lines: self.places(*cause, group, places).into_iter().chain(about).collect(),
                advice: text(*cause, self.language).advice.to_owned(),
                link: self.link(*cause, group),
            }
        };
        self.groups.iter().map(part).collect()
    }

    /// The message as Markdown that all the robots understand, of no more than so many bytes.
    #[must_use]
    pub fn markdown(&self, most: usize) -> String {
        let Frame { remedy, open, .. } = frame(self.language);
        let written = |detail| {
            let mut text = format!("**{}**\n", self.title());
            for Part { head, lines, advice, link, .. } in self.parts(detail) {
                let _ = write!(text, "\n**{head}**\n");
                text.extend(lines.iter().flat_map(|line| ["\n", line.as_str(), "\n"]));
                let _ = write!(text, "\n{remedy}{advice}\n");
                if let Some(link) = link {
                    let _ = write!(text, "\n[{open}]({link})\n");
                }
            }
            text
        };
        fitting(written, most)
    }

    /// The message as plain text, of no more than so many bytes.
    #[must_use]
    pub fn plain(&self, most: usize) -> String {
        let Frame { remedy, .. } = frame(self.language);
        let written = |detail| {
            let mut text = self.title();
            for Part { head, lines, advice, link, .. } in self.parts(detail) {
                let _ = write!(text, "\n\n{head}\n");
                text.extend(lines.iter().flat_map(|line| [line.as_str(), "\n"]));
                let _ = write!(text, "{remedy}{advice}");
                text.extend(link.iter().flat_map(|link| ["\n", link.as_str()]));
            }
            text
        };
        fitting(written, most)
    }

    /// The name of a cause and its count.
    fn head(&self, cause: Cause, group: &Group) -> String {
        let own = text(cause, self.language);
        match (self.language, cause, group.count) {
            (_, Cause::CircuitOpened | Cause::CircuitClosed, 0 | 1) => own.name.to_owned(),
            (Language::Chinese, _, count) if own.unit.is_empty() => format!("{} {count} 次", own.name),
            (Language::Chinese, _, count) => format!("{} {count} {}", own.name, own.unit),
            (Language::English, _, count) => format!("{}: {count}", own.name),
        }
    }

    /// The places with their counts.
    fn places(&self, cause: Cause, group: &Group, most: usize) -> Option<String> {
        let Frame { comma, others, .. } = frame(self.language);
        let once = matches!(cause, Cause::CircuitOpened | Cause::CircuitClosed | Cause::DiskNearlyFull);
        let counted = |name: &str, count: u64| {
            if once && count == 1 { name.to_owned() } else { format!("{name} × {count}") }
        };
        let first: Vec<(&String, &u64)> = group.places.iter().take(most).collect();
        let rest = group.count.saturating_sub(first.iter().map(|(_, count)| **count).sum());
        let names = first.iter().map(|(name, count)| counted(&plain(name), **count));
        let rest = (rest > 0).then(|| counted(others, rest));
        let line: Vec<_> = names.chain(rest).collect();
        (most > 0 && !line.is_empty()).then(|| line.join(comma))
    }

    /// Address of the page that helps with a cause.
    pub(crate) fn link(&self, cause: Cause, group: &Group) -> Option<String> {
        let page = match (cause, group.about.as_slice()) {
            (Cause::CircuitOpened | Cause::CircuitClosed, _) => "partners".to_owned(),
            (Cause::DeliveryFailed, _) => "deliveries?state=failed".to_owned(),
            (Cause::CallAmbiguous, _) => "calls?state=ambiguous".to_owned(),
            (Cause::PushLate | Cause::PushNotKept | Cause::DiskNearlyFull, _) => String::new(),
            (Cause::Silence | Cause::FileLost, [one]) if group.count == 1 && !one.ends_with('…') => {
                // In a path a blank is no plus.
                let key: String = byte_serialize(one.as_bytes()).collect();
                format!("shipments/{}", key.replace('+', "%20"))
            }
            (Cause::Silence, _) => "shipments?state=quiet".to_owned(),
            (Cause::FileLost, _) => "shipments".to_owned(),
            (Cause::LedgerUnbalanced, _) => "ledger".to_owned(),
        };
        Some(format!("{}/console#/{page}", self.console?.as_str().trim_end_matches('/')))
    }
}

/// The text with the most detail that fits; the beginning of the shortest where none does.
fn fitting(written: impl Fn((usize, usize)) -> String, most: usize) -> String {
    let mut shortest = String::new();
    for detail in DETAILS {
        shortest = written(detail);
        if shortest.len() <= most {
            return shortest;
        }
    }
    let mut end = most.min(shortest.len());
    while !shortest.is_char_boundary(end) {
        end -= 1;
    }
    shortest.truncate(end);
    shortest
}

/// A text of others on one line, in which nothing is mark-up: what Markdown and mentions are made of stands in its full-width form.
pub(crate) fn plain(text: &str) -> String {
    let line = Line(text).to_string();
    line.chars()
        .map(|character| match character {
            '*' | '`' | '~' | '<' | '>' | '[' | ']' | '#' | '|' | '@' | '&' => {
                char::from_u32(u32::from(character) + 0xfee0).unwrap_or('?')
            }
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use hub::alert::Finding;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    const NOW: Utc = Utc(1_790_000_000_000_000);

    fn groups(cause: Cause, places: &[(&str, u64)], about: &[&str]) -> Groups {
        let mut group = Group::default();
        for (place, count) in places {
            let (connections, about) = (vec![], about.first().map(|about| (*about).to_owned()));
            group.add(&Finding { cause, place: (*place).to_owned(), connections, about, count: *count, at: NOW });
        }
        Groups::from([(cause, group)])
    }

    fn message<'a>(groups: &'a Groups, language: Language, console: Option<&'a Url>) -> Message<'a> {
        Message { alert: "ops", groups, language, console, at: NOW }
    }

    #[test]
    fn message_says_what_where_how_many_and_what_to_do() {
        let console = Url::parse("https://hub.example.com/").unwrap();
        let groups = groups(Cause::DeliveryFailed, &[("erp", 12), ("wms", 3)], &["order:SO-1"]);
        let chinese = message(&groups, Language::Chinese, Some(&console));
        assert_eq!(chinese.title(), "通关：投递失败 15 条");
        assert_eq!(
            chinese.markdown(4096),
            "**通关：投递失败 15 条**\n\n**投递失败 15 条**\n\nerp × 12、wms × 3\n\n例如：order:SO-1\n\n\
             处理：排除接收端的问题后重投；已另行处理的可以确认\n\n\
             [打开控制台](https://hub.example.com/console#/deliveries?state=failed)\n"
        );
        let english = message(&groups, Language::English, None).plain(4096);
        assert!(
            english.starts_with("Tongguan: Deliveries failed: 15\n\nDeliveries failed: 15\nerp × 12, wms × 3\n"),
            "{english}"
        );
        assert!(english.contains("To do: Mend the endpoint") && !english.contains("console"), "{english}");
    }

    #[test]
    fn each_cause_links_to_its_page() {
        let console = Url::parse("https://hub.example.com/base").unwrap();
        let link = |cause, about: &[&str]| {
            let groups = groups(cause, &[("erp", 1)], about);
            message(&groups, Language::Chinese, Some(&console)).parts((1, 1)).remove(0).link.unwrap()
        };
        let linked: Vec<_> = Cause::ALL.map(|cause| link(cause, &[])).into();
        assert!(linked.iter().all(|link| link.starts_with("https://hub.example.com/base/console#/")), "{linked:?}");
        let one = link(Cause::Silence, &["order:SO 1/2"]);
        assert_eq!(one, "https://hub.example.com/base/console#/shipments/order%3ASO%201%2F2");
    }

    #[test]
    fn texts_of_partners_are_no_markup() {
        let about = "order:[x](http://evil.example)<@all>\n**b**";
        let groups = groups(Cause::Silence, &[("xhq-sh", 1)], &[about]);
        let markdown = message(&groups, Language::Chinese, None).markdown(4096);
        assert!(markdown.contains("order:［x］(http://evil.example)＜＠all＞\\n＊＊b＊＊"), "{markdown}");
    }

    proptest! {
        #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

        #[test]
        fn no_message_is_longer_than_its_receiver_takes(names in proptest::collection::vec(".{0,200}", 1..40), most in 500_usize..5000) {
            let mut groups = Groups::new();
            for (name, cause) in names.iter().zip(Cause::ALL.into_iter().cycle()) {
                let finding = Finding { cause, place: name.clone(), connections: vec![], about: Some(name.clone()), count: 7, at: NOW };
                groups.entry(cause).or_default().add(&finding);
            }
            let console = Url::parse("https://hub.example.com").unwrap();
            for language in Language::ALL {
                let message = message(&groups, language, Some(&console));
                prop_assert!(message.markdown(most).len() <= most && message.plain(most).len() <= most);
            }
        }
    }
}
