//! Destinations that were judged before.
//!
//! Nearly all requests go to the same few URLs, and reading one costs more than all else that happens to it here. What is
//! kept was allowed when it was first seen; what it leads to is judged again by the resolver at every connection.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use foldhash::fast::RandomState;
use http::{
    Uri,
    uri::{Authority, PathAndQuery},
};
use url::Url;

use super::plain::Target;
use crate::transport::{Stage, TransportError};

/// How many are kept. Paths with ids of things in them come and go.
const KEPT: usize = 512;

/// A destination that was judged. Both forms say the same.
pub(super) struct Destination {
    pub(super) url: Url,
    pub(super) uri: Uri,
    /// How it is reached without a proxy, once it was.
    plain: OnceLock<Target>,
}

impl Destination {
    /// How it is reached without a proxy and without TLS, made by `make` if it is new.
    pub(super) fn plain(
        &self,
        make: impl FnOnce(&Uri) -> Result<Target, TransportError>,
    ) -> Result<&Target, TransportError> {
        if let Some(target) = self.plain.get() {
            return Ok(target);
        }
        let target = make(&self.uri)?;
        Ok(self.plain.get_or_init(|| target))
    }
}

/// A URL by how it is written. URLs are the same in large and small letters, and to see that they go byte by byte.
struct Written(Uri);

impl Written {
    fn parts(&self) -> [Option<&str>; 3] {
        let Self(uri) = self;
        [uri.scheme_str(), uri.authority().map(Authority::as_str), uri.path_and_query().map(PathAndQuery::as_str)]
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Written {}

impl Hash for Written {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.parts().hash(hasher);
    }
}

#[derive(Default)]
pub(super) struct Known(RwLock<HashMap<Written, Arc<Destination>, RandomState>>);

impl Known {
    /// Where `uri` leads, judged by `judge` if it is new.
    pub(super) fn destination(
        &self,
        uri: &Uri,
        judge: impl FnOnce(&Uri) -> Result<Url, TransportError>,
    ) -> Result<Arc<Destination>, TransportError> {
        let written = Written(uri.clone());
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&written) {
            return Ok(Arc::clone(known));
        }
        let url = judge(uri)?;
        let judged =
            url.as_str().parse().map_err(|err: http::uri::InvalidUri| TransportError::new(Stage::Build, err))?;
        let new = Arc::new(Destination { url, uri: judged, plain: OnceLock::new() });
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(written, Arc::clone(&new));
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &Uri) -> Result<Url, TransportError> {
        Url::parse(&uri.to_string()).map_err(|err| TransportError::new(Stage::Build, err))
    }

    fn no(_: &Uri) -> Result<Url, TransportError> {
        Err(TransportError::new(Stage::Build, "no"))
    }

    #[test]
    fn a_destination_is_judged_once_and_a_refused_one_every_time() {
        let known = Known::default();
        let uri = Uri::from_static("http://h/v1");

        assert!(known.destination(&uri, no).is_err());
        assert_eq!(known.destination(&uri, parse).unwrap().uri, uri);
        assert_eq!(known.destination(&uri, no).unwrap().url.as_str(), "http://h/v1");
    }

    #[test]
    fn destinations_without_end_are_not_kept_without_end() {
        let known = Known::default();
        for n in 0..10 * KEPT {
            known.destination(&format!("http://h/{n}").parse().unwrap(), parse).unwrap();
        }
        assert!(known.0.read().unwrap().len() <= KEPT);
    }
}
