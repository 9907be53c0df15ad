//! Windows. A file in a person's profile folder inherits an access control list that admits that
//! person, the system and the administrators, so nothing is set here.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::net::TcpSocket;

use super::{FreeSpace, Ownership};

/// Opens a link itself, not its target.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Consoles on Windows do not set `TERM`.
pub const TERMINALS_HAVE_NAMES: bool = false;

/// Windows always has a desktop.
pub const BROWSERS_NEED_DISPLAY: bool = false;

/// Returns the machine's name in its network.
#[cfg(feature = "screen")]
pub fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// Changes nothing: a new file inherits its permissions.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Changes nothing: opening a file never waits here.
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Opens a link as itself, which is not a regular file.
pub fn without_waiting_or_links(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Changes nothing: a temporary file inherits its permissions.
pub fn private_file<'a, 'b, 'c>(
    builder: &'a mut tempfile::Builder<'b, 'c>,
) -> &'a mut tempfile::Builder<'b, 'c> {
    builder
}

/// Changes nothing: a temporary folder inherits its permissions.
pub(super) fn private_folder<'a, 'b, 'c>(
    builder: &'a mut tempfile::Builder<'b, 'c>,
) -> &'a mut tempfile::Builder<'b, 'c> {
    builder
}

/// Creates a folder, and its parents. An existing one stays as it is.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

/// Returns nothing: the standard library gives files no numbers.
pub fn file_id(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Returns when a file was written last.
pub fn last_change(metadata: &Metadata) -> Option<std::time::SystemTime> {
    metadata.modified().ok()
}

/// Returns nothing: the start of a process is not known here.
#[cfg(feature = "screen")]
pub fn uptime() -> Option<std::time::Duration> {
    None
}

/// Renames a file or a folder, unless there is something at `to` already.
pub fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    match to.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(from, to),
    }
}

/// Returns false: processes do not talk through files in a folder here.
pub fn is_socket_or_pipe(_metadata: &Metadata) -> bool {
    false
}

/// Creates one folder. An existing one is an error.
pub fn create_new_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().create(path)
}

/// Does nothing: a file keeps the access control list that it inherited.
pub fn make_file_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Does nothing: a folder keeps the access control list that it inherited.
pub fn make_folder_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Does nothing: an open file keeps the access control list that it inherited.
pub fn make_private(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Returns nothing: users have no numbers here.
pub fn user_id() -> Option<u32> {
    None
}

/// Returns nothing: the standard library tells neither owners nor access control lists.
pub fn ownership(_metadata: &Metadata) -> Option<Ownership> {
    None
}

/// Returns false: a link is opened as itself.
pub fn is_link(_error: &io::Error) -> bool {
    false
}

/// Returns whether this user may create files in a folder, by trying, which is the only way.
pub fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}

/// Returns false: a read-only disk shows when it is written to.
pub fn is_read_only(_path: &Path) -> bool {
    false
}

/// Returns nothing: the standard library does not know the free space on a disk.
pub fn free_space(_folder: &Path) -> Option<FreeSpace> {
    None
}

/// Makes a link to a file or a folder, which Windows allows developers and administrators.
pub fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    if target.is_dir() {
        std::os::windows::fs::symlink_dir(target, link)
    } else {
        std::os::windows::fs::symlink_file(target, link)
    }
}

/// Does nothing: NTFS keeps a journal of its folders, and a folder cannot be opened for a sync.
pub fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Fails: the system cannot exchange two files.
pub fn swap(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns nothing: no list of locks has the file's number.
pub fn inode(_metadata: &Metadata) -> Option<u64> {
    None
}

/// Returns whether a lock failed because the file system has none, like some network drives.
pub fn has_no_locks(error: &io::Error) -> bool {
    // ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED, ERROR_CALL_NOT_IMPLEMENTED
    matches!(error.raw_os_error(), Some(1 | 50 | 120))
}

/// Returns whether binding failed because the port is in a range that the system keeps for
/// itself, as Hyper-V and WSL make it do. `netsh interface ipv4 show excludedportrange tcp` lists them.
pub fn is_reserved(error: &io::Error) -> bool {
    // WSAEACCES
    error.raw_os_error() == Some(10013)
}

/// Returns the command that shows the program on a port.
pub fn command_for_port(port: u16) -> String {
    format!("netstat -ano | findstr :{port}")
}

/// Does nothing: ended connections hold no port here, and `SO_REUSEADDR` would let two
/// programs listen on one.
pub fn share_with_ended_connections(_socket: &TcpSocket) -> io::Result<()> {
    Ok(())
}

/// Returns false: no volume is mounted on a file.
pub fn is_mount_point(_path: &Path) -> bool {
    false
}

/// Makes a path from its bytes.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// Does nothing: the lock stays with this program, which outlives the command.
pub fn leave_open(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Runs the command and waits for it, because no program becomes another one here. Ctrl-C and
/// Ctrl-Break go to both, and the command decides: with a handler this program outlives it, and
/// so does the lock. In a tokio runtime.
pub fn become_command(command: &mut Command) -> io::Result<u8> {
    #[cfg(feature = "cli")]
    let _handlers = {
        use tokio::signal::windows::{ctrl_break, ctrl_c};
        (ctrl_c()?, ctrl_break()?)
    };
    let code = command.status()?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Returns nothing: the standard library does not tell it.
pub fn parent_process() -> Option<i32> {
    None
}

/// Succeeds: a process always has enough handles.
pub fn check_descriptors() -> io::Result<()> {
    Ok(())
}

/// Does nothing: the system keeps dumps only where an administrator asked for them.
pub fn forbid_core_dumps() {}

/// Returns the user whose process holds the end `from` of the connection to `to`: unknown here.
pub fn connection_user(_from: SocketAddr, _to: SocketAddr) -> Option<u32> {
    None
}
