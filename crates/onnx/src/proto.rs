//! ONNX files being written: Protocol Buffers with varints and length-delimited fields.

const FLOAT: u64 = 1;
const INT_ATTRIBUTE: u64 = 2;
const INTS_ATTRIBUTE: u64 = 7;

/// A message; fields stand in the order they were added.
#[derive(Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
    pub(crate) fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }
    pub(crate) fn bytes(self, field: u64, value: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(value.len() as u64);
        message.0.extend_from_slice(value);
        message
    }
    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }
}

/// An attribute of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attribute<'a> {
    Int(&'a str, u64),
    Ints(&'a str, &'a [u64]),
}

impl Attribute<'_> {
    fn message(self) -> Message {
        match self {
            Self::Int(name, value) => {
                Message::default().text(1, name).number(3, value).number(20, INT_ATTRIBUTE)
            }
            Self::Ints(name, values) => values
                .iter()
                .fold(Message::default().text(1, name), |m, v| m.number(8, *v))
                .number(20, INTS_ATTRIBUTE),
        }
    }
}

/// A graph of one input and one output, node by node.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Message,
    constants: Message,
}

impl Graph {
    /// `output` names the node too.
    pub(crate) fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[Attribute<'_>]) {
        let wired = inputs.iter().fold(Message::default(), |m, i| m.text(1, i));
        let named = wired.text(2, output).text(3, output).text(4, op);
        let whole = attributes.iter().fold(named, |m, a| m.bytes(5, &a.message().0));
        self.nodes = std::mem::take(&mut self.nodes).bytes(1, &whole.0);
    }

    pub(crate) fn constant(&mut self, name: &str, dims: &[u64], values: &[f32]) {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shaped = dims.iter().fold(Message::default(), |m, d| m.number(1, *d));
        let tensor = shaped.number(2, FLOAT).text(8, name).bytes(9, &raw);
        self.constants = std::mem::take(&mut self.constants).bytes(5, &tensor.0);
    }

    /// The whole file; the same graph is the same bytes every time.
    pub(crate) fn model(self, name: &str, input: (&str, &[u64]), output: (&str, &[u64])) -> Vec<u8> {
        let mut graph = self.nodes.text(2, name);
        graph.0.extend(self.constants.0);
        let graph = graph.bytes(11, &value(input)).bytes(12, &value(output));
        let opset = Message::default().text(1, "").number(2, 13);
        Message::default().number(1, 8).text(2, "signal-video").bytes(7, &graph.0).bytes(8, &opset.0).0
    }
}

fn value((name, dims): (&str, &[u64])) -> Vec<u8> {
    let shape = dims.iter().fold(Message::default(), |m, d| m.bytes(1, &Message::default().number(1, *d).0));
    let tensor = Message::default().number(1, FLOAT).bytes(2, &shape.0);
    let kind = Message::default().bytes(1, &tensor.0);
    Message::default().text(1, name).bytes(2, &kind.0).0
}
