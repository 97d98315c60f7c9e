//! The port between the store's handle and the database behind it.
//!
//! Two databases, and so two types with the same methods: [`Sqlite`] for the one host of a machine,
//! [`Postgres`] for any number of hosts. What both must do is said where [`crate::Store`] offers it,
//! and tested by one suite; what a caller gives is checked there, once for both.

use crate::postgres::Postgres;
use crate::sqlite::Sqlite;

/// The database behind a store.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Does the same on whichever database there is.
macro_rules! on {
    ($store:expr, $backend:ident => $call:expr) => {
        match &$store.0 {
            $crate::port::Backend::Sqlite($backend) => $call,
            $crate::port::Backend::Postgres($backend) => $call,
        }
    };
}
pub(crate) use on;
