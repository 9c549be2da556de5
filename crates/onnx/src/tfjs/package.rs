//! What stands where in the package, and that it is the package we know.

use super::literal::exported;
use super::weights::{Described, Weights};
use super::{ConvertError, odd, read};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

/// The release of `nsfwjs` whose files are known here. Another one may mean something else by its classes.
pub const VERSION: &str = "4.3.0";

/// The models of the package. ADR 0011 says which one is used and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackagedModel {
    MobileNetV2,
    MobileNetV2Mid,
    InceptionV3,
}

/// A file of the package and its SHA-256.
type Pinned = (&'static str, &'static str);

impl PackagedModel {
    pub const ALL: [Self; 3] = [Self::MobileNetV2, Self::MobileNetV2Mid, Self::InceptionV3];

    /// As the package calls its directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MobileNetV2 => "mobilenet_v2",
            Self::MobileNetV2Mid => "mobilenet_v2_mid",
            Self::InceptionV3 => "inception_v3",
        }
    }

    /// Width and height of what it looks at.
    pub const fn side(self) -> u32 {
        match self {
            Self::MobileNetV2 | Self::MobileNetV2Mid => 224,
            Self::InceptionV3 => 299,
        }
    }

    /// What the library itself answers to the golden picture (tfjs 4.22, WebAssembly).
    pub const fn golden(self) -> [f32; 5] {
        match self {
            Self::MobileNetV2 => [0.878_958_6, 0.019_219_6, 0.097_103_2, 0.003_775_1, 0.000_943_4],
            Self::MobileNetV2Mid => [0.074_383_7, 0.022_983, 0.901_023_4, 0.000_665_4, 0.000_944_5],
            Self::InceptionV3 => [0.402_295_6, 0.054_203_3, 0.520_686_2, 0.017_062_9, 0.005_752],
        }
    }

    /// The topology first, then the shards.
    const fn files(self) -> &'static [Pinned] {
        match self {
            Self::MobileNetV2 => &[
                ("model", "c32f104fd562b08cdff5ed69dfe1209643afa47e792fb12751d2949aa61a397a"),
                ("group1-shard1of1", "ef2e0a63f7d2c4960b37b024b669313f65d3c45cd59e9042636c55b39de53517"),
            ],
            Self::MobileNetV2Mid => &[
                ("model", "a7a9e701491e2449b221dab7c424957f853e700602b5575da33cfd745616f964"),
                ("group1-shard1of2", "f2e79a209e44d668220ec5f1533a98f2be954e3953685bf074d201b82fefc29a"),
                ("group1-shard2of2", "f291df992a0131741372506a6072fb9f1645bff7c973c983fd6276f5f9625d5e"),
            ],
            Self::InceptionV3 => &[
                ("model", "8c2b793b9d277840fc757725bf3b135c96d5a54ec020e2b4ab569fc3df6b3848"),
                ("group1-shard1of6", "e9316ac20ff634f990e483062050afe9a4826885c3a212d676ce2cfda93a4884"),
                ("group1-shard2of6", "467b33d62b4c470edf8acd3da554e331f2d49f3f93ddd718f944f595c516cd82"),
                ("group1-shard3of6", "075300e057ca7e9fd2e282afbc3a6596a0404288c94bf781e9b20658cbeee664"),
                ("group1-shard4of6", "b51ee46e062e752e81c28761a56369432671bfb3d59f4f062f5bd4dd58ff5303"),
                ("group1-shard5of6", "d4149969b3c61e0d4dde1d4f555f5b00f4fc87f6bab1a4cd4967b24f62725de6"),
                ("group1-shard6of6", "b684762a7d7c39b80183d260bdab6f072321349300f9f2ff144a085a382acfc4"),
            ],
        }
    }
}

/// The topology and the weights of a model of an installed package.
pub(super) fn open(package: &Path, model: PackagedModel) -> Result<(Value, Weights), ConvertError> {
    let file = |name: &str| package.join("dist/models").join(model.name()).join(format!("{name}.min.js"));
    let mut literals = Vec::new();
    for (name, sha256) in model.files() {
        literals.push(literal(&file(name), sha256)?);
    }
    parts(&literals, model)
}

fn literal(path: &Path, sha256: &str) -> Result<Value, ConvertError> {
    let bytes = read(path)?;
    if hex::encode(Sha256::digest(&bytes)) != sha256 {
        return Err(ConvertError::OtherFile { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|e| e.to_string());
    text.and_then(|t| exported(&t)).map_err(|said| ConvertError::Literal { path: path.to_owned(), said })
}

/// The literals of a model, in the order of its files, put together.
pub(super) fn parts(literals: &[Value], model: PackagedModel) -> Result<(Value, Weights), ConvertError> {
    let Some((bundle, shards)) = literals.split_first() else { return odd("there are no files") };
    let (Some(topology), Some([group])) = (
        bundle.get("modelTopology"),
        bundle.get("weightsManifest").and_then(Value::as_array).map(Vec::as_slice),
    ) else {
        return odd("the bundle holds no topology or not one group of weights");
    };
    let named: Vec<&str> = model.files().iter().skip(1).map(|(name, _)| *name).collect();
    if group.get("paths") != Some(&Value::from(named)) {
        return odd("the weights stand in other files than expected");
    }
    let described = group.get("weights").cloned().unwrap_or_default();
    let described: Vec<Described> = serde_json::from_value(described)
        .map_err(|e| ConvertError::Model(format!("the list of weights cannot be understood: {e}")))?;
    let mut bytes = Vec::new();
    for shard in shards {
        let decoded = shard.as_str().and_then(|s| STANDARD.decode(s).ok());
        bytes.extend(decoded.map_or_else(|| odd("a shard is not base64"), Ok)?);
    }
    Ok((topology.clone(), Weights::cut(&described, &bytes)?))
}
