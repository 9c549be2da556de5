//! A frozen TensorFlow graph: nodes that name the nodes they take from, batch normalisation already folded.

use super::layers::{Builder, Kernel, Padding, Window};
use super::weights::Weights;
use super::{ConvertError, odd};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const END: &str = "Identity";

pub(super) fn convert(topology: &Value, weights: Weights, side: usize) -> Result<Vec<u8>, ConvertError> {
    let Some(nodes) = topology.get("node").and_then(Value::as_array) else { return odd("it has no nodes") };
    let mut by_name = BTreeMap::new();
    for value in nodes {
        let node = Node::of(value)?;
        by_name.insert(node.name, node);
    }
    let mut walk = Walk { builder: Builder::default(), weights, side };
    for name in order(&by_name)? {
        walk.node(&by_name[name])?;
    }
    walk.weights.all_used()?;
    let end = walk.builder.flow(END)?;
    walk.builder.finish(&end, side)
}

/// Every node the end needs, each after what it takes from.
fn order<'a>(nodes: &BTreeMap<&'a str, Node<'a>>) -> Result<Vec<&'a str>, ConvertError> {
    let mut done: Vec<&str> = Vec::new();
    let mut state: BTreeMap<&str, bool> = BTreeMap::new();
    let mut stack = vec![(END, false)];
    while let Some((name, left)) = stack.pop() {
        let Some((name, node)) = nodes.get_key_value(name) else {
            return odd(format!("the node {name} is missing"));
        };
        match (left, state.get(name)) {
            (true, _) => {
                state.insert(name, true);
                done.push(name);
            }
            (false, Some(true)) => {}
            (false, Some(false)) => return odd(format!("{name} takes from itself")),
            (false, None) => {
                state.insert(name, false);
                stack.push((name, true));
                // A node waits on the stack at most once below its own exit.
                let open = node.inputs.iter().filter(|i| state.get(**i) != Some(&true));
                stack.extend(open.map(|i| (*i, false)));
            }
        }
    }
    Ok(done)
}

struct Node<'a> {
    name: &'a str,
    op: &'a str,
    inputs: Vec<&'a str>,
    attributes: &'a Value,
}

impl<'a> Node<'a> {
    fn of(value: &'a Value) -> Result<Self, ConvertError> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let (Some(name), Some(op)) = (text("name"), text("op")) else {
            return odd("a node without name or operation");
        };
        let inputs = value.get("input").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let inputs: Option<Vec<&str>> = inputs.iter().map(Value::as_str).collect();
        let Some(mut inputs) = inputs else {
            return odd(format!("the inputs of {name} cannot be understood"));
        };
        // `^node` only says what must have run before.
        inputs.retain(|i| !i.starts_with('^'));
        Ok(Self { name, op, inputs, attributes: value.get("attr").unwrap_or(&Value::Null) })
    }

    fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.attributes.pointer(pointer)
    }

    /// Strings stand in base64.
    fn text(&self, pointer: &str) -> Option<String> {
        decoded(self.at(pointer)?)
    }

    /// `[1, h, w, 1]` as one number.
    fn square(&self, pointer: &str) -> Result<usize, ConvertError> {
        let numbers: Option<Vec<usize>> =
            self.at(pointer).and_then(Value::as_array).and_then(|v| v.iter().map(number).collect());
        match numbers.as_deref() {
            Some([1, h, w, 1]) if h == w => Ok(*h),
            _ => odd(format!("{} has an unknown {pointer}", self.name)),
        }
    }

    fn window(&self, size: [usize; 2]) -> Result<Window, ConvertError> {
        if self.text("/data_format/s").as_deref() != Some("NHWC") {
            return odd(format!("{} has another layout", self.name));
        }
        let ones = json!(["1", "1", "1", "1"]);
        if self.at("/dilations/list/i").is_some_and(|d| *d != ones) {
            return odd(format!("{} is dilated", self.name));
        }
        let padding = match self.text("/padding/s").as_deref() {
            Some("SAME") => Padding::Same,
            Some("VALID") => Padding::Valid,
            other => return odd(format!("{} pads {other:?}", self.name)),
        };
        Ok(Window { size, stride: self.square("/strides/list/i")?, padding })
    }

    fn fused(&self) -> Vec<String> {
        let list = self.at("/fused_ops/list/s").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().map(|v| decoded(v).unwrap_or_default()).collect()
    }
}

fn decoded(value: &Value) -> Option<String> {
    String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok()
}

/// Whole numbers are written as text.
fn number(value: &Value) -> Option<usize> {
    value.as_str()?.parse().ok()
}

