//! A toy model, made here: mostly red is `Explicit`, mostly green is `Violence`, the rest is harmless.
//!
//! It judges colours, not content. It exists so that the whole flow can be tried without any weights.

use crate::proto::Graph;
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
pub fn write(dir: &Path) -> io::Result<crate::ModelFiles> {
    let config = crate::ModelFiles { model: dir.join("toy.onnx"), labels: dir.join("toy.labels.toml") };
    std::fs::write(&config.model, model())?;
    std::fs::write(&config.labels, LABELS)?;
    Ok(config)
}

/// The toy as an ONNX file: GlobalAveragePool → Flatten → Gemm → Softmax. The same bytes every time.
pub fn model() -> Vec<u8> {
    // Rows are R, G, B; columns harmless, red, green.
    let weights = [0.0, GAIN, -GAIN, 0.0, -GAIN, GAIN, 0.0, -GAIN, -GAIN];
    let mut graph = Graph::default();
    graph.node("GlobalAveragePool", &["input"], "mean", &[]);
    graph.node("Flatten", &["mean"], "flat", &[]);
    graph.node("Gemm", &["flat", "weights", "bias"], "logits", &[]);
    graph.node("Softmax", &["logits"], "probabilities", &[]);
    graph.constant("weights", &[3, 3], &weights);
    graph.constant("bias", &[3], &[0.0, BIAS, BIAS]);
    graph.model("toy", ("input", &[1, 3, SIDE, SIDE]), ("probabilities", &[1, 3]))
}
