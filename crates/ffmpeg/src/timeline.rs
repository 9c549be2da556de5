//! When the pictures of a file are shown, from its packets. Pure.

use crate::probe::Packet;

/// The measured time of a picture track, relative to the start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// When the first picture appears.
    pub start_us: i64,
    /// When the last one ends.
    pub end_us: i64,
    /// The longest wait for a picture, the one for the first included.
    pub gap_us: i64,
    /// How long a picture usually stands.
    pub frame_us: i64,
    /// Moments at which a picture is shown.
    pub pictures: u64,
    /// What a decoder is given: the pictures, those that are never shown, and those that share a moment.
    pub packets: u64,
    /// How long the packets take that have a time, shown or not.
    pub packets_us: i64,
    pub key_frames: u64,
    /// The longest time from one key frame to the next, or to the end.
    pub key_gap_us: i64,
    /// Whether the pictures come at even times.
    pub is_steady: bool,
    /// Of a steady source its rate; of an unsteady one the rate of its quick parts.
    pub fps_milli: u32,
}

/// Pictures further apart than this share of the usual are a change of rate.
const STEADY_PERCENT: i64 = 20;

/// A last picture of which nobody says how long it stands, stands no longer than this.
const LAST_PICTURE_US_MAX: i64 = 1_000_000;

/// `None` when the track shows nothing.
pub(crate) fn timeline(packets: &[Packet], stream: u32, origin_us: i64) -> Option<Timeline> {
    let mut times: Vec<(i64, Option<i64>)> = packets
        .iter()
        .filter(|p| p.stream_index == stream && !p.is_discarded())
        .filter_map(|p| Some((p.pts_us()? - origin_us, p.duration_us())))
        .collect();
    times.sort_unstable_by_key(|(pts, _)| *pts);
    times.dedup_by_key(|(pts, _)| *pts);
    let mut keys: Vec<i64> = packets
        .iter()
        .filter(|p| p.stream_index == stream && p.is_key() && !p.is_discarded())
        .filter_map(|p| Some(p.pts_us()? - origin_us))
        .collect();
    keys.sort_unstable();
    let (first, last) = (times.first()?.0, times.last()?);
    let mut steps: Vec<i64> = times.windows(2).map(|w| w[1].0 - w[0].0).collect();
    let longest = steps.iter().copied().max().unwrap_or(0);
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().or(last.1).unwrap_or(0).max(1);
    let own = last.1.filter(|d| *d > 0).unwrap_or(usual.min(LAST_PICTURE_US_MAX));
    let end_us = last.0.saturating_add(own);
    let all = packets.iter().filter(|p| p.stream_index == stream);
    let earliest =
        all.clone().filter_map(Packet::pts_us).min().map_or(first, |pts| pts.saturating_sub(origin_us));
    Some(Timeline {
        start_us: first.max(0),
        end_us,
        gap_us: longest.max(own).max(first),
        frame_us: usual,
        pictures: times.len() as u64,
        packets: all.count() as u64,
        packets_us: end_us.saturating_sub(earliest),
        key_frames: keys.len() as u64,
        key_gap_us: longest_step(&keys, end_us),
        is_steady: is_steady(&steps, usual),
        fps_milli: rate(&steps, usual, (times.len() as i64, end_us - first)),
    })
}

fn longest_step(keys: &[i64], end_us: i64) -> i64 {
    let next = keys.iter().skip(1).chain([&end_us]);
    keys.iter().zip(next).map(|(a, b)| b.saturating_sub(*a)).max().unwrap_or(0)
}

/// Whether nine tenths of the steps are about the same.
fn is_steady(sorted_steps: &[i64], usual: i64) -> bool {
    let at = |share: usize| sorted_steps.get(sorted_steps.len() * share / 10).copied().unwrap_or(usual);
    at(9).saturating_sub(at(1)).saturating_mul(100) <= usual.saturating_mul(STEADY_PERCENT)
}

