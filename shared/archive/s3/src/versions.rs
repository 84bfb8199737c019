//! The answer of `ListObjectVersions`, as far as it is needed. Its texts are of the hub's own making and S3's: no key, version or time
//! has a character that XML would escape.

/// A version of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) modified: String,
}

/// A page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The latest version of each object, unless that is deleted.
    pub(crate) latest: Vec<Version>,
    /// Where the next page begins, by key and version.
    pub(crate) next: Option<(String, String)>,
}

/// Reads a page.
pub(crate) fn read(xml: &str) -> Page {
    let versions = xml.split("<Version>").skip(1).filter_map(|rest| rest.split("</Version>").next());
    let latest = versions.filter(|version| text(version, "IsLatest") == Some("true")).filter_map(|version| {
        let own = |name| text(version, name).map(str::to_owned);
        Some(Version { key: own("Key")?, id: own("VersionId")?, modified: own("LastModified")? })
    });
    let is_cut = text(xml, "IsTruncated") == Some("true");
    let next = text(xml, "NextKeyMarker")
        .filter(|_| is_cut)
        .map(|key| (key.to_owned(), text(xml, "NextVersionIdMarker").unwrap_or_default().to_owned()));
    Page { latest: latest.collect(), next }
}

/// The text of the first element of that name.
fn text<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the API's reference prints it.
    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>bucket</Name><Prefix>files/</Prefix><KeyMarker></KeyMarker><MaxKeys>3</MaxKeys><IsTruncated>true</IsTruncated>
  <NextKeyMarker>files/b</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>
  <Version><Key>files/a</Key><VersionId>3/L4kqtJl</VersionId><IsLatest>true</IsLatest>
    <LastModified>2026-10-12T17:50:30.000Z</LastModified><ETag>"x"</ETag><Size>4</Size></Version>
  <DeleteMarker><Key>files/b</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest></DeleteMarker>
  <Version><Key>files/b</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest>
    <LastModified>2026-10-12T17:50:30.000Z</LastModified></Version>
</ListVersionsResult>"#;

    #[test]
    fn latest_versions_are_read_and_deleted_objects_are_not() {
        let version = Version {
            key: "files/a".to_owned(),
            id: "3/L4kqtJl".to_owned(),
            modified: "2026-10-12T17:50:30.000Z".to_owned(),
        };
        assert_eq!(read(ANSWER), Page { latest: vec![version], next: Some(("files/b".to_owned(), "v1".to_owned())) });
        assert_eq!(read("<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>"), Page::default());
        assert_eq!(read("not XML"), Page::default());
    }
}
