//! Where the socket is. A path longer than an address of a socket may be is reached through its open folder.

use std::fs::File;
use std::io::Result;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::SOCKET;

/// What `sockaddr_un` holds, with room for the closing zero (unix(7)).
const LONGEST: usize = 107;

/// An address that stays good as long as this lives.
pub(super) struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    /// The socket in this folder.
    pub(super) fn of(data: &Path) -> Result<Self> {
        let path = data.join(SOCKET);
        if path.as_os_str().len() <= LONGEST {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(data)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// As a path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_long_path_is_reached_too() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("d".repeat(120));
        std::fs::create_dir(&data).unwrap();
        let _listener = UnixListener::bind(Address::of(&data).unwrap().path()).unwrap();
        assert!(UnixStream::connect(Address::of(&data).unwrap().path()).is_ok());
        assert!(data.join(SOCKET).exists());
    }
}
