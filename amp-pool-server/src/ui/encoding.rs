//! Which encoding of a file a client wants. Pure.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// How the bytes of a file are encoded, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// The encoding the client weighs highest, and of equals the smallest. Who takes nothing of ours gets plain bytes.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let lists: Vec<&str> =
            headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
        let weigh = |name| lists.iter().find_map(|list| weight(list, name));
        let weight_of = |name| weigh(name).or_else(|| weigh("*"));
        // Plain bytes are welcome unless refused, but only where nothing smaller is.
        let plain = weight_of("identity").unwrap_or(f32::MIN_POSITIVE);
        let [brotli, gzip] = ["br", "gzip"].map(|name| weight_of(name).unwrap_or(0.0));
        match (brotli, gzip) {
            _ if brotli > 0.0 && brotli >= gzip && brotli >= plain => Self::Brotli,
            _ if gzip > 0.0 && gzip >= plain => Self::Gzip,
            _ => Self::Identity,
        }
    }

    /// The name for `Content-Encoding`; plain bytes have none.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// The weight that one `Accept-Encoding` list gives to `name`: 1 without `q`, 0 for a `q` that makes no sense.
fn weight(list: &str, name: &str) -> Option<f32> {
    list.split(',').find_map(|entry| {
        let (coding, parameter) = entry.split_once(';').unwrap_or((entry, "q=1"));
        coding.trim().eq_ignore_ascii_case(name).then(|| quality(parameter.trim()))
    })
}

fn quality(parameter: &str) -> f32 {
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
    let value = value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0);
    if (0.0..=1.0).contains(&value) { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: Encoding) {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, accept.parse().unwrap())]);
        assert_eq!(Encoding::wanted(&headers), expected, "accept-encoding: {accept}");
    }

    #[test]
    fn a_client_gets_the_smallest_of_what_it_weighs_highest() {
        check("br", Encoding::Brotli);
        check("gzip, deflate, br, zstd", Encoding::Brotli);
        check("gzip, deflate", Encoding::Gzip);
        check("GZIP", Encoding::Gzip);
        check("br;q=0.5, gzip;q=0.8", Encoding::Gzip);
        check("br ; q=0.8 , gzip ; q=0.8", Encoding::Brotli);
        check("*", Encoding::Brotli);
        check("br;q=0, *", Encoding::Gzip);
        check("gzip;q=0.001", Encoding::Gzip);
    }

    #[test]
    fn a_client_that_takes_nothing_of_ours_gets_plain_bytes() {
        check("", Encoding::Identity);
        check("zstd", Encoding::Identity);
        check("br;q=0, gzip;q=0", Encoding::Identity);
        check("*;q=0", Encoding::Identity);
        check("identity, br;q=0.5", Encoding::Identity);
        check("br;q=nan, gzip;q=7", Encoding::Identity);
        assert_eq!(Encoding::wanted(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn lists_in_several_headers_are_one_list() {
        let mut all = HeaderMap::new();
        for name in ["deflate", "gzip"] {
            all.append(ACCEPT_ENCODING, name.parse().unwrap());
        }
        assert_eq!(Encoding::wanted(&all), Encoding::Gzip);
    }
}
