//! Images and documents inside addresses.

use super::base64;
use crate::format::canonical::Source;

/// A `data:` address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::format) struct DataUrl {
    /// Lower case, without parameters; `image/jpg` is `image/jpeg`.
    pub(in crate::format) media_type: String,
    /// Base64, as it came; what was no base64 is written as such.
    pub(in crate::format) data: String,
}

impl DataUrl {
    /// Takes a `data:` address apart. `None` when it is none.
    pub(in crate::format) fn parse(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_at_checked(5)?;
        let (head, data) = scheme.eq_ignore_ascii_case("data:").then_some(rest)?.split_once(',')?;
        let mut words = head.split(';');
        let media_type = words.next().unwrap_or_default().trim().to_ascii_lowercase();
        let media_type = if media_type == "image/jpg" { "image/jpeg".to_owned() } else { media_type };
        let is_base64 = words.next_back().is_some_and(|word| word.trim().eq_ignore_ascii_case("base64"));
        let data = if is_base64 { data.to_owned() } else { base64::encode_padded(&unescaped(data)) };
        Some(Self { media_type, data })
    }
}

impl Source {
    /// Where an address points to: into itself, or somewhere in the web.
    pub(in crate::format) fn of_address(address: &str) -> Self {
        match DataUrl::parse(address) {
            Some(DataUrl { media_type, data }) => Self::Base64 { media_type, data },
            None => Self::Url(address.to_owned()),
        }
    }

    /// Where a file is. One that is a text is taken as such: every format can carry it.
    pub(in crate::format) fn of_file(address: &str) -> Self {
        match DataUrl::parse(address).and_then(|file| file.text()) {
            Some(text) => Self::Text(text),
            None => Self::of_address(address),
        }
    }
}

impl DataUrl {
    /// What it says, if it is a text.
    fn text(&self) -> Option<String> {
        let is_text = self.media_type.starts_with("text/");
        String::from_utf8(base64::decode_padded(&self.data).filter(|_| is_text)?).ok()
    }
}

/// The bytes that an address means by `%20` and the like. What is no escape stands for itself.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

/// Writes a `data:` address.
pub(in crate::format) fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// What the first bytes of base64 say an image is, whatever it is called.
pub(in crate::format) fn image_type(data: &str) -> Option<&'static str> {
    match data.as_bytes() {
        [b'i', b'V', b'B', b'O', b'R', b'w', ..] => Some("image/png"),
        [b'/', b'9', b'j', b'/', ..] => Some("image/jpeg"),
        [b'R', b'0', b'l', b'G', b'O', ..] => Some("image/gif"),
        [b'U', b'k', b'l', b'G', b'R', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_data_is_taken_apart() {
        let check = |address: &str, expected: Option<(&str, &str)>| {
            let parsed = DataUrl::parse(address);
            let parsed = parsed.as_ref().map(|url| (url.media_type.as_str(), url.data.as_str()));
            assert_eq!(parsed, expected, "{address}");
        };
        check("data:image/png;base64,iVBO", Some(("image/png", "iVBO")));
        check("DATA:image/JPG;name=a.jpg;charset=x;Base64,/9j/", Some(("image/jpeg", "/9j/")));
        check("data:application/pdf; base64 ,JVBE", Some(("application/pdf", "JVBE")));
        check("data:;base64,AA", Some(("", "AA")));
        check("data:image/png,%89P%4eG", Some(("image/png", "iVBORw==")));
        check("data:text/plain;charset=utf-8,h%C3%A9 %zz%", Some(("text/plain", "aMOpICV6eiU=")));
        check("data:base64,AA", Some(("base64", "QUE=")));
        check("https://example.com/a,b;base64,c", None);
        check("", None);
        check("漢字漢", None);
    }

    #[test]
    fn a_file_that_is_a_text_is_one() {
        let check = |address: &str, expected: Source| assert_eq!(Source::of_file(address), expected, "{address}");
        check("data:text/plain;base64,aMOpIQ==", Source::Text("hé!".into()));
        check("data:text/csv;charset=utf-8;base64,YSxi", Source::Text("a,b".into()));
        check("data:text/plain,h%C3%A9%21", Source::Text("hé!".into()));
        let pdf = Source::Base64 { media_type: "application/pdf".into(), data: "JVBE".into() };
        check("data:application/pdf;base64,JVBE", pdf);
        let broken = Source::Base64 { media_type: "text/plain".into(), data: "/w==".into() };
        check("data:text/plain;base64,/w==", broken);
        check("https://example.com/a.txt", Source::Url("https://example.com/a.txt".into()));
    }

    #[test]
    fn an_image_is_known_by_its_first_bytes() {
        assert_eq!(image_type("iVBORw0KGgo"), Some("image/png"));
        assert_eq!(image_type("/9j/4AAQ"), Some("image/jpeg"));
        assert_eq!(image_type("R0lGODlh"), Some("image/gif"));
        assert_eq!(image_type("UklGRiQA"), Some("image/webp"));
        assert_eq!(image_type("AAAA"), None);
    }
}
