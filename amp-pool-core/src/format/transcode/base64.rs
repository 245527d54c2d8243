//! Base64 for addresses (RFC 4648 §5), without padding; and what others wrote with it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Writes bytes as text.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let at = (bits >> (18 - 6 * digit)) & 63;
            text.push(char::from(ALPHABET[at as usize]));
        }
    }
    text
}

/// Writes bytes as others read them: in the usual alphabet, padded.
pub(crate) fn encode_padded(bytes: &[u8]) -> String {
    let plain = |c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    };
    let padding = (3 - bytes.len() % 3) % 3;
    encode(bytes).chars().map(plain).chain(std::iter::repeat_n('=', padding)).collect()
}

/// Reads what [`encode`] wrote. `None` for anything else, so that every text has one reading.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            bits = bits << 6 | u32::from(value(*digit)?);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, group @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(&group[..chunk.len().checked_sub(1).filter(|count| *count > 0)?]);
    }
    (encode(&bytes) == text).then_some(bytes)
}

/// Reads what others wrote in either alphabet, padded or not. `None` when it is neither.
pub(crate) fn decode_padded(text: &str) -> Option<Vec<u8>> {
    let plain = |c| match c {
        '+' => '-',
        '/' => '_',
        c => c,
    };
    decode(&text.trim_end_matches('=').chars().map(plain).collect::<String>())
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_standard_hold() {
        let check = |bytes: &[u8], text: &str| {
            assert_eq!((encode(bytes), decode(text)), (text.to_owned(), Some(bytes.to_vec())));
        };
        check(b"", "");
        check(b"f", "Zg");
        check(b"fo", "Zm8");
        check(b"foo", "Zm9v");
        check(b"foob", "Zm9vYg");
        check(b"\xfb\xff", "-_8");
        assert_eq!(decode_padded("+/8="), Some(b"\xfb\xff".to_vec()));
        assert_eq!(["", "f", "fo", "foo"].map(|text| encode_padded(text.as_bytes())), ["", "Zg==", "Zm8=", "Zm9v"]);
        assert_eq!(encode_padded(b"\xfb\xff"), "+/8=");
    }

    #[test]
    fn every_text_has_one_reading_or_none() {
        for text in ["Z", "Zh", "Zg==", "Zm9v ", "Zm9v.", "+/8"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
