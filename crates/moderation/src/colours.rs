//! The colour profile inside a picture: what its numbers mean, where that is not sRGB. Pure.

use crate::still::{StillKind, jpeg_tables, png_tables, webp_tables};
use flate2::read::ZlibDecoder;
use std::io::Read;

/// Profiles of phones and cameras are under 4 KB, of printers under 2 MB; those of printers are not for screens.
const PROFILE_BYTES_MAX: usize = 1 << 20;

/// The ICC profile of a picture. `None` where it has none, or one that is damaged or larger than 1 MiB.
pub fn profile(kind: StillKind, bytes: &[u8]) -> Option<Vec<u8>> {
    let profile = match kind {
        StillKind::Jpeg => of_jpeg(bytes),
        StillKind::Png => of_png(bytes),
        StillKind::WebP => webp_tables(bytes).find(|t| t.kind == b"ICCP").map(|t| t.body.to_vec()),
    };
    profile.filter(|p| (1..=PROFILE_BYTES_MAX).contains(&p.len()))
}

/// In numbered parts, as a segment holds 64 KB (ICC.1, annex B.4).
fn of_jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let part = |body: &'_ [u8]| match body.strip_prefix(b"ICC_PROFILE\0")? {
        [n, of, data @ ..] => Some((*n, *of, data.to_vec())),
        _ => None,
    };
    let mut parts: Vec<_> =
        jpeg_tables(bytes).filter(|t| t.kind == 0xe2).filter_map(|t| part(t.body)).collect();
    parts.sort_unstable_by_key(|(n, ..)| *n);
    let of = parts.first()?.1;
    let is_whole = parts.len() == usize::from(of) && (1..=of).zip(&parts).all(|(n, p)| (p.0, p.1) == (n, of));
    is_whole.then(|| parts.into_iter().flat_map(|(.., data)| data).collect())
}

/// A name, a zero, the method zero, and the profile deflated (PNG, 11.3.2.3).
fn of_png(bytes: &[u8]) -> Option<Vec<u8>> {
    let body = png_tables(bytes).find(|t| t.kind == b"iCCP")?.body;
    let name = body.iter().position(|b| *b == 0)?;
    let packed = body.get(name + 1..)?.strip_prefix(&[0])?;
    let mut profile = Vec::new();
    let most = PROFILE_BYTES_MAX as u64 + 1;
    ZlibDecoder::new(packed).take(most).read_to_end(&mut profile).ok()?;
    Some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use proptest::prelude::*;
    use std::io::Write;

    fn jpeg(parts: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        for (n, of, data) in parts {
            let body = [b"ICC_PROFILE\0".as_slice(), &[*n, *of], data].concat();
            file.extend([0xff, 0xe2]);
            file.extend((body.len() as u16 + 2).to_be_bytes());
            file.extend(body);
        }
        [file, vec![0xff, 0xda]].concat()
    }

    fn png(profile: &[u8]) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(profile).expect("packed");
        let body = [b"name\0\0".as_slice(), &packed.finish().expect("packed")].concat();
        let length = (body.len() as u32).to_be_bytes();
        [b"\x89PNG\r\n\x1a\n".as_slice(), &length, b"iCCP", &body, &[0; 4]].concat()
    }

    fn webp(profile: &[u8]) -> Vec<u8> {
        let length = (profile.len() as u32).to_le_bytes();
        [b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".as_slice(), &[0; 10], b"ICCP", &length, profile].concat()
    }

    #[test]
    fn every_kind_says_its_profile() {
        let said = Some(b"profile".to_vec());
        assert_eq!(profile(StillKind::Jpeg, &jpeg(&[(2, 2, b"file"), (1, 2, b"pro")])), said);
        assert_eq!(profile(StillKind::Png, &png(b"profile")), said);
        assert_eq!(profile(StillKind::WebP, &webp(b"profile")), said);
    }

    #[test]
    fn half_a_profile_and_one_too_large_are_none() {
        for parts in [&[(1, 2, b"a".as_slice())][..], &[(1, 2, b"a"), (1, 2, b"b")], &[(0, 1, b"a")], &[]] {
            assert_eq!(profile(StillKind::Jpeg, &jpeg(parts)), None);
        }
        let bomb = png(&vec![0; 30 * PROFILE_BYTES_MAX]);
        assert!(bomb.len() < PROFILE_BYTES_MAX);
        assert_eq!(profile(StillKind::Png, &bomb), None);
        assert_eq!(profile(StillKind::WebP, &webp(b"")), None);
        let cut = png(b"profile");
        assert_eq!(profile(StillKind::Png, &cut[..cut.len() - 8]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for kind in StillKind::ALL {
                let _ = profile(kind, &bytes);
            }
        }
    }
}
