//! The machine for the pickles of state dicts (protocol 2).
//!
//! Values live in one list and refer to one another by index, so that neither deep nesting nor sharing costs
//! more than the pickle has bytes, and nothing recurses.

use std::collections::BTreeMap;

use super::SAVE_AGAIN;
use crate::TensorElement;

/// A value by its place in [`Pickle::values`].
pub(super) type Id = u32;

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// None, a float, a byte string that is no text: nothing that a tensor is made of.
    Other,
    Bool,
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// The tuple that stands for a storage.
    Storage(Id),
    /// The arguments of `_rebuild_tensor_v2`.
    Tensor(Id),
}

/// The names that a state dict may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(TensorElement),
}

impl Global {
    fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "DoubleStorage") => Self::Storage(TensorElement::F64),
            ("torch", "FloatStorage") => Self::Storage(TensorElement::F32),
            ("torch", "HalfStorage") => Self::Storage(TensorElement::F16),
            ("torch", "BFloat16Storage") => Self::Storage(TensorElement::Bf16),
            ("torch", "LongStorage") => Self::Storage(TensorElement::I64),
            ("torch", "IntStorage") => Self::Storage(TensorElement::I32),
            ("torch", "ShortStorage") => Self::Storage(TensorElement::I16),
            ("torch", "CharStorage") => Self::Storage(TensorElement::I8),
            ("torch", "ByteStorage") => Self::Storage(TensorElement::U8),
            ("torch", "BoolStorage") => Self::Storage(TensorElement::Bool),
            _ => return None,
        })
    }
}

/// A pickle that ran to its end.
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
    /// The number of bytes up to and with its end.
    pub(super) length: usize,
}

impl Pickle {
    /// Runs the pickle at the start of `bytes`.
    pub(super) fn run(bytes: &[u8]) -> Result<Self, String> {
        let mut machine =
            Machine { bytes, at: 0, values: Vec::new(), stack: Vec::new(), memo: BTreeMap::new() };
        loop {
            let at = machine.at;
            let done = machine.step().map_err(|problem| format!("pickle, byte {at}: {problem}"))?;
            if let Some(root) = done {
                return Ok(Self { values: machine.values, root, length: machine.at });
            }
        }
    }

    /// The value at the top.
    pub(super) fn root(&self) -> &Value {
        self.value(self.root)
    }

    pub(super) fn value(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::Other)
    }

    /// The texts of a list of texts.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        let Value::List(items) = self.root() else { return None };
        let text = |id: &Id| match self.value(*id) {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        items.iter().map(text).collect()
    }
}

