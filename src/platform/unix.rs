//! Linux, macOS and the BSDs.

#[cfg(target_os = "linux")]
mod sock_diag;

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
#[cfg(not(target_os = "linux"))]
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Access, OFlags, StatVfsMountFlags, access, statvfs};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Resource, geteuid, getppid, getrlimit, setrlimit};
use tokio::net::TcpSocket;

use super::{FreeSpace, Ownership};

/// Terminals identify themselves in `TERM`.
pub const TERMINALS_HAVE_NAMES: bool = true;

/// Linux and the BSDs draw on a display server.
pub const BROWSERS_NEED_DISPLAY: bool = !cfg!(any(target_os = "macos", target_os = "android"));

/// Makes the options create files for this user alone (0600).
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Makes the options open a FIFO in place of a file without waiting for its other end.
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    flags(options, OFlags::NONBLOCK)
}

/// As [`without_waiting`], and makes opening fail if the last part of the path is a link.
pub fn without_waiting_or_links(options: &mut OpenOptions) -> &mut OpenOptions {
    flags(options, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

fn flags(options: &mut OpenOptions, flags: OFlags) -> &mut OpenOptions {
    options.custom_flags(flags.bits().cast_signed())
}

/// Makes temporary files private to this user (0600).
pub fn private_file<'a, 'b, 'c>(
    builder: &'a mut tempfile::Builder<'b, 'c>,
) -> &'a mut tempfile::Builder<'b, 'c> {
    builder.permissions(Permissions::from_mode(0o600))
}

/// Makes temporary folders private to this user (0700).
pub(super) fn private_folder<'a, 'b, 'c>(
    builder: &'a mut tempfile::Builder<'b, 'c>,
) -> &'a mut tempfile::Builder<'b, 'c> {
    builder.permissions(Permissions::from_mode(0o700))
}

/// Creates a folder for this user alone (0700), and its parents. An existing one stays as it is.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file private (0600).
pub fn make_file_private(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Makes a folder private (0700).
pub fn make_folder_private(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Makes an open file private (0600).
pub fn make_private(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Returns the id of the user who runs the program.
pub fn user_id() -> Option<u32> {
    Some(geteuid().as_raw())
}

/// Returns the machine's name in its network.
#[cfg(feature = "screen")]
pub fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    Some(system.nodename().to_str().ok()?.to_owned())
}

/// Returns the owner.
pub fn ownership(metadata: &Metadata) -> Option<Ownership> {
    Some(Ownership {
        user: metadata.uid(),
        group: metadata.gid(),
        mode: metadata.mode() & 0o7777,
        names: metadata.nlink(),
    })
}

/// Returns whether opening failed because of a link ([`without_waiting_or_links`]).
pub fn is_link(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::LOOP])
}

/// Returns whether this user may make files in a folder.
pub fn is_writable(folder: &Path) -> bool {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Returns whether the path is on a read-only mount.
pub fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Returns the room on the disk of a folder.
pub fn free_space(folder: &Path) -> Option<FreeSpace> {
    let disk = statvfs(folder).ok()?;
    Some(FreeSpace {
        bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        // Some file systems have no table of files that could be full.
        has_room_for_a_file: disk.f_files == 0 || disk.f_favail > 0,
    })
}

/// Makes a link to a file or a folder.
pub fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Returns the device and inode of a file, which identify it.
pub fn file_id(metadata: &Metadata) -> Option<(u64, u64)> {
    Some((metadata.dev(), metadata.ino()))
}

/// Returns when a file was written or moved last.
pub fn last_change(metadata: &Metadata) -> Option<std::time::SystemTime> {
    let seconds = std::time::Duration::from_secs(metadata.ctime().try_into().ok()?);
    let rest = std::time::Duration::from_nanos(metadata.ctime_nsec().try_into().ok()?);
    std::time::SystemTime::UNIX_EPOCH.checked_add(seconds + rest)
}

/// Returns how long the machine has been up, sleep included (Linux).
#[cfg(feature = "screen")]
pub fn uptime() -> Option<std::time::Duration> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        clock_gettime(ClockId::Boottime).try_into().ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Renames a file or a folder, unless there is something at `to` already.
pub fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {}
            moved => return Ok(moved?),
        }
    }
    match to.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(from, to),
    }
}

