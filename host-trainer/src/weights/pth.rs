//! Weights saved by `torch.save` before PyTorch 1.6: five pickles (magic number, protocol, system, table of tensors,
//! list of storages), then each storage as a 64-bit count and its values, little-endian.

use std::collections::BTreeMap;
use std::path::Path;

use skueye_models::network::Weights;
use skueye_models::{Code, Fault};

use super::pickle::{self, Value};

/// A storage's bytes and the width of one value.
type Storages<'a> = BTreeMap<String, (&'a [u8], usize)>;

/// Every tensor of 32-bit floats in the file at `path`, by name. Counters and other integers are left out.
pub fn read_pth(path: &Path) -> Result<Weights, Fault> {
    let bytes = std::fs::read(path).map_err(|e| Fault::io("read", path, &e))?;
    parse(&bytes).map_err(|got| {
        Fault::new(
            Code::WeightsMismatch,
            "a PyTorch state dictionary in the legacy format",
            got,
            "fetch the weights again",
        )
        .at(path)
    })
}

fn parse(bytes: &[u8]) -> Result<Weights, String> {
    let mut at = 0;
    let mut next = || {
        let (value, used) = pickle::read(&bytes[at..])?;
        at += used;
        Ok::<_, String>((value, at))
    };
    let (magic, protocol, _system) = (next()?.0, next()?.0, next()?.0);
    if magic != Value::Int(i64::MAX) || protocol != Value::Int(1001) {
        return Err("another magic number or protocol".into());
    }
    let tensors = table(next()?.0)?;
    let (keys, end) = next()?;
    let references = tensors
        .iter()
        .filter_map(|(_, v)| TensorRef::of(v))
        .collect::<Vec<_>>();
    let storages = storages(&bytes[end..], &keys, &references)?;
    let mut weights = Weights::default();
    for (name, value) in &tensors {
        let (Value::Text(name), Some(tensor)) = (name, TensorRef::of(value)) else {
            return Err("an entry that is not a named tensor".into());
        };
        if tensor.is_float {
            let data = tensor.values(&storages)?;
            weights.insert(name.clone(), tensor.shape, data);
        }
    }
    Ok(weights)
}

/// The entries of an `OrderedDict` or a plain dictionary.
fn table(value: Value) -> Result<Vec<(Value, Value)>, String> {
    match value {
        Value::Dict(entries) => Ok(entries),
        Value::Call(_, arguments) => match arguments.into_iter().last() {
            Some(Value::Dict(entries)) => Ok(entries),
            _ => Err("an empty table".into()),
        },
        _ => Err("no table of tensors".into()),
    }
}

/// `_rebuild_tensor_v2(storage, offset, shape, strides, ...)`. Weights that were converted from another framework are
/// often saved as transposed views, so strides are honoured.
struct TensorRef {
    key: String,
    is_float: bool,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl TensorRef {
    fn of(value: &Value) -> Option<Self> {
        let Value::Call(_, arguments) = value else {
            return None;
        };
        let [
            Value::Persistent(id),
            offset,
            Value::Tuple(shape),
            Value::Tuple(strides),
            ..,
        ] = arguments.as_slice()
        else {
            return None;
        };
        let Value::Tuple(id) = &**id else { return None };
        let [_, Value::Global(kind), Value::Text(key), ..] = id.as_slice() else {
            return None;
        };
        let (shape, strides) = (sizes(shape)?, sizes(strides)?);
        let is_float = kind == "torch FloatStorage";
        (shape.len() == strides.len()).then(|| Self {
            key: key.clone(),
            is_float,
            offset: size(offset).unwrap_or(usize::MAX),
            shape,
            strides,
        })
    }

    /// The values in row-major order.
    fn values(&self, storages: &Storages) -> Result<Vec<f32>, String> {
        let (raw, _) = storages
            .get(&self.key)
            .ok_or_else(|| format!("no storage {}", self.key))?;
        let beyond = || format!("a tensor beyond its storage {}", self.key);
        let stored = raw.len() / 4;
        let count = self
            .shape
            .iter()
            .try_fold(1usize, |n, &size| n.checked_mul(size))
            .filter(|&n| n <= stored);
        let mut data = Vec::with_capacity(count.ok_or_else(beyond)?);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..data.capacity() {
            let at = index
                .iter()
                .zip(&self.strides)
                .try_fold(self.offset, |at, (i, stride)| {
                    at.checked_add(stride.checked_mul(*i)?)
                });
            let at = at.filter(|&at| at < stored).ok_or_else(beyond)? * 4;
            data.push(f32::from_le_bytes([
                raw[at],
                raw[at + 1],
                raw[at + 2],
                raw[at + 3],
            ]));
            advance(&mut index, &self.shape);
        }
        Ok(data)
    }
}

/// The next index in row-major order.
fn advance(index: &mut [usize], shape: &[usize]) {
    for (i, &size) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < size {
            return;
        }
        *i = 0;
    }
}

fn storages<'a>(
    mut rest: &'a [u8],
    keys: &Value,
    tensors: &[TensorRef],
) -> Result<Storages<'a>, String> {
    let widths: BTreeMap<&str, usize> = tensors
        .iter()
        .map(|t| (t.key.as_str(), if t.is_float { 4 } else { 8 }))
        .collect();
    let Value::List(keys) = keys else {
        return Err("no list of storages".into());
    };
    let mut storages = Storages::new();
    for key in keys {
        let Value::Text(key) = key else {
            return Err("a storage without a name".into());
        };
        let width = *widths
            .get(key.as_str())
            .ok_or_else(|| format!("storage {key} that no tensor uses"))?;
        let (count, after) = rest
            .split_first_chunk::<8>()
            .ok_or("the end of the file before a storage")?;
        let bytes = usize::try_from(u64::from_le_bytes(*count))
            .ok()
            .and_then(|n| n.checked_mul(width));
        let bytes = bytes
            .filter(|&n| n <= after.len())
            .ok_or_else(|| format!("the end of the file in storage {key}"))?;
        let (raw, after) = after.split_at(bytes);
        storages.insert(key.clone(), (raw, width));
        rest = after;
    }
    Ok(storages)
}

fn sizes(values: &[Value]) -> Option<Vec<usize>> {
    values.iter().map(size).collect()
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::Int(n) => usize::try_from(*n).ok(),
        _ => None,
    }
}
