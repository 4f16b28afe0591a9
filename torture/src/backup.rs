//! `kill -9` of `mains backup` and `mains restore` at many moments, served and not.
//!
//! What holds: a file with the name of a backup is a whole one; a site that was being restored is the old one or the
//! restored one, and a second run finishes; nothing the live site acknowledged is lost; a server that starts meanwhile
//! serves what stays.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mains_testkit::wire::Wire;

use crate::options::{Options, Report};
use crate::site::{Running, Site};
use crate::writers::{Acknowledged, Writers, entry, missing};

/// Records of the backup that is restored.
const RECORDS: u64 = 4_000;
/// Writers of the rows that come by import; those of the server have lower numbers.
const IMPORTED: u32 = 100;
/// How long a backup that lost its client may go on.
const PATIENCE: Duration = Duration::from_secs(30);

/// When a command is killed.
enum Moment {
    After(Duration),
    /// As soon as something is seen on the disk.
    Seen(Box<dyn Fn() -> bool>),
}

/// The site, another one in which backups are proved, and what has happened.
struct Place {
    site: Site,
    proof: Site,
    folder: PathBuf,
    key: String,
    /// What the backup that is restored holds.
    base: BTreeSet<String>,
    /// How long undisturbed runs take.
    backup: Duration,
    restore: Duration,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    /// Commands that the kill met.
    killed: usize,
    acknowledged: usize,
    /// Backups that had their name after a kill, and were whole.
    whole: usize,
    /// Sites that were the old one, or the restored one, after a kill.
    old: usize,
    restored: usize,
    wrong: Vec<String>,
}

/// Kills, looks and counts.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut place = Place::make(folder.path(), &options.mains)?;
    for round in 0..options.rounds {
        // Spread evenly over the time of a whole run, whatever the number of rounds is.
        let part = (f64::from(round) * 0.618_034).fract() * 1.05;
        match round % 4 {
            0 => place.idle_backup(round, part)?,
            1 => place.served_backup(round, part)?,
            2 => place.idle_restore(round, part)?,
            _ => place.raced_restore(round, part)?,
        }
    }
    let counts = place.counts;
    for wrong in counts.wrong.iter().take(5) {
        eprintln!("torture: {wrong}");
    }
    let counted = vec![
        (counts.killed, "killed before their end"),
        (counts.acknowledged, "acknowledged beside"),
        (counts.whole, "whole backups left"),
        (counts.old, "old sites left"),
        (counts.restored, "restored ones left"),
        (counts.wrong.len(), "wrong"),
    ];
    let is_good = counts.wrong.is_empty() && counts.killed > 0;
    Ok(Report { title: "backup and restore".to_owned(), rounds: options.rounds, counted, is_good })
}

impl Place {
    fn make(folder: &Path, mains: &Path) -> Result<Self> {
        let site = Site::make(&folder.join("site"), mains, Vec::new())?;
        let proof = Site::make(&folder.join("proof"), mains, Vec::new())?;
        site.run(&["migrate"])?;
        proof.run(&["migrate"])?;
        let key = site.run(&["keys", "create", "--role", "staff"])?;
        let (counts, base) = (Counts::default(), BTreeSet::new());
        let (backup, restore, folder) = (Duration::ZERO, Duration::ZERO, folder.to_owned());
        let mut place = Self { site, proof, folder, key, base, backup, restore, counts };
        place.import(0, RECORDS)?;
        place.base = content(&place.site)?;
        let begun = Instant::now();
        place.site.run(&["backup", &text(&place.folder.join("base.tar"))])?;
        place.backup = begun.elapsed();
        let begun = Instant::now();
        place.site.run(&place.restoring().iter().map(String::as_str).collect::<Vec<_>>())?;
        place.restore = begun.elapsed();
        Ok(place)
    }

    fn restoring(&self) -> [String; 3] {
        ["restore".to_owned(), text(&self.folder.join("base.tar")), "--replace".to_owned()]
    }

