//! The end of a trial that hangs: an alarm of the kernel, which goes on through `exec` and ends a
//! process that does not set it anew. It costs no process and no memory beside the agent.

/// Has the kernel end this process, whatever program it runs by then, after `seconds`.
pub fn set(seconds: u32) {
    // The earlier alarm's rest is of no use: this one holds.
    if seconds > 0 {
        nix::unistd::alarm::set(seconds);
    }
}

/// The trial is over: nothing ends this process any more.
pub fn cancel() {
    nix::unistd::alarm::cancel();
}
