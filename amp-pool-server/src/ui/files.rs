//! The files of the UI, compiled in.
//!
//! The folder `amp-pool-server/ui` holds each file as `.br` and `.gz`, and `manifest.json` names them; the plain bytes
//! are inflated when first asked for. A name that is not in the manifest does not exist, whatever it looks like.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use http::HeaderValue;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::Deserialize;

use super::encoding::Encoding;

#[derive(rust_embed::Embed)]
#[folder = "ui"]
// A checkout without the folder has a server without a UI, not an error.
#[allow_missing = true]
struct Packed;

/// The file with this path below `/`, by exact name.
pub(super) fn find(path: &str) -> Option<&'static File> {
    static FILES: LazyLock<HashMap<String, File>> = LazyLock::new(|| load().unwrap_or_default());
    FILES.get(path)
}

/// One file of the UI in all its encodings.
pub(super) struct File {
    is_hashed: bool,
    content_type: HeaderValue,
    tag: HeaderValue,
    size: usize,
    brotli: Bytes,
    gzip: Bytes,
    plain: OnceLock<Bytes>,
}

impl File {
    /// Whether the name changes with the content.
    pub(super) fn is_hashed(&self) -> bool {
        self.is_hashed
    }

    pub(super) fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }

    /// The SHA-256 of the plain bytes as an `ETag`; weak, because all encodings share it.
    pub(super) fn tag(&self) -> &HeaderValue {
        &self.tag
    }

    /// The bytes in this encoding; a reference, not a copy.
    pub(super) fn bytes(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Brotli => self.brotli.clone(),
            Encoding::Gzip => self.gzip.clone(),
            Encoding::Identity => self.plain.get_or_init(|| gunzip(&self.gzip, self.size).unwrap_or_default()).clone(),
        }
    }
}

#[derive(Deserialize)]
struct Manifest {
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    #[serde(rename = "type")]
    content_type: String,
    sha256: String,
    size: usize,
}

/// Everything the manifest names, or nothing where there is no manifest.
fn load() -> Option<HashMap<String, File>> {
    let manifest: Manifest = serde_json::from_slice(&embedded("manifest.json")?).ok()?;
    Some(manifest.files.into_iter().filter_map(|entry| Some((entry.path.clone(), open(&entry)?))).collect())
}

fn open(entry: &Entry) -> Option<File> {
    Some(File {
        is_hashed: entry.path.starts_with("assets/"),
        content_type: entry.content_type.parse().ok()?,
        tag: format!("W/\"{}\"", entry.sha256).parse().ok()?,
        size: entry.size,
        brotli: embedded(&format!("{}.br", entry.path))?,
        gzip: embedded(&format!("{}.gz", entry.path))?,
        plain: OnceLock::new(),
    })
}

fn embedded(path: &str) -> Option<Bytes> {
    Some(match Packed::get(path)?.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    })
}

/// The content of a gzip file as our packer writes it: ten bytes of header without options, deflate, eight of trailer.
fn gunzip(gzip: &[u8], size: usize) -> Option<Bytes> {
    let deflated = gzip.strip_prefix(&[0x1f, 0x8b, 8, 0])?.get(6..)?;
    decompress_to_vec_with_limit(deflated, size).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::hex::hex;

    #[test]
    fn every_file_inflates_to_what_the_manifest_says() {
        let manifest: Manifest = serde_json::from_slice(&embedded("manifest.json").unwrap()).unwrap();
        assert!(!manifest.files.is_empty());
        for Entry { path, sha256, size, .. } in manifest.files {
            let plain = find(&path).unwrap().bytes(Encoding::Identity);
            let digest = hex(&Sha256::digest(&plain));
            assert_eq!((plain.len(), digest), (size, sha256), "{path}");
        }
    }

    #[test]
    fn what_is_not_our_packers_gzip_is_not_inflated() {
        assert_eq!(gunzip(b"plain text", 100), None);
        assert_eq!(gunzip(&[0x1f, 0x8b, 8, 0], 100), None);
        assert_eq!(gunzip(&find("index.html").unwrap().gzip, 10), None, "longer than it said");
    }
}
