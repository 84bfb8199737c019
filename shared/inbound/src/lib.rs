//! A push, from its path and key to its answer; and the sequence in which commands are accepted. Nothing here calls out.

pub mod count;
pub mod entrance;
pub mod keep;
pub mod receive;
pub mod refusal;
pub mod sequence;