fn rate(sorted_steps: &[i64], usual: i64, (pictures, span_us): (i64, i64)) -> u32 {
    let average = pictures.saturating_mul(1_000_000_000) / span_us.max(1);
    let tenth = sorted_steps.get(sorted_steps.len() / 10).copied().unwrap_or(usual);
    let steady = is_steady(sorted_steps, usual);
    // An unsteady source is shown at the rate of its quick parts, or they would stutter.
    let quick = if steady { average } else { 1_000_000_000 / tenth.max(1) };
    u32::try_from(quick.clamp(1, 1_000_000)).unwrap_or(30_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(times: &[&str], duration: &str) -> Vec<Packet> {
        let packet = |t: &&str| Packet {
            stream_index: 0,
            pts_time: Some((*t).to_owned()),
            duration_time: Some(duration.to_owned()),
            flags: "K__".into(),
        };
        times.iter().map(packet).collect()
    }

    #[test]
    fn a_steady_track() {
        let p = packets(&["0.0", "0.04", "0.08", "0.12", "0.16"], "0.04");
        let t = timeline(&p, 0, 0).expect("pictures");
        assert_eq!((t.start_us, t.end_us, t.fps_milli, t.pictures), (0, 200_000, 25_000, 5));
        assert_eq!((t.key_frames, t.key_gap_us, t.is_steady), (5, 40_000, true));
    }

    #[test]
    fn reordered_pictures_and_an_origin() {
        let p = packets(&["1.0", "1.2", "1.1", "1.3"], "0.1");
        let t = timeline(&p, 0, 1_000_000).expect("pictures");
        assert_eq!((t.start_us, t.end_us, t.gap_us), (0, 400_000, 100_000));
    }

    #[test]
    fn a_late_start_counts_as_a_gap() {
        let t = timeline(&packets(&["1.0", "1.1"], "0.1"), 0, 0).expect("pictures");
        assert_eq!((t.start_us, t.end_us, t.gap_us), (1_000_000, 1_200_000, 1_000_000));
    }

    #[test]
    fn an_unsteady_track_has_the_rate_of_its_quick_parts() {
        let times = ["0.0", "0.016667", "0.033333", "0.05", "1.0", "2.0", "2.016667", "2.033333"];
        let t = timeline(&packets(&times, "0.016667"), 0, 0).expect("pictures");
        assert!((59_000..61_000).contains(&t.fps_milli), "{}", t.fps_milli);
        assert!(!t.is_steady);
    }

    #[test]
    fn key_frames_far_apart_are_told() {
        let mut p = packets(&["0.0", "1.0", "2.0", "3.0", "4.0"], "1.0");
        for (n, flags) in ["K__", "___", "___", "K__", "___"].into_iter().enumerate() {
            p[n].flags = flags.into();
        }
        let t = timeline(&p, 0, 0).expect("pictures");
        assert_eq!((t.key_frames, t.key_gap_us), (2, 3_000_000));
    }

    #[test]
    fn a_last_picture_without_a_length_of_its_own_ends_soon() {
        let mut p = packets(&["0.0", "50.0", "100.0"], "0.0");
        p[2].duration_time = None;
        assert_eq!(timeline(&p, 0, 0).expect("pictures").end_us, 101_000_000);
    }

    #[test]
    fn what_is_decoded_is_counted_whether_it_is_shown_or_not() {
        let mut p = packets(&["-2.0", "-1.0", "0.0", "0.0", "0.0", "1.0", "1.0"], "1.0");
        (p[0].flags, p[1].flags, p[6].pts_time) = ("KD_".into(), "_D_".into(), None);
        let t = timeline(&p, 0, 0).expect("pictures");
        assert_eq!((t.pictures, t.packets, t.packets_us), (2, 7, 4_000_000));
    }

    #[test]
    fn one_picture_and_none() {
        let t = timeline(&packets(&["0.0"], "0.5"), 0, 0).expect("a picture");
        assert_eq!((t.end_us, t.pictures), (500_000, 1));
        assert_eq!(timeline(&[], 0, 0), None);
        let mut hidden = packets(&["0.0"], "0.5");
        hidden[0].flags = "KD_".into();
        assert_eq!(timeline(&hidden, 0, 0), None);
    }
}
