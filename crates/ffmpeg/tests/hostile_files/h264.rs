//! The smallest H.264 that is right: a grey key picture, then pictures that skip every macroblock.

/// Writes bits, most significant first.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    free: u32,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) -> &mut Self {
        for i in (0..bits).rev() {
            if self.free == 0 {
                self.out.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if (value >> i) & 1 == 1
                && let Some(last) = self.out.last_mut()
            {
                *last |= 1 << self.free;
            }
        }
        self
    }

    /// Unsigned Exp-Golomb; a signed 0 is the same bit.
    fn ue(&mut self, value: u32) -> &mut Self {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(0, bits - 1).put(value + 1, bits)
    }

    fn nal(&mut self, header: u8) -> Vec<u8> {
        self.put(1, 1);
        let mut out = vec![header];
        let mut zeros = 0;
        for b in &self.out {
            if zeros == 2 && *b <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if *b == 0 { zeros + 1 } else { 0 };
            out.push(*b);
        }
        out
    }
}

/// Sizes are in pixels and rounded up to whole macroblocks.
#[derive(Clone, Copy)]
pub struct Grey {
    pub width: u32,
    pub height: u32,
    /// Shape of a pixel.
    pub shape: Option<(u16, u16)>,
}

impl Grey {
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height, shape: None }
    }

    fn blocks(self) -> (u32, u32) {
        (self.width.div_ceil(16), self.height.div_ceil(16))
    }

    pub fn sps(self) -> Vec<u8> {
        let (w, h) = self.blocks();
        let mut b = Bits::default();
        b.put(66, 8).put(0xc0, 8).put(51, 8);
        b.ue(0).ue(0).ue(2).ue(1).put(0, 1).ue(w - 1).ue(h - 1).put(0b110, 3);
        match self.shape {
            None => b.put(0, 1),
            Some((x, y)) => {
                b.put(1, 1).put(1, 1).put(255, 8).put(u32::from(x), 16).put(u32::from(y), 16).put(0, 8)
            }
        };
        b.nal(0x67)
    }

    pub fn pps() -> Vec<u8> {
        let mut b = Bits::default();
        b.ue(0).ue(0).put(0, 2).ue(0).ue(0).ue(0).put(0, 3).ue(0).ue(0).ue(0).put(0b100, 3);
        b.nal(0x68)
    }

    /// A key picture, as one length-prefixed sample.
    pub fn key(self) -> Vec<u8> {
        let (w, h) = self.blocks();
        let mut b = Bits::default();
        b.ue(0).ue(7).ue(0).put(0, 4).ue(0).put(0, 2).ue(0).ue(1);
        for _ in 0..w * h {
            // Intra 16×16, DC, nothing coded.
            b.ue(3).put(0b111, 3);
        }
        prefixed(&b.nal(0x65))
    }

    /// The picture `n` pictures after a key picture: the same again.
    pub fn same(self, n: u32) -> Vec<u8> {
        let (w, h) = self.blocks();
        let mut b = Bits::default();
        b.ue(0).ue(5).ue(0).put(n % 16, 4).put(0, 3).ue(0).ue(1).ue(w * h);
        prefixed(&b.nal(0x41))
    }

    /// `count` pictures, a key picture first.
    pub fn pictures(self, count: u32) -> Vec<Vec<u8>> {
        (0..count).map(|n| if n == 0 { self.key() } else { self.same(n) }).collect()
    }

    /// Body of `avcC`, which Matroska keeps too.
    pub fn config(self) -> Vec<u8> {
        let (sps, pps) = (self.sps(), Self::pps());
        let mut out = vec![1, 66, 0xc0, 51, 0xff, 0xe1, 0, sps.len() as u8];
        out.extend(&sps);
        out.extend([1, 0, pps.len() as u8]);
        out.extend(&pps);
        out
    }
}

pub fn prefixed(nal: &[u8]) -> Vec<u8> {
    let mut out = (nal.len() as u32).to_be_bytes().to_vec();
    out.extend(nal);
    out
}
