//! What the whole-program tests share: the AWS emulators, the program in a clean environment, its report.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod answer;
mod emulator;
mod keur;
mod place;
mod report;

pub(crate) use answer::{Answer, Change, Tree};
pub(crate) use emulator::{Ministack, Moto, python};
pub(crate) use keur::{ACCOUNT, Keur, Ran};
pub(crate) use place::{POLICY, estate, place};
pub(crate) use report::{Found, Report, found};
