//! The user and the machine of this program, on Linux, macOS and the BSDs.

/// Linux and the BSDs draw on a display server.
pub const NEEDS_DISPLAY: bool = !cfg!(any(target_os = "macos", target_os = "android"));

/// The name of the user who runs the program, when no variable tells.
pub fn name_of_user() -> Option<String> {
    crate::users::name_of(rustix::process::getuid().as_raw())
}

/// The machine's name in its network.
pub fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    Some(system.nodename().to_str().ok()?.to_owned())
}
