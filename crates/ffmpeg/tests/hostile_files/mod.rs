//! Files that mean harm or were made by somebody who does not care, byte by byte.

pub mod bombs;
pub mod disguises;
pub mod h264;
pub mod mkv;
pub mod mp4;
pub mod tables;
pub mod times;

use std::path::PathBuf;

/// What the files point at: nothing of it may be touched.
pub struct Bait {
    /// A good video outside every job's directory.
    pub canary: PathBuf,
    /// A listener on loopback.
    pub port: u16,
}

impl Bait {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/x.mp4", self.port)
    }
}

pub struct Hostile {
    pub name: &'static str,
    /// The code of the refusal or `published`; several with `|` where both are right.
    pub expect: &'static str,
    pub bytes: Vec<u8>,
}

pub fn hostile(name: &'static str, expect: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile { name, expect, bytes }
}

pub fn all(bait: &Bait) -> Vec<Hostile> {
    let mut files = bombs::files();
    files.extend(disguises::files(bait));
    files.extend(tables::files());
    files.extend(times::files());
    files
}