    /// Adds rows, so that the site differs from what is restored.
    fn import(&self, round: u32, rows: u64) -> Result<()> {
        let lines = (0..rows).fold(String::new(), |mut lines, number| {
            // Writing to a text does not fail.
            let _ = writeln!(lines, "{}", entry(IMPORTED + round, number));
            lines
        });
        let file = self.folder.join("rows.jsonl");
        std::fs::write(&file, lines)?;
        self.site.run(&["import", "entries", &text(&file), "--fresh"]).map(drop)
    }

    /// Every third kill comes at a time, the others when the disk shows how far the command is.
    fn backup_moment(&self, round: u32, part: f64, to: &Path) -> Moment {
        let folder = to.with_file_name(format!(".{}.partial", name(to)));
        match round / 4 % 4 {
            0 => Moment::Seen(Box::new(move || folder.join("content/site.db").exists())),
            1 => Moment::Seen(Box::new(move || folder.join("whole.tar").exists())),
            _ => Moment::After(self.backup.mul_f64(part)),
        }
    }

    fn restore_moment(&self, round: u32, part: f64) -> Result<Moment> {
        let data = self.site.folder.join("data");
        let (file, before) = (data.join("site.db"), number_of(&data.join("site.db"))?);
        Ok(match round / 4 % 4 {
            0 => Moment::Seen(Box::new(move || data.join("restoring/site.db").exists())),
            1 => Moment::Seen(Box::new(move || number_of(&file).is_ok_and(|now| now != before))),
            _ => Moment::After(self.restore.mul_f64(part)),
        })
    }

    /// Nobody serves the site.
    fn idle_backup(&mut self, round: u32, part: f64) -> Result<()> {
        self.import(round + 1, 50)?;
        let before = content(&self.site)?;
        let to = self.folder.join(format!("idle-{round}.tar"));
        let child = begin(&self.site, &["backup", &text(&to)])?;
        self.kill(child, &self.backup_moment(round, part, &to))?;
        self.is(round, content(&self.site)? == before, "a killed backup changed the site");
        self.left(round, &to, (&before, &before))
    }

    /// The server makes the backup while others write; in turn the command is killed, or the server.
    fn served_backup(&mut self, round: u32, part: f64) -> Result<()> {
        let before = content(&self.site)?;
        let to = self.folder.join(format!("served-{round}.tar"));
        let server = self.site.serve()?;
        let writers = Writers::start(server.port, &self.key, u64::from(round) * 1_000_000);
        let mut child = begin(&self.site, &["backup", &text(&to)])?;
        let moment = self.backup_moment(round, part, &to);
        let acknowledged = if round % 8 == 1 {
            self.kill(child, &moment)?;
            ends(&to)?;
            let acknowledged = writers.stop();
            server.kill()?;
            acknowledged
        } else {
            until(&moment, &mut child)?;
            self.counts.killed += 1;
            server.kill()?;
            // Without its server the command fails, or was done before.
            child.wait()?;
            writers.stop()
        };
        let server = self.site.serve()?;
        self.keeps(round, &server, &acknowledged)?;
        server.kill()?;
        self.left(round, &to, (&before, &content(&self.site)?))
    }

    fn keeps(&mut self, round: u32, server: &Running, acknowledged: &Acknowledged) -> Result<()> {
        let (lost, _) = missing(server.port, acknowledged)?;
        self.counts.acknowledged += acknowledged.len();
        self.is(round, lost == 0, "what was acknowledged beside a backup is lost");
        Ok(())
    }

    /// What a killed backup left: a whole one, or none and the next one is; it holds at least and at most that.
    fn left(
        &mut self,
        round: u32,
        to: &Path,
        (least, most): (&BTreeSet<String>, &BTreeSet<String>),
    ) -> Result<()> {
        if to.exists() {
            self.counts.whole += 1;
        } else if let Err(error) = self.site.run(&["backup", &text(to)]) {
            self.counts.wrong.push(format!("round {round}: a second backup: {error}"));
            return Ok(());
        }
        match self.proof.run(&["restore", &text(to), "--replace"]) {
            Ok(_) => {
                let found = content(&self.proof)?;
                self.is(
                    round,
                    found.is_superset(least) && found.is_subset(most),
                    "a backup is not one state",
                );
            }
            Err(error) => {
                self.counts.wrong.push(format!("round {round}: a backup has its name and: {error}"));
            }
        }
        std::fs::remove_file(to)
    }

