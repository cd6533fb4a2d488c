use std::fmt;
use std::str::FromStr;

use crate::ModelsError;

/// Where tensors live and are computed.
///
/// ```
/// use cistron_models::Device;
///
/// let device: Device = "cuda:1".parse()?;
/// assert_eq!(device, Device::Cuda(1));
/// assert!(Device::Cpu.check().is_ok());
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by its number, from 0.
    Cuda(usize),
    /// The GPU of an Apple machine. Passed through to candle and not checked on such a machine.
    Metal,
}

impl Device {
    /// The kinds of devices whose code is in this program, the first of each kind.
    ///
    /// ```
    /// use cistron_models::Device;
    ///
    /// assert!(Device::compiled().contains(&Device::Cpu));
    /// ```
    pub const fn compiled() -> &'static [Self] {
        match (cfg!(feature = "cuda"), cfg!(feature = "metal")) {
            (false, false) => &[Self::Cpu],
            (true, false) => &[Self::Cpu, Self::Cuda(0)],
            (false, true) => &[Self::Cpu, Self::Metal],
            (true, true) => &[Self::Cpu, Self::Cuda(0), Self::Metal],
        }
    }

    /// Whether matrix products on the processor run in Apple's Accelerate library (feature `accelerate`).
    pub const fn uses_accelerate() -> bool {
        cfg!(feature = "accelerate")
    }

    /// Whether the device can be opened.
    ///
    /// # Errors
    /// [`ModelsError::DeviceFeature`] if its code is not in this program, [`ModelsError::DeviceMissing`] if it
    /// is, but the machine has no such device.
    pub fn check(self) -> Result<(), ModelsError> {
        self.open().map(|_| ())
    }

    /// The device as the tensor library knows it. Never another one instead: a GPU that is asked for and absent
    /// is an error, not the processor.
    pub(crate) fn open(self) -> Result<candle_core::Device, ModelsError> {
        let (compiled, feature) = match self {
            Self::Cpu => return Ok(candle_core::Device::Cpu),
            Self::Cuda(_) => (cfg!(feature = "cuda"), "cuda"),
            Self::Metal => (cfg!(feature = "metal"), "metal"),
        };
        if !compiled {
            return Err(ModelsError::DeviceFeature { device: self.to_string(), feature });
        }
        let opened = match self {
            Self::Cuda(number) => candle_core::Device::new_cuda(number),
            _ => candle_core::Device::new_metal(0),
        };
        opened.map_err(|source| ModelsError::DeviceMissing {
            device: self.to_string(),
            source: Box::new(source),
        })
    }
}

impl FromStr for Device {
    type Err = ModelsError;

    /// `cpu`, `cuda` (the first), `cuda:N` or `metal`.
    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let unknown = || ModelsError::DeviceName { found: text.to_owned() };
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            _ => {
                let digits = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
                digits.parse().ok().filter(|_| all_digits).map(Self::Cuda).ok_or_else(unknown)
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        let cases = [("cpu", Device::Cpu), ("cuda:7", Device::Cuda(7)), ("metal", Device::Metal)];
        for (text, device) in cases {
            assert_eq!(text.parse::<Device>().unwrap(), device);
            assert_eq!(device.to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
    }

    #[test]
    fn other_names_are_refused() {
        for text in ["", "CPU", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "gpu", "metal:0"] {
            let error = text.parse::<Device>().unwrap_err().to_string();
            assert_eq!(error, format!("device {text:?} is not known, expected cpu, cuda, cuda:N or metal"));
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        assert!(Device::Cpu.check().is_ok());
        assert_eq!(Device::compiled()[0], Device::Cpu);
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_that_is_not_compiled_in_names_its_feature() {
        let error = Device::Cuda(0).check().unwrap_err().to_string();
        assert_eq!(error, "device cuda:0 is not compiled in, expected a build with the feature `cuda`");
    }
}
