//! Keras layers: a list in the order of computation, each naming the layers it takes from.

use super::layers::{Builder, Flow, Kernel, Padding, Window};
use super::weights::Weights;
use super::{ConvertError, odd};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn convert(config: &Value, weights: Weights, side: usize) -> Result<Vec<u8>, ConvertError> {
    let layers = config.pointer("/config/layers").and_then(Value::as_array);
    let Some(layers) = layers else { return odd("it has no layers") };
    let layers = layers.iter().map(Layer::of).collect::<Result<Vec<_>, _>>()?;
    let mut consumers: BTreeMap<&str, Vec<&Layer>> = BTreeMap::new();
    for layer in &layers {
        for input in &layer.inputs {
            consumers.entry(input).or_default().push(layer);
        }
    }
    let mut walk = Walk { builder: Builder::default(), weights, consumers, side };
    for layer in &layers {
        walk.layer(layer)?;
    }
    walk.weights.all_used()?;
    let Some(last) = config.pointer("/config/output_layers/0/0").and_then(Value::as_str) else {
        return odd("it names no output");
    };
    let end = walk.builder.flow(last)?;
    walk.builder.finish(&end, side)
}

struct Layer<'a> {
    name: &'a str,
    class: &'a str,
    config: &'a Value,
    inputs: Vec<&'a str>,
}

impl<'a> Layer<'a> {
    fn of(value: &'a Value) -> Result<Self, ConvertError> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let (Some(name), Some(class), Some(config)) = (text("name"), text("class_name"), value.get("config"))
        else {
            return odd("a layer without name, class or configuration");
        };
        let nodes = value.get("inbound_nodes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let inputs = match nodes {
            [] => Some(Vec::new()),
            [only] => only.as_array().and_then(|i| i.iter().map(|n| n.get(0)?.as_str()).collect()),
            _ => None,
        };
        match inputs {
            Some(inputs) => Ok(Self { name, class, config, inputs }),
            None => odd(format!("the inputs of {name} cannot be understood")),
        }
    }

    /// `None` and an absent key are the same.
    fn setting(&self, key: &str) -> Option<&'a Value> {
        self.config.get(key).filter(|v| !v.is_null())
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.setting(key).and_then(Value::as_str)
    }

    /// Two numbers, `[h, w]`.
    fn pair(&self, key: &str) -> Result<[usize; 2], ConvertError> {
        let of = |i: usize| self.setting(key)?.get(i)?.as_u64().and_then(|n| usize::try_from(n).ok());
        match (of(0), of(1)) {
            (Some(h), Some(w)) => Ok([h, w]),
            _ => odd(format!("{} has no {key}", self.name)),
        }
    }

    /// Refuses a setting that has any other value than these.
    fn only(&self, key: &str, allowed: &[Value]) -> Result<(), ConvertError> {
        match self.setting(key) {
            Some(value) if !allowed.contains(value) => {
                odd(format!("{} has {key} = {value}, which is unknown here", self.name))
            }
            _ => Ok(()),
        }
    }

    fn window(&self, size: &str) -> Result<Window, ConvertError> {
        self.only("data_format", &["channels_last".into()])?;
        let stride = self.pair("strides")?;
        let padding = match self.text("padding") {
            Some("same") => Padding::Same,
            Some("valid") => Padding::Valid,
            other => return odd(format!("{} pads {other:?}", self.name)),
        };
        if stride[0] != stride[1] {
            return odd(format!("{} moves by {stride:?}", self.name));
        }
        Ok(Window { size: self.pair(size)?, stride: stride[0], padding })
    }
}

struct Walk<'a> {
    builder: Builder,
    weights: Weights,
    consumers: BTreeMap<&'a str, Vec<&'a Layer<'a>>>,
    side: usize,
}

