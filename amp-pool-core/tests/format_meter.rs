//! A meter takes any bytes, and where they are cut changes nothing.

mod chunks;

use amp_pool_core::format::{Ending, Failure, Format, Meter, Opened, Opening};
use amp_pool_core::usage::{Usage, UsageSource};
use bytes::Bytes;
use chunks::{cut, stream};
use proptest::prelude::*;

type Measured = (Usage, UsageSource, Ending, Option<Failure>);

fn measure(mut meter: Meter, frames: &[Bytes]) -> Measured {
    meter.expect_input(100);
    for frame in frames {
        meter.feed(frame);
        assert!(meter.terminal_at().is_none_or(|at| at <= frame.len()));
    }
    meter.finish();
    (meter.usage(), meter.source(), meter.ending(), meter.failure().cloned())
}

fn opened(format: Format, frames: &[Bytes]) -> Opened {
    let mut opening = Opening::new(format);
    for frame in frames {
        opening.feed(frame);
    }
    opening.finish()
}

proptest! {
    #[test]
    fn any_cut_measures_the_same((stream, cuts) in stream()) {
        for format in Format::ALL {
            let frames = cut(&stream, &cuts);
            let whole = [stream.clone()];
            prop_assert_eq!(measure(Meter::stream(format), &frames), measure(Meter::stream(format), &whole));
            prop_assert_eq!(measure(Meter::whole(format), &frames), measure(Meter::whole(format), &whole));
            prop_assert_eq!(opened(format, &frames), opened(format, &whole));
        }
    }

    #[test]
    fn any_bytes_are_measured(bytes in any::<Vec<u8>>(), cuts in any::<Vec<prop::sample::Index>>()) {
        let frames = cut(&bytes.into(), &cuts);
        for format in Format::ALL {
            measure(Meter::stream(format), &frames);
            measure(Meter::whole(format), &frames);
            opened(format, &frames);
        }
    }

    #[test]
    fn any_bytes_in_the_place_of_json_are_measured(text in "[\\[\\]{}\":,a-c0-9.\\\\\\-e ntu]{0,60}") {
        for format in Format::ALL {
            for json in [format!(r#"{{"type":"message_start","usage":{text}}}"#), format!(r#"{{"error":{text}}}"#), text.clone()] {
                measure(Meter::stream(format), &[format!("data: {json}\n\n").into()]);
                measure(Meter::whole(format), &[json.into()]);
            }
        }
    }
}
