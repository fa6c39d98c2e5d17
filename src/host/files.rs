//! A node's own small file system.

/// The files of a node.
#[derive(Debug, Default)]
pub struct Files {}
