//! Random values from the operating system's generator.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::error::{Error, Result};

/// Returns `BYTES` random bytes.
pub fn random_bytes<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(|source| {
        Error::internal("The system's random generator failed").with_source(source)
    })?;
    Ok(bytes)
}

/// Returns `BYTES` random bytes as base64url without padding.
pub fn random_base64url<const BYTES: usize>() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<BYTES>()?))
}
