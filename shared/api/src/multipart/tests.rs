use super::*;

const TYPE: &str = "multipart/form-data; boundary=\"----Form7MA4Yx\"";

/// A part with that head and content.
fn part(disposition: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("------Form7MA4Yx\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

/// The fields at fault where there are any.
async fn read(parts: &[Vec<u8>]) -> Result<(String, Option<Enclosure>), Vec<String>> {
    let body = [parts.concat(), b"------Form7MA4Yx--\r\n".to_vec()].concat();
    let read = multipart(TYPE, body.into()).await;
    read.map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
}

fn zip(name: &str) -> Enclosure {
    Enclosure::inline(name.to_owned(), Some("application/zip".to_owned()), b"PK\r\n--\0\xff")
}

#[tokio::test]
async fn fields_become_texts_and_the_file_stays_as_it_is() {
    let (text, file) = read(&[
        part("name=\"orderOutNo\"", "SO-\"1\"\r\n中\\".as_bytes()),
        part("name=data; filename=\"单 1.zip\"\r\nContent-Type: application/zip", b"PK\r\n--\0\xff"),
        part("name=\"fileName\"", b"{\"a\":1}"),
        part("name=\"isReload\"\r\nContent-Transfer-Encoding: 8bit", b""),
    ])
    .await
    .unwrap();
    assert_eq!(text, r#"{"orderOutNo":"SO-\"1\"\r\n中\\","fileName":"{\"a\":1}","isReload":""}"#);
    assert_eq!(file, Some(zip("单 1.zip")));
    assert_eq!(read(&[]).await, Ok(("{}".to_owned(), None)));
}

#[tokio::test]
async fn a_part_of_json_may_hold_all_fields_as_they_were_printed() {
    let json = "{\"price\": 1.10,\"a\":{\"b\":[1906651379888427008]} }";
    for name in ["name=\"body\"", "name=\"body\"; filename=\"body.json\""] {
        let body = part(&format!("{name}\r\nContent-Type: application/json; charset=utf-8"), json.as_bytes());
        let file = part("name=\"f\"; filename=\"a.zip\"\r\nContent-Type: application/zip", b"PK\r\n--\0\xff");
        assert_eq!(read(&[file, body]).await, Ok((json.to_owned(), Some(zip("a.zip")))));
    }
    // Of another type it is a field like any other.
    let (text, _) = read(&[part("name=\"body\"", b"{}"), part("name=\"a\"", b"1")]).await.unwrap();
    assert_eq!(text, r#"{"body":"{}","a":"1"}"#);
}

#[tokio::test]
async fn a_name_is_read_as_libraries_write_it() {
    for (disposition, name) in [
        ("filename=a.zip; name=f", "a.zip"),
        ("name=f; filename=\"a \\\"b\\\";.zip\"", "a \"b\";.zip"),
        ("name=f; filename=\"=?utf-8?B?5Y2VLnppcA==?=\"; filename*=utf-8''%E5%8D%95%2B1.zip", "单+1.zip"),
        ("name=f; FileName*=UTF-8'zh'a.zip", "a.zip"),
        ("Name=f; FileName=a.zip", "a.zip"),
        ("NAME = \"f\" ; FILENAME = \"a.zip\"", "a.zip"),
    ] {
        let file = part(&format!("{disposition}\r\nContent-Type: application/zip"), b"PK\r\n--\0\xff");
        assert_eq!(read(&[file]).await.unwrap().1, Some(zip(name)), "{disposition}");
    }
}

#[tokio::test]
async fn ambiguous_parts_are_refused() {
    let json = "name=body\r\nContent-Type: application/json";
    let gbk: Vec<u8> =
        part("name=f; filename=\"?.zip\"", b"PK").iter().map(|byte| if *byte == b'?' { 0xd6 } else { *byte }).collect();
    let cases: [(&[Vec<u8>], &[&str]); 12] = [
        (&[part("name=a", b"1"), part("name=\"a\"", b"1")], &["a"]),
        (&[part("name=a", b"\xd6\xd0")], &["a"]),
        (&[part("name=f; filename=a.zip", b"1"), part("name=g; filename=b.zip", b"1")], &["file"]),
        (&[part("name=f; filename=a.zip", b"")], &["file"]),
        (&[gbk], &["file.name"]),
        (&[part("name=f; filename*=gbk''%d6%d0.zip", b"PK")], &["file.name"]),
        (&[part("name=f; filename=a.zip\r\nContent-Transfer-Encoding: base64", b"UEs=")], &["f"]),
        (&[part("x=y", b"1")], &[""]),
        (&[part(json, b"{}"), part("name=a", b"1")], &["a"]),
        (&[part(json, b"{}"), part(json, b"{}")], &["body"]),
        (&[part(json, b"{\"a\":")], &["body"]),
        (&[part("name=a", b"\xff"), part("name=b", b"\xff")], &["a", "b"]),
    ];
    for (at, (parts, fields)) in cases.into_iter().enumerate() {
        assert_eq!(read(parts).await.unwrap_err(), fields, "case {at}");
    }
}

#[tokio::test]
async fn a_body_has_so_many_parts_and_no_more() {
    let parts = |count: usize| (0..count).map(|at| part(&format!("name=f{at}"), b"1")).collect::<Vec<_>>();
    assert!(read(&parts(MOST_PARTS)).await.is_ok());
    assert_eq!(read(&parts(MOST_PARTS + 1)).await.unwrap_err(), [""]);
}

#[tokio::test]
async fn incomplete_multipart_body_is_refused() {
    let whole = [part("name=\"a\"", b"1"), b"------Form7MA4Yx--\r\n".to_vec()].concat();
    assert!(multipart(TYPE, whole.clone().into()).await.is_ok());
    for end in 0..whole.len() - 4 {
        let broken = multipart(TYPE, whole[..end].to_vec().into()).await;
        assert!(broken.is_err(), "{end}");
    }
    for content_type in ["multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=x", "", "\0"] {
        assert!(multipart(content_type, whole.clone().into()).await.is_err(), "{content_type}");
    }
}

/// Regression: the words of `Content-Disposition` counted in small letters alone.
#[tokio::test]
async fn the_words_of_a_head_are_read_in_any_case() {
    let one = b"--x=1\r\ncontent-disposition: Form-Data; Name=a\r\n\r\n1\r\n\
        --x=1\r\nCONTENT-DISPOSITION: FORM-DATA;FileName=\"b.zip\";Name=\"f\"\r\n\
        Content-Type: application/zip\r\nContent-Transfer-Encoding: Binary\r\n\r\nPK\r\n--\0\xff\r\n--x=1--\r\n";
    for content_type in ["Multipart/Form-Data; Boundary=x=1", "multipart/form-data ;charset=utf-8; BOUNDARY = \"x=1\""]
    {
        let (text, file) = multipart(content_type, one.to_vec().into()).await.unwrap();
        assert_eq!((text.as_str(), file), (r#"{"a":"1"}"#, Some(zip("b.zip"))), "{content_type}");
    }
    // Another disposition is no field.
    let other = one.to_vec().to_ascii_lowercase();
    let other =
        String::from_utf8_lossy(&other).replace("form-data;name", "attachment;name").replace("form-data; ", "x; ");
    assert!(multipart("multipart/form-data; boundary=x=1", other.into_bytes().into()).await.is_err());
}

#[test]
fn a_content_type_tells() {
    assert!(is_multipart(TYPE) && is_multipart("Multipart/Form-Data ;boundary=x"));
    assert!(!is_multipart("multipart/mixed; boundary=x") && !is_multipart("application/json") && !is_multipart(""));
}
