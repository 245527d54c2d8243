//! The files of a server that was built without the UI: none.

use bytes::Bytes;
use http::HeaderValue;

use super::encoding::Encoding;

/// There is no value of this type.
pub(super) enum File {}

pub(super) fn find(_path: &str) -> Option<&'static File> {
    None
}

impl File {
    pub(super) fn is_hashed(&self) -> bool {
        match *self {}
    }

    pub(super) fn content_type(&self) -> &HeaderValue {
        match *self {}
    }

    pub(super) fn tag(&self) -> &HeaderValue {
        match *self {}
    }

    pub(super) fn bytes(&self, _encoding: Encoding) -> Bytes {
        match *self {}
    }
}
