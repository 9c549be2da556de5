//! A device's windows, and the append that is under way.

use super::EVENT_WINDOWS;
use crate::dynamo::{Item, Key};
use ::events::{DeviceWindows, Window};
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::DeviceId;

const ROW_V: i64 = 1;

pub(super) fn key(device: DeviceId) -> Key {
    Key::of(device.to_string())
}

/// An append that was begun: whether it happened, its chunk says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub shard: u16,
    pub chunk: u64,
    pub id: String,
    /// The windows once it happened.
    pub after: DeviceWindows,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WindowRow {
    pub windows: DeviceWindows,
    pub pending: Option<Pending>,
}

#[derive(Serialize, Deserialize)]
struct WindowsBody {
    floor: u64,
    /// Epoch, highest number, bits.
    epochs: Vec<(u64, u64, u64)>,
}

impl From<&DeviceWindows> for WindowsBody {
    fn from(w: &DeviceWindows) -> Self {
        Self { floor: w.floor, epochs: w.epochs.iter().map(|(e, w)| (*e, w.high, w.bits)).collect() }
    }
}

impl From<WindowsBody> for DeviceWindows {
    fn from(body: WindowsBody) -> Self {
        let epochs = body.epochs.into_iter().map(|(e, high, bits)| (e, Window { high, bits })).collect();
        Self { floor: body.floor, epochs }
    }
}

impl WindowRow {
    pub fn item(&self, device: DeviceId) -> Result<Item, Fault> {
        let item = Item::new(ROW_V)
            .s(EVENT_WINDOWS.hash.name, device.to_string())
            .json("windows", &WindowsBody::from(&self.windows))?;
        match &self.pending {
            None => Ok(item),
            Some(p) => item
                .n("shard", i64::from(p.shard))
                .n("chunk", p.chunk as i64)
                .s("id", p.id.as_str())
                .json("after", &WindowsBody::from(&p.after)),
        }
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self::default()) };
        item.layout(ROW_V)?;
        let windows = item.get_json::<WindowsBody>("windows")?.into();
        let pending = match item.opt_n("chunk") {
            None => None,
            Some(chunk) => Some(Pending {
                shard: u16::try_from(item.get_n("shard")?).map_err(Fault::corrupt)?,
                chunk: u64::try_from(chunk).map_err(Fault::corrupt)?,
                id: item.get_s("id")?.to_owned(),
                after: item.get_json::<WindowsBody>("after")?.into(),
            }),
        };
        Ok(Self { windows, pending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let old = Item::new(1)
            .s("device_id", DeviceId(4).to_string())
            .s("windows", r#"{"floor":2,"epochs":[[3,9,511]]}"#)
            .n("shard", 1)
            .n("chunk", 77)
            .s("id", "c0ffee")
            .s("after", r#"{"floor":2,"epochs":[[3,10,18446744073709551615]]}"#);
        let windows = |high, bits| DeviceWindows {
            floor: 2,
            epochs: [(3, Window { high, bits })].into_iter().collect(),
        };
        let pending = Pending { shard: 1, chunk: 77, id: "c0ffee".into(), after: windows(10, u64::MAX) };
        let row = WindowRow { windows: windows(9, 511), pending: Some(pending) };
        assert_eq!(WindowRow::of_seen(Some(&old)).unwrap(), row);
        assert_eq!(WindowRow::of_seen(Some(&row.item(DeviceId(4)).unwrap())).unwrap(), row);
        let plain = WindowRow { pending: None, ..row };
        assert_eq!(WindowRow::of_seen(Some(&plain.item(DeviceId(4)).unwrap())).unwrap(), plain);
        assert_eq!(WindowRow::of_seen(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
    }
}