/// What lies on the stack: a value, or the mark before a group of them.
#[derive(Clone, Copy)]
enum Slot {
    Value(Id),
    Mark,
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Slot>,
    memo: BTreeMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Does one operation; the result once the pickle ends.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let [operation] = self.take_array()?;
        match operation {
            0x80 => match self.take_array()? {
                [2] => {}
                [found] => return Err(format!("protocol {found}, expected 2")),
            },
            b'.' => return self.pop().map(Some),
            b'(' => self.stack.push(Slot::Mark),
            b'N' => self.push(Value::Other),
            b'G' => self.take_array::<8>().map(|_| self.push(Value::Other))?,
            0x88 | 0x89 => self.push(Value::Bool),
            b'K' | b'M' | b'J' | 0x8a => self.integer(operation)?,
            b'X' | b'T' | b'U' => self.text(operation)?,
            b'c' => self.global()?,
            b'q' | b'r' | b'h' | b'j' => self.memory(operation)?,
            b')' => self.push(Value::Tuple(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(operation - 0x84))?,
            b't' => {
                let items = self.pop_group()?;
                self.push(Value::Tuple(items));
            }
            b'a' | b'e' => self.append(operation)?,
            b's' | b'u' => self.set_items(operation)?,
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Storage(id));
            }
            b'R' => self.call()?,
            // Attributes of a dict, such as the `_metadata` of a module's state: not needed.
            b'b' => self.pop().map(|_| ())?,
            other => {
                let printed = [other].escape_ascii().to_string();
                return Err(format!("operation \"{printed}\" is not of a state dict; {SAVE_AGAIN}"));
            }
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (taken, _) = rest.split_at_checked(length).ok_or("the file ends inside the pickle")?;
        self.at += length;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| "the file ends inside the pickle".to_owned())
    }

    fn take_line(&mut self) -> Result<&'a str, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("a name has no end")?;
        let line = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "a name is no text".to_owned())
    }

    fn push(&mut self, value: Value) {
        // A value takes at least one byte of the pickle, so this holds for any file below 4 GiB of pickle;
        // beyond it values turn into `Other`, which no tensor is made of.
        let id = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value);
        self.stack.push(Slot::Value(id));
    }

    fn pop(&mut self) -> Result<Id, String> {
        match self.stack.pop() {
            Some(Slot::Value(id)) => Ok(id),
            _ => Err("a value is missing on the stack".to_owned()),
        }
    }

    /// The values down to the last mark, which goes too.
    fn pop_group(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.stack.iter().rposition(|slot| matches!(slot, Slot::Mark));
        let mark = mark.ok_or("a group has no begin")?;
        let value = |slot| match slot {
            Slot::Value(id) => Some(id),
            Slot::Mark => None,
        };
        let items = self.stack.drain(mark..).filter_map(value).collect();
        Ok(items)
    }

    /// The value on top of the stack, to be changed in place.
    fn top(&mut self) -> Option<&mut Value> {
        match self.stack.last() {
            Some(Slot::Value(id)) => self.values.get_mut(*id as usize),
            _ => None,
        }
    }

    fn integer(&mut self, operation: u8) -> Result<(), String> {
        let value = match operation {
            b'K' => self.take_array().map(|[byte]| i64::from(byte))?,
            b'M' => i64::from(u16::from_le_bytes(self.take_array()?)),
            b'J' => i64::from(i32::from_le_bytes(self.take_array()?)),
            _ => {
                let [length] = self.take_array()?;
                let digits = self.take(usize::from(length))?;
                let Some(value) = little_endian(digits) else {
                    return Err(format!("an integer of {length} bytes, expected at most 8"));
                };
                value
            }
        };
        self.push(Value::Int(value));
        Ok(())
    }

    fn text(&mut self, operation: u8) -> Result<(), String> {
        let length = match operation {
            b'U' => self.take_array().map(|[byte]| u32::from(byte))?,
            _ => u32::from_le_bytes(self.take_array()?),
        };
        let text = std::str::from_utf8(self.take(length as usize)?);
        self.push(text.map_or(Value::Other, |text| Value::Text(text.to_owned())));
        Ok(())
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.take_line()?, self.take_line()?);
        let Some(global) = Global::named(module, name) else {
            let shown: String = format!("{module}.{name}").chars().take(60).collect();
            return Err(format!("asks for `{shown}`, expected a dict of tensors only; {SAVE_AGAIN}"));
        };
        self.push(Value::Global(global));
        Ok(())
    }

    fn memory(&mut self, operation: u8) -> Result<(), String> {
        let place = match operation {
            b'q' | b'h' => self.take_array().map(|[byte]| u32::from(byte))?,
            _ => u32::from_le_bytes(self.take_array()?),
        };
        if matches!(operation, b'q' | b'r') {
            let Some(Slot::Value(id)) = self.stack.last().copied() else {
                return Err("nothing to remember".to_owned());
            };
            self.memo.insert(place, id);
        } else {
            let id = self.memo.get(&place).ok_or_else(|| format!("nothing was remembered as {place}"))?;
            self.stack.push(Slot::Value(*id));
        }
        Ok(())
    }

    fn tuple(&mut self, n: usize) -> Result<(), String> {
        let mut items = Vec::with_capacity(n);
        for _ in 0..n {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn append(&mut self, operation: u8) -> Result<(), String> {
        let new = if operation == b'a' { vec![self.pop()?] } else { self.pop_group()? };
        match self.top() {
            Some(Value::List(items)) => items.extend(new),
            _ => return Err("items without a list".to_owned()),
        }
        Ok(())
    }

    fn set_items(&mut self, operation: u8) -> Result<(), String> {
        let new = if operation == b's' {
            let (value, key) = (self.pop()?, self.pop()?);
            vec![key, value]
        } else {
            self.pop_group()?
        };
        let (pairs, rest) = new.as_chunks::<2>();
        match self.top() {
            Some(Value::Dict(items)) if rest.is_empty() => {
                items.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            _ => return Err("keys and values without a dict".to_owned()),
        }
        Ok(())
    }

    /// A call of one of the known names; the only ones are an empty `OrderedDict`, a tensor and a parameter.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, called) = (self.pop()?, self.pop()?);
        let get = |id: Id| self.values.get(id as usize);
        let (Some(Value::Global(global)), Some(Value::Tuple(items))) = (get(called), get(arguments)) else {
            return Err("a call without a name".to_owned());
        };
        let value = match (global, &items[..]) {
            (Global::OrderedDict, []) => Value::Dict(Vec::new()),
            (Global::RebuildTensor, _) => Value::Tensor(arguments),
            (Global::RebuildParameter, [data, ..]) => match get(*data) {
                Some(Value::Tensor(tensor)) => Value::Tensor(*tensor),
                _ => return Err("a parameter without a tensor".to_owned()),
            },
            _ => return Err(format!("a call of {global:?} with {} arguments", items.len())),
        };
        self.push(value);
        Ok(())
    }
}

/// A signed integer of up to 8 little-endian bytes.
fn little_endian(digits: &[u8]) -> Option<i64> {
    let negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut bytes = [if negative { 0xFF } else { 0 }; 8];
    bytes.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(i64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_signed() {
        let cases: [(&[u8], i64); 4] = [(&[], 0), (&[0xFF], -1), (&[0xFF, 0], 255), (&[0, 1], 256)];
        for (digits, value) in cases {
            assert_eq!(little_endian(digits), Some(value));
        }
        assert_eq!(little_endian(&[0; 9]), None);
    }

    #[test]
    fn what_is_no_state_dict_is_refused_by_name() {
        let message = |bytes: &[u8]| Pickle::run(bytes).map(|_| ()).unwrap_err();
        assert_eq!(
            message(b"\x80\x02cos\nsystem\n."),
            format!("pickle, byte 2: asks for `os.system`, expected a dict of tensors only; {SAVE_AGAIN}")
        );
        assert_eq!(message(b"\x80\x04."), "pickle, byte 0: protocol 4, expected 2");
        assert_eq!(message(b"\x80\x02}"), "pickle, byte 3: the file ends inside the pickle");
        assert_eq!(message(b"\x80\x02."), "pickle, byte 2: a value is missing on the stack");
        assert_eq!(message(b"\x80\x02h\x07."), "pickle, byte 2: nothing was remembered as 7");
        assert_eq!(
            message(b"\x80\x02i."),
            format!("pickle, byte 2: operation \"i\" is not of a state dict; {SAVE_AGAIN}")
        );
    }

    #[test]
    fn deep_nesting_and_sharing_stay_small() {
        // A million tuples, each around the last, and a tuple of the same value over and over.
        let deep = [&b"\x80\x02)"[..], &vec![0x85; 1_000_000], b"."].concat();
        assert!(Pickle::run(&deep).is_ok());
        let shared = [&b"\x80\x02)q\x00"[..], &b"h\x00\x86q\x00".repeat(100_000), b"."].concat();
        assert!(Pickle::run(&shared).is_ok());
    }
}
