//! Threads of a context that stay between two batches. Without them the library begins new ones
//! for each graph, which a token that is written pays for. Nothing else lives here.

use std::ptr::NonNull;

use ggml_sys as sys;

/// How long a thread looks for the next graph before it sleeps, of the library's scale of 0 to 100.
/// The least above none: a few milliseconds at most, so that what comes token by token finds the
/// threads awake, and a board that has nothing to decide does not pay for threads that spin. The
/// library's own 50 spins for a tenth of a second and more.
const POLL: u32 = 1;

/// The threads that help the caller's own.
#[derive(Debug)]
pub(super) struct Threads {
    pointer: NonNull<sys::ggml_threadpool>,
}

impl Threads {
    /// Begins `count` less one threads: the caller's is one of them. `None` where one is enough.
    pub(super) fn begin(count: u16) -> Option<Self> {
        if count < 2 {
            return None;
        }
        // SAFETY: takes a number and returns a struct.
        let mut params = unsafe { sys::ggml_threadpool_params_default(count.into()) };
        params.poll = POLL;
        // SAFETY: `params` lives in this frame and is copied from; the count is at most 512, which
        // is what the library has room for.
        NonNull::new(unsafe { sys::ggml_threadpool_new(&mut params) })
            .map(|pointer| Self { pointer })
    }

    /// For the context that works with them, which must not outlive them.
    pub(super) fn as_ptr(&self) -> *mut sys::ggml_threadpool {
        self.pointer.as_ptr()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // SAFETY: ours, freed once; no graph is worked on, since its context is gone.
        unsafe { sys::ggml_threadpool_free(self.pointer.as_ptr()) };
    }
}
