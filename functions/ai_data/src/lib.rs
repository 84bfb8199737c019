//! XHQ 推送AI数据: what was read out of an order's documents.
//!
//! Known from drafts of 2021 alone; the page that holds now is not public, and no draft shows an `action`. The drafts put
//! the values, each an *attribute*, at the top of the body or into its `data`. No draft shows an order number either: it is
//! looked for under the names that the other pushes use (inferred).

use hub::action::{Action, Example, Fact, Push, Reading, undocumented};
use partners::{Json, Partner};

/// The webhook of `/ai_data`; its events are `xhq.ai_data`.
pub const ACTION: Action = Action {
    name: "ai_data",
    partners: &[Partner::Xhq],
    suffix: "ai_data",
    about: "AI 数据 AI extraction",
    subjects: &["order", "bl", "serial"],
    examples: &[Example { name: "ai_data", body: include_bytes!("../examples/ai_data.json") }],
    read,
};

partners::view! {
    /// The scalars at the top of a push.
    pub struct Head {
        /// Our order number (inferred).
        order_out_no: "orderOutNo",
        /// XHQ's own serial (inferred).
        order_no: "orderNo",
        /// 拼箱标识: `1` (拼箱), `2` (自拼箱).
        merge_type: "mergeType",
    }
}

partners::view! {
    /// An attribute (drafts of 2021): a value that was read, and where. Its `rows` are [`Place`]s.
    pub struct Attribute {
        /// 当前字段值[code]编码, the value's code.
        code: "code",
        /// 当前字段值内容, the value.
        value: "value",
        /// Not described; an integer.
        total: "total",
        /// Not described.
        flag: "flag",
        /// Not described.
        currency: "currency",
        /// Not described.
        duty_no: "dutyNo",
    }
}

partners::view! {
    /// A row of an attribute: 当前字段的坐标, where a value was read (drafts of 2021). Lengths are pixels of the page.
    pub struct Place {
        /// The value's code.
        code: "code",
        /// The value.
        value: "value",
        /// Not described.
        color_flag: "colorFlag",
        /// Not described.
        flag: "flag",
        /// Not described.
        cell_name: "cellName",
        /// Not described.
        doc_type: "docType",
        /// Not described.
        used: "used",
        /// Not described.
        extra_type: "extraType",
        /// Not described.
        warning_index: "warningIndex",
        /// 纵向坐标顶部距离.
        top: "top",
        /// 纵向坐标底部距离.
        bottom: "bottom",
        /// 横向坐标左侧距离.
        left: "left",
        /// 横向坐标右侧距离.
        right: "right",
        /// 当前文件高度(px).
        height: "height",
        /// 当前文件宽度(px).
        width: "width",
        /// Not described; an integer.
        concept_id: "conceptId",
        /// Not described.
        duty_no: "dutyNo",
        /// 图片或文件地址, URL.
        img_src: "imgSrc",
        /// Not described.
        source_flag: "sourceFlag",
        /// Not described.
        concept_str: "conceptStr",
    }
}

/// The attribute of that name in a push or in its `data`, e.g. `billNo` (提运单号), `IEPort` (出境关别), `grossWet`
/// (毛重, kg). A bare scalar in its place is its value.
#[must_use]
pub fn attribute<'a>(json: &'a Json<'_>, name: &str) -> Option<Attribute<'a>> {
    let member = json.get(name)?;
    if member.is_object() {
        return Some(Attribute::of(member));
    }
    json.field(name).map(|value| Attribute { value: Some(value), ..Attribute::default() })
}

fn read(push: &Push<'_>) -> Reading {
    let body = push.body;
    if !body.is_object() {
        return undocumented(push, "xhq.ai_data").alone();
    }
    body.within("data", |data| fact(body, data)).unwrap_or_else(|| fact(body, body)).alone()
}

fn fact(body: &Json<'_>, data: &Json<'_>) -> Fact {
    let head = Head::of(body);
    let bill = |json| attribute(json, "billNo").and_then(|bill: Attribute<'_>| bill.value);
    let keys = [("order", head.order_out_no), ("bl", bill(data).or_else(|| bill(body))), ("serial", head.order_no)];
    Fact::new("xhq.ai_data", body, keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = r#"{"billNo":{"code":"","value":"B1","total":1,"rows":[{"top":10,"imgSrc":"http://a/1.png"}]}}"#;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    #[test]
    fn the_bill_is_an_attribute_in_the_data_or_at_the_top() {
        for body in [
            format!(r#"{{"mergeType":"1","data":{DATA}}}"#),
            format!(r#"{{"action":"whatever","data":{DATA:?}}}"#),
            DATA.to_owned(),
            format!(r#"{{"data":{{}},{}"#, &DATA[1..]),
            r#"{"billNo":"B1","data":null}"#.to_owned(),
        ] {
            let fact = fact(&body);
            assert_eq!((fact.kind.as_str(), fact.subject.as_str()), ("xhq.ai_data", "bl:B1"), "{body}");
            assert_eq!(fact.milestone, None);
        }
    }

    #[test]
    fn an_order_comes_before_the_bill() {
        let fact = fact(&format!(r#"{{"orderNo":"A1","orderOutNo":"SO-1","data":{DATA}}}"#));
        assert_eq!(fact.subject.as_str(), "order:SO-1");
        assert_eq!(fact.aliases, [hub::Alias::new("bl", "B1"), hub::Alias::new("serial", "A1")]);
    }

    #[test]
    fn drafts_differ_and_none_is_refused() {
        for body in ["{}", r#"{"userJson":{},"declareDate":{"value":null}}"#, r#"{"data":[],"billNo":[]}"#] {
            assert!(fact(body).subject.as_str().starts_with("push:"), "{body}");
        }
    }

    #[test]
    fn an_attribute_knows_where_it_was_read() {
        let json = Json::parse(DATA.as_bytes()).unwrap();
        let bill = attribute(&json, "billNo").unwrap();
        assert_eq!((bill.value, bill.code, bill.total), (Some("B1"), None, Some("1")));
        let row = Place::of(&json.get("billNo").unwrap().list("rows")[0]);
        assert_eq!((row.top, row.img_src, row.left), (Some("10"), Some("http://a/1.png"), None));
    }
}
