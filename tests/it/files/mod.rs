//! Files that events and answers name by links: fetched, kept, served, expired.

mod engines;
mod evidence;
mod processes;
mod serving;
mod versions;
