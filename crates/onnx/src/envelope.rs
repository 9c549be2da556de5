//! Whether a file looks like an ONNX model from outside.
//!
//! `rten` 0.27 does not come back from some files that are no models (64 bytes of `ff`, say); a file
//! cut off or mistaken for another must end in a sentence, not in a start that hangs.

/// The field of `ModelProto` that holds the graph.
const GRAPH: u64 = 7;

/// Walks the outermost Protocol Buffers message: every field whole, one of them a graph.
pub fn is_onnx(mut bytes: &[u8]) -> bool {
    let mut has_graph = false;
    while !bytes.is_empty() {
        let Some((tag, rest)) = varint(bytes) else { return false };
        let Some(rest) = skip(tag & 7, rest) else { return false };
        has_graph |= tag == GRAPH << 3 | 2;
        bytes = rest;
    }
    has_graph
}

fn skip(wire_type: u64, bytes: &[u8]) -> Option<&[u8]> {
    match wire_type {
        0 => varint(bytes).map(|(_, rest)| rest),
        1 => bytes.get(8..),
        2 => {
            let (length, rest) = varint(bytes)?;
            rest.get(usize::try_from(length).ok()?..)
        }
        5 => bytes.get(4..),
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_toy_is_a_model_and_nothing_cut_off_is() {
        let toy = crate::toy::model();
        assert!(is_onnx(&toy));
        // The last field is the opset: without it the file is still a whole message.
        let without_opset = toy.len() - 6;
        for cut in 0..toy.len() {
            assert_eq!(is_onnx(&toy[..cut]), cut == without_opset, "{cut}");
        }
        for other in [&b""[..], b"not a model", &[0xff; 64], b"\x89PNG\r\n\x1a\n", b"<!doctype html>"] {
            assert!(!is_onnx(other), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = is_onnx(&bytes);
        }
    }
}
