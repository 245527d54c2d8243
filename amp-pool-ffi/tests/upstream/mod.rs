//! An upstream by script, on loopback, that speaks Chat Completions: the name of the model says what happens.
//!
//! | Model | Answer |
//! |---|---|
//! | `gpt-slow` | 20 words, one each 10 ms |
//! | `gpt-hang` | nothing, until the client goes |
//! | `gpt-cut` | 3 words, and the connection is closed |
//! | `gpt-many-N` | N words |
//! | any other | 20 words, or `hello` where no stream is asked for |

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Starts it; it serves until the process ends. Gives its URL.
pub(crate) fn start() -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is no failure.
            thread::spawn(move || drop(serve(&stream)));
        }
    });
    Ok(url)
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader)? {
        answer(stream, &mut reader, &body)?;
    }
    Ok(())
}

/// The body of the next request.
fn request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}

fn answer(mut stream: &TcpStream, reader: &mut BufReader<&TcpStream>, body: &str) -> io::Result<()> {
    // Some clients write a space behind each colon.
    let body = body.replace("\": ", "\":");
    let model = body.split("\"model\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("gpt");
    if !body.contains("\"stream\":true") && model != "gpt-hang" {
        return stream.write_all(whole(model).as_bytes());
    }
    match model {
        "gpt-hang" => reader.read(&mut [0]).map(drop),
        "gpt-cut" => {
            words(stream, model, 3, Duration::ZERO)?;
            stream.shutdown(std::net::Shutdown::Both)
        }
        "gpt-slow" => words(stream, model, 20, Duration::from_millis(10)).and_then(|()| end(stream, model, 20)),
        _ => {
            let many = model.strip_prefix("gpt-many-").and_then(|many| many.parse().ok()).unwrap_or(20);
            words(stream, model, many, Duration::ZERO)?;
            end(stream, model, many)
        }
    }
}

fn whole(model: &str) -> String {
    let body = format!(
        r#"{{"id":"c1","object":"chat.completion","created":1,"model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant","content":"hello"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}}}"#
    );
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn event(model: &str, choices: &str, more: &str) -> String {
    let data = format!(
        r#"data: {{"id":"c1","object":"chat.completion.chunk","created":1,"model":"{model}","choices":[{choices}]{more}}}"#
    );
    chunk(&format!("{data}\n\n"))
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

fn words(mut stream: &TcpStream, model: &str, many: usize, pause: Duration) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let mut out = io::BufWriter::with_capacity(16 << 10, stream);
    for word in 0..many {
        let delta = format!(r#"{{"index":0,"delta":{{"content":"word {word} "}},"finish_reason":null}}"#);
        out.write_all(event(model, &delta, "").as_bytes())?;
        if !pause.is_zero() {
            out.flush()?;
            thread::sleep(pause);
        }
    }
    out.flush()
}

fn end(mut stream: &TcpStream, model: &str, words: usize) -> io::Result<()> {
    let stop = event(model, r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, "");
    let used = format!(r#","usage":{{"prompt_tokens":10,"completion_tokens":{words},"total_tokens":{}}}"#, 10 + words);
    let usage = event(model, "", &used);
    stream.write_all(format!("{stop}{usage}{}0\r\n\r\n", chunk("data: [DONE]\n\n")).as_bytes())
}
