use super::*;

#[test]
fn numbers_keep_their_print() {
    let json = Json::parse(br#"{"id":1906651379888427008,"price":1.10,"huge":1e400}"#).unwrap();
    assert_eq!(json.field("id"), Some("1906651379888427008"));
    assert_eq!(json.field("price"), Some("1.10"));
    assert_eq!(json.field("huge"), Some("1e400"));
}

#[test]
fn blank_is_no_value_and_the_last_of_repeated_names_counts() {
    let json = Json::parse(br#"{"a":"","b":" ","c":null,"d":1,"d":"2"}"#).unwrap();
    assert_eq!((json.field("a"), json.field("b"), json.field("c"), json.field("d")), (None, None, None, Some("2")));
}

#[test]
fn a_span_points_into_the_body() {
    let body = "\u{feff} [ {\"a\":1} , {\"b\":2} ]".as_bytes();
    let json = Json::parse(body).unwrap();
    let second = json.elements().unwrap()[1].span();
    assert_eq!(&body[second], br#"{"b":2}"#);
}

#[test]
fn json_within_a_string_is_found() {
    let json = Json::parse(br#"{"p":"{\"channel\":\"P\"}","q":{"channel":"R"},"r":"no"}"#).unwrap();
    let channel = |name| json.within(name, |inner| inner.field("channel").map(str::to_owned)).flatten();
    assert_eq!((channel("p").as_deref(), channel("q").as_deref(), channel("r")), (Some("P"), Some("R"), None));
}

#[test]
fn whole_numbers_are_fields_by_value_and_texts_as_printed() {
    let json = Json::parse(br#"{"a":200.0,"b":2e2,"c":"200.0","d":9007199254740993.0,"e":1.10,"f":-0}"#).unwrap();
    let fields = ["a", "b", "c", "d", "e", "f"].map(|name| json.field(name).unwrap());
    assert_eq!(fields, ["200", "200", "200.0", "9007199254740993", "1.10", "0"]);
    assert_eq!(json.get("a").map(|value| (value.scalar(), value.text())), Some((Some("200.0"), "200.0")));
}

#[test]
fn a_lone_surrogate_is_kept_as_its_escape() {
    for (printed, text) in [
        (r"\ud800x", r"\ud800x"),
        (r"\uD83Dx\uDE00", r"\ud83dx\ude00"),
        (r"\ude00\ud83d", r"\ude00\ud83d"),
        (r"\ud83d\ud83d\ude00", "\\ud83d\u{1f600}"),
        (r#"\ud83d\u4e2d\n\"中\\"#, "\\ud83d中\n\"中\\"),
        (r"\u0000\ud83d", "\0\\ud83d"),
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\\ud83d", r"\ud83d"),
    ] {
        let body = format!(r#"{{"msg":"{printed}","{printed}":1}}"#);
        let json = Json::parse(body.as_bytes()).unwrap();
        assert_eq!((json.field("msg"), json.field(text)), (Some(text), Some("1")), "{printed}");
        assert_eq!(json.get("msg").map(Json::text), Some(&*format!("\"{printed}\"")), "{printed}");
        let whole = [r"\ud83d\ude00", r"\\ud83d"].contains(&printed);
        assert_eq!(json.get("msg").map(Json::is_broken), Some(!whole), "{printed}");
    }
}

/// Regression: a string with a lone surrogate kept all of its escapes, so that the JSON in it could not be read.
#[test]
fn json_string_with_lone_surrogates_is_read() {
    for body in [
        r#"{"p":"{\"channel\":\"R\",\"note\":\"x\ud83d\"}"}"#,
        r#"{"p":"{\"channel\":\"R\",\"note\":\"x\\ud83d\"}"}"#,
        r#"{"p":"{\"channel\":\"R\",\"x\ud83d\":1}","\ude00":null}"#,
        r#"{"p":"\ufeff {\"channel\":\"R\",\"note\":\"\\u0000\"}"}"#,
        r#"{"p":{"channel":"R","note\ud83d":["\ud83d"]}}"#,
    ] {
        let json = Json::parse(body.as_bytes()).unwrap();
        let channel = json.within("p", |inner| inner.field("channel").map(str::to_owned)).flatten();
        assert_eq!(channel.as_deref(), Some("R"), "{body}");
    }
}

/// Regression: a raw line break or tab within the inner JSON lost all that was in it.
#[test]
fn json_string_with_control_characters_is_read() {
    for body in
        [r#"{"p":"{\"channel\":\"R\",\"note\":\"a\nb\"}"}"#, r#"{"p":"{\"channel\":\"R\",\"no\tte\":\"\u0001\"}"}"#]
    {
        let json = Json::parse(body.as_bytes()).unwrap();
        let channel = |inner: &Json<'_>| inner.field("channel").map(str::to_owned);
        assert_eq!(json.within("p", channel).flatten().as_deref(), Some("R"), "{body}");
        assert_eq!(json.get("p").unwrap().inside_strictly(channel), None, "others do not read it: {body}");
    }
    let broken = Json::parse(br#"{"p":"{\"a\":","q":"[\"a\nb\"]"}"#).unwrap();
    assert!(broken.within("p", |_| ()).is_none() && broken.within("q", |_| ()).is_none());
}

#[test]
fn json_that_is_too_costly_is_refused() {
    let refusal = |body: String| Json::parse(body.as_bytes()).unwrap_err();
    assert_eq!(refusal("[".repeat(6_000_000)), NotJson::TooDeep);
    let levels = 40;
    let large = format!("{}\"{}\"{}", "[".repeat(levels), "x".repeat(5_000_000), "]".repeat(levels));
    assert_eq!(refusal(large), NotJson::TooDeep);
    assert_eq!(refusal(format!("[1{}]", ",1".repeat(2_900_000))), NotJson::TooMany);
}

#[test]
fn brackets_in_strings_are_no_nesting() {
    let text = "[{\\\"".repeat(200);
    let body = format!(r#"{{"a":"{text}","b":[[]]}}"#);
    assert!(Json::parse(body.as_bytes()).is_ok());
}

#[test]
fn invalid_json_has_its_position() {
    assert_eq!(Json::parse(b"").unwrap_err(), NotJson::Empty);
    assert_eq!(Json::parse(b"{\"a\":\xff}").unwrap_err(), NotJson::Encoding(5));
    assert_eq!(Json::parse(b"{\"a\":").unwrap_err(), NotJson::Syntax { line: 1, column: 5 });
    assert_eq!(Json::parse(b"{} {}").unwrap_err(), NotJson::Syntax { line: 1, column: 4 });
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(Json::parse(deep.as_bytes()).unwrap_err(), NotJson::TooDeep);
}

crate::view! {
    /// One sailing.
    struct Sailing {
        /// Time of loading.
        load_ship_time: "loadShipTime" | "loadshipTime",
        /// Whether there is space.
        have_position: "havePosition",
    }
}

#[test]
fn a_view_takes_every_scalar_and_every_spelling() {
    for (body, time, position) in [
        (r#"{"loadShipTime":"1","havePosition":1,"tenantId":2}"#, Some("1"), Some("1")),
        (r#"{"loadshipTime":"2","havePosition":"1"}"#, Some("2"), Some("1")),
        (r#"{"loadShipTime":"","loadshipTime":"3","havePosition":null}"#, Some("3"), None),
        ("[]", None, None),
    ] {
        let json = Json::parse(body.as_bytes()).unwrap();
        assert_eq!(Sailing::of(&json), Sailing { load_ship_time: time, have_position: position }, "{body}");
    }
}
