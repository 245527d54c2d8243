//! Whole bodies and streams that anyone can read: `tests/golden/chat`.

use super::{read_request, read_stream::Reader, write_request, write_stream::Writer};
use crate::format::{
    Format, Losses, Scanner,
    canonical::{Event, Json},
    transcode::{
        ReadEvents, WriteEvents,
        tests::{translation, way_back},
    },
};

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../tests/golden/chat/", $name))
    };
}

#[test]
fn parallel_calls_and_their_results_are_written_as_deepseek_wants_them() {
    let mut losses = Losses::new(Format::Chat);
    let request = read_request::read_request(golden!("parallel-tools/in.json").as_bytes(), &mut losses).unwrap();
    let mut back = way_back(Format::Chat, Format::Chat);
    let translation = translation(Format::Chat, Format::Chat, "deepseek", "m");
    let body = write_request::write_request(&request, &translation, &mut losses, &mut back).unwrap();

    assert_eq!(losses.all(), []);
    let expected = Json::parse(golden!("parallel-tools/deepseek.json")).unwrap().compact();
    let body = Json::parse(std::str::from_utf8(&body).unwrap()).unwrap().compact();
    assert_eq!(body, expected);
}

#[test]
fn reasoning_parallel_calls_and_late_usage_are_a_stream_of_openai() {
    let mut back = way_back(Format::Chat, Format::Chat);
    back.include_usage = true;
    let (mut reader, mut writer) = (Reader::new(&back), Writer::new(&back));
    let (mut events, mut out) = (Vec::<Event>::new(), Vec::new());
    Scanner::new()
        .feed(golden!("reasoning-and-late-usage/in.sse").as_bytes(), |event| reader.read(&event, &mut events));
    events.iter().for_each(|event| writer.write(event, &mut out));

    assert_eq!(String::from_utf8(out).unwrap(), golden!("reasoning-and-late-usage/out.sse"));
}
