//! `cistron doctor`: what this machine and this program offer.

use std::io::Write;

use cistron::models::Device;

use crate::context::Context;
use crate::output::Output;

pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let mut output = Output::open(None, context)?;
    writeln!(output, "cistron {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(output, "threads      {}", rayon::current_num_threads())?;
    writeln!(output, "instructions {}", instructions().join(" "))?;
    for &device in Device::compiled() {
        let state =
            device.check().map_or_else(|error| format!("not found ({error})"), |()| "found".to_owned());
        writeln!(output, "device       {device}: {state}")?;
    }
    for missing in ["cuda", "metal"].iter().filter(|name| !compiled(name)) {
        writeln!(output, "device       {missing}: not compiled in (feature `{missing}`)")?;
    }
    let accelerate = if Device::uses_accelerate() { "on" } else { "off" };
    writeln!(output, "accelerate   {accelerate}")?;
    writeln!(output, "chosen       {} with seed {}", context.device, context.seed.number())?;
    output.commit()
}

fn compiled(name: &str) -> bool {
    Device::compiled().iter().any(|device| device.to_string().starts_with(name))
}

/// The vector instructions of this processor that numeric code of the workspace may use.
fn instructions() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let found = [("neon", std::arch::is_aarch64_feature_detected!("neon"))];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let found: [(&str, bool); 0] = [];
    let names: Vec<_> = found.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    if names.is_empty() { vec!["none known"] } else { names }
}
