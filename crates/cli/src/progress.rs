//! Progress bars and warnings on standard error.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cistron::{Observer, Warning};
use indicatif::{ProgressBar, ProgressStyle};

use crate::context::ProgressMode;

/// Shows what the library reports, and remembers the warnings for the record of the run.
pub(crate) struct Progress {
    bars: bool,
    quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    warnings: Vec<String>,
}

impl Progress {
    pub(crate) fn new(mode: ProgressMode, quiet: bool) -> Self {
        let bars = match mode {
            ProgressMode::Always => true,
            ProgressMode::Never => false,
            ProgressMode::Auto => !quiet && std::io::stderr().is_terminal(),
        };
        Self { bars, quiet, state: Mutex::default() }
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.state().warnings.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves nothing half-done here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn begin(&self, task: &str, total: Option<u64>) {
        if !self.bars {
            return;
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let style =
            ProgressStyle::with_template("{msg:>12} [{bar:32}] {human_pos}/{human_len} {per_sec} eta {eta}");
        if let (Ok(style), Some(_)) = (style, total) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(task.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.state().bar = Some(bar);
    }

    fn advance(&self, items: u64) {
        if let Some(bar) = &self.state().bar {
            bar.inc(items);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.state().bar.take() {
            bar.finish_and_clear();
        }
    }

    fn warn(&self, warning: Warning) {
        let text = warning.to_string();
        let mut state = self.state();
        if !self.quiet {
            let line = format!("warning: {text}");
            match &state.bar {
                Some(bar) => bar.suspend(|| eprintln!("{line}")),
                None => eprintln!("{line}"),
            }
        }
        state.warnings.push(text);
    }
}
