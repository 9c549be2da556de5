//! The weights of a model: bytes, each tensor on a scale of its own.

use super::{ConvertError, odd};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// One tensor as the package describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Described {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Debug, Deserialize)]
struct Quantization {
    min: f64,
    scale: f64,
    dtype: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Every tensor, and which of them were asked for.
#[derive(Debug, Default)]
pub(super) struct Weights {
    tensors: BTreeMap<String, Tensor>,
    used: BTreeSet<String>,
}

impl Weights {
    /// Cuts the shards, put together, into the tensors of the manifest. Both must end at the same byte.
    pub(super) fn cut(described: &[Described], mut bytes: &[u8]) -> Result<Self, ConvertError> {
        let mut tensors = BTreeMap::new();
        for d in described {
            let Some(q) = d.quantization.as_ref().filter(|q| d.dtype == "float32" && q.dtype == "uint8")
            else {
                return odd(format!("the weight {} is not of bytes on a scale", d.name));
            };
            let size = d.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
            let Some((head, rest)) = size.and_then(|n| bytes.split_at_checked(n)) else {
                return odd(format!("the weights end within {}", d.name));
            };
            bytes = rest;
            let values: Vec<f32> = head.iter().map(|b| (f64::from(*b) * q.scale + q.min) as f32).collect();
            if !values.iter().all(|v| v.is_finite()) {
                return odd(format!("the weight {} has no finite scale", d.name));
            }
            if tensors.insert(d.name.clone(), Tensor { shape: d.shape.clone(), values }).is_some() {
                return odd(format!("the weight {} stands twice", d.name));
            }
        }
        if !bytes.is_empty() {
            return odd(format!("{} bytes of weights are left over", bytes.len()));
        }
        Ok(Self { tensors, used: BTreeSet::new() })
    }

    pub(super) fn get(&mut self, name: &str) -> Result<&Tensor, ConvertError> {
        let Some(tensor) = self.tensors.get(name) else {
            return odd(format!("the weight {name} is missing"));
        };
        if !self.used.contains(name) {
            self.used.insert(name.to_owned());
        }
        Ok(tensor)
    }

    /// A vector of `length` numbers.
    pub(super) fn row(&mut self, name: &str, length: usize) -> Result<&[f32], ConvertError> {
        let tensor = self.get(name)?;
        if tensor.shape != [length] {
            return odd(format!("the weight {name} has the shape {:?} instead of [{length}]", tensor.shape));
        }
        Ok(&tensor.values)
    }

    /// A weight that nobody asked for belongs to something that was not understood.
    pub(super) fn all_used(&self) -> Result<(), ConvertError> {
        match self.tensors.keys().find(|name| !self.used.contains(*name)) {
            Some(name) => odd(format!("nothing uses the weight {name}")),
            None => Ok(()),
        }
    }
}
