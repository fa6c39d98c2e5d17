//! keepalived 2.2.7: its configuration language (`conf`), VRRP (`vrrp`) and its health checkers (`check`), as state machines
//! that know nothing of the machine around them.

pub mod advice;
pub mod check;
pub mod conf;
pub mod vrrp;
