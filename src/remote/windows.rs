//! The user and the machine of this program, on Windows.

/// The desktop is always there.
pub const NEEDS_DISPLAY: bool = false;

/// The name of the user who runs the program, without the domain.
pub fn name_of_user() -> Option<String> {
    std::env::var("USERNAME").ok()
}

/// The machine's name in its network.
pub fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}
