//! What holds for the tree as a whole, beside the arrows between its rooms.

mod floats;
mod new_module;
mod soak;
