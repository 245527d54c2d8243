//! Counts the frames of a client by their heads, in whatever pieces they come.

use std::time::Instant;

/// How an HTTP/2 connection begins.
pub(in super::super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Frames that do no work: so many at once, and so many a second.
const BURST: u32 = 500;
const A_SECOND: u64 = 50;
/// What a request allows, and what a piece of its body does: some measure the way by pings meanwhile.
const BY_REQUEST: u32 = 10;
const BY_DATA: u32 = 1;
/// Windows that may be opened before anything came through them, and what has to come for each one more: a client may open two for
/// each event of a stream.
const WINDOWS: u64 = 10_000;
const BYTES_A_WINDOW: u64 = 16;

/// Where in a client's bytes we are, and what it has left.
pub(super) struct Frames {
    at: Place,
    left: u32,
    since: Option<Instant>,
    /// With the frame that is being read it is enough.
    is_enough: bool,
    windows: u64,
    written: u64,
}

enum Place {
    /// So many bytes were as HTTP/2 begins.
    Preface(usize),
    /// It is not HTTP/2.
    Elsewhere,
    /// So many bytes of a head.
    Head([u8; HEAD], usize),
    /// So many bytes of a frame are to come.
    Frame(usize),
}

impl Default for Frames {
    fn default() -> Self {
        Self { at: Place::Preface(0), left: BURST, since: None, is_enough: false, windows: 0, written: 0 }
    }
}

impl Frames {
    /// Whether nothing is to be counted here.
    pub(super) fn are_none(&self) -> bool {
        matches!(self.at, Place::Elsewhere)
    }

    /// So much was written to the client.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// Takes what was read. `Some`: where the frame ends, in these bytes, with which it was enough.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = rest.get(self.step(rest)..).unwrap_or_default();
            if self.is_enough && matches!(self.at, Place::Head(_, 0)) {
                return Some(bytes.len() - rest.len());
            }
        }
        None
    }

    /// Takes what belongs together of it, and says how much that is.
    fn step(&mut self, bytes: &[u8]) -> usize {
        match &mut self.at {
            Place::Elsewhere => bytes.len(),
            Place::Preface(seen) => {
                let wanted = PREFACE.get(*seen..).unwrap_or_default();
                let taken = wanted.len().min(bytes.len());
                if wanted.get(..taken) != bytes.get(..taken) {
                    self.at = Place::Elsewhere;
                } else if taken == wanted.len() {
                    self.at = Place::Head([0; HEAD], 0);
                } else {
                    *seen += taken;
                }
                taken
            }
            Place::Head(head, seen) => {
                let room = head.get_mut(*seen..).unwrap_or_default();
                let taken = room.len().min(bytes.len());
                room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                *seen += taken;
                if *seen < HEAD {
                    return taken;
                }
                let [a, b, c, kind, ..] = *head;
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                self.at = if length == 0 { Place::Head([0; HEAD], 0) } else { Place::Frame(length) };
                self.is_enough |= !self.may(kind, length);
                taken
            }
            Place::Frame(left) => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                if *left == 0 {
                    self.at = Place::Head([0; HEAD], 0);
                }
                taken
            }
        }
    }

    /// Whether a frame of this kind may still come.
    fn may(&mut self, kind: u8, length: usize) -> bool {
        match kind {
            HEADERS => self.earn(BY_REQUEST),
            DATA if length > 0 => self.earn(BY_DATA),
            // What reads them has its own limits for these.
            DATA | CONTINUATION => true,
            WINDOW_UPDATE => {
                self.windows += 1;
                self.windows <= WINDOWS + self.written / BYTES_A_WINDOW
            }
            _ => self.spend(),
        }
    }

    fn earn(&mut self, more: u32) -> bool {
        self.left = BURST.min(self.left.saturating_add(more));
        true
    }

    fn spend(&mut self) -> bool {
        if self.left == 0 {
            self.earn_by_time();
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }

    /// The clock is asked when nothing is left, and never where nobody talks much.
    fn earn_by_time(&mut self) {
        let now = Instant::now();
        let millis = self.since.map_or(0, |then| u64::try_from((now - then).as_millis()).unwrap_or(u64::MAX));
        let earned = millis.saturating_mul(A_SECOND) / 1000;
        if self.since.is_none() || earned > 0 {
            self.since = Some(now);
        }
        self.earn(u32::try_from(earned).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let size = u32::try_from(length).unwrap().to_be_bytes();
        [&size[1..], &[kind, 0, 0, 0, 0, 1], &vec![7; length]].concat()
    }

    /// Which frame was one too many, and whether it ended where it was said to.
    fn check(frames: &[Vec<u8>], piece: usize, expected: Option<usize>) {
        let bytes = [PREFACE.to_vec(), frames.concat()].concat();
        let (mut counted, mut at) = (Frames::default(), 0);
        for piece in bytes.chunks(piece) {
            if let Some(end) = counted.read(piece) {
                let till: usize = frames[..=expected.unwrap()].iter().map(Vec::len).sum();
                assert_eq!(at + end, PREFACE.len() + till);
                return;
            }
            at += piece.len();
        }
        assert_eq!(expected, None);
    }

    #[test]
    fn who_only_talks_has_said_enough_at_the_same_frame_in_any_pieces() {
        let most = BURST as usize;
        for piece in [1, 2, 8, 9, 10, 17, 1000, 1 << 20] {
            check(&vec![frame(PING, 8); most], piece, None);
            check(&vec![frame(PING, 8); most + 2], piece, Some(most));
            check(&[vec![frame(4, 0); most - 1], vec![frame(3, 4); 3]].concat(), piece, Some(most));
        }
    }

    #[test]
    fn who_works_may_talk() {
        let request = [vec![frame(HEADERS, 20)], vec![frame(PING, 8); 10]].concat();
        check(&std::iter::repeat_n(request, 500).flatten().collect::<Vec<_>>(), 4096, None);
        let body = [vec![frame(HEADERS, 20)], vec![[frame(DATA, 100), frame(PING, 8)].concat(); 5_000]].concat();
        check(&body, 4096, None);
        check(&vec![frame(DATA, 0); 5_000], 4096, None);
    }

    #[test]
    fn windows_are_for_what_comes_through_them() {
        let many = usize::try_from(WINDOWS).unwrap();
        check(&vec![frame(WINDOW_UPDATE, 4); many], 4096, None);
        check(&vec![frame(WINDOW_UPDATE, 4); many + 1], 4096, Some(many));
        let mut served = Frames::default();
        served.wrote(16 * 100_000);
        let bytes = [PREFACE.to_vec(), frame(WINDOW_UPDATE, 4).repeat(100_000)].concat();
        assert_eq!(served.read(&bytes), None);
    }

    #[test]
    fn what_is_no_http2_is_not_looked_at() {
        for start in ["GET / HTTP/1.1\r\n", "POST /v1/messages HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "\u{16}\u{3}\u{1}"]
        {
            let mut frames = Frames::default();
            assert_eq!(frames.read(start.as_bytes()), None);
            assert!(frames.are_none(), "{start}");
            assert_eq!(frames.read(&frame(PING, 8).repeat(1_000)), None);
        }
        let mut begun = Frames::default();
        begun.read(&PREFACE[..10]);
        assert!(!begun.are_none());
    }
}
