//! `keur evidence`.
