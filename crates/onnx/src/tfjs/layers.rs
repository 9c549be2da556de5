//! What both kinds of models are made of, as ONNX nodes in NCHW.

use super::weights::Tensor;
use super::{ConvertError, odd};
use crate::proto::{Attribute, Graph};
use std::collections::BTreeMap;

/// What flows between layers: `side` × `side` pictures of `channels`; flat where `side` is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    pub name: String,
    pub channels: usize,
    pub side: usize,
    /// Zeros to be added at the bottom and on the right before the next convolution.
    pub hem: usize,
}

/// How the edges of a picture are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    Valid,
    Same,
}

/// A window that moves over the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub size: [usize; 2],
    pub stride: usize,
    pub padding: Padding,
}

impl Window {
    /// `[top, left, bottom, right]` and the side of what comes out. TensorFlow's `same` puts the odd pixel
    /// last, so stride 2 is padded on one side only.
    fn pads(&self, flow: &Flow) -> Result<([u64; 4], usize), ConvertError> {
        if self.stride == 0 || self.size.contains(&0) || flow.side == 0 {
            return odd(format!("a window of {:?} by {} over {}", self.size, self.stride, flow.name));
        }
        if self.padding == Padding::Same && flow.hem > 0 {
            return odd(format!("{} is padded twice", flow.name));
        }
        let mut pads = [0u64; 4];
        let mut sides = [0usize; 2];
        for (i, size) in self.size.into_iter().enumerate() {
            let padded = flow.side + flow.hem;
            let (before, after) = match self.padding {
                Padding::Valid => (0, flow.hem),
                Padding::Same => {
                    let out = flow.side.div_ceil(self.stride);
                    let all = ((out - 1) * self.stride + size).saturating_sub(flow.side);
                    (all / 2, all - all / 2)
                }
            };
            if self.padding == Padding::Valid && padded < size {
                return odd(format!("{} is smaller than the window over it", flow.name));
            }
            (pads[i], pads[i + 2]) = (before as u64, after as u64);
            sides[i] = (flow.side + before + after - size) / self.stride + 1;
        }
        if sides[0] != sides[1] {
            return odd(format!("{} would be no square any more", flow.name));
        }
        Ok((pads, sides[0]))
    }
}

/// The kernel and bias of a convolution, already in ONNX's order.
pub(super) struct Kernel {
    /// Output channels, input channels a group, height, width.
    pub shape: [usize; 4],
    pub values: Vec<f32>,
    pub bias: Vec<f32>,
    pub groups: usize,
}

impl Kernel {
    /// Height, width, in, out → out, in, height, width. Of a depthwise kernel, `in` becomes the groups.
    pub(super) fn of(tensor: &Tensor, depthwise: bool) -> Result<Self, ConvertError> {
        let &[h, w, i, o] = tensor.shape.as_slice() else {
            return odd(format!("a kernel of the shape {:?}", tensor.shape));
        };
        if depthwise && o != 1 {
            return odd("a depthwise kernel with a multiplier");
        }
        let (outs, ins, groups) = if depthwise { (i, 1, i) } else { (o, i, 1) };
        let mut values = Vec::with_capacity(tensor.values.len());
        for out in 0..outs {
            for inner in 0..ins {
                for at in 0..h * w {
                    let (from_in, from_out) = if depthwise { (out, 0) } else { (inner, out) };
                    values.push(tensor.values[(at * i + from_in) * o + from_out]);
                }
            }
        }
        Ok(Self { shape: [outs, ins, h, w], values, bias: vec![0.0; outs], groups })
    }

    /// Multiplies each output channel and moves it: what batch normalisation does after the convolution.
    pub(super) fn normalise(&mut self, channel: impl Fn(usize, f64) -> (f64, f64)) {
        let each = self.values.len() / self.shape[0].max(1);
        for out in 0..self.shape[0] {
            let (scale, bias) = channel(out, f64::from(self.bias[out]));
            self.bias[out] = bias as f32;
            for v in &mut self.values[out * each..(out + 1) * each] {
                *v = (f64::from(*v) * scale) as f32;
            }
        }
    }
}

/// A model being built.
#[derive(Default)]
pub(super) struct Builder {
    graph: Graph,
    flows: BTreeMap<String, Flow>,
}

impl Builder {
    /// The input, under the name the model gives it.
    pub(super) fn input(&mut self, key: &str, side: usize) {
        let flow = Flow { name: "input".into(), channels: 3, side, hem: 0 };
        self.flows.insert(key.to_owned(), flow);
    }

    pub(super) fn flow(&self, key: &str) -> Result<Flow, ConvertError> {
        self.flows.get(key).cloned().map_or_else(|| odd(format!("{key} is used before it is made")), Ok)
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.flows.contains_key(key)
    }

    /// `key` is another name of `flow`.
    pub(super) fn alias(&mut self, key: &str, flow: Flow) {
        self.flows.insert(key.to_owned(), flow);
    }

    pub(super) fn conv(
        &mut self,
        key: &str,
        from: &Flow,
        kernel: &Kernel,
        window: Window,
    ) -> Result<(), ConvertError> {
        let [out, ins, h, w] = kernel.shape;
        if ins * kernel.groups != from.channels || window.size != [h, w] || kernel.bias.len() != out {
            return odd(format!("the kernel of {key} does not fit"));
        }
        let (pads, side) = window.pads(from)?;
        let (weight, bias) = (format!("{key}/W"), format!("{key}/B"));
        self.graph.constant(&weight, &kernel.shape.map(|d| d as u64), &kernel.values);
        self.graph.constant(&bias, &[out as u64], &kernel.bias);
        let strides = [window.stride as u64; 2];
        let attributes = [
            Attribute::Int("group", kernel.groups as u64),
            Attribute::Ints("kernel_shape", &[h as u64, w as u64]),
            Attribute::Ints("pads", &pads),
            Attribute::Ints("strides", &strides),
        ];
        self.graph.node("Conv", &[&from.name, &weight, &bias], key, &attributes);
        self.alias(key, Flow { name: key.to_owned(), channels: out, side, hem: 0 });
        Ok(())
    }

