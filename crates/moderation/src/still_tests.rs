use super::*;
use proptest::prelude::*;

fn limits() -> CoverLimits {
    CoverLimits::default()
}

fn exif(turn: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, turn, 0, 0, 0, 0, 0, 0, 0]);
    tiff
}

fn jpeg_of(width: u16, height: u16, turn: Option<u8>) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    if let Some(turn) = turn {
        let body = [b"Exif\0\0".as_slice(), &exif(turn)].concat();
        file.extend([0xff, 0xe1]);
        file.extend((body.len() as u16 + 2).to_be_bytes());
        file.extend(body);
    }
    file.extend([0xff, 0xff, 0xc2, 0, 11, 8]);
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
    file
}

fn png_of(width: u32, height: u32, turn: Option<u8>) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend(width.to_be_bytes());
    file.extend(height.to_be_bytes());
    file.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    if let Some(turn) = turn {
        file.extend((exif(turn).len() as u32).to_be_bytes());
        file.extend(b"eXIf");
        file.extend(exif(turn));
        file.extend([0; 4]);
    }
    file.extend(b"\0\0\0\0IDAT\0\0\0\0\0\0\0\0IEND\0\0\0\0");
    file
}

fn webp_of(width: u32, height: u32, flags: u8, turn: Option<u8>) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
    file.extend([flags, 0, 0, 0]);
    file.extend(&(width - 1).to_le_bytes()[..3]);
    file.extend(&(height - 1).to_le_bytes()[..3]);
    if let Some(turn) = turn {
        file.extend(b"EXIF");
        file.extend((exif(turn).len() as u32).to_le_bytes());
        file.extend(exif(turn));
    }
    file
}

fn code(bytes: &[u8]) -> String {
    read(bytes, &limits()).expect_err("refused").code
}

#[test]
fn every_kind_says_its_size_and_how_it_is_turned() {
    for (file, kind) in [
        (jpeg_of(1200, 900, None), StillKind::Jpeg),
        (png_of(1200, 900, None), StillKind::Png),
        (webp_of(1200, 900, 0, None), StillKind::WebP),
    ] {
        let still = Still { kind, width: 1200, height: 900, turn: 1 };
        assert_eq!(read(&file, &limits()), Ok(still));
        assert_eq!(still.shown(), (1200, 900));
    }
    for file in [jpeg_of(1200, 900, Some(6)), png_of(1200, 900, Some(6)), webp_of(1200, 900, 8, Some(6))] {
        assert_eq!(read(&file, &limits()).expect("read").shown(), (900, 1200));
    }
    let nonsense = read(&jpeg_of(1200, 900, Some(9)), &limits()).expect("read");
    assert_eq!(nonsense.turn, 1);
}

#[test]
fn the_other_kinds_of_webp_are_read_too() {
    let mut lossy = b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a".to_vec();
    lossy.extend([0x80, 0x02, 0xe0, 0x01]);
    let mut lossless = b"RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f".to_vec();
    lossless.extend((639u32 | 479 << 14).to_le_bytes());
    for file in [lossy, lossless] {
        let still = read(&file, &limits()).expect("read");
        assert_eq!((still.width, still.height), (640, 480));
    }
}

#[test]
fn what_is_no_picture_is_refused_by_its_first_bytes() {
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>";
    let files: [&[u8]; 8] = [
        b"",
        b"\xff\xd8",
        svg,
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"GIF89a\x01\0\x01\0",
        b"\0\0\0\x18ftypavif\0\0\0\0",
        b"RIFF\0\0\0\0AVI LIST",
        b"push graphic-context\nviewbox 0 0 1 1\nimage over 0,0 0,0 'https://example.org/'",
    ];
    for file in files {
        assert_eq!(code(file), "cover.not_a_picture", "{:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn pictures_outside_the_limits_are_refused_before_anything_decodes_them() {
    assert_eq!(code(&png_of(60_000, 60_000, None)), "cover.too_large");
    assert_eq!(code(&png_of(u32::MAX, u32::MAX, None)), "cover.too_large");
    assert_eq!(code(&jpeg_of(65_500, 65_500, None)), "cover.too_large");
    assert_eq!(code(&webp_of(1 << 24, 1 << 24, 0, None)), "cover.too_large");
    assert_eq!(code(&png_of(0, 900, None)), "cover.too_small");
    assert_eq!(code(&jpeg_of(63, 900, None)), "cover.too_small");
    assert_eq!(code(&jpeg_of(300, 1200, None)), "cover.too_narrow");
    assert_eq!(code(&vec![0xff; limits().bytes_max.0 as usize + 1]), "cover.too_large");
}

#[test]
fn a_picture_that_moves_or_ends_before_its_size_is_refused() {
    assert_eq!(code(&webp_of(640, 480, 2, None)), "cover.unreadable");
    assert_eq!(code(&jpeg_of(640, 480, Some(6))[..20]), "cover.unreadable");
    assert_eq!(code(&png_of(640, 480, None)[..20]), "cover.unreadable");
    assert_eq!(code(b"\xff\xd8\xff\xd9"), "cover.unreadable");
    for whole in [jpeg_of(640, 480, None), png_of(640, 480, None)] {
        assert_eq!(code(&whole[..whole.len() - 5]), "cover.unreadable");
    }
    let mut webp = webp_of(640, 480, 0, None);
    webp[4] = 255;
    assert_eq!(code(&webp), "cover.unreadable");
}

proptest! {
    #[test]
    fn no_bytes_panic(
        start in prop_oneof![
            Just(b"\xff\xd8\xff".to_vec()), Just(png_of(640, 480, Some(3))), Just(webp_of(640, 480, 8, Some(3))),
            Just(jpeg_of(640, 480, Some(3))),
        ],
        cut in 0usize..200,
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut file = start;
        file.truncate(cut);
        file.extend(rest);
        let _ = read(&file, &limits());
    }
}
