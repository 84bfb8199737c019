//! The documented fields of an operation, and what they must fulfil.

/// One documented field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name on the wire, as the partner spells it.
    pub name: &'static str,
    /// Kind of its value.
    pub kind: Kind,
    /// Whether it must be given.
    pub need: Need,
    /// The most characters it may have; 0 where the document prints no limit.
    pub max: u16,
    /// Format of its value. `""` is not checked.
    pub format: Format,
    /// Meaning: the partner's words, then English.
    pub about: &'static str,
    /// Neither the document nor a sample places it here: it is known by analogy, so nothing is refused because of it.
    pub inferred: bool,
}

/// Kind of a field's value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text. A number or boolean is taken, too, and sent as the ERP printed it.
    Text,
    /// A whole number, sent as the ERP printed it.
    Whole,
    /// A whole number that the partner takes as text: a JSON number of the ERP is sent by its value between quotes.
    WholeText,
    /// Any JSON.
    Json,
    /// An object of these fields, or a JSON string that holds one.
    Object(&'static [Field]),
    /// An array of objects of these fields.
    List(&'static [Field]),
    /// An array of texts.
    Texts,
    /// Texts with commas between them; an array of texts is joined.
    Commas,
}

/// Whether a field must be given. `""`, `null` and `[]` are no value, as for every partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must have a value.
    Required,
    /// It must be there; `""` is one of its values.
    Present,
    /// It may be left out.
    Optional,
    /// It may be left out, and is then sent as `""`, because the partner's own example sends it so.
    Blank,
    /// It may be left out; where it is given it must have a value.
    Filled,
    /// It may be left out, and is then sent as this text.
    Default(&'static str),
}

/// Format of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Anything.
    Any,
    /// `yyyy-MM-dd HH:mm:ss`, a time that exists.
    Time,
    /// `yyyy-MM-dd`, a day that exists.
    Date,
    /// An offset from UTC, `+08:00`.
    Zone,
    /// An `http` or `https` address.
    Url,
    /// A whole number within these bounds.
    Within(u64, u64),
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// Rule for several fields.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// At least one of these must have a value.
    Either(&'static [&'static str]),
    /// Where the first field has this value, the listed fields must have one.
    When(&'static str, &'static str, &'static [&'static str]),
}

impl Field {
    /// An optional field of that kind.
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, need: Need::Optional, max: 0, format: Format::Any, about, inferred: false }
    }

    /// An optional text.
    pub(crate) const fn text(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, about)
    }

    /// An optional whole number.
    pub(crate) const fn whole(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Whole, about)
    }

    /// An optional whole number that is sent as text.
    pub(crate) const fn whole_text(name: &'static str, about: &'static str) -> Self {
        Self { format: Format::WHOLE, ..Self::new(name, Kind::WholeText, about) }
    }

    /// An optional field of any JSON.
    pub(crate) const fn json(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Json, about)
    }

    /// An optional object.
    pub(crate) const fn object(name: &'static str, about: &'static str, fields: &'static [Self]) -> Self {
        Self::new(name, Kind::Object(fields), about)
    }

    /// An optional array of objects.
    pub(crate) const fn list(name: &'static str, about: &'static str, fields: &'static [Self]) -> Self {
        Self::new(name, Kind::List(fields), about)
    }

    /// An optional comma list.
    pub(crate) const fn commas(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Commas, about)
    }

    /// An optional array of texts.
    pub(crate) const fn texts(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Texts, about)
    }

    pub(crate) const fn need(self, need: Need) -> Self {
        Self { need, ..self }
    }

    pub(crate) const fn required(self) -> Self {
        self.need(Need::Required)
    }

    pub(crate) const fn blank(self) -> Self {
        self.need(Need::Blank)
    }

    pub(crate) const fn max(self, max: u16) -> Self {
        Self { max, ..self }
    }

    pub(crate) const fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    pub(crate) const fn inferred(self) -> Self {
        Self { inferred: true, ..self }
    }
}

impl Format {
    /// The largest whole number that is taken where the document prints no limit: no system has trouble with its 18 digits.
    pub const MOST_WHOLE: u64 = 999_999_999_999_999_999;

    /// Any whole number.
    pub const WHOLE: Self = Self::Within(0, Self::MOST_WHOLE);

    /// Whether a value looks like this.
    #[must_use]
    pub fn fits(self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Time => value.split_once(' ').is_some_and(|(date, time)| is_date(date) && is_time(time)),
            Self::Date => is_date(value),
            Self::Zone => is_zone(value),
            Self::Url => is_url(value),
            Self::Within(least, most) => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let short = value.len() <= most.to_string().len();
                digits && short && value.parse().is_ok_and(|number: u64| (least..=most).contains(&number))
            }
            Self::OneOf(values) => values.contains(&value),
        }
    }

    /// Remedy for a value that does not fit.
    #[must_use]
    pub fn remedy(self) -> String {
        match self {
            Self::Any => "may be anything".to_owned(),
            Self::Time => "must be a time written yyyy-MM-dd HH:mm:ss".to_owned(),
            Self::Date => "must be a day written yyyy-MM-dd".to_owned(),
            Self::Zone => "must be an offset from UTC such as +08:00".to_owned(),
            Self::Url => {
                "must be an http or https address such as http://files.example.com/1.zip, without blanks".to_owned()
            }
            Self::Within(_, Self::MOST_WHOLE) => "must be a whole number of at most 18 digits".to_owned(),
            Self::Within(least, most) => format!("must be a whole number from {least} to {most}"),
            Self::OneOf(values) => format!("must be one of {}", values.join(", ")),
        }
    }
}

/// The numbers between separators, each of exactly that many digits.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [4, 2, 2]) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn is_time(text: &str) -> bool {
    numbers(text, ':', [2, 2, 2]).is_some_and(|[hour, minute, second]| hour < 24 && minute < 60 && second < 60)
}

/// Whether it is `http://` or `https://` and a host, with nothing in it that no address has.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let whole = !text.contains(|char: char| char.is_whitespace() || char.is_control());
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    known && whole && host.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '[' || !char.is_ascii())
}

fn is_zone(text: &str) -> bool {
    let offset = text.strip_prefix(['+', '-']).and_then(|offset| numbers(offset, ':', [2, 2]));
    offset.is_some_and(|[hours, minutes]| hours <= 14 && minutes < 60)
}
