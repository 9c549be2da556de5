//! WebVTT cues that point into a sheet of tiles.

use std::fmt::Write as _;
use vocab::Millis;

/// How the tiles of a sheet lie: row by row, one a cadence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpriteSheet {
    /// Relative to the cue file.
    pub uri: String,
    pub tile_width: u32,
    pub tile_height: u32,
    pub columns: u32,
    pub tiles: u32,
    pub cadence_ms: u32,
    pub duration_ms: Millis,
}

/// One cue a tile; the last one ends with the video.
pub fn sprite_vtt(sheet: &SpriteSheet) -> String {
    let mut out = String::from("WEBVTT\n");
    let end = sheet.duration_ms.0.max(0);
    let columns = sheet.columns.max(1);
    for n in 0..sheet.tiles {
        let from = i64::from(n) * i64::from(sheet.cadence_ms);
        if from >= end {
            break;
        }
        let to = if n + 1 == sheet.tiles { end } else { (from + i64::from(sheet.cadence_ms)).min(end) };
        let (x, y) = (n % columns * sheet.tile_width, n / columns * sheet.tile_height);
        let (w, h) = (sheet.tile_width, sheet.tile_height);
        let _ = writeln!(out, "\n{} --> {}\n{}#xywh={x},{y},{w},{h}", stamp(from), stamp(to), sheet.uri);
    }
    out
}

/// `hh:mm:ss.mmm`.
pub(crate) fn stamp(ms: i64) -> String {
    let (s, milli) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}.{milli:03}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_walk_the_sheet_row_by_row_and_end_with_the_video() {
        let sheet = SpriteSheet {
            uri: "sprite.jpg".into(),
            tile_width: 90,
            tile_height: 160,
            columns: 10,
            tiles: 12,
            cadence_ms: 1000,
            duration_ms: Millis(11_500),
        };
        let vtt = sprite_vtt(&sheet);
        assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite.jpg#xywh=0,0,90,160\n"));
        assert!(vtt.ends_with("00:00:11.000 --> 00:00:11.500\nsprite.jpg#xywh=90,160,90,160\n"));
        assert_eq!(vtt.matches("-->").count(), 12);
    }
}
