//! The settings below /proc/sys.

/// All settings of a host.
#[derive(Debug, Default)]
pub struct Sysctl {}
