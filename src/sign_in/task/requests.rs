//! Connections and their requests.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Task;
use super::stage::Stage;
use crate::sign_in::attempt::{Ignored, Verdict};
use crate::sign_in::callback::CallbackQuery;
use crate::sign_in::completion::Failure;
use crate::sign_in::connections::{Progress, Use};
use crate::sign_in::peer::{Ends, Peer, is_useless};
use crate::sign_in::server::{Ask, BrowserAnswer, Request, serve};
use crate::sign_in::undelivered::Undelivered;
use crate::sign_in::{guard, pages};

impl Task {
    pub(super) fn accepted(&mut self, accepted: io::Result<TcpStream>) {
        match accepted {
            Ok(stream) => {
                let of_use = match Ends::of(&stream) {
                    Some(ends) if !is_useless(ends, &self.options.trusted_users) => Use::Possible,
                    _ => Use::None,
                };
                let progress = Arc::new(Progress::default());
                let tell_host = Arc::clone(&self.tell_host);
                let serve = serve(
                    stream,
                    self.router.clone(),
                    Arc::clone(&progress),
                    tell_host,
                );
                self.connections.add(progress, of_use, serve);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                self.accept_again = Instant::now() + guard::ACCEPT_PAUSE;
            }
        }
    }

    /// Answers a request, unless its sender has to be looked up first: another user of the
    /// machine could have read the link and approved with an account of their own.
    pub(super) fn receive_request(&mut self, stage: Stage, request: Request) -> Stage {
        if let Ask::Callback(query) = &request.ask {
            match self.authorization.state.check(query) {
                // Looking up the sender costs more than refusing a wrong callback.
                Ok(()) => {
                    self.peer_lookups.add(request);
                    return stage;
                }
                Err(Ignored::StateMismatch) => (self.tell_host)(Undelivered::WrongState),
                Err(_) => (self.tell_host)(Undelivered::Refused),
            }
        }
        self.answer(stage, request)
    }

    pub(super) fn peers_known(
        &mut self,
        mut stage: Stage,
        requests: Vec<(Request, Peer)>,
    ) -> Stage {
        for (request, peer) in requests {
            if peer.may_deliver(&self.options.trusted_users) {
                stage = self.answer(stage, request);
            } else {
                tracing::warn!(?peer, "callback turned away");
                (self.tell_host)(Undelivered::Refused);
                let page = BrowserAnswer::Page(pages::made_by_another_user());
                stage.hand_over(request.connection, request.reply, page);
            }
        }
        stage
    }

    fn answer(&mut self, mut stage: Stage, request: Request) -> Stage {
        let answer = match request.ask {
            Ask::Callback(query) => {
                let (next, answer) = self.receive(stage, &query);
                stage = next;
                let Some(answer) = answer else {
                    self.waiting_browsers
                        .push((request.connection, request.reply));
                    return stage;
                };
                answer
            }
            Ask::SuccessPage(query) => match &mut stage {
                Stage::Ended(delivery) => delivery.success_page(&query),
                _ => BrowserAnswer::NotFound,
            },
            Ask::ShortLink(path) => {
                let live = !matches!(stage, Stage::Ended(_));
                if live && self.authorization.has_short_path(&path) {
                    BrowserAnswer::Redirect(self.authorization.url.clone())
                } else {
                    BrowserAnswer::NotFound
                }
            }
        };
        stage.hand_over(request.connection, request.reply, answer);
        stage
    }

    /// Decides about a callback and starts what follows. Also returns the answer; `None` when the
    /// browser has to wait for the winner's.
    pub(super) fn receive(
        &mut self,
        stage: Stage,
        query: &CallbackQuery,
    ) -> (Stage, Option<BrowserAnswer>) {
        match self.attempt.receive(query) {
            Verdict::Ignore(ignored) => {
                let page = pages::ignored(ignored);
                (stage, Some(BrowserAnswer::Page(page)))
            }
            Verdict::Conflict => (stage, Some(BrowserAnswer::Page(pages::conflict()))),
            Verdict::Exchange(code) => {
                let grant = self.authorization.grant(code);
                (self.exchange(grant), None)
            }
            Verdict::Fail => {
                let code = query.error.one().unwrap_or_default();
                let description = query.error_description.as_deref();
                let product = self.options.issuer.product();
                let failure = Failure::of_callback(product, code, description);
                let answer = BrowserAnswer::Page(failure.page.clone());
                (self.fail(failure), Some(answer))
            }
            Verdict::Join => {
                let answer = match &stage {
                    Stage::Ended(delivery) => Some(delivery.answer.clone()),
                    _ => None,
                };
                (stage, answer)
            }
        }
    }
}
