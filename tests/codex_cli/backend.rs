//! What Codex asks of `chatgpt.com` and `api.openai.com`, as far as a conversation needs it.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::openai::Asked;

/// The request that Codex makes before its own: which workspaces may this bearer use?
pub const ACCOUNTS_CHECK: &str = "/backend-api/wham/accounts/check";
/// A turn of a conversation.
pub const RESPONSES: &str = "/backend-api/codex/responses";

/// Answers a bearer that is none, or no longer.
pub fn unauthorized() -> Response {
    let error = json!({"error": {
        "message": "Your authentication token has been invalidated.",
        "code": "token_invalidated",
    }});
    with(StatusCode::UNAUTHORIZED, &error)
}

pub fn answer(asked: &Asked) -> Response {
    match asked.path.as_str() {
        ACCOUNTS_CHECK => with(StatusCode::OK, &workspaces(asked)),
        RESPONSES if asked.method == "POST" => turn(asked),
        // It would be a WebSocket: Codex then goes on with requests.
        RESPONSES => with(StatusCode::UPGRADE_REQUIRED, &json!({})),
        "/backend-api/codex/models" => with(StatusCode::OK, &json!({"models": []})),
        _ => with(StatusCode::NOT_FOUND, &json!({"detail": "Not Found"})),
    }
}

/// The workspace of the bearer, and the one that the request is for.
fn workspaces(asked: &Asked) -> Value {
    let own = account_id(asked.bearer().unwrap_or_default());
    let mut ids = vec![own.clone()];
    ids.extend(asked.account().map(str::to_owned));
    ids.dedup();
    let accounts: Vec<Value> = ids.iter().map(|id| workspace(id)).collect();
    json!({"accounts": accounts, "account_ordering": ids, "default_account_id": own})
}

fn workspace(id: &str) -> Value {
    json!({
        "id": id, "account_id": id, "name": null, "structure": "personal", "plan_type": "plus",
        "can_access_with_session": true, "sso_connection_name": null, "is_deactivated": false,
        "is_fedramp_compliant_workspace": false,
        "workspace_backend_origin": "https://chatgpt.com",
        "account_routing_override": "NO_CONSTRAINT", "profile_picture_url": null,
    })
}

/// The workspace that a token is for.
fn account_id(token: &str) -> String {
    if token.split('.').count() != 3 {
        return String::new();
    }
    let claims = crate::tokens::claims(token);
    let id = &claims["https://api.openai.com/auth"]["chatgpt_account_id"];
    id.as_str().unwrap_or_default().to_owned()
}

/// A model that says which account it answers.
fn turn(asked: &Asked) -> Response {
    let text = format!("I answer {}.", asked.account().unwrap_or("nobody"));
    let events = [
        json!({"type": "response.created", "response": {"id": "resp-1"}}),
        json!({"type": "response.output_item.done", "item": {
            "type": "message", "role": "assistant", "id": "msg-1",
            "content": [{"type": "output_text", "text": text}],
        }}),
        json!({"type": "response.completed", "response": {"id": "resp-1", "usage": {
            "input_tokens": 1, "input_tokens_details": null,
            "output_tokens": 1, "output_tokens_details": null, "total_tokens": 2,
        }}}),
    ];
    let stream = events.iter().map(|event| {
        let name = event["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {event}\n\n")
    });
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(Body::from(stream.collect::<String>()))
        .unwrap()
}

fn with(status: StatusCode, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}
