//! What ships, and what runs it: the commands that packages need, a service manager, images and archives.

mod archive;
mod built;
mod commands;
mod images;
mod manager;
mod unit;
