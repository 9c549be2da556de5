//! Small numbers in few bytes: a write costs a unit a KB.

#![allow(dead_code, reason = "each room uses its part")]

use stdx::Fault;

#[derive(Debug, Default)]
pub(crate) struct Packer {
    out: Vec<u8>,
    bits: u128,
    held: u32,
}

impl Packer {
    /// Seven bits a byte, low ones first.
    pub fn int(&mut self, mut n: u64) -> &mut Self {
        while n >= 0x80 {
            self.out.push((n as u8 & 0x7f) | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
        self
    }

    /// Near zero on either side.
    pub fn signed(&mut self, n: i64) -> &mut Self {
        self.int(((n << 1) ^ (n >> 63)) as u64)
    }

    pub fn fixed(&mut self, n: u64) -> &mut Self {
        self.out.extend(n.to_be_bytes());
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.int(text.len() as u64);
        self.out.extend(text.as_bytes());
        self
    }

    /// The low `width` ≤ 64 bits; [`Packer::flush`] ends a row of them.
    pub fn bits(&mut self, n: u64, width: u32) -> &mut Self {
        self.bits |= u128::from(n) << self.held;
        self.held += width;
        while self.held >= 8 {
            self.out.push(self.bits as u8);
            self.bits >>= 8;
            self.held -= 8;
        }
        self
    }

    pub fn flush(&mut self) -> &mut Self {
        if self.held > 0 {
            self.out.push(self.bits as u8);
        }
        (self.bits, self.held) = (0, 0);
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.out
    }
}

/// Reads what a [`Packer`] wrote; anything else is damage, never a panic.
#[derive(Debug)]
pub(crate) struct Unpacker<'a> {
    rest: &'a [u8],
    bits: u128,
    held: u32,
}

fn damaged() -> Fault {
    Fault::corrupt("packed numbers end too early or are too large")
}

impl<'a> Unpacker<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, bits: 0, held: 0 }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.rest.split_first().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    pub fn int(&mut self) -> Result<u64, Fault> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(damaged());
            }
            n |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(damaged())
    }

    pub fn signed(&mut self) -> Result<i64, Fault> {
        let n = self.int()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    pub fn fixed(&mut self) -> Result<u64, Fault> {
        let (first, rest) = self.rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(u64::from_be_bytes(*first))
    }

    pub fn text(&mut self) -> Result<String, Fault> {
        let n = self.count()?;
        let (text, rest) = self.rest.split_at_checked(n).ok_or_else(damaged)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).map_err(Fault::corrupt)
    }

    pub fn bits(&mut self, width: u32) -> Result<u64, Fault> {
        while self.held < width {
            self.bits |= u128::from(self.byte()?) << self.held;
            self.held += 8;
        }
        let mask = (1u128 << width) - 1;
        let n = (self.bits & mask) as u64;
        self.bits >>= width;
        self.held -= width;
        Ok(n)
    }

    pub fn flush(&mut self) {
        (self.bits, self.held) = (0, 0);
    }

    /// A number of things that follow, each at least a bit: no more than there are bits.
    pub fn count(&mut self) -> Result<usize, Fault> {
        let n = usize::try_from(self.int()?).map_err(|_| damaged())?;
        if n > self.rest.len().saturating_mul(8) { Err(damaged()) } else { Ok(n) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_round_trip() {
        let whole = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        let mut p = Packer::default();
        for n in whole {
            p.int(n).signed(n as i64).fixed(n).bits(n, 64).bits(n & 7, 3).flush();
        }
        let bytes = p.done();
        let mut u = Unpacker::new(&bytes);
        for n in whole {
            assert_eq!((u.int().unwrap(), u.signed().unwrap(), u.fixed().unwrap()), (n, n as i64, n));
            assert_eq!((u.bits(64).unwrap(), u.bits(3).unwrap()), (n, n & 7));
            u.flush();
        }
        assert!(u.rest.is_empty());
    }

    #[test]
    fn what_is_cut_off_or_absurd_is_damage() {
        assert!(Unpacker::new(&[0x80]).int().is_err());
        assert!(Unpacker::new(&[0xff; 10]).int().is_err());
        assert!(Unpacker::new(&[1; 7]).fixed().is_err());
        assert!(Unpacker::new(&[0xff, 0xff, 0x7f]).count().is_err());
    }
}
