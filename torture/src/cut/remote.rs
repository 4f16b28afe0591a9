//! A disk in a process of its own, told what to do line by line: whoever maps a file of it into memory must not be
//! the process that serves it, or the two wait for each other.

use std::io::{BufRead, Error, Result, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::disk::Disk;
use super::fault::Call;
use super::{fuse, lock};

/// Serves a disk until the input ends. Each line is answered with one.
pub(crate) fn serve(place: &Path) -> Result<()> {
    let disk = Arc::new(Mutex::new(Disk::new()));
    let mut mounted = Some(fuse::mount(&disk, place)?);
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words.as_slice() {
            ["recover", seed] => {
                drop(mounted.take());
                lock(&disk)?.recover(number(seed)? as u64);
                mounted = Some(fuse::mount(&disk, place)?);
                0
            }
            words => {
                let mut disk = lock(&disk)?;
                obey(&mut disk, words)?
            }
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn obey(disk: &mut Disk, words: &[&str]) -> Result<usize> {
    match words {
        ["fail", call, end, times] => {
            let call = match *call {
                "read" => Call::Read,
                "write" => Call::Write,
                _ => Call::Sync,
            };
            disk.faults.fail(call, end, number(times)?);
        }
        ["bad", end, from] => disk.faults.spoil(Some((end, number(from)?))),
        ["good"] => disk.faults.spoil(None),
        ["left"] => return Ok(disk.faults.left()),
        ["limit", "none"] => disk.faults.limit(None),
        ["limit", room] => disk.faults.limit(Some(number(room)?)),
        ["used"] => return Ok(disk.used()),
        ["settle"] => disk.settle(),
        ["cut"] => disk.cut(),
        _ => return Err(Error::other(format!("the disk knows no {}", words.join(" ")))),
    }
    Ok(0)
}

fn number(word: &str) -> Result<usize> {
    word.parse().map_err(Error::other)
}
