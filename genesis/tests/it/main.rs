//! Genesis files that people write.
#![allow(clippy::unwrap_used, reason = "tests")]

mod presets;
