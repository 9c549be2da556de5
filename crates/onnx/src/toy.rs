//! A toy model, made here: mostly red is `Explicit`, mostly green is `Violence`, the rest is harmless.
//!
//! It judges colours, not content. It exists so that the whole flow can be tried without any weights.

use std::io;
use std::path::Path;

/// Side of the toy's input.
const SIDE: u64 = 16;
/// How much a saturated colour outweighs the harmless class.
const GAIN: f32 = 20.0;
const BIAS: f32 = -5.0;

/// The toy's label map.
pub const LABELS: &str = r#"# A toy: judges colours, not content. Never use it for real videos.
format = 1
name = "toy-colours"
version = "1"
judges = ["Explicit", "Violence"]

[input]
width = 16
height = 16
layout = "nchw"
range = "unit"
resize = "squash-align-corners"

[output]
activation = "none"
combine = "sum"

[[classes]]
name = "harmless"

[[classes]]
name = "red"
label = "Explicit"

[[classes]]
name = "green"
label = "Violence"
"#;

/// Writes `toy.onnx` and `toy.labels.toml` into `dir`.
pub fn write(dir: &Path) -> io::Result<crate::RtenConfig> {
    let config = crate::RtenConfig { model: dir.join("toy.onnx"), labels: dir.join("toy.labels.toml") };
    std::fs::write(&config.model, model())?;
    std::fs::write(&config.labels, LABELS)?;
    Ok(config)
}

/// The toy as an ONNX file: GlobalAveragePool → Flatten → Gemm → Softmax. The same bytes every time.
pub fn model() -> Vec<u8> {
    // Rows are R, G, B; columns harmless, red, green.
    let weights = [0.0, GAIN, -GAIN, 0.0, -GAIN, GAIN, 0.0, -GAIN, -GAIN];
    let graph = Message::default()
        .bytes(1, &node("GlobalAveragePool", &["input"], "mean"))
        .bytes(1, &node("Flatten", &["mean"], "flat"))
        .bytes(1, &node("Gemm", &["flat", "weights", "bias"], "logits"))
        .bytes(1, &node("Softmax", &["logits"], "probabilities"))
        .text(2, "toy")
        .bytes(5, &floats("weights", &[3, 3], &weights))
        .bytes(5, &floats("bias", &[3], &[0.0, BIAS, BIAS]))
        .bytes(11, &value("input", &[1, 3, SIDE, SIDE]))
        .bytes(12, &value("probabilities", &[1, 3]));
    let opset = Message::default().text(1, "").number(2, 13);
    let model = Message::default().number(1, 8).text(2, "signal-video").bytes(7, &graph.0).bytes(8, &opset.0);
    model.0
}

fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let wired = inputs.iter().fold(Message::default(), |m, i| m.text(1, i));
    wired.text(2, output).text(3, output).text(4, op).0
}

fn floats(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    const FLOAT: u64 = 1;
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let shaped = dims.iter().fold(Message::default(), |m, d| m.number(1, *d));
    shaped.number(2, FLOAT).text(8, name).bytes(9, &raw).0
}

fn value(name: &str, dims: &[u64]) -> Vec<u8> {
    const FLOAT: u64 = 1;
    let shape = dims.iter().fold(Message::default(), |m, d| m.bytes(1, &Message::default().number(1, *d).0));
    let tensor = Message::default().number(1, FLOAT).bytes(2, &shape.0);
    let kind = Message::default().bytes(1, &tensor.0);
    Message::default().text(1, name).bytes(2, &kind.0).0
}

/// A Protocol Buffers message being written: varints and length-delimited fields are all ONNX needs.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
    fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }
    fn bytes(self, field: u64, value: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(value.len() as u64);
        message.0.extend_from_slice(value);
        message
    }
    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }
}
