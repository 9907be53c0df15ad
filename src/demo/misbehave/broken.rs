//! Answers that are broken below HTTP's headers: cut short, endless, packed.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::time::Sleep;

/// Eight times what a client may accept.
const HUGE: usize = 8 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// About 100 bytes each.
const HEADER_LINES: usize = 4000;

/// Reads all bytes of one of our own answers.
pub(super) async fn read(response: Response) -> Bytes {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    body.unwrap_or_default()
}

/// Cuts the answer in the middle, under its true `Content-Length`.
pub(super) async fn half(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let body = read(Response::new(body)).await;
    head.headers
        .insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.slice(..body.len() / 2);
    let pieces = [Piece::Data(half), Piece::Pause, Piece::Break];
    Response::from_parts(head, Body::new(Pieces(pieces.into())))
}

/// Adds a field that is too long, and sends the answer in chunks.
pub(super) async fn huge(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let body = read(Response::new(body)).await;
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
    if let Some(object) = body.as_object_mut() {
        object.insert("padding".to_owned(), json!("x".repeat(HUGE)));
    }
    let text = body.to_string();
    let chunks = text.as_bytes().chunks(CHUNK);
    let pieces = chunks.map(|chunk| Piece::Data(Bytes::copy_from_slice(chunk)));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::new(Pieces(pieces.collect())))
}

/// Sends the answer in single bytes, each with a pause behind it.
pub(super) async fn drip(response: Response, pause: Duration) -> Response {
    let (head, body) = response.into_parts();
    let body = read(Response::new(body)).await;
    let pieces = body.iter().flat_map(|byte| {
        [
            Piece::Data(Bytes::copy_from_slice(&[*byte])),
            Piece::Wait(pause),
        ]
    });
    Response::from_parts(head, Body::new(Pieces(pieces.collect())))
}

/// Puts more header lines before the answer than any client reads.
pub(super) fn huge_head(mut response: Response) -> Response {
    let padding = HeaderValue::from_static(
        "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
    );
    for _ in 0..HEADER_LINES {
        response.headers_mut().append("x-padding", padding.clone());
    }
    response
}

/// Turns texts into numbers, numbers into texts, and everything else into a list.
pub(super) fn turn_types(body: &mut Value) {
    let Some(object) = body.as_object_mut() else {
        return;
    };
    for value in object.values_mut() {
        *value = match value {
            Value::String(_) => json!(42),
            Value::Number(_) => json!("forty-two"),
            _ => json!([]),
        };
    }
}

/// Makes a gzip stream (RFC 1952) of blanks: 1 MiB that unpacks to more than 150.
///
/// One deflate block with fixed codes (RFC 1951, section 3.2.6): a blank, then
/// "repeat the last byte 258 times" over and over, 13 bits each. It ends in the middle: a
/// client that gets that far has already lost.
pub(super) fn bomb() -> Vec<u8> {
    const PACKED: usize = 1024 * 1024;
    let mut bits = BitWriter {
        bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        used: 0,
    };
    bits.push(0b1, 1); // the last block
    bits.push(0b10, 2); // fixed codes: type 01, least significant bit first
    bits.push(0x30 + u16::from(b' '), 8);
    let head = bits.bytes.len();
    for _ in 0..16 {
        bits.push(0b1100_0101, 8); // length 258
        bits.push(0b0_0000, 5); // distance 1
    }
    // Eight times 13 bits are 13 bytes, from which the rest is made at once.
    let (_, period) = bits.bytes.split_at(head + 12);
    let period: Vec<u8> = period.iter().copied().take(13).collect();
    bits.bytes.truncate(head + 12);
    let rest = period.into_iter().cycle().take(PACKED - bits.bytes.len());
    bits.bytes.extend(rest);
    bits.bytes
}

struct BitWriter {
    bytes: Vec<u8>,
    /// Bits used of the last byte; 0 when it is full.
    used: u32,
}

impl BitWriter {
    /// Codes go in from their most significant bit, into bytes from the least.
    fn push(&mut self, code: u16, length: u32) {
        for shift in (0..length).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let bit = u8::from((code >> shift) & 1 == 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }
}

enum Piece {
    Data(Bytes),
    /// Lets hyper put on the wire what it has.
    Pause,
    /// A pause of this length, from when it is reached.
    Wait(Duration),
    Sleep(Pin<Box<Sleep>>),
    /// Ends the connection in the middle of the answer.
    Break,
}

/// A body that comes in pieces, without a length.
struct Pieces(VecDeque<Piece>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Piece::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Piece::Break) => Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
            Some(Piece::Pause) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Piece::Wait(pause)) => {
                let sleep = Box::pin(tokio::time::sleep(pause));
                self.0.push_front(Piece::Sleep(sleep));
                self.poll_frame(context)
            }
            Some(Piece::Sleep(mut sleep)) => match sleep.as_mut().poll(context) {
                Poll::Ready(()) => self.poll_frame(context),
                Poll::Pending => {
                    self.0.push_front(Piece::Sleep(sleep));
                    Poll::Pending
                }
            },
        }
    }
}
