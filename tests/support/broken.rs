//! Answers that are broken below HTTP's headers: cut short, endless.

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
pub async fn read(response: Response) -> Bytes {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    body.unwrap_or_default()
}

/// Cuts the answer in the middle, under its true `Content-Length`.
pub async fn half(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let body = read(Response::new(body)).await;
    head.headers
        .insert(header::CONTENT_LENGTH, body.len().into());
    let half = body.slice(..body.len() / 2);
    let pieces = [Piece::Data(half), Piece::Pause, Piece::Break];
    Response::from_parts(head, Body::new(Pieces(pieces.into())))
}

/// Adds a field that is too long, and sends the answer in chunks.
pub async fn huge(response: Response) -> Response {
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
pub async fn drip(response: Response, pause: Duration) -> Response {
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
pub fn huge_head(mut response: Response) -> Response {
    let padding = HeaderValue::from_static(
        "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
    );
    for _ in 0..HEADER_LINES {
        response.headers_mut().append("x-padding", padding.clone());
    }
    response
}

/// Turns texts into numbers, numbers into texts, and everything else into a list.
pub fn turn_types(body: &mut Value) {
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
