//! Token families: the chain of refresh tokens that one sign-in began, each of which works
//! once.
//!
//! A refresh token that comes back after it was exchanged was stolen or raced, and the two
//! cannot be told apart; so the whole family ends (RFC 9700, section 4.14.2).

use std::collections::HashMap;

use super::jwt::{IssuedTokens, Signer};
use super::profile::Profile;

/// A family by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FamilyId(usize);

/// The reason why a family is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndReason {
    Expired,
    Invalidated,
}

/// The reason why a refresh is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshRefused {
    /// The issuer never made this token.
    Unknown,
    /// It was exchanged before. Its family has now ended.
    Reused,
    Ended(EndReason),
}

#[derive(Debug)]
struct TokenFamily {
    profile: Profile,
    ended: Option<EndReason>,
    /// The one refresh token that still works.
    current: String,
}

#[derive(Debug, Default)]
pub(super) struct TokenFamilies {
    families: Vec<TokenFamily>,
    /// Every refresh token ever made, so that an old one is recognized.
    of_token: HashMap<String, FamilyId>,
    /// Every access token ever made, so that the end of its session ends it.
    of_access_token: HashMap<String, FamilyId>,
}

impl TokenFamilies {
    /// Begins a family and returns its first tokens.
    pub(super) fn begin(
        &mut self,
        signer: &Signer,
        issuer: &str,
        profile: Profile,
    ) -> (FamilyId, IssuedTokens) {
        let id = FamilyId(self.families.len());
        let tokens = mint(signer, issuer, &profile);
        self.of_token.insert(tokens.refresh_token.clone(), id);
        self.of_access_token.insert(tokens.access_token.clone(), id);
        self.families.push(TokenFamily {
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
        let family = self.families.get_mut(id.0).ok_or(RefreshRefused::Unknown)?;
        if let Some(ended) = family.ended {
            return Err(RefreshRefused::Ended(ended));
        }
        if family.current != refresh_token {
            family.ended = Some(EndReason::Invalidated);
            return Err(RefreshRefused::Reused);
        }
        let tokens = mint(signer, issuer, &family.profile);
        family.current.clone_from(&tokens.refresh_token);
        self.of_token.insert(tokens.refresh_token.clone(), id);
        self.of_access_token.insert(tokens.access_token.clone(), id);
        Ok(tokens)
    }

    pub(super) fn is_current(&self, refresh_token: &str) -> bool {
        let id = self.of_token.get(refresh_token);
        let family = id.and_then(|id| self.families.get(id.0));
        family.is_some_and(|family| family.ended.is_none() && family.current == refresh_token)
    }

    /// Returns whether the session of an access token is over.
    pub(super) fn has_ended(&self, access_token: &str) -> bool {
        let id = self.of_access_token.get(access_token);
        let family = id.and_then(|id| self.families.get(id.0));
        family.is_none_or(|family| family.ended.is_some())
    }

    pub(super) fn find(&self, refresh_token: &str) -> Option<FamilyId> {
        self.of_token.get(refresh_token).copied()
    }

    pub(super) fn end(&mut self, id: FamilyId, why: EndReason) {
        if let Some(family) = self.families.get_mut(id.0) {
            family.ended.get_or_insert(why);
        }
    }

    pub(super) fn end_all(&mut self, why: EndReason) {
        for family in &mut self.families {
            family.ended.get_or_insert(why);
        }
    }

    pub(super) fn edit_profiles(&mut self, edit: impl Fn(Profile) -> Profile) {
        for family in &mut self.families {
            family.profile = edit(family.profile.clone());
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