/// Returns whether the file is a socket or pipe, through which processes talk.
pub fn is_socket_or_pipe(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.file_type().is_socket() || metadata.file_type().is_fifo()
}

/// Creates one folder for this user alone (0700). An existing one is an error.
pub fn create_new_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Syncs a folder's entries to the medium, so that a rename survives a power failure.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Exchanges two files in one step. [`io::ErrorKind::Unsupported`] if the system or the file system
/// cannot do that.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub fn swap(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        // An old kernel, or a file system that knows no flags (NFS).
        Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        swapped => Ok(swapped?),
    }
}

/// Fails: the BSDs cannot exchange files.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn swap(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the number of a file in `/proc/locks`.
pub fn inode(metadata: &Metadata) -> Option<u64> {
    Some(metadata.ino())
}

/// Returns whether a lock failed because the file system has none: NFS without lockd, some FUSE and
/// container file systems.
pub fn has_no_locks(error: &io::Error) -> bool {
    is_one_of(
        error,
        &[Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOLCK],
    )
}

fn is_one_of(error: &io::Error, errnos: &[Errno]) -> bool {
    let code = error.raw_os_error();
    errnos
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

/// Returns whether binding failed because the system keeps the port for itself. Only Windows does.
pub fn is_reserved(_error: &io::Error) -> bool {
    false
}

/// Returns the command that shows the program on a port.
pub fn command_for_port(port: u16) -> String {
    format!("lsof -i :{port}")
}

/// Allows binding a port that ended connections of the last sign-in still hold.
pub fn share_with_ended_connections(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseaddr(true)
}

/// Returns whether something is mounted on this very path, so that no rename can replace it.
#[cfg(target_os = "linux")]
pub fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    // The file may not exist yet, and an old kernel does not tell.
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Returns false: only Linux mounts single files.
#[cfg(not(target_os = "linux"))]
pub fn is_mount_point(_path: &Path) -> bool {
    false
}

/// Makes a path from its bytes.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Keeps a file, and its lock, open in the programs that this one starts or becomes.
pub fn leave_open(file: &File) -> io::Result<()> {
    Ok(fcntl_setfd(file, FdFlags::empty())?)
}

/// Replaces this process with the command, and returns only if that fails.
pub fn become_command(command: &mut Command) -> io::Result<u8> {
    Err(command.exec())
}

/// Returns the process that started this one.
pub fn parent_process() -> Option<i32> {
    Some(getppid()?.as_raw_nonzero().get())
}

/// The number of descriptors needed: the runtime takes 6, and a refresh opens both locks, two files
/// and a connection.
const DESCRIPTORS: usize = 12;

/// Checks that there are enough descriptors, without which tokio panics.
pub fn check_descriptors() -> io::Result<()> {
    let opened: io::Result<Vec<File>> = (0..DESCRIPTORS).map(|_| File::open("/")).collect();
    match opened {
        Err(error) if is_one_of(&error, &[Errno::MFILE, Errno::NFILE]) => Err(error),
        _ => Ok(()),
    }
}

/// Forbids dumps of this process, which would put tokens on the disk. The programs that it starts
/// may raise the limit again.
pub fn forbid_core_dumps() {
    let mut limit = getrlimit(Resource::Core);
    limit.current = Some(0);
    // Lowering a limit is always allowed.
    let _ = setrlimit(Resource::Core, limit);
}

#[cfg(target_os = "linux")]
pub use sock_diag::connection_user;

/// Returns the user whose process holds the end `from` of the connection to `to`, if the system
/// tells.
#[cfg(not(target_os = "linux"))]
pub fn connection_user(_from: SocketAddr, _to: SocketAddr) -> Option<u32> {
    None
}
