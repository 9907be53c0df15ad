//! Detects a session whose browser is on another machine and cannot be opened from here (spec,
//! section 3).

use std::path::Path;

use crate::environment::Environment;
use crate::platform::{self, user_id};
use crate::users;

/// Set in a session over SSH.
const SSH: [&str; 2] = ["SSH_CONNECTION", "SSH_TTY"];
const CODESPACE: [&str; 2] = ["CODESPACES", "CODESPACE_NAME"];
/// systemd-nspawn and podman set the first variable; Docker and podman leave a file.
const CONTAINER: [&str; 3] = ["container", "REMOTE_CONTAINERS", "KUBERNETES_SERVICE_HOST"];
const CONTAINER_FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// A session whose browser is on another machine, and how that machine reaches this one.
///
/// ```
/// use codex_onboarding::environment::Environment;
/// use codex_onboarding::remote::RemoteSession;
///
/// let environment = Environment::from([
///     ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.7 22"),
///     ("USER", "ada"),
/// ]);
/// let remote = RemoteSession::detect(&environment).expect("it is remote");
/// assert_eq!(remote.ssh_target.as_deref(), Some("ada@192.0.2.7"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteSession {
    /// `user@host`, or `-p 2222 user@host`: the arguments for `ssh`. `None` if that
    /// would not work: in a Codespace, and in a container without an SSH server.
    pub ssh_target: Option<String>,
}

impl RemoteSession {
    /// Looks for the signs of a remote session; `None` if a browser can be opened here.
    pub fn detect(environment: &Environment) -> Option<Self> {
        let contained = in_container(environment);
        is_remote(environment, contained).then(|| Self::described(environment, contained))
    }

    /// Returns a session that is reached by `ssh` with these arguments: `user@host`.
    pub fn over_ssh(target: impl Into<String>) -> Self {
        Self {
            ssh_target: Some(target.into()),
        }
    }

    /// Returns a remote session without looking for its signs, because the person has said that it
    /// is one.
    pub fn assumed(environment: &Environment) -> Self {
        Self::described(environment, in_container(environment))
    }

    fn described(environment: &Environment, contained: bool) -> Self {
        // A session over SSH has a way in, even into a container.
        let reachable = !contained || came_over_ssh(environment);
        Self {
            ssh_target: (reachable && !in_codespace(environment))
                .then(|| ssh_target(environment))
                .flatten(),
        }
    }

    /// Returns the sign of a remote session; `None` if only a display is missing.
    #[cfg(feature = "cli")]
    pub(crate) fn sign(environment: &Environment) -> Option<&'static str> {
        let mut variables = SSH.into_iter().chain(CODESPACE).chain(CONTAINER);
        let variable = variables.find(|name| environment.has(name));
        variable.or_else(|| in_container(environment).then_some("a container"))
    }
}

fn is_remote(environment: &Environment, contained: bool) -> bool {
    // Editors set `BROWSER` in their remote terminals to reach the local browser.
    if environment.has("BROWSER") {
        return false;
    }
    let has_display = environment.has("DISPLAY") || environment.has("WAYLAND_DISPLAY");
    came_over_ssh(environment)
        || in_codespace(environment)
        || (contained && !has_display)
        || (needs_display(environment) && !has_display)
}

fn came_over_ssh(environment: &Environment) -> bool {
    SSH.iter().any(|name| environment.has(name))
}

/// Returns whether a browser needs a display server: on Linux and the BSDs it does, but WSL uses
/// the browser of Windows.
fn needs_display(environment: &Environment) -> bool {
    platform::BROWSERS_NEED_DISPLAY && !environment.has("WSL_DISTRO_NAME")
}

fn in_codespace(environment: &Environment) -> bool {
    CODESPACE.iter().any(|name| environment.has(name))
}

fn in_container(environment: &Environment) -> bool {
    CONTAINER.iter().any(|name| environment.has(name))
        || CONTAINER_FILES.iter().any(|file| Path::new(file).exists())
}

/// Returns the arguments for `ssh`. `SSH_CONNECTION` is "client-address client-port server-address
/// server-port".
fn ssh_target(environment: &Environment) -> Option<String> {
    // Windows sets the last one.
    let names = ["USER", "LOGNAME", "USERNAME"];
    let user = names.into_iter().find_map(|name| environment.get(name));
    let user = user.map(str::to_owned);
    let user = user.or_else(|| users::name_of(user_id()?))?;
    let connection: Vec<&str> = environment
        .get("SSH_CONNECTION")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let (host, port) = match connection[..] {
        [_, _, host, port] => (host.to_owned(), port),
        _ => (platform::host_name()?, "22"),
    };
    // The line is copied into a shell, so it may hold nothing that a shell interprets.
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-:%".contains(c))
    };
    if !plain(&user) || !plain(&host) || !plain(port) {
        return None;
    }
    Some(if port == "22" {
        format!("{user}@{host}")
    } else {
        format!("-p {port} {user}@{host}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: (&str, &str) = ("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.7 22");

    #[test]
    fn the_signs_are_weighed_in_order() {
        let remote = |variables: &[(&str, &str)], contained| {
            let mut all = [("", ""); 4];
            all[..variables.len()].copy_from_slice(variables);
            is_remote(&Environment::from(all), contained)
        };
        let display = ("DISPLAY", ":0");
        assert!(remote(&[SSH], false));
        assert!(remote(&[("SSH_TTY", "/dev/pts/1"), display], false));
        assert!(remote(&[("CODESPACES", "true"), display], false));
        assert!(remote(&[], true));
        assert!(!remote(&[display], true));
        assert!(!remote(&[("WAYLAND_DISPLAY", "wayland-0")], false));
        assert!(!remote(&[SSH, ("BROWSER", "code --open")], true));
        assert!(remote(&[SSH, ("BROWSER", "")], false));
        assert!(!remote(&[("WSL_DISTRO_NAME", "Debian")], false));
    }

    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    #[test]
    fn without_a_display_there_is_no_browser() {
        assert!(is_remote(&Environment::default(), false));
    }

    #[test]
    fn a_container_is_reached_over_ssh_when_the_session_was() {
        let target = |variables: [(&str, &str); 3], contained| {
            RemoteSession::described(&Environment::from(variables), contained).ssh_target
        };
        let user = ("USER", "zoe");
        let nothing = ("", "");
        assert_eq!(target([user, nothing, nothing], true), None);
        let over_ssh = target([user, SSH, nothing], true);
        assert_eq!(over_ssh.as_deref(), Some("zoe@10.0.0.7"));
        assert_eq!(target([user, SSH, ("CODESPACES", "true")], false), None);
    }

    #[test]
    fn the_ssh_target_names_the_server_as_the_person_reached_it() {
        let target = |connection| {
            ssh_target(&Environment::from([
                ("USER", "zoe"),
                ("SSH_CONNECTION", connection),
            ]))
        };
        assert_eq!(target(SSH.1).as_deref(), Some("zoe@10.0.0.7"));
        assert_eq!(
            target("10.0.0.9 50000 fe80::1 2222").as_deref(),
            Some("-p 2222 zoe@fe80::1")
        );
        assert_eq!(target("1 2 $(reboot) 22"), None);
        assert_eq!(target("1 2 -oProxyCommand=x 22"), None);
    }
}