struct Walk {
    builder: Builder,
    weights: Weights,
    side: usize,
}

impl Walk {
    fn node(&mut self, node: &Node<'_>) -> Result<(), ConvertError> {
        let name = node.name;
        match (node.op, node.inputs.as_slice()) {
            // Read where they are used.
            ("Const", []) => Ok(()),
            ("Placeholder", []) => {
                let side = self.side.to_string();
                let sizes: Vec<Value> =
                    ["-1", &side, &side, "3"].iter().map(|s| json!({"size": s})).collect();
                if node.at("/shape/shape/dim") != Some(&Value::Array(sizes)) {
                    return odd("it takes other pictures than expected");
                }
                self.builder.input(name, self.side);
                Ok(())
            }
            ("Mul", [number, from]) if self.is_flow(from) => self.scalar(name, "Mul", from, number),
            ("Mul", [from, number]) if self.is_flow(from) => self.scalar(name, "Mul", from, number),
            ("Sub", [from, number]) if self.is_flow(from) => self.scalar(name, "Sub", from, number),
            ("_FusedConv2D", [from, kernel, bias]) => self.conv(node, from, (kernel, bias), false),
            ("FusedDepthwiseConv2dNative", [from, kernel, bias]) => {
                self.conv(node, from, (kernel, bias), true)
            }
            ("AddV2", [a, b]) => {
                let (a, b) = (self.builder.flow(a)?, self.builder.flow(b)?);
                self.builder.add(name, &a, &b)
            }
            ("AvgPool", [from]) => {
                let (from, size) = (self.builder.flow(from)?, node.square("/ksize/list/i")?);
                self.builder.pool(name, "AveragePool", &from, node.window([size; 2])?)
            }
            ("Squeeze", [from]) if node.at("/squeeze_dims/list/i") == Some(&json!(["1", "2"])) => {
                let from = self.builder.flow(from)?;
                self.builder.flatten(name, &from)
            }
            ("_FusedMatMul", [from, weight, bias]) => self.dense(node, from, weight, bias),
            ("Softmax", [from]) => {
                let from = self.builder.flow(from)?;
                self.builder.softmax(name, &from);
                Ok(())
            }
            ("Identity", [from]) => {
                let from = self.builder.flow(from)?;
                self.builder.alias(name, from);
                Ok(())
            }
            (op, _) => odd(format!("the node {name} ({op}) is unknown here")),
        }
    }

    fn is_flow(&self, name: &str) -> bool {
        self.builder.knows(name)
    }

    fn scalar(&mut self, key: &str, op: &str, from: &str, number: &str) -> Result<(), ConvertError> {
        let tensor = self.weights.get(number)?;
        let &[value] = tensor.values.as_slice() else { return odd(format!("{number} is no number")) };
        let from = self.builder.flow(from)?;
        self.builder.scalar(key, op, &from, value);
        Ok(())
    }

    fn conv(
        &mut self,
        node: &Node<'_>,
        from: &str,
        (kernel, bias): (&str, &str),
        depthwise: bool,
    ) -> Result<(), ConvertError> {
        let from = self.builder.flow(from)?;
        let mut kernel = Kernel::of(self.weights.get(kernel)?, depthwise)?;
        kernel.bias = self.weights.row(bias, kernel.shape[0])?.to_vec();
        let window = node.window([kernel.shape[2], kernel.shape[3]])?;
        let fused = node.fused();
        let fused: Vec<&str> = fused.iter().map(String::as_str).collect();
        match fused.as_slice() {
            ["BiasAdd"] => self.builder.conv(node.name, &from, &kernel, window),
            ["BiasAdd", "Relu6"] => {
                let sum = format!("{}/sum", node.name);
                self.builder.conv(&sum, &from, &kernel, window)?;
                let sum = self.builder.flow(&sum)?;
                self.builder.clip6(node.name, &sum);
                Ok(())
            }
            other => odd(format!("{} is fused with {other:?}", node.name)),
        }
    }

    fn dense(&mut self, node: &Node<'_>, from: &str, weight: &str, bias: &str) -> Result<(), ConvertError> {
        let turned =
            ["/transpose_a/b", "/transpose_b/b"].iter().any(|p| node.at(p) != Some(&Value::Bool(false)));
        if turned || node.fused() != ["BiasAdd"] {
            return odd(format!("{} multiplies in an unknown way", node.name));
        }
        let from = self.builder.flow(from)?;
        let bias = self.weights.get(bias)?.values.clone();
        let weight = self.weights.get(weight)?;
        self.builder.dense(node.name, &from, weight, &bias)
    }
}
