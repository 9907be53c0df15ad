//! Sessions: a chain of refresh tokens, each of which works once.
//!
//! RFC 9700, section 4.14.2: a refresh token that comes back after it was
//! exchanged was stolen or raced, nobody can tell which; so the whole chain ends.

use std::collections::HashMap;

use super::jwt::{IssuedTokens, Signer};
use super::profile::Profile;

/// A session by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(usize);

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Expired,
    Invalidated,
}

/// Why a refresh is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshRefused {
    /// The issuer never made this token.
    Unknown,
    /// It was exchanged before. Its session has now ended.
    Reused,
    Ended(Ended),
}

#[derive(Debug)]
struct Session {
    profile: Profile,
    ended: Option<Ended>,
    /// The one refresh token that still works.
    current: String,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
    /// Every refresh token ever made, so that an old one is recognized.
    of_token: HashMap<String, SessionId>,
}

impl Sessions {
    /// A new session and its first tokens.
    pub(super) fn begin(
        &mut self,
        signer: &Signer,
        issuer: &str,
        profile: Profile,
    ) -> (SessionId, IssuedTokens) {
        let id = SessionId(self.sessions.len());
        let tokens = mint(signer, issuer, &profile);
        self.of_token.insert(tokens.refresh_token.clone(), id);
        self.sessions.push(Session {
            profile,
            ended: None,
            current: tokens.refresh_token.clone(),
        });
        (id, tokens)
    }

    /// Exchanges a refresh token for its successor and new tokens (RFC 6749, section 6).
    pub(super) fn refresh(
        &mut self,
        signer: &Signer,
        issuer: &str,
        refresh_token: &str,
    ) -> Result<IssuedTokens, RefreshRefused> {
        let id = *self
            .of_token
            .get(refresh_token)
            .ok_or(RefreshRefused::Unknown)?;
        let session = self.sessions.get_mut(id.0).ok_or(RefreshRefused::Unknown)?;
        if let Some(ended) = session.ended {
            return Err(RefreshRefused::Ended(ended));
        }
        if session.current != refresh_token {
            session.ended = Some(Ended::Invalidated);
            return Err(RefreshRefused::Reused);
        }
        let tokens = mint(signer, issuer, &session.profile);
        session.current.clone_from(&tokens.refresh_token);
        self.of_token.insert(tokens.refresh_token.clone(), id);
        Ok(tokens)
    }

    pub(super) fn is_current(&self, refresh_token: &str) -> bool {
        let id = self.of_token.get(refresh_token);
        let session = id.and_then(|id| self.sessions.get(id.0));
        session.is_some_and(|s| s.ended.is_none() && s.current == refresh_token)
    }

    pub(super) fn find(&self, refresh_token: &str) -> Option<SessionId> {
        self.of_token.get(refresh_token).copied()
    }

    pub(super) fn end(&mut self, id: SessionId, why: Ended) {
        if let Some(session) = self.sessions.get_mut(id.0) {
            session.ended.get_or_insert(why);
        }
    }

    pub(super) fn end_all(&mut self, why: Ended) {
        for session in &mut self.sessions {
            session.ended.get_or_insert(why);
        }
    }

    pub(super) fn edit_profiles(&mut self, edit: impl Fn(Profile) -> Profile) {
        for session in &mut self.sessions {
            session.profile = edit(session.profile.clone());
        }
    }
}

fn mint(signer: &Signer, issuer: &str, profile: &Profile) -> IssuedTokens {
    IssuedTokens {
        id_token: signer.id_token(issuer, profile),
        access_token: signer.access_token(issuer, profile),
        refresh_token: format!("rt-demo-{}", signer.draw_text()),
    }
}
