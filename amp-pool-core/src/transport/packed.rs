//! Answers that come compressed.
//!
//! Nobody is asked to compress, and yet some upstreams do, and some of those do not say so.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether a body that begins so is a gzip file. JSON, text and events never begin so.
pub(crate) fn is_packed(beginning: &[u8]) -> bool {
    beginning.starts_with(&GZIP)
}

/// What was packed. `None` when it is damaged, or longer than `longest` bytes.
pub(crate) fn unpacked(packed: &[u8], longest: usize) -> Option<Bytes> {
    let mut plain = Vec::new();
    let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed).take(most).read_to_end(&mut plain).ok()?;
    (plain.len() <= longest).then(|| plain.into())
}

/// Takes out of the head what was true of the packed body only.
pub(crate) fn amend(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_known_by_its_beginning_and_unpacked_within_bounds() {
        let body = packed(br#"{"ok":true}"#);
        assert!(is_packed(&body) && !is_packed(b"{") && !is_packed(b"\x1f"));
        assert_eq!(unpacked(&body, 11).as_deref(), Some(&br#"{"ok":true}"#[..]));
        assert_eq!(unpacked(&body, 10), None, "too long");
        assert_eq!(unpacked(&body[..body.len() - 1], 11), None, "damaged");
        assert_eq!(unpacked(&packed(&vec![b' '; 1 << 20]), 1 << 16), None, "a bomb");
    }
}
