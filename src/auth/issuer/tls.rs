//! The certificate authorities that are trusted for an issuer.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::crypto_provider::{crypto_provider, tls_with};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::product::codex::CA_VARIABLE;

/// A file of certificate authorities that the person named in a variable.
///
/// ```
/// use codex_onboarding::auth::{CaFile, DEFAULT_CLIENT_ID, Issuer, IssuerUrl};
///
/// let authorities = CaFile::new("SSL_CERT_FILE", "/etc/ssl/company.pem");
/// let issuer = Issuer::new(IssuerUrl::openai(), DEFAULT_CLIENT_ID, Some(authorities));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaFile {
    /// The environment variable that names it.
    pub variable: &'static str,
    /// PEM certificates.
    pub path: PathBuf,
}

impl CaFile {
    /// Returns the file that `CODEX_CA_CERTIFICATE` names, else `SSL_CERT_FILE`.
    pub fn from_environment(environment: &Environment) -> Option<Self> {
        [CA_VARIABLE, "SSL_CERT_FILE"]
            .into_iter()
            .find_map(|variable| Some(Self::new(variable, environment.path(variable)?)))
    }

    /// Creates the file at `path`, which `variable` names.
    pub fn new(variable: &'static str, path: impl Into<PathBuf>) -> Self {
        Self {
            variable,
            path: path.into(),
        }
    }
}

/// Returns a configuration that trusts the system's authorities and those in `extra`. If the
/// system has none, as in slim containers, it trusts Mozilla's, which are compiled in. It reads
/// files, so it does not belong on the runtime's thread.
pub fn trusting_system_and(extra: Option<&CaFile>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let system = system_certificates();
    let (added, ignored) = roots.add_parsable_certificates(system);
    tracing::debug!(added, ignored, "system certificate authorities");
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(extra) = extra {
        for certificate in read_pem(extra)? {
            roots
                .add(certificate)
                .map_err(|source| unusable(extra).with_source(source))?;
        }
    }
    tls_with(crypto_provider()?, roots)
}

/// Describes where authorities come from, for the error of a certificate failure.
pub fn sources(extra: Option<&CaFile>) -> String {
    match extra {
        Some(CaFile { variable, path }) => {
            format!("the system's and {variable} ({})", path.display())
        }
        None => "the system's".to_owned(),
    }
}

/// Loads the system's authorities. The loader alone would leave them out when `SSL_CERT_FILE` is
/// set.
fn system_certificates() -> Vec<CertificateDer<'static>> {
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    if openssl_probe::has_ssl_cert_env_vars() {
        for folder in openssl_probe::candidate_cert_dirs() {
            let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
            certificates.extend(found.certs);
        }
    }
    certificates
}

fn read_pem(extra: &CaFile) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(Path::new(&extra.path))
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|source| unusable(extra).with_source(source))?;
    if certificates.is_empty() {
        return Err(unusable(extra).with_source("there is no certificate in it"));
    }
    Ok(certificates)
}

fn unusable(extra: &CaFile) -> Error {
    Error::network(format!(
        "Could not use the certificate file {} (from {})",
        extra.path.display(),
        extra.variable
    ))
    .with_hint(format!(
        "Point {} to a file of PEM certificates, or unset it",
        extra.variable
    ))
}
