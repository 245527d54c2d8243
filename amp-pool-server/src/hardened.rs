//! What the process may do and what others may see of it: before there is a secret in its memory.

/// Closes what can be closed. What the system does not allow or does not have is left as it is: none of it is the only lock.
#[cfg(unix)]
pub(crate) fn begin() {
    use rustix::{
        fs::Mode,
        process::{Resource, Rlimit, getrlimit, setrlimit, umask},
    };

    // An image of the memory would hold every key in plain text.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    keep_others_out();
    // Files are made for their owner in any case; this is for those that a library makes.
    umask(Mode::from_raw_mode(0o077));
    // The lower limit is for programs that cannot count beyond it.
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
}

/// Nobody but root looks into the memory by a debugger or `/proc`.
#[cfg(target_os = "linux")]
fn keep_others_out() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(all(unix, not(target_os = "linux")))]
fn keep_others_out() {}

/// Says so where the process may do everything on its machine.
#[cfg(unix)]
pub(crate) fn warn_of_root() {
    if rustix::process::geteuid().is_root() {
        tracing::warn!("running as root, which this server never needs; give it a user of its own");
    }
}

#[cfg(not(unix))]
pub(crate) fn begin() {}

#[cfg(not(unix))]
pub(crate) fn warn_of_root() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn nothing_of_the_memory_gets_out() {
        super::begin();
        assert_eq!(dumpable_behavior().ok(), Some(DumpableBehavior::NotDumpable));
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        let files = getrlimit(Resource::Nofile);
        assert_eq!(files.current, files.maximum);
    }
}
