//! The other ends of the hub, played: the partners that push to it ([`pushes`], [`partner`]) and that it calls ([`api`]),
//! the ERP it delivers to ([`erp`]), the receivers of its alerts ([`robots`]) and of its traces ([`collector`]), and a
//! bucket of S3 ([`s3`]).
//!
//! The tests play with them, and so does the local hub: behind `tongguan push`, and as the ERP inbox of a hub that has
//! no configuration. They speak plain HTTP on TCP only, and know nothing of the hub but its signature.

pub mod api;
pub mod collector;
pub mod erp;
pub mod partner;
pub mod pushes;
pub mod robots;
pub mod s3;
pub mod serve;

pub use collector::Collector;
pub use erp::Erp;
pub use partner::Sender;
