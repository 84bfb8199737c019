//! A push, from its path and key to its answer; and the sequence in which commands are accepted; the audit trail of
//! what is changed. Nothing here calls out.

pub mod configured;
pub mod count;
pub mod entrance;
mod exchange;
pub mod keep;
mod reading;
pub mod receive;
pub mod refusal;
pub mod sequence;
mod signing;
mod traced;
pub mod trail;
