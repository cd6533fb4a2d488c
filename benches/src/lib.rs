//! What the benchmarks share.

use cpu_time::ProcessTime;

/// The CPU seconds of this process, all threads together; NaN where the system does not say.
pub fn cpu_seconds() -> f64 {
    ProcessTime::try_now().map_or(f64::NAN, |time| time.as_duration().as_secs_f64())
}
