//! What variants do.

mod statistic;

pub use statistic::Statistic;
