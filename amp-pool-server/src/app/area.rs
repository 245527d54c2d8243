//! To which part of the server a path belongs, in whatever way it is spelled.

/// The first segments of paths behind the lock.
const LOCKED: [&str; 2] = ["api", "metrics"];

/// To which part of the list a path belongs, whoever asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Area {
    /// The pool's own paths, those of the Amp layout too.
    Gateway,
    /// Behind the lock.
    Admin,
    /// The rest.
    Open,
}

impl Area {
    pub(super) fn of(path: &str) -> Self {
        if path == "/v1" || path.starts_with("/v1/") || path.starts_with("/api/provider/") {
            Self::Gateway
        } else if LOCKED.iter().any(|locked| first_segment(path).eq_ignore_ascii_case(locked)) {
            Self::Admin
        } else {
            Self::Open
        }
    }
}

/// The first segment of a path in its plainest spelling: escapes read, empty and dot segments left out. An odd spelling
/// of an admin path reaches no handler, and is asked for the token all the same.
fn first_segment(path: &str) -> String {
    let plain = unescape(path).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in plain.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments.first().map(|name| name.trim().to_owned()).unwrap_or_default()
}

fn unescape(path: &str) -> String {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Area) {
        assert_eq!(Area::of(path), expected, "{path}");
    }

    #[test]
    fn the_gateway_has_its_paths_in_their_plain_spelling() {
        check("/v1", Area::Gateway);
        check("/v1/chat/completions", Area::Gateway);
        check("/v10/x", Area::Open);
        check("/api/provider/openai/v1/models", Area::Gateway);
    }

    #[test]
    fn every_spelling_of_an_admin_path_is_behind_the_lock() {
        for path in ["/api", "/api/", "/api/keys", "/API/keys", "//api/keys", "/./api/keys", "/x/../api/keys"] {
            check(path, Area::Admin);
        }
        for path in ["/%61pi/keys", "/api%2fkeys", "/%2e/api", "/x/%2e%2e/api/keys", "\\api\\keys", "/api/providers"] {
            check(path, Area::Admin);
        }
        check("/apis", Area::Open);
        check("/%zz/api", Area::Open);
    }
}
