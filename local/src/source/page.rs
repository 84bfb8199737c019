//! Lists by pages, and objects whose members stay as they were printed.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Asked, Source};
use crate::progress::Progress;

/// Most items of a page.
const MOST: usize = 1_000;

/// A page of a list. Each list has its own name for its items.
#[derive(Deserialize)]
struct Page {
    #[serde(alias = "events", alias = "deliveries", alias = "entries")]
    items: Vec<Box<RawValue>>,
    next: Option<String>,
    #[serde(default = "whole")]
    complete: bool,
}

const fn whole() -> bool {
    true
}

/// The pages of a list, read one after another.
pub(crate) struct Pages<'s> {
    source: &'s Source,
    asked: Asked,
    from: Option<String>,
    /// Number of items that are wanted at the most.
    left: usize,
    /// Whether the last page was read.
    is_over: bool,
    /// Whether the list is all there is.
    pub(crate) complete: bool,
}

impl<'s> Pages<'s> {
    /// The list that is asked for, as far as `limit` items of it.
    pub(crate) const fn new(source: &'s Source, asked: Asked, limit: usize) -> Self {
        Self::from(source, asked, None, limit)
    }

    /// The list from a place on.
    pub(crate) const fn from(source: &'s Source, asked: Asked, from: Option<String>, limit: usize) -> Self {
        Self { source, asked, from, left: limit, is_over: limit == 0, complete: true }
    }

    /// The next page, which may be empty; nothing behind the last.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<Box<RawValue>>>> {
        if self.is_over {
            return Ok(None);
        }
        let asked = self.asked.clone().with("limit", Some(self.left.min(MOST))).with("from", self.from.take());
        let Page { mut items, next, complete } = self.source.get(&asked).await?;
        items.truncate(self.left);
        self.left -= items.len();
        self.complete &= complete;
        self.is_over = next.is_none() || self.left == 0;
        self.from = next;
        Ok(Some(items))
    }

    /// Every item that is left, with a sign of progress.
    pub(crate) async fn rest(mut self, progress: &Progress) -> anyhow::Result<Vec<Box<RawValue>>> {
        let mut all = Vec::new();
        while let Some(items) = progress.during(self.next()).await? {
            progress.add(items.len());
            all.extend(items);
        }
        Ok(all)
    }
}

/// The members of an object in their order, each as it was printed.
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// The value of a member, where it is there and of that form.
    pub(crate) fn get<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Option<T> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        serde_json::from_str(found.1.get()).ok()
    }

    /// Puts a value in the place of a member.
    pub(crate) fn put(&mut self, name: &str, value: Box<RawValue>) {
        if let Some((_, old)) = self.0.iter_mut().find(|(known, _)| known == name) {
            *old = value;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    /// With another member before the others.
    pub(crate) fn after(mut self, name: &str, value: Box<RawValue>) -> Self {
        self.0.insert(0, (name.to_owned(), value));
        self
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}", serde_json::Value::from(name.as_str()), value.get())?;
        }
        f.write_str("}")
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
                let mut read = Vec::new();
                while let Some(member) = members.next_entry()? {
                    read.push(member);
                }
                Ok(Members(read))
            }
        }

        from.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_as_they_were_printed() {
        let text = r#"{"b":1.10,"a\"":[1906651379888427008, {"x": ""}],"n":null}"#;
        let mut members: Members = serde_json::from_str(text).unwrap();
        assert_eq!(members.to_string(), text);
        members.put("n", RawValue::from_string("2".to_owned()).unwrap());
        assert_eq!((members.get::<u8>("n"), members.get::<u8>("m")), (Some(2), None));
    }

    #[test]
    fn page_is_read_by_each_name_of_its_items() {
        for name in ["items", "events", "deliveries", "entries"] {
            let page: Page =
                serde_json::from_str(&format!(r#"{{"{name}":[{{"id": 1.0}}],"next":null,"more":1}}"#)).unwrap();
            assert_eq!((page.items[0].get(), page.next, page.complete), (r#"{"id": 1.0}"#, None, true));
        }
    }
}