    /// `AveragePool` (padding does not count) or `MaxPool`.
    pub(super) fn pool(
        &mut self,
        key: &str,
        op: &str,
        from: &Flow,
        window: Window,
    ) -> Result<(), ConvertError> {
        let (pads, side) = window.pads(from)?;
        let (size, strides) = (window.size.map(|s| s as u64), [window.stride as u64; 2]);
        let attributes = [
            Attribute::Ints("kernel_shape", &size),
            Attribute::Ints("pads", &pads),
            Attribute::Ints("strides", &strides),
        ];
        self.graph.node(op, &[&from.name], key, &attributes);
        self.alias(key, Flow { name: key.to_owned(), side, ..from.clone() });
        Ok(())
    }

    pub(super) fn clip6(&mut self, key: &str, from: &Flow) {
        if !self.knows("/zero") {
            self.graph.constant("/zero", &[], &[0.0]);
            self.graph.constant("/six", &[], &[6.0]);
            self.alias("/zero", from.clone());
        }
        self.graph.node("Clip", &[&from.name, "/zero", "/six"], key, &[]);
        self.alias(key, Flow { name: key.to_owned(), ..from.clone() });
    }

    /// One value in, the same shape out: `Relu`, `Identity`.
    pub(super) fn unary(&mut self, key: &str, op: &str, from: &Flow) {
        self.graph.node(op, &[&from.name], key, &[]);
        self.alias(key, Flow { name: key.to_owned(), ..from.clone() });
    }

    /// `Mul` or `Sub` with one number.
    pub(super) fn scalar(&mut self, key: &str, op: &str, from: &Flow, number: f32) {
        let name = format!("{key}/number");
        self.graph.constant(&name, &[], &[number]);
        self.graph.node(op, &[&from.name, &name], key, &[]);
        self.alias(key, Flow { name: key.to_owned(), ..from.clone() });
    }

    pub(super) fn add(&mut self, key: &str, a: &Flow, b: &Flow) -> Result<(), ConvertError> {
        if (a.channels, a.side, a.hem, b.hem) != (b.channels, b.side, 0, 0) {
            return odd(format!("{key} adds what does not fit"));
        }
        self.graph.node("Add", &[&a.name, &b.name], key, &[]);
        self.alias(key, Flow { name: key.to_owned(), ..a.clone() });
        Ok(())
    }

    pub(super) fn concat(&mut self, key: &str, parts: &[Flow]) -> Result<(), ConvertError> {
        let Some(first) = parts.first() else { return odd(format!("{key} joins nothing")) };
        if parts.iter().any(|p| p.side != first.side || p.hem != 0) {
            return odd(format!("{key} joins what does not fit"));
        }
        let names: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
        self.graph.node("Concat", &names, key, &[Attribute::Int("axis", 1)]);
        let channels = parts.iter().map(|p| p.channels).sum();
        self.alias(key, Flow { name: key.to_owned(), channels, ..first.clone() });
        Ok(())
    }

    /// Only of one pixel: then the order of channels and pixels is no question.
    pub(super) fn flatten(&mut self, key: &str, from: &Flow) -> Result<(), ConvertError> {
        if from.side != 1 || from.hem != 0 {
            return odd(format!("{key} flattens more than one pixel"));
        }
        self.graph.node("Flatten", &[&from.name], key, &[]);
        self.alias(key, Flow { name: key.to_owned(), side: 0, ..from.clone() });
        Ok(())
    }

    pub(super) fn dense(
        &mut self,
        key: &str,
        from: &Flow,
        weight: &Tensor,
        bias: &[f32],
    ) -> Result<(), ConvertError> {
        if weight.shape != [from.channels, bias.len()] || from.side != 0 {
            return odd(format!("the weights of {key} do not fit"));
        }
        let (w, b) = (format!("{key}/W"), format!("{key}/B"));
        self.graph.constant(&w, &[from.channels as u64, bias.len() as u64], &weight.values);
        self.graph.constant(&b, &[bias.len() as u64], bias);
        self.graph.node("Gemm", &[&from.name, &w, &b], key, &[]);
        self.alias(key, Flow { name: key.to_owned(), channels: bias.len(), ..from.clone() });
        Ok(())
    }

    pub(super) fn softmax(&mut self, key: &str, from: &Flow) {
        self.graph.node("Softmax", &[&from.name], key, &[Attribute::Int("axis", 1)]);
        self.alias(key, Flow { name: key.to_owned(), ..from.clone() });
    }

    /// The whole model; its answer is `from`.
    pub(super) fn finish(mut self, from: &Flow, side: usize) -> Result<Vec<u8>, ConvertError> {
        if from.side != 0 {
            return odd("the model does not end in one row of numbers");
        }
        self.graph.node("Identity", &[&from.name], "probabilities", &[]);
        let side = side as u64;
        let output = [1, from.channels as u64];
        Ok(self.graph.model("nsfwjs", ("input", &[1, 3, side, side]), ("probabilities", &output)))
    }
}
