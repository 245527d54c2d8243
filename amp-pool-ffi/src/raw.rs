//! Pointers of the program, looked at once on their way in and out.
//!
//! What can be seen of a pointer is checked: null, alignment, a length that no memory has. That it points to what its
//! function says is the program's promise, as everywhere in C.

use std::{ptr::NonNull, slice, str};

use crate::status::Failure;

/// What the program hands in, for as long as its function runs.
///
/// # Safety
/// `data` points to `length` bytes that nobody changes meanwhile, or is null.
pub(crate) unsafe fn bytes<'a>(what: &str, data: *const u8, length: usize) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::argument(format!("`{what}` is null and {length} long")));
    }
    if isize::try_from(length).is_err() || data.addr().checked_add(length).is_none() {
        return Err(Failure::argument(format!("`{what}` can not be {length} long")));
    }
    // SAFETY: not null, no longer than memory is, bytes have no alignment, and the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

/// The same, of text.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(what: &str, data: *const u8, length: usize) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise is the same.
    let bytes = unsafe { bytes(what, data, length) }?;
    str::from_utf8(bytes).map_err(|error| Failure::argument(format!("`{what}` is not UTF-8: {error}")))
}

/// A place of the program for a result.
#[derive(Clone, Copy)]
pub(crate) struct Out<T>(NonNull<T>);

impl<T: Copy> Out<T> {
    /// # Safety
    /// `place` is null, or memory for a `T` that the program lets the library write until its function returns.
    pub(crate) unsafe fn new(what: &str, place: *mut T) -> Result<Self, Failure> {
        let place = NonNull::new(place).ok_or_else(|| Failure::argument(format!("`{what}` is null")))?;
        if place.is_aligned() {
            Ok(Self(place))
        } else {
            Err(Failure::argument(format!("`{what}` is not aligned for what it is to hold")))
        }
    }

    /// Writes the result.
    pub(crate) fn put(self, value: T) {
        // SAFETY: not null and aligned; that it may be written is the promise with which this was made.
        unsafe { self.0.write(value) }
    }
}

/// Places of the program for a run of bytes that the library keeps.
#[derive(Clone, Copy)]
pub(crate) struct OutBytes {
    data: Out<*const u8>,
    length: Out<usize>,
}

impl OutBytes {
    /// # Safety
    /// As [`Out::new`], for both.
    pub(crate) unsafe fn new(what: &str, data: *mut *const u8, length: *mut usize) -> Result<Self, Failure> {
        // SAFETY: the caller's promise is the same.
        unsafe { Ok(Self { data: Out::new(what, data)?, length: Out::new("length", length)? }) }
    }

    pub(crate) fn put(self, bytes: &[u8]) {
        self.data.put(bytes.as_ptr());
        self.length.put(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::AMP_POOL_INVALID_ARGUMENT;

    fn check(data: *const u8, length: usize, expected: Result<&str, &str>) {
        // SAFETY: each case below has a pointer to that many bytes, or is refused before it is looked at.
        let found = unsafe { text("body", data, length) };
        assert_eq!(found.map_err(|failure| failure.message), expected.map_err(str::to_owned));
    }

    #[test]
    fn what_can_be_seen_to_be_wrong_is_refused_before_it_is_touched() {
        let null = std::ptr::null();
        check(c"hello".as_ptr().cast(), 5, Ok("hello"));
        check(c"hello".as_ptr().cast(), 0, Ok(""));
        check(null, 0, Ok(""));
        check(null, 1, Err("`body` is null and 1 long"));
        let (most, huge) = (usize::MAX, isize::MAX as usize + 1);
        check(c"".as_ptr().cast(), most, Err(&format!("`body` can not be {most} long")));
        check(c"".as_ptr().cast(), huge, Err(&format!("`body` can not be {huge} long")));
        check([0xff].as_ptr(), 1, Err("`body` is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"));
    }

    #[test]
    fn a_result_is_written_only_where_there_is_a_place_for_it() {
        let mut place = [0_u64; 2];
        // SAFETY: there is room; the second pointer is refused because of its alignment.
        let (right, odd, null) = unsafe {
            (
                Out::new("place", &raw mut place[0]),
                Out::<u64>::new("place", place.as_mut_ptr().byte_add(1)),
                Out::<u64>::new("place", std::ptr::null_mut()),
            )
        };
        right.unwrap().put(7);
        let refused = [odd, null].map(|out| out.err().map(|failure| failure.status));
        assert_eq!((place, refused), ([7, 0], [Some(AMP_POOL_INVALID_ARGUMENT); 2]));
    }
}
