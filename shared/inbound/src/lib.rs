//! A push, from its path and key to its answer. Nothing here calls out.

pub mod entrance;
pub mod keep;
pub mod receive;
pub mod refusal;
