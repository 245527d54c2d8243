//! A disk that fails when it is told to, beneath the database of a server and nothing else.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Which of the calls that write a database fail, and how. The fields are the orders of `failing_disk.c`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) writes: u8,
    pub(crate) syncs: u8,
    pub(crate) error: u8,
    pub(crate) every: u8,
}

/// `errno`s.
pub(crate) const EIO: u8 = 5;
pub(crate) const ENOSPC: u8 = 28;

pub(crate) struct Disk {
    orders: File,
    orders_path: PathBuf,
    library: PathBuf,
}

impl Disk {
    /// One that is well. Its files go into `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/failing_disk.c");
        let (library, orders_path) = (dir.join("failing_disk.so"), dir.join("orders"));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", source, "-ldl", "-o"]).arg(&library);
        assert!(compiler.status().unwrap().success());
        fs::write(&orders_path, [0; 4]).unwrap();
        let orders = File::options().write(true).open(&orders_path).unwrap();
        Self { orders, orders_path, library }
    }

    /// What the server has to be told.
    pub(crate) fn env(&self) -> [(&'static str, &str); 2] {
        [("LD_PRELOAD", self.library.to_str().unwrap()), ("FAILING_DISK", self.orders_path.to_str().unwrap())]
    }

    pub(crate) fn fail(&self, fault: Fault) {
        let Fault { writes, syncs, error, every } = fault;
        self.orders.write_all_at(&[writes, syncs, error, every], 0).unwrap();
    }

    pub(crate) fn heal(&self) {
        self.orders.write_all_at(&[0; 4], 0).unwrap();
    }
}