    /// Nobody serves the site.
    fn idle_restore(&mut self, round: u32, part: f64) -> Result<()> {
        self.import(round + 1, 50)?;
        let before = content(&self.site)?;
        let restoring = self.restoring();
        let child = begin(&self.site, &restoring.each_ref().map(String::as_str))?;
        self.kill(child, &self.restore_moment(round, part)?)?;
        let left = content(&self.site)?;
        self.counts.old += usize::from(left == before);
        self.counts.restored += usize::from(left == self.base);
        self.is(round, left == before || left == self.base, "neither the old site nor the restored one");
        if let Err(error) = self.site.run(&restoring.each_ref().map(String::as_str)) {
            self.counts.wrong.push(format!("round {round}: a second restore: {error}"));
        }
        let restored = content(&self.site)? == self.base;
        self.is(round, restored, "a second restore is not what was backed up");
        self.is(round, !self.site.folder.join("data/restoring").exists(), "a restore leaves its folder");
        let server = self.site.serve()?;
        let written =
            Wire::open(server.port, &self.key)?.call("POST", "/api/entries", Some(&entry(99, 0)))?;
        self.is(round, written.status == 201, "a restored site does not take a write by its key");
        Ok(())
    }

    /// A server starts while the site is being restored, or serves it before: what it acknowledges stays.
    fn raced_restore(&mut self, round: u32, part: f64) -> Result<()> {
        let restoring = self.restoring();
        let early = if round % 8 == 3 { Some(self.site.serve()?) } else { None };
        let mut child = begin(&self.site, &restoring.each_ref().map(String::as_str))?;
        std::thread::sleep(self.restore.mul_f64(part));
        let server = early.map_or_else(|| self.site.serve(), Ok);
        let Ok(server) = server else {
            // The restore had the site first.
            child.wait()?;
            return Ok(());
        };
        let writers = Writers::start(server.port, &self.key, u64::from(round) * 1_000_000);
        child.wait()?;
        std::thread::sleep(Duration::from_millis(20));
        let acknowledged = writers.stop();
        server.kill()?;
        let server = self.site.serve()?;
        self.keeps(round, &server, &acknowledged)
    }

    fn kill(&mut self, mut child: Child, moment: &Moment) -> Result<()> {
        until(moment, &mut child)?;
        child.kill()?;
        self.counts.killed += usize::from(child.wait()?.code().is_none());
        Ok(())
    }

    fn is(&mut self, round: u32, holds: bool, otherwise: &str) {
        if !holds {
            self.counts.wrong.push(format!("round {round}: {otherwise}"));
        }
    }
}

/// Waits until the server is done with a backup whose client was killed.
fn ends(to: &Path) -> Result<()> {
    let begun = Instant::now();
    while to.with_file_name(format!(".{}.partial", name(to))).exists() {
        if begun.elapsed() > PATIENCE {
            return Err(Error::other("a backup whose client was killed does not end"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn begin(site: &Site, arguments: &[&str]) -> Result<Child> {
    site.command(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Waits for the moment, or for the end of the command.
fn until(moment: &Moment, child: &mut Child) -> Result<()> {
    match moment {
        Moment::After(wait) => std::thread::sleep(*wait),
        Moment::Seen(seen) => while !seen() && child.try_wait()?.is_none() {},
    }
    Ok(())
}

/// The number by which the file system knows a file.
fn number_of(file: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(file)?.ino())
}

fn content(site: &Site) -> Result<BTreeSet<String>> {
    Ok(site.run(&["export", "entries"])?.lines().map(str::to_owned).collect())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