impl Walk<'_> {
    fn layer(&mut self, layer: &Layer<'_>) -> Result<(), ConvertError> {
        if layer.class == "InputLayer" {
            return self.input(layer);
        }
        let from = layer.inputs.iter().map(|i| self.builder.flow(i)).collect::<Result<Vec<_>, _>>()?;
        let name = layer.name;
        match (layer.class, from.as_slice()) {
            ("Conv2D", [from]) => self.conv(layer, from, false),
            ("DepthwiseConv2D", [from]) => self.conv(layer, from, true),
            // Folded into the convolution before it, or else unknown.
            ("BatchNormalization", [_]) if self.builder.knows(name) => Ok(()),
            ("ZeroPadding2D", [from]) => self.hem(layer, from),
            ("ReLU", [from]) => {
                layer.only("max_value", &[6.into()])?;
                layer.only("negative_slope", &[0.into()])?;
                layer.only("threshold", &[0.into()])?;
                let bounded = layer.setting("max_value").is_some();
                if bounded {
                    self.builder.clip6(name, from)
                } else {
                    self.builder.unary(name, "Relu", from)
                }
                Ok(())
            }
            ("Activation", [from]) => self.activation(layer, name, from),
            ("Add", [a, b]) => self.builder.add(name, a, b),
            ("Concatenate", parts) => {
                layer.only("axis", &[3.into(), (-1).into()])?;
                self.builder.concat(name, parts)
            }
            ("AveragePooling2D", [from]) => {
                self.builder.pool(name, "AveragePool", from, layer.window("pool_size")?)
            }
            ("MaxPooling2D", [from]) => self.builder.pool(name, "MaxPool", from, layer.window("pool_size")?),
            ("Flatten", [from]) => self.builder.flatten(name, from),
            // Only while learning.
            ("Dropout", [from]) => {
                self.builder.alias(name, from.clone());
                Ok(())
            }
            ("Dense", [from]) => self.dense(layer, from),
            (class, _) => odd(format!("the layer {name} ({class}) is unknown here")),
        }
    }

    fn input(&mut self, layer: &Layer<'_>) -> Result<(), ConvertError> {
        let expected = serde_json::json!([null, self.side, self.side, 3]);
        if layer.setting("batch_input_shape") != Some(&expected) {
            return odd("it takes other pictures than expected");
        }
        self.builder.input(layer.name, self.side);
        Ok(())
    }

    fn hem(&mut self, layer: &Layer<'_>, from: &Flow) -> Result<(), ConvertError> {
        if layer.setting("padding") != Some(&serde_json::json!([[0, 1], [0, 1]])) || from.hem != 0 {
            return odd(format!("{} pads in an unknown way", layer.name));
        }
        self.builder.alias(layer.name, Flow { hem: 1, ..from.clone() });
        Ok(())
    }

    fn activation(&mut self, layer: &Layer<'_>, name: &str, from: &Flow) -> Result<(), ConvertError> {
        match layer.text("activation") {
            Some("relu") => self.builder.unary(name, "Relu", from),
            Some("softmax") if from.side == 0 => self.builder.softmax(name, from),
            Some("linear") | None => self.builder.alias(name, from.clone()),
            Some(other) => return odd(format!("the activation {other} is unknown here")),
        }
        Ok(())
    }

    fn conv(&mut self, layer: &Layer<'_>, from: &Flow, depthwise: bool) -> Result<(), ConvertError> {
        layer.only("dilation_rate", &[serde_json::json!([1, 1])])?;
        layer.only("depth_multiplier", &[1.into()])?;
        layer.only("activation", &["linear".into()])?;
        let name = layer.name;
        let weight = if depthwise { "depthwise_kernel" } else { "kernel" };
        let mut kernel = Kernel::of(self.weights.get(&format!("{name}/{weight}"))?, depthwise)?;
        let outs = kernel.shape[0];
        if layer.setting("use_bias") != Some(&Value::Bool(false)) {
            kernel.bias = self.weights.row(&format!("{name}/bias"), outs)?.to_vec();
        }
        let next = match self.consumers.get(name).map(Vec::as_slice) {
            Some([next]) if next.class == "BatchNormalization" => Some(*next),
            _ => None,
        };
        if let Some(next) = next {
            self.fold(&mut kernel, next)?;
        }
        self.builder.conv(name, from, &kernel, layer.window("kernel_size")?)?;
        if let Some(next) = next {
            let made = self.builder.flow(name)?;
            self.builder.alias(next.name, made);
        }
        Ok(())
    }

    fn fold(&mut self, kernel: &mut Kernel, norm: &Layer<'_>) -> Result<(), ConvertError> {
        norm.only("axis", &[3.into(), (-1).into()])?;
        let Some(epsilon) = norm.setting("epsilon").and_then(Value::as_f64) else {
            return odd(format!("{} has no epsilon", norm.name));
        };
        let outs = kernel.shape[0];
        let has = |key: &str| norm.setting(key) != Some(&Value::Bool(false));
        let mut row = |key: &str| -> Result<Vec<f64>, ConvertError> {
            let row = self.weights.row(&format!("{}/{key}", norm.name), outs)?;
            Ok(row.iter().map(|v| f64::from(*v)).collect())
        };
        let gamma = if has("scale") { row("gamma")? } else { vec![1.0; outs] };
        let beta = if has("center") { row("beta")? } else { vec![0.0; outs] };
        let (mean, variance) = (row("moving_mean")?, row("moving_variance")?);
        kernel.normalise(|i, bias| {
            let scale = gamma[i] / (variance[i] + epsilon).sqrt();
            (scale, beta[i] + (bias - mean[i]) * scale)
        });
        Ok(())
    }

    fn dense(&mut self, layer: &Layer<'_>, from: &Flow) -> Result<(), ConvertError> {
        let (name, units) = (layer.name, layer.setting("units").and_then(Value::as_u64));
        let units = units.and_then(|u| usize::try_from(u).ok()).unwrap_or_default();
        let bias = self.weights.row(&format!("{name}/bias"), units)?.to_vec();
        let raw = format!("{name}/sum");
        let weight = self.weights.get(&format!("{name}/kernel"))?;
        self.builder.dense(&raw, from, weight, &bias)?;
        let sum = self.builder.flow(&raw)?;
        self.activation(layer, name, &sum)
    }
}
